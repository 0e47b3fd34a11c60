//! Plain-text output.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};
use console::{measure_text_width, truncate_str};
use goal_activity_core::text::acts_on_terminal;
pub(crate) use goal_activity_core::text::{printable, printable_lines};

/// How many columns of a terminal are between two columns of a table.
const BETWEEN: usize = 2;
/// To how many columns of a terminal a text is shortened at the most: less says nothing.
const LEAST: usize = 10;

/// The placeholder for an unknown value.
pub(crate) const NOTHING: &str = "-";

/// Escapes the characters that [`printable`] replaces in a JSON text. What it says is unchanged: apart from its own line breaks they are only in strings.
pub(crate) fn printable_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && acts_on_terminal(c) {
            // All of them have four digits, and a string takes everything.
            let _ = write!(text, "\\u{:04x}", u32::from(c));
        } else {
            text.push(c);
        }
    }
    text
}

/// An id as a word of a command to copy: a user's may have spaces and whatever means something to a shell.
pub(crate) fn shell_word(id: impl ToString) -> String {
    let id = id.to_string();
    match shlex::try_quote(&id) {
        Ok(word) => word.into_owned(),
        // Only NUL cannot be quoted, and no id has it.
        Err(_) => id,
    }
}

pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Returns a table with these titles.
pub(crate) fn table(titles: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(titles.iter().copied());
    table
}

/// Returns a table whose rows are one line each of a terminal with that many columns, for which the texts of one column are
/// shortened, though not below [`LEAST`]. Without a width all of it is shown.
pub(crate) fn fitted(titles: &[&str], mut rows: Vec<Vec<String>>, column: usize, width: Option<u16>) -> Table {
    let widest = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| measure_text_width(cell));
        cells.chain(titles.get(at).map(|title| measure_text_width(title))).max().unwrap_or_default()
    };
    let others: usize = (0..titles.len()).filter(|at| *at != column).map(|at| widest(at) + BETWEEN).sum();
    if let Some(width) = width {
        let most = usize::from(width).saturating_sub(others).max(LEAST);
        for cell in rows.iter_mut().filter_map(|row| row.get_mut(column)) {
            *cell = truncate_str(cell, most, "…").into_owned();
        }
    }
    let mut table = table(titles);
    table.add_rows(rows);
    table
}

/// Formats names and values, one pair per line.
pub(crate) fn facts<N: Into<String>>(rows: impl IntoIterator<Item = (N, String)>) -> String {
    let mut facts = Table::new();
    facts.load_style(presets::NOTHING);
    for (name, value) in rows {
        facts.add_row([name.into(), value]);
    }
    lines(&facts)
}

/// Formats a table without the padding around its cells.
pub(crate) fn lines(table: &Table) -> String {
    let mut text = String::new();
    for line in table.lines() {
        // A cell that was not made printable must not act on a terminal either.
        text.push_str(&printable(line.strip_prefix(' ').unwrap_or(&line).trim_end()));
        text.push('\n');
    }
    text
}

/// Formats a workflow's status, in the colour of its severity if `colours` is set.
pub(crate) fn status(name: &str, colours: bool) -> String {
    let colour = match name {
        "SUCCEEDED" => AnsiColor::Green,
        "PENDING" | "RUNNING" => AnsiColor::Cyan,
        "PARTIALLY_SUCCEEDED" | "ABORTED" => AnsiColor::Yellow,
        _ => AnsiColor::Red,
    };
    let name = printable(name);
    if !colours {
        return name;
    }
    let style = Style::new().fg_color(Some(colour.into())).bold();
    format!("{style}{name}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_in_a_command_is_one_word() {
        for (id, word) in [
            ("8c1f7f0a-user", "8c1f7f0a-user"),
            ("cn=Ann Lee, o=Staff", "'cn=Ann Lee, o=Staff'"),
            ("a; curl x | sh", "'a; curl x | sh'"),
        ] {
            assert_eq!(shell_word(id), word);
        }
    }

    #[test]
    fn a_long_text_is_shortened_to_the_terminal_and_to_no_file() {
        let titles = ["GOAL", "TITLE", "HAS"];
        let rows = || {
            let row = |id: &str, title: &str| [id, title, "3 tasks"].map(str::to_owned).to_vec();
            vec![
                row("run", "Run 10 km in half a year, slowly"),
                row("店を開く", "市場で果物と卵を仕入れて店を開く"),
                row("a", "b"),
            ]
        };
        let shown = |width| lines(&fitted(&titles, rows(), 1, width));
        for (width, line) in [(40, "run       Run 10 km in half a …  3 tasks"), (30, "run       Run 10 km …  3 tasks")]
        {
            let text = shown(Some(width));
            assert_eq!(text.lines().nth(1), Some(line), "{text}");
            assert!(text.lines().all(|line| measure_text_width(line) <= usize::from(width)), "{text}");
        }
        let wide = shown(Some(40));
        assert!(wide.contains("市場で果物と卵を仕入…"), "a character of Japanese takes two columns: {wide}");
        for width in [None, Some(80)] {
            let text = shown(width);
            assert!(!text.contains('…') && text.contains("half a year, slowly"), "{text}");
        }
        assert!(shown(Some(3)).contains("Run 10 km…"), "{}", shown(Some(3)));
    }

    #[test]
    fn a_status_has_a_colour_only_where_colours_are_wanted() {
        assert_eq!(status("FAILED", false), "FAILED");
        assert!(status("FAILED", true).starts_with('\u{1b}'));
        assert_eq!(status("\u{1b}[2J", false), "\u{fffd}[2J", "not the API's own");
    }

    #[test]
    fn json_says_the_same_and_cannot_act_on_a_terminal() {
        let value = serde_json::json!({ "a\u{7f}": "b\u{9b}2J\u{202e}c\u{61c}\u{2028}\n\u{1b}é" });
        let text = printable_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(|c| acts_on_terminal(c) && c != '\n') && text.contains("\\u202e"), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_cell_that_was_not_made_printable_cannot_act_on_a_terminal() {
        let mut rows = table(&["A"]);
        rows.add_row(["a\u{9b}2J\u{202e}b"]);
        assert_eq!(lines(&rows).lines().last(), Some("a\u{fffd}2J\u{fffd}b"));
    }
}
