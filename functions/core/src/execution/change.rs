use std::collections::{BTreeMap, BTreeSet};

use goal_activity_events::{ActionId, ExecutionArn, FinalStatus, Timestamp, WorkflowCompleted};

use super::{BatchReports, Cancellation, Ending, Execution, TimelineEntry, TimelineEvent};
use crate::admission::Shard;
use crate::keys::CANCELLATION_ENTRY;

/// A change of what is recorded of a workflow.
///
/// Events arrive late, twice and out of order, so every change may come at every time: [`Change::requires`] is the table that
/// says when it is made, for every adapter of the store. What an adapter stores is what [`Execution::apply`] makes of it.
#[derive(Debug, Clone, Copy)]
pub enum Change<'a> {
    /// It was launched.
    Admitted {
        /// When.
        at: Timestamp,
        /// Where it holds capacity.
        shard: Shard,
    },
    /// It waits in the list of another shard from then on.
    Moved {
        /// To which it belonged.
        from: Shard,
        /// To which it belongs now.
        to: Shard,
    },
    /// It was seen running.
    Started {
        /// The id of the event that says so.
        event: &'a str,
        /// Since when.
        at: Timestamp,
    },
    /// Batches have come further: all of this is news.
    Progressed(&'a BatchReports),
    /// It is to be stopped.
    Cancelled(&'a Cancellation),
    /// The goal does not have these actions any more, at least one. The first such change counts.
    Gone(&'a BTreeSet<ActionId>),
    /// It ended.
    Ended {
        /// How.
        end: &'a Ending,
        /// `true` if actions were recorded as gone when that was decided.
        knows_gone: bool,
    },
    /// Its end was reported.
    Reported {
        /// To whom.
        mark: Mark,
        /// When.
        at: Timestamp,
    },
    /// It was archived.
    Archived {
        /// When.
        at: Timestamp,
    },
}

/// To whom the end of a workflow was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// To other services: `WorkflowCompleted` is published.
    Published,
    /// To the operators: they are notified.
    Notified,
    /// To other services, and to the operators where they must know.
    Both,
}

impl Mark {
    /// Returns `true` if the end was published to other services.
    pub fn is_published(self) -> bool {
        self != Self::Notified
    }

    /// Returns `true` if the operators were notified, or need not be.
    pub fn is_notified(self) -> bool {
        self != Self::Published
    }
}

/// What must be so for a change to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// It has not ended.
    Open,
    /// It has ended.
    Ended,
    /// It was not seen running yet.
    NotStarted,
    /// Its launch is not recorded.
    NotAdmitted,
    /// It belongs to this shard of the capacity.
    InShard(Shard),
    /// It is not to be stopped.
    NotCancelled,
    /// It is not archived.
    NotArchived,
    /// Actions are recorded as gone, or none are.
    Gone(bool),
    /// Of this batch no state with this sequence or a higher one is known.
    Newer {
        /// Which batch.
        batch_index: u32,
        /// The sequence.
        sequence: u64,
    },
}

/// Where the reconciler finds a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Listing {
    /// Among those that were launched or cancelled, and whose end is not reported yet.
    Open,
    /// Among those that only have to be archived.
    Unarchived,
    /// Nowhere: nothing is left to do for it.
    Unlisted,
}

impl<'a> Change<'a> {
    /// The end of this execution, which was decided knowing what it says of gone actions.
    pub fn ended(execution: &Execution, end: &'a Ending) -> Self {
        Self::Ended { end, knows_gone: !execution.gone_actions.is_empty() }
    }

