use goal_activity_events::{FinalStatus, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ledger::Tally;

/// How a workflow ended. Decided once, and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// Its final status.
    pub status: FinalStatus,
    /// When it ended.
    pub stop_date: Timestamp,
    /// What became of its actions.
    #[serde(flatten)]
    pub tally: Tally,
}
