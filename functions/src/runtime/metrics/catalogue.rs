//! The metrics: every name, unit and dimension, once. `cargo xtask schemas` writes them to `functions/metrics.json`,
//! from which the CDK app creates alarms and the dashboard.

use serde::Serialize;

use Dimension::Code;

/// The unit of a metric, by CloudWatch's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Unit {
    /// A count.
    Count,
    /// Milliseconds.
    Milliseconds,
    /// None that CloudWatch has a name for.
    None,
}

/// What a metric can be divided by. Each has few values: as a dimension, every combination that occurs is a separate metric with
/// its own price; in the line of the log it costs nothing. Never a goal, a user or a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Dimension {
    /// How a workflow ended: the five final statuses.
    Status,
    /// Why an action or a call of the AI failed: the failure codes of the events.
    Code,
    /// Why a request was refused: the rejection reasons of the events.
    Reason,
    /// The repair by the reconciler: `ANNOUNCED`, `START_RECORDED`, `ENDED`, `COMPLETED`, `CAPACITY_FREED`.
    Repair,
    /// What was repaired in an answer of the AI: the kinds of the usage in the events.
    Kind,
    /// Which AI the deployment is configured for.
    Generator,
    /// Which model of it.
    Model,
}

impl Dimension {
    /// Its name in CloudWatch.
    pub fn name(self) -> &'static str {
        match self {
            Self::Status => "Status",
            Self::Code => "Code",
            Self::Reason => "Reason",
            Self::Repair => "Repair",
            Self::Kind => "Kind",
            Self::Generator => "Generator",
            Self::Model => "Model",
        }
    }
}

macro_rules! metrics {
    ($($name:ident $unit:ident $dimensions:expr, $meaning:literal, $counted:literal;)*) => {
        /// A metric, named as in CloudWatch.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Metric {
            $(#[doc = $meaning] $name,)*
        }

        impl Metric {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }

            /// Its unit.
            pub fn unit(self) -> Unit {
                match self { $(Self::$name => Unit::$unit,)* }
            }

            /// The sets of dimensions under which it is published; the empty one is the metric as a whole. Only what an alarm or a
            /// graph needs is published. Everything else, and what has no set at all, is in the lines of the log.
            pub fn dimensions(self) -> &'static [&'static [Dimension]] {
                match self { $(Self::$name => &$dimensions,)* }
            }

            /// The meaning of its values.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }

            /// The fact for which it is counted once.
            pub fn counted(self) -> &'static str {
                match self { $(Self::$name => $counted,)* }
            }
        }
    };
}