    /// The transition table: when the change is made. Where one of these is not so, nothing is written.
    pub fn requires(&self) -> Vec<Requirement> {
        use Requirement::{Ended, Gone, InShard, NotAdmitted, NotArchived, NotCancelled, NotStarted, Open};
        match *self {
            Self::Admitted { .. } => vec![Open, NotCancelled, NotAdmitted],
            Self::Moved { from, .. } => vec![Open, NotCancelled, NotAdmitted, InShard(from)],
            Self::Started { .. } => vec![Open, NotStarted],
            Self::Progressed(reports) => [Open].into_iter().chain(reports.newer()).collect(),
            // The first cancellation counts: it decides the race with the natural end.
            Self::Cancelled(_) => vec![Open, NotCancelled],
            Self::Gone(_) => vec![Open],
            // A cancelled workflow has one end only.
            Self::Ended { end, knows_gone } if end.status == FinalStatus::Aborted => vec![Open, Gone(knows_gone)],
            Self::Ended { knows_gone, .. } => vec![Open, Gone(knows_gone), NotCancelled],
            // One that is archived is listed nowhere, and must not be listed again.
            Self::Reported { .. } => vec![Ended, NotArchived],
            Self::Archived { .. } => vec![Ended],
        }
    }

    /// Where the workflow is listed from then on. `None` if it stays where it is.
    pub fn listing(&self) -> Option<Listing> {
        match self {
            Self::Admitted { .. } | Self::Cancelled(_) | Self::Ended { .. } => Some(Listing::Open),
            // Only the change that knows of both: the other marks are made side by side, each without the other's knowledge.
            Self::Reported { mark: Mark::Both, .. } => Some(Listing::Unarchived),
            Self::Archived { .. } => Some(Listing::Unlisted),
            Self::Moved { .. } | Self::Started { .. } | Self::Progressed(_) | Self::Gone(_) | Self::Reported { .. } => {
                None
            }
        }
    }

    /// The entries of the timeline that go with it, by their ids.
    pub fn timeline_entries(&self, execution: &ExecutionArn) -> BTreeMap<String, TimelineEntry> {
        let entry = |id: &str, at, what| (id.to_owned(), TimelineEntry { at, what });
        let only = |id: &str, at, what| BTreeMap::from([entry(id, at, what)]);
        match self {
            Self::Started { event, at } => only(event, *at, TimelineEvent::Started),
            Self::Progressed(reports) => {
                let told = reports.iter().map(|report| (report, report.state.timeline_event(report.batch_index)));
                told.filter_map(|(r, what)| Some(entry(r.event.as_str(), r.state.updated_at, what?))).collect()
            }
            Self::Cancelled(cancellation) => only(CANCELLATION_ENTRY, cancellation.at, TimelineEvent::Cancelled),
            Self::Ended { end, .. } => {
                let id = WorkflowCompleted::event_id_for(execution);
                only(id.as_str(), end.stop_date, TimelineEvent::Ended { status: end.status })
            }
            Self::Admitted { .. }
            | Self::Moved { .. }
            | Self::Gone(_)
            | Self::Reported { .. }
            | Self::Archived { .. } => BTreeMap::new(),
        }
    }
}

impl Requirement {
    /// Returns `true` if it is so.
    pub fn holds(self, execution: &Execution) -> bool {
        match self {
            Self::Open => execution.end.is_none(),
            Self::Ended => execution.end.is_some(),
            Self::NotStarted => execution.started_at.is_none(),
            Self::NotAdmitted => execution.admitted_at.is_none(),
            Self::InShard(shard) => execution.shard == shard,
            Self::NotCancelled => execution.cancellation.is_none(),
            Self::NotArchived => execution.archived_at.is_none(),
            Self::Gone(recorded) => execution.gone_actions.is_empty() != recorded,
            Self::Newer { batch_index, sequence } => {
                execution.batches.get(&batch_index.to_string()).is_none_or(|known| known.sequence < sequence)
            }
        }
    }
}

