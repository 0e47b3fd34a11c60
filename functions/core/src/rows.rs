//! A goal as rows of the Goals table, for whoever writes goals there: the goal app's own backend, seeds and tests.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::goal::Goal;
use crate::keys;

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
            claimed_by: Some("arn:aws:states:us-east-1:123456789012:execution:m:g-7".parse().unwrap()),
            claims: ClaimSequence(7),
        };
        let [row] = goal_rows(&Goal::new(head, vec![], vec![])).unwrap().try_into().unwrap();
        assert_eq!(row[keys::CLAIM], "arn:aws:states:us-east-1:123456789012:execution:m:g-7");
        assert_eq!(row[keys::CLAIMS], 7);
    }
}
