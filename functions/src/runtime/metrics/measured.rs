use std::time::Duration;

use goal_activity_core::facts::{Fact, Repaired};
use goal_activity_events::{FailureCode, FinalStatus, Usage};
use metrique_writer_core::Observation;

use super::Ais;
use super::catalogue::{Dimension, Metric};
use crate::runtime::telemetry;

/// A fact as metrics.
pub(super) struct Measured {
    /// The value of each metric.
    pub(super) values: Vec<(Metric, Observation)>,
    /// What it can be divided by. A set of dimensions of a metric that is not completely included here does not apply.
    pub(super) dimensions: Vec<(Dimension, String)>,
}

impl Measured {
    pub(super) fn of(fact: &Fact, ais: &Ais) -> Self {
        match fact {
            Fact::WorkflowStarted => Self::new(vec![(Metric::WorkflowStarted, one())]),
            Fact::WorkflowAdmitted { waited } => Self::new(vec![(Metric::AdmissionWait, millis(*waited))]),
            Fact::LoadSeen { in_use, waiting, paused, paused_itself } => {
                Self::new(vec![(Metric::CapacityInUse, number(*in_use)), (Metric::OldestWaiting, millis(*waiting))])
                    .if_any(Metric::Paused, *paused)
                    .if_any(Metric::PausedItself, *paused_itself)
            }
            Fact::RequestRejected { reason } => {
                Self::new(vec![(Metric::RequestsRejected, one())]).by(Dimension::Reason, reason)
            }
            Fact::WorkflowEnded { status, duration, not_processed } => ended(*status, *duration, *not_processed),
            Fact::ActionsEnded { actions, failure, tasks, attempts } => Self::new(vec![
                (Metric::ActionsProcessed, number(*actions)),
                (Metric::TasksGenerated, number(u64::try_from(*tasks).unwrap_or(u64::MAX))),
                (Metric::AiAttempts, number(*attempts)),
                (Metric::ActionsFailed, number(if failure.is_some() { *actions } else { 0 })),
            ])
            .failed(*failure),
            Fact::AiAsked { fallback, failure, usage } => asked(*failure, usage, ais, *fallback),
            Fact::AnswerRepaired { kind } => {
                Self::new(vec![(Metric::AnswersRepaired, one())]).by(Dimension::Kind, kind.name())
            }
            Fact::BatchAnswered { wait, duration } => {
                Self::new(vec![(Metric::BatchQueueWait, millis(*wait)), (Metric::BatchDuration, millis(*duration))])
            }
            Fact::TokenStale => Self::new(vec![(Metric::StaleTokens, one())]),
            Fact::Reconciled { checked, failed } => Self::new(vec![
                (Metric::ReconcilerRuns, one()),
                (Metric::OpenWorkflows, number(u64::try_from(*checked).unwrap_or(u64::MAX))),
            ])
            .if_any(Metric::ReconcilerFailures, u64::try_from(*failed).unwrap_or(u64::MAX)),
            Fact::Repaired { what } => {
                Self::new(vec![(Metric::ReconcilerRepairs, one())]).by(Dimension::Repair, repair(*what))
            }
        }
    }

    /// Returns the sets of dimensions under which a metric is published for this fact.
    pub(super) fn sets(&self, metric: Metric) -> Vec<&'static [Dimension]> {
        let known = |d: &Dimension| self.dimensions.iter().any(|(known, _)| known == d);
        metric.dimensions().iter().copied().filter(|set| set.iter().all(known)).collect()
    }

    fn new(values: Vec<(Metric, Observation)>) -> Self {
        Self { values, dimensions: Vec::new() }
    }

    /// A value that is nearly always zero: a metric is paid for in the hours in which it has data.
    fn if_any(mut self, metric: Metric, value: impl Into<u64>) -> Self {
        let value = value.into();
        if value > 0 {
            self.values.push((metric, number(value)));
        }
        self
    }

    fn by(mut self, dimension: Dimension, value: impl ToString) -> Self {
        self.dimensions.push((dimension, value.to_string()));
        self
    }

    fn failed(self, why: Option<FailureCode>) -> Self {
        match why {
            Some(code) => self.by(Dimension::Code, code),
            None => self,
        }
    }
}

fn ended(status: FinalStatus, duration: Duration, not_processed: u32) -> Measured {
    let is = |one: FinalStatus| flag(status == one);
    let failed = matches!(status, FinalStatus::Failed | FinalStatus::TimedOut);
    let values = vec![
        (Metric::WorkflowSucceeded, is(FinalStatus::Succeeded)),
        (Metric::WorkflowPartiallySucceeded, is(FinalStatus::PartiallySucceeded)),
        (Metric::WorkflowFailed, flag(failed)),
        (Metric::WorkflowTimedOut, is(FinalStatus::TimedOut)),
        (Metric::WorkflowAborted, is(FinalStatus::Aborted)),
        (Metric::ActionsNotProcessed, number(not_processed)),
        (Metric::WorkflowDuration, millis(duration)),
    ];
    Measured::new(values).by(Dimension::Status, status)
}

fn asked(failure: Option<FailureCode>, usage: &Usage, ais: &Ais, fallback: bool) -> Measured {
    let ai = ais.asked(fallback);
    let mut values =
        vec![(Metric::AiLatency, number(usage.latency_ms)), (Metric::AiCallFailed, flag(failure.is_some()))];
    if ais.fallback.is_some() {
        values.push((Metric::AiFallbackUsed, flag(fallback)));
    }
    // For an AI that does not count its tokens the usage is unknown, not zero.
    if usage.input_tokens > 0 || usage.output_tokens > 0 {
        values.push((Metric::AiInputTokens, number(usage.input_tokens)));
        values.push((Metric::AiOutputTokens, number(usage.output_tokens)));
    }
    if let Some(micro_usd) = usage.cost_micro_usd {
        values.push((Metric::AiCost, dollars(micro_usd)));
    }
    if failure.is_some() {
        values.push((Metric::AiErrors, one()));
    }
    Measured::new(values).by(Dimension::Generator, ai.generator).by(Dimension::Model, &ai.model).failed(failure)
}

fn repair(what: Repaired) -> &'static str {
    match what {
        Repaired::Announced => "ANNOUNCED",
        Repaired::StartRecorded => "START_RECORDED",
        Repaired::Ended => "ENDED",
        Repaired::Completed => "COMPLETED",
        Repaired::CapacityFreed => "CAPACITY_FREED",
    }
}

fn one() -> Observation {
    number(1_u32)
}

fn flag(yes: bool) -> Observation {
    number(u32::from(yes))
}

fn number(value: impl Into<u64>) -> Observation {
    Observation::Unsigned(value.into())
}

fn millis(time: Duration) -> Observation {
    number(telemetry::millis(time))
}

fn dollars(micro_usd: u64) -> Observation {
    #[allow(clippy::cast_precision_loss, reason = "an estimate; exact up to 9 billion US dollars")]
    Observation::Floating(micro_usd as f64 / 1e6)
}
