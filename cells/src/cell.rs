//! A cell: a stack of the pipeline that has some of the users.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest name of a cell.
const MAX_ID: usize = 32;
/// How many requests in succession a cell may leave without an answer before it gets no more for a while.
pub const FAILURES: u32 = 5;
/// Within which time these requests fail.
pub const WITHIN: Duration = Duration::from_secs(30);
/// For how long a cell that does not answer gets no requests. Then one is let through.
pub const DOWN: Duration = Duration::from_secs(10);

/// The name of a cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CellId(String);

/// A text that is not the name of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a cell: 1 to {MAX_ID} lower-case letters, digits or '-'")]
pub struct InvalidCellId;

impl CellId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CellId {
    type Error = InvalidCellId;

    fn try_from(text: String) -> Result<Self, InvalidCellId> {
        let fits = (1..=MAX_ID).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if fits { Ok(Self(text)) } else { Err(InvalidCellId) }
    }
}

impl FromStr for CellId {
    type Err = InvalidCellId;

    fn from_str(text: &str) -> Result<Self, InvalidCellId> {
        Self::try_from(text.to_owned())
    }
}

impl From<CellId> for String {
    fn from(id: CellId) -> Self {
        id.0
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a cell takes new users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CellState {
    /// It does.
    Open,
    /// It serves those that it has, and gets no others.
    Draining,
}

/// A cell, as the table has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cell {
    /// Its name: the sort key of its row.
    #[serde(rename = "item")]
    pub id: CellId,
    /// The URL of its HTTP API, without `/api`.
    pub url: String,
    /// Its state machine, whose account, region and name its workflows have in their ARNs.
    pub state_machine_arn: StateMachineArn,
    /// Whether it takes new users.
    pub state: CellState,
    /// The name of its CloudFormation stack, for `goalctl`.
    pub stack: String,
    /// Its region, for `goalctl`.
    pub region: String,
    /// How it answers. Written by the router only.
    #[serde(flatten)]
    pub health: Health,
}

/// How a cell answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// Since when requests are without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// How many have been since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// Until when it gets no requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_until: Option<Timestamp>,
}

/// Whether a cell gets a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It does.
    Open,
    /// It does not answer, and gets none.
    Shut,
    /// It did not answer until that moment: one request finds out whether it does again.
    Probe(Timestamp),
}

impl Health {
    /// Whether the cell gets a request now.
    pub fn gate(&self, now: Timestamp) -> Gate {
        match self.down_until {
            None => Gate::Open,
            Some(until) if until > now => Gate::Shut,
            Some(until) => Gate::Probe(until),
        }
    }

    /// What one more request without an answer says, which is counted already.
    pub fn verdict(&self, now: Timestamp) -> Verdict {
        match (self.failing_since, self.failures) {
            (Some(since), _) if now.since(since) >= WITHIN => Verdict::Forget(since),
            (Some(_), Some(failures)) if failures >= FAILURES => Verdict::Down,
            _ => Verdict::Wait,
        }
    }
}

/// What requests without an answer say about a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not enough of them.
    Wait,
    /// Those since then are too long ago: this is the first.
    Forget(Timestamp),
    /// It does not answer.
    Down,
}

impl Cell {
    /// Returns `true` if the workflow was started in this cell: its ARN has the cell's account, region and state machine.
    pub fn started(&self, execution: &ExecutionArn) -> bool {
        execution.state_machine() == self.state_machine_arn
    }
}

