//! The measurements, as a table to read and as JSON to compare. All figures of a section come from one run: a ratio
//! between two of them applies to any machine, the figures themselves only to one like this.

use std::collections::BTreeMap;
use std::fmt;

use comfy_table::{CellAlignment, Table, presets};
use goal_activity_events::Timestamp;
use serde::Serialize;

/// All measurements of a command.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The start time.
    date: Timestamp,
    /// The machine.
    machine: String,
    /// The results, one section per question.
    pub(crate) sections: Vec<Section>,
}

/// The results for one question.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    title: String,
    /// The command that repeats these figures.
    command: String,
    #[serde(skip)]
    columns: Vec<String>,
    rows: Vec<Row>,
    /// Notes for the reader.
    notes: Vec<String>,
}

/// The figures of one subject.
#[derive(Debug, Serialize)]
struct Row {
    what: String,
    /// By column. A column may be empty for a subject.
    figures: BTreeMap<String, Figure>,
}

/// A number that was measured or counted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Figure {
    value: f64,
    /// `ms`, `MB`, `x` for a ratio, or empty for a count.
    unit: &'static str,
    /// Its maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    at_most: Option<f64>,
    /// Whether it is within the maximum.
    #[serde(skip_serializing_if = "Option::is_none")]
    met: Option<bool>,
}

impl Report {
    /// An empty report, for the current time and machine.
    #[allow(clippy::disallowed_methods, reason = "nothing depends on it: it says when this was measured")]
    pub(crate) fn begin() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let machine = format!("{cores} cores, {}, {}", std::env::consts::ARCH, std::env::consts::OS);
        Self { date: std::time::SystemTime::now().into(), machine, sections: Vec::new() }
    }

    /// The number of goals met, and the machine.
    pub(crate) fn summary(&self) -> String {
        let figures = self.sections.iter().flat_map(|s| &s.rows).flat_map(|r| r.figures.values());
        let goals: Vec<bool> = figures.filter_map(|f| f.met).collect();
        let met = goals.iter().filter(|met| **met).count();
        format!("{met} of {} goals met ({}, {})", goals.len(), self.machine, self.date)
    }
}

impl Section {
    /// An empty section, repeated by this command, with these columns after the one for the subject.
    pub(crate) fn new<'a>(title: &str, command: &str, columns: impl IntoIterator<Item = &'a str>) -> Self {
        let columns = columns.into_iter().map(str::to_owned).collect();
        Self { title: title.to_owned(), command: command.to_owned(), columns, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds the figures of a subject, column by column.
    pub(crate) fn row(&mut self, what: impl Into<String>, figures: impl IntoIterator<Item = Option<Figure>>) {
        let figures = self.columns.iter().cloned().zip(figures).filter_map(|(column, f)| Some((column, f?))).collect();
        self.rows.push(Row { what: what.into(), figures });
    }

    /// Adds a note.
    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Formats the report as text.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        let titles = std::iter::once("").chain(self.columns.iter().map(String::as_str));
        table.load_style(presets::NOTHING).set_header(titles);
        for row in &self.rows {
            let figures = self.columns.iter().map(|c| row.figures.get(c).map_or_else(|| "-".into(), Figure::to_string));
            table.add_row(std::iter::once(row.what.clone()).chain(figures));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let mut text = format!("{}\n $ {}\n", self.title, self.command);
        for line in table.lines().chain(self.notes.iter().map(|note| format!(" {note}"))) {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

impl Figure {
    /// A number with its unit.
    pub(crate) fn new(value: f64, unit: &'static str) -> Self {
        Self { value, unit, at_most: None, met: None }
    }

    /// Sets this maximum as its goal.
    pub(crate) fn at_most(self, goal: f64) -> Self {
        Self { at_most: Some(goal), met: Some(self.value <= goal), ..self }
    }

    /// The ratio to `other`, of the same run and unit.
    pub(crate) fn times(self, other: Self) -> Self {
        Self::new(self.value / other.value, "x")
    }
}

/// A number with three significant digits, its unit, and the goal if it is missed.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, unit, .. } = self;
        write!(f, "{}{}{unit}", digits(*value), if unit.is_empty() { "" } else { " " })?;
        match (self.at_most, self.met) {
            (Some(goal), Some(false)) => write!(f, " (goal {})", digits(goal)),
            _ => Ok(()),
        }
    }
}

/// Three significant digits, without a fraction for whole numbers.
fn digits(value: f64) -> String {
    if value.fract() == 0.0 {
        return format!("{value}");
    }
    // 12.3 has two digits before the decimal point and so needs one after it, 0.00123 needs five.
    let places = (0..9).find(|places| value.abs() * 10_f64.powi(*places) >= 100.0).unwrap_or(9);
    let places = usize::try_from(places).unwrap_or_default();
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count_however_small_a_number_is() {
        let shown = [12345.6, 123.4, 12.34, 1.234, 0.1234, 0.001_234, 64.0, 0.0].map(digits);
        assert_eq!(shown, ["12346", "123", "12.3", "1.23", "0.123", "0.00123", "64", "0"]);
    }

    #[test]
    fn a_goal_is_shown_where_it_is_missed() {
        assert_eq!(Figure::new(4.0, "MB").at_most(4.0).to_string(), "4 MB");
        assert_eq!(Figure::new(4.5, "MB").at_most(4.0).to_string(), "4.50 MB (goal 4)");
        assert_eq!(Figure::new(30.0, "ms").times(Figure::new(20.0, "ms")).to_string(), "1.50 x");
    }

    #[test]
    fn a_report_counts_its_goals_and_keeps_what_was_measured() {
        let mut section = Section::new("Size", "cargo xtask bench functions", ["zip", "start"]);
        section.row("api", [Some(Figure::new(5.0, "MB").at_most(4.0)), Some(Figure::new(9.0, "ms").at_most(10.0))]);
        section.row("node", [Some(Figure::new(1.0, "MB")), None]);
        section.note("Of one run.");
        let table = section.table();
        let lines: Vec<&str> = table.lines().map(str::trim).collect();
        assert_eq!(lines[..2], ["Size", "$ cargo xtask bench functions"]);
        assert_eq!(lines[3].split_whitespace().collect::<Vec<_>>(), ["api", "5", "MB", "(goal", "4)", "9", "ms"]);
        assert_eq!(lines[4].split_whitespace().collect::<Vec<_>>(), ["node", "1", "MB", "-"]);
        assert_eq!(lines[5], "Of one run.");

        let mut report = Report::begin();
        report.sections.push(section);
        assert!(report.summary().starts_with("1 of 2 goals met ("), "{}", report.summary());
        let json = serde_json::to_value(&report).unwrap();
        let zip = &json["sections"][0]["rows"][0]["figures"]["zip"];
        assert_eq!(*zip, serde_json::json!({"value": 5.0, "unit": "MB", "at_most": 4.0, "met": false}));
    }
}
