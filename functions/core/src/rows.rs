//! A goal as rows of the Goals table: how they are read, and how programs write them that store goals there (the goal app's
//! own backend, seeds and tests).

use goal_activity_events::{UserId, without_values};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::goal::{Action, Goal, GoalHead, SubGoal};
use crate::keys;
use crate::ports::{Stored, Unreadable};

/// One row of the Goals table, keys included, as a JSON object.
pub type Row = Map<String, Value>;

/// The rows that make up a goal.
///
/// # Errors
/// Never for a goal of this crate's types; the error is `serde_json`'s.
pub fn goal_rows(goal: &Goal) -> Result<Vec<Row>, serde_json::Error> {
    let head = std::iter::once(row(goal, keys::GOAL.to_owned(), &goal.head));
    let sub_goals = goal.sub_goals.iter().map(|s| row(goal, keys::sub_goal(s.position), s));
    let actions = goal.actions.iter().map(|a| row(goal, keys::action(a.position), a));
    head.chain(sub_goals).chain(actions).collect()
}

fn row(goal: &Goal, item: String, body: &impl Serialize) -> Result<Row, serde_json::Error> {
    let mut row: Row = serde_json::from_value(serde_json::to_value(body)?)?;
    row.insert(keys::GOAL_ID.to_owned(), goal.head.goal_id.as_str().into());
    row.insert(keys::ITEM.to_owned(), item.into());
    Ok(row)
}

/// A goal as its rows say, and those that had to be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadGoal {
    /// The goal.
    pub goal: Stored<Goal>,
    /// The sub-goals and actions that cannot be read.
    pub left_out: Vec<Unreadable>,
}

/// Reads a goal from all its rows. Whatever a row of an action or a sub-goal says, it does not spoil the others; rows of other
/// programs beside them are passed over.
pub fn read_goal(rows: impl IntoIterator<Item = Row>) -> ReadGoal {
    let (mut head, mut sub_goals, mut actions, mut left_out) = (Stored::Nothing, vec![], vec![], vec![]);
    for mut row in rows {
        let item = row.get(keys::ITEM).and_then(Value::as_str).unwrap_or_default().to_owned();
        let read = if item == keys::GOAL {
            head = read_head(row);
            Ok(())
        } else if let Some(place) = item.strip_prefix(keys::SUB_GOAL_PREFIX) {
            place_if_missing(&mut row, place.parse::<u8>());
            read::<SubGoal>(&item, row).map(|sub_goal| sub_goals.push(sub_goal))
        } else if let Some(place) = item.strip_prefix(keys::ACTION_PREFIX) {
            place_if_missing(&mut row, Ok::<_, ()>(place));
            read::<Action>(&item, row).map(|action| actions.push(action))
        } else {
            Ok(())
        };
        left_out.extend(read.err());
    }
    ReadGoal { goal: head.map(|head| Goal::new(head, sub_goals, actions)), left_out }
}

/// Reads a goal's own row.
pub fn read_head(row: Row) -> Stored<GoalHead> {
    let owner = row.get("userId").and_then(Value::as_str).and_then(|id| id.parse::<UserId>().ok());
    match read(keys::GOAL, row) {
        Ok(head) => Stored::Value(head),
        Err(row) => Stored::Unreadable(Unreadable { owner, ..row }),
    }
}

/// A place that a row only says in its key.
fn place_if_missing<E>(row: &mut Row, place: Result<impl Into<Value>, E>) {
    let position = row.entry(keys::POSITION).or_insert(Value::Null);
    if let (Value::Null, Ok(place)) = (&position, place) {
        *position = place.into();
    }
}

fn read<T: DeserializeOwned>(item: &str, row: Row) -> Result<T, Unreadable> {
    serde_path_to_error::deserialize(Value::Object(row)).map_err(|e| {
        let (path, reason) = (e.path().to_string(), without_values(e.inner()));
        let reason = if path == "." { reason } else { format!("{path}: {reason}") };
        Unreadable { item: item.to_owned(), reason, owner: None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goal::{GoalHead, GoalStatus};
    use goal_activity_events::ClaimSequence;

    #[test]
    fn the_claim_is_written_under_the_names_that_conditions_speak_of() {
        let head = GoalHead {
            goal_id: "g".parse().unwrap(),
            user_id: "u".parse().unwrap(),
            title: "t".into(),
            description: String::new(),
            background: String::new(),
            constraints: String::new(),
            deadline: None,
            status: GoalStatus::Processing,
            claimed_by: Some("arn:aws:states:us-east-1:123456789012:execution:m:g-7".to_owned().into()),
            claims: ClaimSequence(7),
        };
        let [row] = goal_rows(&Goal::new(head, vec![], vec![])).unwrap().try_into().unwrap();
        assert_eq!(row[keys::CLAIM], "arn:aws:states:us-east-1:123456789012:execution:m:g-7");
        assert_eq!(row[keys::CLAIMS], 7);
    }
}
