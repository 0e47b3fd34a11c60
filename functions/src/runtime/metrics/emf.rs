//! CloudWatch's embedded metric format: a JSON line on standard output is a metric, without a call to anything.
//!
//! Each line is written as a whole at the moment of its fact: nothing is collected, so nothing is lost when Lambda
//! freezes the function after its answer, and no thread is needed.

use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use goal_activity_core::facts::{CountFacts, Fact};
use goal_activity_core::ports::Clock;
use goal_activity_events::Timestamp;
use metrique_writer_core::format::Format;
use metrique_writer_core::unit::NegativeScale;
use metrique_writer_core::{Entry, EntryWriter, MetricFlags, Observation, Value, ValueWriter};
use metrique_writer_format_emf::Emf as Lines;

use super::catalogue::{Dimension, Metric, Unit};
use super::measured::Measured;
use super::{Ai, Ais};
use goal_activity_adapters::clock::SystemClock;

/// The longest value of a dimension (CloudWatch API reference, `Dimension`).
const MAX_VALUE: usize = 1_024;

/// Writes facts to standard output.
#[derive(Debug, Clone)]
pub struct Emf {
    namespace: String,
    ais: Ais,
}

impl Emf {
    /// Into that CloudWatch namespace, which is the stack's own: two stacks of one account do not count together.
    pub fn new(namespace: String) -> Self {
        Self { namespace, ais: Ais { first: Ai { generator: "none", model: "none".to_owned() }, fallback: None } }
    }

    /// For a function that calls these AIs.
    #[must_use]
    pub fn calling(self, ais: Ais) -> Self {
        Self { ais, ..self }
    }

    /// Returns the lines of a fact: one for each set of dimensions that its metrics have. Each says all that the fact can be
    /// divided by, for queries of the log.
    pub fn lines(&self, fact: &Fact, at: Timestamp) -> io::Result<Vec<u8>> {
        let measured = Measured::of(fact, &self.ais);
        let mut written = Vec::new();
        for values in measured.values.chunk_by(|(a, _), (b, _)| measured.sets(*a) == measured.sets(*b)) {
            let sets: Vec<_> = values.first().map(|(metric, _)| measured.sets(*metric)).unwrap_or_default();
            let line = Line { at, values, dimensions: &measured.dimensions };
            if sets.is_empty() {
                line.write_plain(&mut written)?;
                continue;
            }
            let names = sets.iter().map(|set| set.iter().map(|d| d.name().to_owned()).collect()).collect();
            let mut lines = Lines::builder(self.namespace.clone(), names).build();
            lines.format(&line, &mut written).map_err(io::Error::other)?;
        }
        Ok(written)
    }
}

impl CountFacts for Emf {
    fn count(&self, fact: Fact) {
        // In one write, so that it cannot interleave with a line of the log.
        let written = self.lines(&fact, SystemClock.now()).and_then(|lines| io::stdout().lock().write_all(&lines));
        if let Err(error) = written {
            tracing::error!(?fact, %error, "fact not counted");
        }
    }
}

/// Some metrics of one fact, with the same set of dimensions.
struct Line<'a> {
    at: Timestamp,
    values: &'a [(Metric, Observation)],
    dimensions: &'a [(Dimension, String)],
}

impl Line<'_> {
    /// Without what makes CloudWatch extract metrics.
    fn write_plain(&self, written: &mut Vec<u8>) -> io::Result<()> {
        let mut line = serde_json::Map::from_iter([("timestamp".to_owned(), self.at.as_millis().into())]);
        for (dimension, value) in self.dimensions {
            line.insert(dimension.name().to_owned(), dimension_value(value).into());
        }
        for (metric, value) in self.values {
            let value = match value {
                Observation::Unsigned(value) => (*value).into(),
                Observation::Floating(value) => (*value).into(),
                _ => continue,
            };
            line.insert(metric.name().to_owned(), value);
        }
        serde_json::to_writer(&mut *written, &line)?;
        written.push(b'\n');
        Ok(())
    }
}

