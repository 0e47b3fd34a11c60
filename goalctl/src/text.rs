//! Plain-text output.

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};

/// The placeholder for an unknown value.
pub(crate) const NOTHING: &str = "-";

/// Replaces the control characters in a text from outside, so that it cannot control the terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
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
        text.push_str(line.strip_prefix(' ').unwrap_or(&line).trim_end());
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
    fn a_status_has_a_colour_only_where_colours_are_wanted() {
        assert_eq!(status("FAILED", false), "FAILED");
        assert!(status("FAILED", true).starts_with('\u{1b}'));
        assert_eq!(status("\u{1b}[2J", false), "\u{fffd}[2J", "not the API's own");
    }
}
