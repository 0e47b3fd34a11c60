use std::fmt;

/// How much of what was left out an error says.
const SHOWN: usize = 3;

/// Where something is in what was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// All of it.
    Whole,
    /// A line of the text, from 1.
    Line(usize),
    /// A cell of a table, both from 1.
    Cell {
        /// The row.
        row: usize,
        /// The column.
        column: usize,
    },
    /// A field of JSON, as `subGoals[0].actions[2].type`.
    Field(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("the chart"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Cell { row, column } => {
                // As spreadsheets name it.
                let letter = u8::try_from(*column).ok().filter(|column| (1..=26).contains(column));
                write!(f, "row {row}, column {column}")?;
                letter.map_or(Ok(()), |column| write!(f, " ({}{row})", char::from(b'A' + column - 1)))
            }
            Self::Field(path) => f.write_str(path),
        }
    }
}

/// Why a chart cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ChartError {
    /// Where.
    pub place: Place,
    /// What is wrong there, without the text that is there.
    pub problem: String,
}

impl ChartError {
    pub(crate) fn new(place: Place, problem: impl Into<String>) -> Self {
        Self { place, problem: problem.into() }
    }

    /// The error for something that is missing: it may be in what was left out.
    pub(crate) fn missing(place: Place, problem: &str, left_out: &[String]) -> Self {
        let shown = left_out.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
        let more = if left_out.len() > SHOWN { "; and more" } else { "" };
        let left_out = if shown.is_empty() { shown } else { format!(". Left out: {shown}{more}") };
        Self::new(place, format!("{problem}{left_out}"))
    }
}
