use std::fmt;

/// How much of what was left out an error says.
const SHOWN: usize = 3;
/// How many problems are told at once.
const TOLD: usize = 10;

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

/// Why a chart cannot be read: a problem, and what else was found to correct. It is displayed with one line for each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}{}", rest(others, *more))]
pub struct ChartError {
    /// Where.
    pub place: Place,
    /// What is wrong there, without the text that is there.
    pub problem: String,
    /// The problems after it, which have no others themselves: nine at most.
    pub others: Vec<Self>,
    /// How many there are after these.
    pub more: usize,
}

fn rest(others: &[ChartError], more: usize) -> String {
    let lines = others.iter().map(|other| format!("\n{other}"));
    let more = (more > 0).then(|| format!("\nand {more} more"));
    lines.chain(more).collect()
}

impl ChartError {
    pub(crate) fn new(place: Place, problem: impl Into<String>) -> Self {
        Self { place, problem: problem.into(), others: Vec::new(), more: 0 }
    }

    /// The error for something that is missing: it may be in what was left out.
    pub(crate) fn missing(place: Place, problem: &str, left_out: &[String]) -> Self {
        let shown = left_out.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join("; ");
        let more = if left_out.len() > SHOWN { "; and more" } else { "" };
        let left_out = if shown.is_empty() { shown } else { format!(". Left out: {shown}{more}") };
        Self::new(place, format!("{problem}{left_out}"))
    }
}

/// The problems of a chart in the order in which they are found, so that they can be corrected at once.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    told: Vec<ChartError>,
    more: usize,
}

impl Problems {
    pub(crate) fn note(&mut self, problem: ChartError) {
        if self.told.len() < TOLD { self.told.push(problem) } else { self.more += 1 }
    }

    /// What was read. A problem is noted, and in its place is nothing.
    pub(crate) fn take<T: Default>(&mut self, read: Result<T, ChartError>) -> T {
        read.unwrap_or_else(|problem| {
            self.note(problem);
            T::default()
        })
    }

    /// Fails if there are any.
    pub(crate) fn refuse(self) -> Result<(), ChartError> {
        let mut told = self.told.into_iter();
        told.next().map_or(Ok(()), |first| Err(ChartError { others: told.collect(), more: self.more, ..first }))
    }
}
