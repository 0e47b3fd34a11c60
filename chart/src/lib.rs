//! Mandala charts in the forms that people keep them in. [`read`] takes a file or what was pasted, [`write()`] makes one.
//!
//! The forms are listed in [`Form`]. An empty cell is no action, and the others keep their places. What is left out is said in
//! [`Reading::left_out`]; what cannot be read is an error that names the line, the cell or the field.

mod decode;
mod grid;
mod json;
mod markdown;
mod opml;
mod outline;
mod place;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use goal_activity_core::chart::Chart;

pub use place::{ChartError, Place};

/// How a chart is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// An object with `title` and `subGoals`, one with `center` and `themes`, or nine lists of nine texts.
    Json,
    /// A table of nine by nine, separated by commas or semicolons.
    Csv,
    /// The same separated by tabs, as spreadsheets copy it.
    Tsv,
    /// Headings and lists: the goal, its sub-goals, their actions. Or a table of nine by nine.
    Markdown,
    /// An outline in OPML.
    Opml,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Json, Self::Csv, Self::Tsv, Self::Markdown, Self::Opml];

    /// Its name, which is also what its files end with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Markdown => "md",
            Self::Opml => "opml",
        }
    }

    /// The form that a text seems to have.
    fn of(text: &str) -> Self {
        if table::seems(text) {
            return Self::Tsv;
        }
        let text = text.trim_start();
        if text.starts_with(['{', '[']) {
            return Self::Json;
        }
        if text.starts_with('<') && text.contains("<opml") {
            return Self::Opml;
        }
        if markdown::seems(text) { Self::Markdown } else { Self::Csv }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no form's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a form of a chart: json, csv, tsv, md and opml are")]
pub struct UnknownForm;

impl FromStr for Form {
    type Err = UnknownForm;

    fn from_str(name: &str) -> Result<Self, UnknownForm> {
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "markdown" => Ok(Self::Markdown),
            _ => Self::ALL.into_iter().find(|form| form.name() == name).ok_or(UnknownForm),
        }
    }
}

/// A chart that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The chart. It has a title and at least one action.
    pub chart: Chart,
    /// What was there and is not in the chart, one sentence for each.
    pub left_out: Vec<String>,
}

/// What no chart needs, and takes long to read: the API takes half as much. In bytes.
const LONGEST: usize = 512 * 1024;

/// Reads a chart from the content of a file. Without a form, the content decides.
///
/// # Errors
/// The places that cannot be read, and why: ten at most, and how many more there are.
pub fn read(content: &[u8], form: Option<Form>) -> Result<Reading, ChartError> {
    if content.len() > LONGEST {
        return Err(ChartError::new(Place::Whole, "it is too large for a chart: more than 512 KiB"));
    }
    let text = decode::text(content)?;
    if text.trim().is_empty() {
        return Err(ChartError::new(Place::Whole, "there is nothing in it"));
    }
    let reading = match form.unwrap_or_else(|| Form::of(&text)) {
        Form::Json => json::read(&text),
        Form::Csv | Form::Tsv => table::read(&text),
        Form::Markdown => markdown::read(&text),
        Form::Opml => opml::read(&text),
    }?;
    if reading.chart.action_count() == 0 {
        return Err(ChartError::missing(Place::Whole, "the chart has no actions", &reading.left_out));
    }
    Ok(reading)
}

/// Writes a chart. Only JSON holds all of it; the other forms hold the titles in their places.
pub fn write(chart: &Chart, form: Form) -> String {
    match form {
        Form::Json => json::write(chart),
        Form::Csv => table::write(chart, b','),
        Form::Tsv => table::write(chart, b'\t'),
        Form::Markdown => markdown::write(chart),
        Form::Opml => opml::write(chart),
    }
}