/// The cell for a user who is in none yet: of the open ones that with the highest hash of cell and user (rendezvous hashing). It
/// depends on no order and no number: another open cell takes its share of the new users from all others, and one that is drained
/// leaves its share to all others.
pub fn choose<'a>(user: &UserId, cells: &'a [Cell]) -> Option<&'a Cell> {
    let weight = |cell: &Cell| Uuid::new_v5(&Uuid::NAMESPACE_URL, format!("{}/{user}", cell.id).as_bytes()).as_u128();
    cells.iter().filter(|cell| cell.state == CellState::Open).max_by_key(|cell| weight(cell))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    pub(crate) fn cell(id: &str, url: &str) -> Cell {
        Cell {
            id: id.parse().unwrap(),
            url: url.to_owned(),
            state_machine_arn: format!("arn:aws:states:eu-west-1:123456789012:stateMachine:goal-activity-{id}")
                .parse()
                .unwrap(),
            state: CellState::Open,
            stack: format!("goal-activity-{id}"),
            region: "eu-west-1".to_owned(),
            health: Health::default(),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_764_000_000_000 + seconds * 1_000)
    }

    #[test]
    fn a_cell_knows_its_workflows_by_account_region_and_state_machine() {
        let one = cell("one", "https://one");
        let is_of = |arn: &str| one.started(&arn.parse().unwrap());
        assert!(is_of("arn:aws:states:eu-west-1:123456789012:execution:goal-activity-one:g-1"));
        for other in [
            "arn:aws:states:eu-west-2:123456789012:execution:goal-activity-one:g-1",
            "arn:aws:states:eu-west-1:210987654321:execution:goal-activity-one:g-1",
            "arn:aws:states:eu-west-1:123456789012:execution:goal-activity-one-2:g-1",
        ] {
            assert!(!is_of(other), "{other}");
        }
    }

    #[test]
    fn users_are_spread_evenly_and_another_cell_takes_only_its_share() {
        let users: Vec<UserId> = (0..3_000).map(|n| format!("user-{n}").parse().unwrap()).collect();
        let cells = ["a", "b", "c"].map(|id| cell(id, "https://x"));
        let of = |cells: &[Cell]| users.iter().map(|user| choose(user, cells).unwrap().id.clone()).collect::<Vec<_>>();
        let before = of(&cells);
        let mut counts: BTreeMap<_, usize> = BTreeMap::new();
        for id in &before {
            *counts.entry(id.as_str()).or_default() += 1;
        }
        assert!(counts.len() == 3 && counts.values().all(|n| (900..1_100).contains(n)), "{counts:?}");
        let more = [cells.as_slice(), &[cell("d", "https://x")]].concat();
        let moved: Vec<_> = before.iter().zip(of(&more)).filter(|(before, after)| *before != after).collect();
        assert!(
            (650..850).contains(&moved.len()) && moved.iter().all(|(_, after)| after.as_str() == "d"),
            "{}",
            moved.len()
        );
        let mut reversed = cells.to_vec();
        reversed.reverse();
        assert_eq!(of(&reversed), before, "whatever their order");
    }

    #[test]
    fn a_cell_that_is_drained_gets_no_new_users() {
        let mut cells = ["a", "b"].map(|id| cell(id, "https://x"));
        cells[0].state = CellState::Draining;
        let users = (0..100).map(|n| format!("user-{n}").parse::<UserId>().unwrap());
        assert!(users.clone().all(|user| choose(&user, &cells).unwrap().id.as_str() == "b"));
        cells[1].state = CellState::Draining;
        assert!(users.clone().all(|user| choose(&user, &cells).is_none()));
    }

    #[test]
    fn a_cell_without_answers_gets_no_requests_for_a_while_and_then_one() {
        let health =
            |since, failures| Health { failing_since: Some(at(since)), failures: Some(failures), down_until: None };
        assert_eq!(health(0, FAILURES - 1).verdict(at(29)), Verdict::Wait);
        assert_eq!(health(0, FAILURES).verdict(at(29)), Verdict::Down);
        assert_eq!(health(0, FAILURES).verdict(at(30)), Verdict::Forget(at(0)), "each on its own");
        assert_eq!(Health::default().gate(at(0)), Gate::Open);
        let down = Health { down_until: Some(at(10)), ..health(0, FAILURES) };
        assert_eq!((down.gate(at(9)), down.gate(at(10))), (Gate::Shut, Gate::Probe(at(10))));
    }

    #[test]
    fn a_name_is_short_and_plain() {
        for name in ["a", "eu-1", "0"] {
            assert_eq!(name.parse::<CellId>().unwrap().to_string(), name);
        }
        for wrong in ["", "A", "a b", "a/b", "ü", &"a".repeat(33)] {
            assert!(wrong.parse::<CellId>().is_err(), "{wrong:?}");
        }
    }
}
