use std::collections::BTreeMap;

use goal_activity_events::{EventId, Timestamp};

use super::{BatchState, Execution, Requirement};

/// What a worker has reported of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchReport {
    /// The id of the event that says so.
    pub event: EventId,
    /// Which batch.
    pub batch_index: u32,
    /// How far it is.
    pub state: BatchState,
}

/// Reports of the batches of one workflow that are recorded together. At least one; of each batch in the order of the
/// sequence, and of each sequence the first that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchReports(BTreeMap<(u32, u64), BatchReport>);

impl BatchReports {
    /// These reports, which may have come in any order and twice. Nothing if there are none.
    pub fn of(reports: impl IntoIterator<Item = BatchReport>) -> Option<Self> {
        let mut all = BTreeMap::new();
        for report in reports {
            all.entry((report.batch_index, report.state.sequence)).or_insert(report);
        }
        (!all.is_empty()).then_some(Self(all))
    }

    /// Those of them that say something new of the execution as it is recorded. Nothing if none does, or there is no such
    /// execution.
    pub fn new_to(&self, execution: Option<&Execution>) -> Option<Self> {
        let execution = execution.filter(|execution| Requirement::Open.holds(execution))?;
        Self::of(self.iter().filter(|report| report.newer().holds(execution)).cloned())
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &BatchReport> {
        self.0.values()
    }

    /// Returns how many there are: at least one.
    #[allow(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The last of each batch.
    pub fn latest(&self) -> impl Iterator<Item = &BatchReport> {
        self.iter().map(|report| (report.batch_index, report)).collect::<BTreeMap<_, _>>().into_values()
    }

    /// What must be so for all of them to be recorded: of each batch the first is news, and so are those after it.
    pub(super) fn newer(&self) -> impl Iterator<Item = Requirement> {
        let first: BTreeMap<_, _> = self.iter().rev().map(|report| (report.batch_index, report)).collect();
        first.into_values().map(BatchReport::newer)
    }

    /// Since when the execution runs at the latest.
    pub fn since(&self) -> Option<Timestamp> {
        self.iter().map(|report| report.state.updated_at).min()
    }
}

impl BatchReport {
    fn newer(&self) -> Requirement {
        Requirement::Newer { batch_index: self.batch_index, sequence: self.state.sequence }
    }
}