metrics! {
    WorkflowStarted Count [&[]],
        "1 for a workflow that was accepted", "claim of the goal that was written";
    AdmissionWait Milliseconds [&[]],
        "time from a workflow's request until it was launched", "launch of a workflow that was noted";
    CapacityInUse Count [&[]],
        "batches that all workflows together held of the capacity when the reconciler looked",
        "run of the reconciler that read the capacity";
    OldestWaiting Milliseconds [&[]],
        "how long the workflow whose turn is next had waited when the reconciler looked, 0 if none did",
        "run of the reconciler that read the capacity";
    Paused Count [&[]],
        "1 if launching was paused when the reconciler looked, else nothing",
        "run of the reconciler that read the capacity";
    PausedItself Count [&[]],
        "1 if the pipeline had paused launching itself when the reconciler looked, else nothing",
        "run of the reconciler that read the capacity";
    RequestsRejected Count [],
        "1 for a request that was refused", "refusal that was given, also of the same request again";
    WorkflowSucceeded Count [&[]],
        "1 if a workflow ended with tasks for every action, else 0", "end of a workflow that was written";
    WorkflowPartiallySucceeded Count [&[]],
        "1 if a workflow ended with tasks for some actions, else 0", "end of a workflow that was written";
    WorkflowFailed Count [&[]],
        "1 if a workflow ended as `FAILED` or `TIMED_OUT`, else 0: the average is the failure rate",
        "end of a workflow that was written";
    WorkflowTimedOut Count [&[]],
        "1 if a workflow ended as `TIMED_OUT`, else 0", "end of a workflow that was written";
    WorkflowAborted Count [&[]],
        "1 if a workflow was cancelled, which is no failure, else 0", "end of a workflow that was written";
    WorkflowDuration Milliseconds [&[]],
        "time from a workflow's launch to its end", "end of a workflow that was written";
    ActionsNotProcessed Count [&[]],
        "actions of a workflow that no worker brought to an outcome before its end",
        "end of a workflow that was written";
    ActionsProcessed Count [&[]],
        "actions that have an outcome; divide the next three by it", "write of outcomes, and reason for failure among them";
    ActionsFailed Count [&[], &[Code]],
        "actions whose outcome is a failure", "write of outcomes, and reason for failure among them";
    TasksGenerated Count [&[]],
        "tasks that were saved for actions", "write of outcomes, and reason for failure among them";
    AiAttempts Count [&[]],
        "times that the AI was asked for actions that have an outcome", "write of outcomes, and reason for failure among them";
    AiLatency Milliseconds [&[]],
        "time that one call of the AI took", "call of the AI";
    AiCallFailed Count [&[]],
        "1 if a call of the AI gave nothing usable, else 0: the average is the error rate", "call of the AI";
    AiFallbackUsed Count [&[]],
        "1 if a call of the AI was of the fallback, else 0: the average is its share", "call of an AI that has a fallback";
    AiErrors Count [&[Code]],
        "1 for a call of the AI that gave nothing usable", "call of the AI that failed";
    AiInputTokens Count [&[]],
        "tokens that one call of the AI has read, as the AI counts them", "call of the AI";
    AiOutputTokens Count [&[]],
        "tokens that one call of the AI has written, as the AI counts them", "call of the AI";
    AiCost None [&[]],
        "estimated price of one call of the AI in US dollars", "call of the AI whose price is known";
    AnswersRepaired Count [],
        "1 for an answer of the AI that was accepted after a repair of this kind: `thinking`, `prose`, `shortened` ...",
        "kind of repair of an answer";
    BatchQueueWait Milliseconds [&[]],
        "time from a batch being enqueued until the worker that answered for it began",
        "answer for a batch that the state machine took";
    BatchDuration Milliseconds [&[]],
        "time from a batch being enqueued to its answer", "answer for a batch that the state machine took";
    StaleTokens Count [&[]],
        "1 for a worker whose batch the state machine no longer waited for", "worker that found that out at its end";
    ReconcilerRuns Count [&[]],
        "1 for a run of the reconciler: none for minutes means that it does not run",
        "run of the reconciler that came to its end";
    ReconcilerFailures Count [&[]],
        "workflows that a run of the reconciler could not look at or not repair, if there are any",
        "run of the reconciler that came to its end";
    OpenWorkflows Count [&[]],
        "workflows that were open when the reconciler looked, 450 at most",
        "run of the reconciler that came to its end";
    ReconcilerRepairs Count [&[]],
        "1 for a workflow that the reconciler did something for",
        "repair that was made: an end or a start that it wrote, announcements and reports each time";
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    /// Where the committed catalogue is.
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/metrics.json");

    /// The location of the documented table, and its delimiters.
    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OBSERVABILITY.md");
    const MARKS: [&str; 2] = ["<!-- metrics -->\n", "<!-- /metrics -->\n"];

    fn row(metric: Metric) -> String {
        let names =
            |set: &&[Dimension]| set.iter().map(|d| format!("`{}`", d.name())).collect::<Vec<_>>().join(" and ");
        let sets = metric.dimensions().iter().map(names);
        let mut sets: Vec<_> = sets.map(|set| if set.is_empty() { "none".to_owned() } else { set }).collect();
        if sets.is_empty() {
            sets.push("in the log only".to_owned());
        }
        let (name, meaning, counted) = (metric.name(), metric.meaning(), metric.counted());
        format!("| `{name}` | {:?} | {} | {meaning} | {counted} |\n", metric.unit(), sets.join("; "))
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the switch of `cargo xtask schemas`")]
    fn the_committed_table_is_that_of_the_code() {
        let rows: String = Metric::ALL.iter().copied().map(row).collect();
        let head = "| Metric | Unit | Dimensions | Its value is | Counted once for every |\n|---|---|---|---|---|\n";
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (before, rest) = page.split_once(MARKS[0]).unwrap();
        let (_, after) = rest.split_once(MARKS[1]).unwrap();
        let made = [before, MARKS[0], "\n", head, &rows, "\n", MARKS[1], after].concat();
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(PAGE, &made).unwrap();
        }
        let committed = std::fs::read_to_string(PAGE).unwrap();
        assert!(committed == made, "{PAGE} is not what the code says: run `cargo xtask schemas`");
    }

    fn described(metric: Metric) -> Value {
        json!({
            "name": metric.name(), "unit": metric.unit(), "dimensions": metric.dimensions(),
            "meaning": metric.meaning(), "counted": format!("once for every {}", metric.counted()),
        })
    }

    #[test]
    #[allow(clippy::disallowed_methods, reason = "the switch of `cargo xtask schemas`")]
    fn the_committed_catalogue_is_that_of_the_code() {
        let metrics: Vec<_> = Metric::ALL.iter().copied().map(described).collect();
        let catalogue = json!({ "metrics": metrics });
        let made = format!("{}\n", serde_json::to_string_pretty(&catalogue).unwrap());
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::write(FILE, &made).unwrap();
        }
        let committed = std::fs::read_to_string(FILE).unwrap_or_default();
        assert!(committed == made, "{FILE} is not what the code says: run `cargo xtask schemas`");
    }
}
