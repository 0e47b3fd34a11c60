//! How results look on a terminal.

use anstyle::{AnsiColor, Style};
use comfy_table::{Table, presets};

/// What stands for something that is not known.
pub(crate) const NOTHING: &str = "-";

/// A text from outside without what a terminal obeys.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

pub(crate) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A table with these titles.
pub(crate) fn table(titles: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(titles.iter().copied());
    table
}

/// Names and what they are, one below the other.
pub(crate) fn facts<N: Into<String>>(rows: impl IntoIterator<Item = (N, String)>) -> String {
    let mut facts = Table::new();
    facts.load_style(presets::NOTHING);
    for (name, value) in rows {
        facts.add_row([name.into(), value]);
    }
    lines(&facts)
}

/// The table without the spaces that it puts around its cells.
pub(crate) fn lines(table: &Table) -> String {
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.strip_prefix(' ').unwrap_or(&line).trim_end());
        text.push('\n');
    }
    text
}

/// A workflow's status, in the colour of how good it is.
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