impl Execution {
    /// Makes the change, if what it requires is so. Returns `false`, and changes nothing, if it is not.
    pub fn apply(&mut self, change: &Change<'_>) -> bool {
        if !change.requires().into_iter().all(|requirement| requirement.holds(self)) {
            return false;
        }
        match *change {
            Change::Admitted { at, shard } => (self.admitted_at, self.shard) = (Some(at), shard),
            Change::Moved { to, .. } => self.shard = to,
            Change::Started { at, .. } => self.started_at = Some(at),
            Change::Progressed(reports) => {
                self.started_at = self.started_at.or(reports.since());
                let latest = reports.latest().map(|report| (report.batch_index.to_string(), report.state.clone()));
                self.batches.extend(latest);
            }
            Change::Cancelled(cancellation) => self.cancellation = Some(cancellation.clone()),
            Change::Gone(actions) if self.gone_actions.is_empty() => self.gone_actions.clone_from(actions),
            Change::Gone(_) => {}
            Change::Ended { end, .. } => self.end = Some(end.clone()),
            Change::Reported { mark, at } => {
                if mark.is_published() {
                    self.published_at.get_or_insert(at);
                }
                if mark.is_notified() {
                    self.notified_at.get_or_insert(at);
                }
            }
            Change::Archived { at } => {
                self.archived_at.get_or_insert(at);
            }
        }
        self.timeline.extend(change.timeline_entries(&self.execution_arn));
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use goal_activity_events::Usage;
    use proptest::prelude::*;

    use super::*;
    use crate::execution::{BatchReport, BatchState, Status};
    use crate::ledger::Tally;
    use crate::samples;

    const ENDS: [FinalStatus; 5] = [
        FinalStatus::Succeeded,
        FinalStatus::PartiallySucceeded,
        FinalStatus::Failed,
        FinalStatus::TimedOut,
        FinalStatus::Aborted,
    ];

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(samples::START_MILLIS).plus(Duration::from_secs(seconds))
    }

    fn ending(status: FinalStatus) -> Ending {
        Ending { status, stop_date: at(60), tally: Tally { succeeded: 64, ..Tally::default() } }
    }

    /// A change with what it borrows.
    #[derive(Debug, Clone)]
    enum Any {
        Admitted,
        Started(u64),
        /// Reports of batches, each with its sequence.
        Progressed(Vec<(u32, u64)>),
        Cancelled,
        Gone,
        Ended {
            status: FinalStatus,
            knows_gone: bool,
        },
        Reported(Mark),
        Archived,
    }

    fn report((batch_index, sequence): (u32, u64)) -> BatchReport {
        let (total, updated_at) = (8, at(sequence));
        let state = BatchState { sequence, total, succeeded: 8, failed: vec![], usage: Usage::default(), updated_at };
        BatchReport { event: format!("event-{batch_index}-{sequence}").parse().unwrap(), batch_index, state }
    }

    fn reports(told: &[(u32, u64)]) -> BatchReports {
        BatchReports::of(told.iter().copied().map(report)).unwrap()
    }

    fn apply(execution: &mut Execution, any: &Any) -> bool {
        match *any {
            Any::Admitted => execution.apply(&Change::Admitted { at: at(1), shard: Shard::FIRST }),
            Any::Started(seconds) => execution.apply(&Change::Started { event: "started", at: at(seconds) }),
            Any::Progressed(ref told) => execution.apply(&Change::Progressed(&reports(told))),
            Any::Cancelled => execution.apply(&Change::Cancelled(&Cancellation::from_outside(at(3)))),
            Any::Gone => execution.apply(&Change::Gone(&["action-1".parse().unwrap()].into())),
            Any::Ended { status, knows_gone } => execution.apply(&Change::Ended { end: &ending(status), knows_gone }),
            Any::Reported(mark) => execution.apply(&Change::Reported { mark, at: at(61) }),
            Any::Archived => execution.apply(&Change::Archived { at: at(62) }),
        }
    }

    /// Batches and sequences, in any order and some twice.
    fn told() -> impl Strategy<Value = Vec<(u32, u64)>> {
        prop::collection::vec((0..3_u32, 1..6_u64), 1..5)
    }

    fn changes() -> impl Strategy<Value = Any> {
        let status = || prop::sample::select(ENDS.to_vec());
        prop_oneof![
            Just(Any::Admitted),
            (1..9_u64).prop_map(Any::Started),
            told().prop_map(Any::Progressed),
            Just(Any::Cancelled),
            Just(Any::Gone),
            (status(), any::<bool>()).prop_map(|(status, knows_gone)| Any::Ended { status, knows_gone }),
            prop::sample::select(vec![Mark::Published, Mark::Notified, Mark::Both]).prop_map(Any::Reported),
            Just(Any::Archived),
        ]
    }

