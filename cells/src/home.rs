//! Where a user is, and what a request sees while the user is moved.

use goal_activity_events::{Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::cell::CellId;

/// The partition key of a user's row begins like this.
pub const USER: &str = "USER#";
/// The partition of the cells, one row each.
pub const CELLS: &str = "CELLS";
/// The sort key of a user's row.
pub const HOME: &str = "HOME";

/// Where a user is.
///
/// A move writes it three times. While `moving_to` is there, everything is still in `cell` and nothing may change. The one write that
/// sets `cell` to the new one moves all requests at once. `leaving` says that the old cell has rows that are to be removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Home {
    /// The partition key: [`USER`] and the user.
    pub id: String,
    /// The cell that requests of the user go to.
    pub cell: CellId,
    /// The cell that the user is moved to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving_to: Option<CellId>,
    /// The cell that the user was moved from, until nothing of them is there any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving: Option<CellId>,
    /// The run of `goalctl` that moves the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mover: Option<String>,
    /// Until when no other run may, unless it is extended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mover_until: Option<Timestamp>,
}

impl Home {
    /// A user who is in that cell and stays there.
    pub fn new(user: &UserId, cell: CellId) -> Self {
        Self { id: key(user), cell, moving_to: None, leaving: None, mover: None, mover_until: None }
    }

    /// The user.
    pub fn user(&self) -> Option<UserId> {
        self.id.strip_prefix(USER)?.parse().ok()
    }

    /// Returns `true` while nothing of the user may change.
    pub fn is_frozen(&self) -> bool {
        self.moving_to.is_some()
    }

    /// Returns `true` if a move has begun and is not done.
    pub fn is_under_way(&self) -> bool {
        self.moving_to.is_some() || self.leaving.is_some()
    }
}

/// The partition key of a user's row.
pub fn key(user: &UserId) -> String {
    format!("{USER}{user}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_knows_its_user() {
        let user: UserId = "a#b".parse().unwrap();
        let home = Home::new(&user, "one".parse().unwrap());
        assert_eq!((home.user(), home.is_frozen(), home.is_under_way()), (Some(user), false, false));
        let moved = Home { leaving: Some("two".parse().unwrap()), ..home.clone() };
        assert!(!moved.is_frozen() && moved.is_under_way());
        assert!(Home { moving_to: Some("two".parse().unwrap()), ..home }.is_frozen());
    }
}
