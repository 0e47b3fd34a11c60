//! Tables of nine by nine as spreadsheets write and copy them.

use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use goal_activity_core::chart::Chart;

use crate::Reading;
use crate::decode::cell;
use crate::grid::{self, SIDE};
use crate::place::{ChartError, Place, Problems};

/// What separates cells. In some countries spreadsheets use a semicolon, as the comma is in their numbers.
const SEPARATORS: [u8; 3] = [b'\t', b',', b';'];

/// What begins a formula in a spreadsheet, where `- rest` becomes an error, and a chart from somebody else can run code. In Japanese the
/// wide characters count as well. Source: OWASP, CSV injection.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];

/// Returns `true` if a spreadsheet would calculate this text, or would without the apostrophes before it.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_whitespace() || c == '\'').starts_with(FORMULA)
}

/// The cell as it was before [`write`] made it text for spreadsheets.
fn unprotected(cell: &str) -> &str {
    cell.trim_start().strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(cell)
}

/// Returns `true` if a text is a table that was copied from a spreadsheet, however its first cell begins.
pub(crate) fn seems(text: &str) -> bool {
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(b'\t').from_reader(text.as_bytes());
    reader.records().next().is_some_and(|row| row.is_ok_and(|row| row.len() >= SIDE))
}

/// The rows, as far as there are any.
type Table = Result<Vec<StringRecord>, ChartError>;

/// Reads a table. The separator is that by which the rows have the nine cells of a chart, or else the most.
pub(crate) fn read(text: &str) -> Result<Reading, ChartError> {
    let tables = SEPARATORS.map(|separator| (separator, records(text, separator)));
    let width = |table: &Table| table.as_ref().map_or(0, |rows| rows.iter().map(StringRecord::len).max().unwrap_or(0));
    let fit = |(_, table): &(u8, Table)| (width(table) == SIDE, width(table));
    let [first, others @ ..] = tables;
    let best = others.into_iter().fold(first, |best, table| if fit(&table) > fit(&best) { table } else { best });
    let (separator, rows) = (best.0, best.1?);
    if rows.iter().all(|row| row.len() < 2) {
        let problem =
            "neither a table of nine by nine, separated by tabs, commas or semicolons, nor JSON, Markdown or OPML";
        return Err(ChartError::new(Place::Whole, problem));
    }
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|cell| unprotected(cell).to_owned()).collect()).collect();
    // What such a row says stands in other places than it was meant for: nothing more can be said about it.
    longer(&rows, separator).refuse()?;
    grid::read(&rows)
}

/// The problem of each row that has more cells than most rows with texts: a separator in one of its texts has moved the texts after it,
/// even if the cell beyond the chart is empty. A shorter row is none, as what is missing at its end is empty, and neither is a table that
/// is wider as a whole, as a spreadsheet exports it. One that is narrower than a chart may have lost empty cells at the ends of its rows:
/// unless all others have the same width, that says nothing.
fn longer(rows: &[Vec<String>], separator: u8) -> Problems {
    let has_text = |row: &&Vec<String>| row.iter().any(|text| !cell(text).is_empty());
    let mut widths: Vec<_> = rows.iter().filter(has_text).map(Vec::len).collect();
    // A width that more than half of them have is in the middle of all.
    widths.sort_unstable();
    let middle = widths.get(widths.len() / 2).copied();
    let is_usual = |width: &usize| widths.iter().filter(|other| *other == width).count() * 2 > widths.len();
    let is_narrow = |width: &usize| *width < SIDE && widths.first() != Some(width);
    let usual = middle.filter(|width| is_usual(width) && !is_narrow(width)).unwrap_or(SIDE);
    let name = match separator {
        b'\t' => "tab",
        b',' => "comma",
        _ => "semicolon",
    };
    let mut problems = Problems::default();
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| has_text(row) && row.len() > usual) {
        let problem = format!(
            "the row has {} cells instead of {usual}: put a text with a {name} in quotes, or give all rows the same number of cells",
            row.len()
        );
        problems.note(ChartError::new(Place::Cell { row: at + 1, column: usual + 1 }, problem));
    }
    problems
}

/// All rows, empty ones as well: an empty row of the chart is a row.
fn records(text: &str, separator: u8) -> Result<Vec<StringRecord>, ChartError> {
    // The reader passes over empty lines, which are rows here.
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            let place = usize::try_from(line).map_or(Place::Whole, Place::Line);
            ChartError::new(place, "not a table: its quotes are not closed, or it is not text")
        })?;
        // Where the reader began to look for it: before the empty lines that it has passed over.
        let from = record.position().and_then(|at| usize::try_from(at.byte()).ok());
        let rest = from.and_then(|from| text.get(from..)).unwrap_or_default();
        rows.extend(rest.chars().take_while(|c| *c == '\n').map(|_| StringRecord::new()));
        rows.push(record);
    }
    Ok(rows)
}

/// Writes the titles in their places, with a byte order mark where it is CSV: spreadsheets read it as another encoding otherwise.
pub(crate) fn write(chart: &Chart, separator: u8) -> String {
    let mut writer = WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
    for mut row in grid::write(chart) {
        for cell in row.iter_mut().filter(|cell| is_formula(cell)) {
            cell.insert(0, '\'');
        }
        // Nothing can fail in memory, with rows of the same length.
        let _ = writer.write_record(&row);
    }
    let table = writer.into_inner().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    if separator == b',' { format!("\u{feff}{table}") } else { table }
}