    #[test]
    fn a_workflow_that_runs_takes_every_end() {
        for status in ENDS {
            for has_started in [false, true] {
                let mut execution = samples::execution();
                assert!(!has_started || apply(&mut execution, &Any::Started(2)));
                assert!(apply(&mut execution, &Any::Ended { status, knows_gone: false }));
                assert_eq!(execution.status(), Status::from(status));
                assert_eq!(execution.end, Some(ending(status)));
            }
        }
    }

    #[test]
    fn a_change_that_needs_what_is_not_so_is_not_made() {
        let mut execution = samples::execution();
        assert!(!apply(&mut execution, &Any::Archived), "it has not ended");
        assert!(!apply(&mut execution, &Any::Reported(Mark::Both)));
        assert!(apply(&mut execution, &Any::Gone));
        assert!(!apply(&mut execution, &Any::Ended { status: FinalStatus::Failed, knows_gone: false }));
        assert!(apply(&mut execution, &Any::Cancelled));
        assert!(!apply(&mut execution, &Any::Cancelled) && !apply(&mut execution, &Any::Admitted));
        assert!(!apply(&mut execution, &Any::Ended { status: FinalStatus::Succeeded, knows_gone: true }));
        assert!(apply(&mut execution, &Any::Ended { status: FinalStatus::Aborted, knows_gone: true }));
    }

    proptest! {
        #[test]
        fn p4_terminal_is_terminal_whatever_arrives_later(changes in prop::collection::vec(changes(), 0..40)) {
            let mut execution = samples::execution();
            for change in &changes {
                let before = execution.clone();
                let made = apply(&mut execution, change);
                prop_assert!(made || execution == before, "{change:?} was refused and changed something");
                if before.has_ended() {
                    let marks = |e: &Execution| (e.published_at, e.notified_at, e.archived_at);
                    let mut marked = before.clone();
                    (marked.published_at, marked.notified_at, marked.archived_at) = marks(&execution);
                    prop_assert_eq!(&execution, &marked, "{:?} changed more than marks", change);
                }
                if before.cancellation.is_some() && !before.has_ended() && execution.has_ended() {
                    prop_assert_eq!(execution.status(), Status::Aborted);
                }
                for (index, batch) in &before.batches {
                    prop_assert!(execution.batches[index].sequence >= batch.sequence, "promise P6");
                }
            }
        }

        #[test]
        fn p6_reports_together_are_as_good_as_one_after_the_other(known in told(), told in told()) {
            let mut together = samples::execution();
            for report in known {
                apply(&mut together, &Any::Progressed(vec![report]));
            }
            let mut apart = together.clone();
            let mut in_order = told.clone();
            in_order.sort_unstable();
            for report in in_order {
                apply(&mut apart, &Any::Progressed(vec![report]));
            }
            let all = reports(&told);
            let new = all.new_to(Some(&together));
            // Refused as long as one of them is not news, and made with those that are.
            prop_assert_eq!(together.apply(&Change::Progressed(&all)), new.as_ref() == Some(&all));
            if let Some(new) = new.filter(|new| *new != all) {
                prop_assert!(together.apply(&Change::Progressed(&new)));
            }
            prop_assert_eq!(all.new_to(Some(&together)), None);
            prop_assert_eq!((together.batches, together.timeline), (apart.batches, apart.timeline));
        }

        #[test]
        fn every_change_twice_is_as_good_as_once(first in prop::collection::vec(changes(), 0..10), change in changes()) {
            let mut once = samples::execution();
            for change in &first {
                apply(&mut once, change);
            }
            apply(&mut once, &change);
            let mut twice = once.clone();
            apply(&mut twice, &change);
            prop_assert_eq!(once, twice);
        }
    }
}
