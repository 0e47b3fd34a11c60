//! A change of an execution as a conditional write of its row. When it is made, the core's table says.

use goal_activity_core::admission::Shard;
use goal_activity_core::execution::{Change, Listing, Requirement};
use goal_activity_core::keys;
use goal_activity_core::ports::PortResult;
use goal_activity_events::ExecutionArn;

use super::Tables;
use super::dynamo::{attribute, number, text};
use super::write::{Condition, Write};

/// The names of an execution's attributes. As in [`Execution`](goal_activity_core::execution::Execution).
const ADMITTED: &str = "admittedAt";
pub(super) const STARTED: &str = "startedAt";
const BATCHES: &str = "batches";
const TIMELINE: &str = "timeline";
const CANCELLATION: &str = "cancellation";
const GONE: &str = "goneActions";
pub(super) const END: &str = "end";
const PUBLISHED: &str = "publishedAt";
pub(super) const NOTIFIED: &str = "notifiedAt";
const ARCHIVED: &str = "archivedAt";

impl Tables {
    /// The write that makes the change, if what it requires is so.
    pub(super) fn change(&self, execution: &ExecutionArn, change: &Change<'_>) -> PortResult<Write> {
        // All that is missing from a row that is not there would seem to be so.
        let write = self.execution(execution).when(Condition::exists(keys::EXECUTION_ARN));
        let write = change.requires().into_iter().fold(write, |write, required| write.when(condition(required)));
        let mut write = match *change {
            Change::Admitted { at, shard } => in_shard(write.set(ADMITTED, text(at)), shard)?,
            Change::Moved { to, .. } => in_shard(write, to)?.set(keys::WAITING, text(keys::waiting_list(to))),
            Change::Started { at, .. } => write.set(STARTED, text(at)),
            Change::Progressed(reports) => {
                let write = reports.since().into_iter().fold(write, |write, at| write.set_once(STARTED, text(at)));
                reports.latest().try_fold(write, |write, report| {
                    let batch = [BATCHES, &report.batch_index.to_string()];
                    PortResult::Ok(write.set(batch, attribute(&report.state)?))
                })?
            }
            Change::Cancelled(cancellation) => write.set(CANCELLATION, attribute(cancellation)?),
            Change::Gone(actions) => write.set_once(GONE, attribute(actions)?),
            Change::Ended { end, .. } => write.set(END, attribute(end)?),
            Change::Reported { mark, at } => {
                let marks = [(PUBLISHED, mark.is_published()), (NOTIFIED, mark.is_notified())];
                let marks = marks.into_iter().filter(|(_, is_made)| *is_made);
                marks.fold(write, |write, (name, _)| write.set_once(name, text(at)))
            }
            Change::Archived { at } => write.set_once(ARCHIVED, text(at)),
        };
        for (id, entry) in change.timeline_entries(execution) {
            write = write.set([TIMELINE, &id], attribute(entry)?);
        }
        Ok(match change.listing() {
            None => write,
            Some(listing) => list(write, execution, listing),
        })
    }
}

/// Lists the execution there and nowhere else.
fn list(write: Write, execution: &ExecutionArn, listing: Listing) -> Write {
    match listing {
        // What was on the waiting list is found here from now on.
        Listing::Open => write.set(keys::OPEN_SHARD, text(keys::open_shard(execution))).remove(keys::WAITING),
        Listing::Unarchived => write.set(keys::OPEN_SHARD, text(keys::unarchived_shard(execution))),
        Listing::Unlisted => write.remove(keys::OPEN_SHARD),
    }
}

/// Lets the execution belong to that shard. Of those of the first, earlier versions know.
fn in_shard(write: Write, shard: Shard) -> PortResult<Write> {
    Ok(if shard.is_first() { write.remove(keys::SHARD) } else { write.set(keys::SHARD, attribute(shard)?) })
}

fn condition(required: Requirement) -> Condition {
    match required {
        Requirement::Open => Condition::missing(END),
        Requirement::Ended => Condition::exists(END),
        Requirement::NotStarted => Condition::missing(STARTED),
        Requirement::NotAdmitted => Condition::missing(ADMITTED),
        Requirement::InShard(shard) if shard.is_first() => Condition::missing(keys::SHARD),
        Requirement::InShard(shard) => Condition::equals(keys::SHARD, number(shard)),
        Requirement::NotCancelled => Condition::missing(CANCELLATION),
        Requirement::NotArchived => Condition::missing(ARCHIVED),
        Requirement::Gone(true) => Condition::exists(GONE),
        Requirement::Gone(false) => Condition::missing(GONE),
        Requirement::Newer { batch_index, sequence } => {
            let index = batch_index.to_string();
            let earlier = Condition::less([BATCHES, &index, "sequence"], number(sequence));
            Condition::missing([BATCHES, &index]).or(earlier)
        }
    }
}
