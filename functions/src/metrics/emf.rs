//! CloudWatch's embedded metric format: a JSON line on standard output is a metric, without a call to anything.
//!
//! Each line is written as a whole at the moment of its fact: nothing is collected, so nothing is lost when Lambda freezes
//! the function after its answer, and no thread is needed.

use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use goal_activity_core::facts::{CountFacts, Fact};
use goal_activity_core::ports::Clock;
use goal_activity_events::Timestamp;
use metrique_writer_core::format::Format;
use metrique_writer_core::unit::NegativeScale;
use metrique_writer_core::{Entry, EntryWriter, MetricFlags, Observation, Value, ValueWriter};
use metrique_writer_format_emf::Emf as Lines;

use super::Ai;
use super::catalogue::{Dimension, Metric, NAMESPACE, Unit};
use super::measured::Measured;
use crate::clock::SystemClock;

/// The longest value of a dimension (CloudWatch API reference, `Dimension`).
const MAX_VALUE: usize = 1_024;

/// Writes facts to standard output.
#[derive(Debug, Clone)]
pub struct Emf {
    ai: Ai,
}

impl Emf {
    /// For a function that asks this AI.
    pub fn of(ai: Ai) -> Self {
        Self { ai }
    }

    /// The lines of a fact: one for each choice of dimensions that its metrics have.
    pub fn lines(&self, fact: &Fact, at: Timestamp) -> io::Result<Vec<u8>> {
        let measured = Measured::of(fact, &self.ai);
        let mut written = Vec::new();
        for values in measured.values.chunk_by(|(a, _), (b, _)| measured.sets(*a) == measured.sets(*b)) {
            let sets: Vec<_> = values.first().map(|(metric, _)| measured.sets(*metric)).unwrap_or_default();
            let names = sets.iter().map(|set| set.iter().map(|d| d.name().to_owned()).collect()).collect();
            let used = |(d, _): &&(Dimension, String)| sets.iter().any(|set| set.contains(d));
            let line = Line { at, values, dimensions: measured.dimensions.iter().filter(used).collect() };
            let mut lines = Lines::builder(NAMESPACE.to_owned(), names).build();
            lines.format(&line, &mut written).map_err(io::Error::other)?;
        }
        Ok(written)
    }
}

/// For functions that ask no AI.
impl Default for Emf {
    fn default() -> Self {
        Self { ai: Ai { generator: "none", model: "none".to_owned() } }
    }
}

impl CountFacts for Emf {
    fn count(&self, fact: Fact) {
        // In one piece, so that it cannot mix with a line of the log.
        let written = self.lines(&fact, SystemClock.now()).and_then(|lines| io::stdout().lock().write_all(&lines));
        if let Err(error) = written {
            tracing::error!(?fact, %error, "fact not counted");
        }
    }
}

/// Some metrics of one fact, with the same choice of dimensions.
struct Line<'a> {
    at: Timestamp,
    values: &'a [(Metric, Observation)],
    dimensions: Vec<&'a (Dimension, String)>,
}

impl Entry for Line<'_> {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        writer.timestamp(UNIX_EPOCH + Duration::from_millis(u64::try_from(self.at.as_millis()).unwrap_or_default()));
        for (dimension, value) in &self.dimensions {
            writer.value(dimension.name(), &dimension_value(value));
        }
        for (metric, value) in self.values {
            writer.value(metric.name(), &Measurement(*value, metric.unit()));
        }
    }
}

struct Measurement(Observation, Unit);

impl Value for Measurement {
    fn write(&self, writer: impl ValueWriter) {
        let unit = match self.1 {
            Unit::Count => metrique_writer_core::Unit::Count,
            Unit::Milliseconds => metrique_writer_core::Unit::Second(NegativeScale::Milli),
            Unit::None => metrique_writer_core::Unit::None,
        };
        writer.metric([self.0], unit, [], MetricFlags::empty());
    }
}

/// What CloudWatch takes: ASCII that can be seen, not empty, not too long.
fn dimension_value(value: &str) -> String {
    let kept: String = value.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(MAX_VALUE).collect();
    if kept.is_empty() { "_".to_owned() } else { kept }
}
