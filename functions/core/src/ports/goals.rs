//! The goals of users: which there are, and how their charts are written.

use goal_activity_events::{GoalId, Timestamp, UserId};

use super::PortResult;
use crate::edit::ChartChange;

/// Lists the goals of a user.
pub trait ListGoals: Sync {
    /// The user's goals by their ids, ascending, at most [`LISTED_GOALS`](crate::limits::LISTED_GOALS). May be a second behind.
    fn list_goals(&self, user: &UserId) -> impl Future<Output = PortResult<Vec<GoalId>>> + Send;
}

/// How the write of a chart went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartWritten {
    /// All of it is stored.
    Yes,
    /// The goal is not as it was read: nothing was written.
    GoalChanged,
}

/// Writes a goal's chart: one conditional transaction.
pub trait WriteChart: Sync {
    /// Writes what changes, and raises the revision, all or nothing: if the goal is still as it was read, with the same owner,
    /// claim, count of claims and revision, and not closed; or if it is still not there.
    fn write_chart(&self, change: &ChartChange, at: Timestamp)
    -> impl Future<Output = PortResult<ChartWritten>> + Send;
}