impl Entry for Line<'_> {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        writer.timestamp(UNIX_EPOCH + Duration::from_millis(u64::try_from(self.at.as_millis()).unwrap_or_default()));
        for (dimension, value) in self.dimensions {
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

/// A value that CloudWatch accepts: visible ASCII, not empty, not too long.
fn dimension_value(value: &str) -> String {
    let kept: String = value.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(MAX_VALUE).collect();
    if kept.is_empty() { "_".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use goal_activity_core::facts::Repaired;
    use goal_activity_events::{FailureCode, FinalStatus, RejectionReason, Usage};
    use serde_json::{Value, json};

    use super::*;

    const NAMESPACE: &str = "goal-activity-two";
    const MODEL: &str = "a/model:1";

    fn emf() -> Emf {
        let second = Ai { generator: "offline", model: "offline".to_owned() };
        Emf::new(NAMESPACE.to_owned())
            .calling(Ais { first: Ai { generator: "openai", model: MODEL.to_owned() }, fallback: Some(second) })
    }

    fn used(input_tokens: u64, cost_micro_usd: Option<u64>) -> Usage {
        Usage {
            attempts: 1,
            input_tokens,
            output_tokens: input_tokens,
            latency_ms: 1_500,
            cost_micro_usd,
            ..Usage::default()
        }
    }

    fn ended(status: FinalStatus) -> Fact {
        Fact::WorkflowEnded { status, duration: Duration::from_millis(61_500), not_processed: 3 }
    }

    /// Facts of every kind.
    fn facts() -> Vec<Fact> {
        let ends = [
            FinalStatus::Succeeded,
            FinalStatus::PartiallySucceeded,
            FinalStatus::Failed,
            FinalStatus::TimedOut,
            FinalStatus::Aborted,
        ];
        let repairs = [Repaired::Announced, Repaired::StartRecorded, Repaired::Ended, Repaired::Completed];
        let failure = Some(FailureCode::AiTimeout);
        let mut facts = vec![
            Fact::WorkflowStarted,
            Fact::AnswerRepaired { kind: goal_activity_events::Repair::Prose },
            Fact::RequestRejected { reason: RejectionReason::AlreadyRunning },
            Fact::ActionsEnded { actions: 3, failure: None, tasks: 15, attempts: 4 },
            Fact::ActionsEnded { actions: 1, failure, tasks: 0, attempts: 3 },
            Fact::AiAsked { fallback: false, failure: None, usage: used(800, Some(11_400)) },
            Fact::AiAsked { fallback: false, failure, usage: used(0, None) },
            Fact::BatchAnswered { wait: Duration::from_millis(20), duration: Duration::from_secs(9) },
            Fact::TokenStale,
            Fact::WorkflowAdmitted { waited: Duration::from_secs(90) },
            Fact::LoadSeen { in_use: 24, waiting: Duration::from_secs(600), paused: true, paused_itself: true },
            Fact::Reconciled { checked: 7, failed: 1 },
        ];
        facts.extend(ends.map(ended));
        facts.extend(repairs.map(|what| Fact::Repaired { what }));
        facts
    }

    fn lines(fact: &Fact) -> Vec<Value> {
        let written = emf().lines(fact, Timestamp::from_millis(1_795_478_400_123)).unwrap();
        let written = String::from_utf8(written).unwrap();
        assert!(written.ends_with('\n'), "{written}");
        written.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    const DIMENSIONS: [&str; 7] = ["Status", "Code", "Reason", "Repair", "Kind", "Generator", "Model"];

    /// The metrics of a line that CloudWatch makes none of.
    fn in_the_log_only(line: &Value) -> Vec<String> {
        let fields = line.as_object().unwrap().iter();
        let fields = fields.filter(|(name, _)| *name != "timestamp" && !DIMENSIONS.contains(&name.as_str()));
        let check = |(name, value): (&String, &Value)| {
            let known = Metric::ALL.iter().find(|m| m.name() == name).unwrap_or_else(|| panic!("{name}?"));
            assert!(known.dimensions().is_empty() && value.is_number(), "{name} in {line}");
            name.clone()
        };
        fields.map(check).collect()
    }

    /// The values of a fact without dimensions, which alarms use.
    fn whole(fact: &Fact) -> Value {
        let is_whole = |line: &&Value| {
            let sets = line["_aws"]["CloudWatchMetrics"][0]["Dimensions"].as_array();
            sets.is_some_and(|sets| sets.contains(&json!([])))
        };
        let mut values = json!({});
        for line in lines(fact).iter().filter(is_whole) {
            for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap() {
                let name = metric["Name"].as_str().unwrap();
                values[name] = line[name].clone();
            }
        }
        values
    }

    #[test]
    fn every_line_is_what_cloudwatch_takes() {
        let schema = serde_json::from_str(include_str!("../../../tests/emf.schema.json")).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        for fact in facts() {
            for line in lines(&fact).into_iter().filter(|line| line.get("_aws").is_some()) {
                let wrong: Vec<_> =
                    schema.iter_errors(&line).map(|e| format!("{} at {}", e, e.instance_path())).collect();
                assert!(wrong.is_empty(), "{fact:?}: {wrong:?} in {line}");
                assert_eq!(line["_aws"]["Timestamp"], 1_795_478_400_123_i64);
            }
        }
        for broken in [json!({}), json!({ "_aws": { "Timestamp": 1, "CloudWatchMetrics": [{ "Namespace": "" }] } })] {
            assert!(!schema.is_valid(&broken), "{broken}");
        }
    }

    #[test]
    fn every_line_is_as_the_catalogue_says_and_every_metric_of_it_is_written() {
        let mut written = BTreeSet::new();
        for fact in facts() {
            let mut once = BTreeSet::new();
            for line in lines(&fact) {
                if line.get("_aws").is_none() {
                    once.extend(in_the_log_only(&line));
                    continue;
                }
                let [directive] = line["_aws"]["CloudWatchMetrics"].as_array().unwrap().as_slice() else {
                    panic!("{line}")
                };
                assert_eq!(directive["Namespace"], NAMESPACE);
                let mut explained: BTreeSet<_> = ["_aws".to_owned()].into();
                for metric in directive["Metrics"].as_array().unwrap() {
                    let name = metric["Name"].as_str().unwrap();
                    let known = Metric::ALL.iter().find(|m| m.name() == name).unwrap_or_else(|| panic!("{name}?"));
                    assert_eq!(metric.get("Unit").unwrap_or(&json!("None")), &json!(known.unit()), "{name}");
                    assert!(line[name].is_number(), "{name} in {line}");
                    assert!(once.insert(name.to_owned()), "{name} twice for {fact:?}");
                    explained.insert(name.to_owned());
                    let catalogued = json!(known.dimensions());
                    for set in directive["Dimensions"].as_array().unwrap() {
                        assert!(catalogued.as_array().unwrap().contains(set), "{name} by {set}");
                    }
                }
                for dimension in directive["Dimensions"].as_array().unwrap().iter().flat_map(|s| s.as_array().unwrap())
                {
                    let name = dimension.as_str().unwrap();
                    assert!(line[name].is_string(), "{name} in {line}");
                }
                explained
                    .extend(line.as_object().unwrap().keys().filter(|key| DIMENSIONS.contains(&key.as_str())).cloned());
                // Only metrics and what they are divided by: no id, no text.
                let there: BTreeSet<_> = line.as_object().unwrap().keys().cloned().collect();
                assert_eq!(there, explained);
            }
            written.extend(once);
        }
        let all: BTreeSet<_> = Metric::ALL.iter().map(|m| m.name().to_owned()).collect();
        assert_eq!(written, all);
    }

    #[test]
    fn a_workflow_fails_when_it_fails_or_times_out_and_not_when_it_is_stopped() {
        let of = |status, name: &str| whole(&ended(status))[name].as_u64().unwrap();
        let all = |name: &str| {
            use FinalStatus::{Aborted, Failed, PartiallySucceeded, Succeeded, TimedOut};
            [Succeeded, PartiallySucceeded, Failed, TimedOut, Aborted].map(|status| of(status, name))
        };
        assert_eq!(all("WorkflowSucceeded"), [1, 0, 0, 0, 0]);
        assert_eq!(all("WorkflowPartiallySucceeded"), [0, 1, 0, 0, 0]);
        assert_eq!(all("WorkflowFailed"), [0, 0, 1, 1, 0]);
        assert_eq!(all("WorkflowTimedOut"), [0, 0, 0, 1, 0]);
        assert_eq!(all("WorkflowAborted"), [0, 0, 0, 0, 1]);
        assert_eq!(all("WorkflowDuration"), [61_500; 5]);
        assert_eq!(all("ActionsNotProcessed"), [3; 5]);
    }

    #[test]
    fn a_call_of_the_ai_tells_what_it_took_where_that_is_known() {
        let answered = whole(&Fact::AiAsked { fallback: false, failure: None, usage: used(800, Some(11_400)) });
        let expected = json!({
            "AiLatency": 1_500, "AiCallFailed": 0, "AiFallbackUsed": 0, "AiInputTokens": 800, "AiOutputTokens": 800, "AiCost": 0.0114,
        });
        assert_eq!(answered, expected);
        let refused = Fact::AiAsked { fallback: false, failure: Some(FailureCode::AiThrottled), usage: used(0, None) };
        assert_eq!(whole(&refused), json!({ "AiLatency": 1_500, "AiCallFailed": 1, "AiFallbackUsed": 0 }));
        let second = Fact::AiAsked { fallback: true, failure: None, usage: used(0, None) };
        assert_eq!(whole(&second), json!({ "AiLatency": 1_500, "AiCallFailed": 0, "AiFallbackUsed": 1 }));
        let by_code = lines(&refused).into_iter().find(|line| line.get("AiErrors").is_some()).unwrap();
        assert_eq!((&by_code["AiErrors"], &by_code["Code"]), (&json!(1), &json!("AI_THROTTLED")));
        assert_eq!(by_code["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Code"]]));
    }

    #[test]
    fn the_name_of_a_model_becomes_a_value_that_cloudwatch_takes() {
        assert_eq!(dimension_value("eu.anthropic.claude-v1:0"), "eu.anthropic.claude-v1:0");
        assert_eq!(dimension_value("モデル 1\n"), "____1_");
        assert_eq!(dimension_value(""), "_");
        assert_eq!(dimension_value(&"x".repeat(5_000)).len(), MAX_VALUE);
    }

    #[test]
    fn what_no_alarm_and_no_graph_needs_is_in_the_log_only() {
        let refused = lines(&Fact::RequestRejected { reason: RejectionReason::AlreadyRunning });
        let expected =
            json!({ "timestamp": 1_795_478_400_123_i64, "RequestsRejected": 1, "Reason": "ALREADY_RUNNING" });
        assert_eq!(refused, [expected]);
        // A line says by which model, without a metric for each.
        let asked = lines(&Fact::AiAsked { fallback: false, failure: None, usage: used(800, Some(11_400)) });
        assert_eq!((asked.len(), &asked[0]["Model"], &asked[0]["Generator"]), (1, &json!(MODEL), &json!("openai")));
        assert_eq!(asked[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([[]]));
    }

    #[test]
    fn what_is_nearly_always_zero_is_written_when_it_is_not() {
        let seen = |paused| Fact::LoadSeen { in_use: 0, waiting: Duration::ZERO, paused, paused_itself: paused };
        assert_eq!(whole(&seen(false)), json!({ "CapacityInUse": 0, "OldestWaiting": 0 }));
        assert_eq!(whole(&seen(true))["PausedItself"], 1);
        let idle = Fact::Reconciled { checked: 0, failed: 0 };
        assert_eq!(whole(&idle), json!({ "ReconcilerRuns": 1, "OpenWorkflows": 0 }));
    }
}
