//! A goal as rows of the Goals table: how they are read, and how programs write them that store goals there (the goal app's
//! own backend, seeds and tests).

use std::str::FromStr;

use goal_activity_events::{GoalId, UserId, without_values};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::goal::{Action, Goal, GoalHead, SubGoal};
use crate::keys;
use crate::placement::TaskRow;
use crate::ports::{Stored, Unreadable};
use crate::task::Task;

/// One row of the Goals table, keys included, as a JSON object.
pub type Row = Map<String, Value>;

/// The rows that make up a goal.
///
/// # Errors
/// Never for a goal of this crate's types; the error is `serde_json`'s.
pub fn goal_rows(goal: &Goal) -> Result<Vec<Row>, serde_json::Error> {
    let head = std::iter::once(row(&goal.head.goal_id, keys::GOAL.to_owned(), &goal.head));
    let id = &goal.head.goal_id;
    let sub_goals = goal.sub_goals.iter().map(|s| row(id, keys::sub_goal(s.position), s));
    let actions = goal.actions.iter().map(|a| row(id, keys::action(a.position), a));
    head.chain(sub_goals).chain(actions).collect()
}

/// One row of a goal: what it holds, under that sort key.
///
/// # Errors
/// Never for a type of this crate; the error is `serde_json`'s.
pub fn row(goal: &GoalId, item: String, body: &impl Serialize) -> Result<Row, serde_json::Error> {
    let mut row: Row = serde_json::from_value(serde_json::to_value(body)?)?;
    row.insert(keys::GOAL_ID.to_owned(), goal.as_str().into());
    row.insert(keys::ITEM.to_owned(), item.into());
    Ok(row)
}

/// A goal as its rows say, and those that had to be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadGoal {
    /// The goal.
    pub goal: Stored<Goal>,
    /// The sub-goals and actions that cannot be read, and the actions whose id an earlier one has.
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
    let goal = head.map(|head| {
        let is_whole = left_out.is_empty();
        let (goal, repeated) = Goal::assemble(head, sub_goals, actions);
        left_out.extend(repeated.iter().map(|action| Unreadable {
            item: keys::action(action.position),
            reason: "actionId: another action before it in the chart has the same".to_owned(),
            owner: None,
        }));
        Goal { is_whole, ..goal }
    });
    ReadGoal { goal, left_out }
}

/// Reads a goal's own row.
pub fn read_head(row: Row) -> Stored<GoalHead> {
    let owner = row.get("userId").and_then(Value::as_str).and_then(|id| id.parse::<UserId>().ok());
    match read(keys::GOAL, row) {
        Ok(head) => Stored::Value(head),
        Err(row) => Stored::Unreadable(Unreadable { owner, ..row }),
    }
}

/// Reads a row of Tasks.
pub fn read_task(row: Row) -> Result<Task, Unreadable> {
    let position = row.get(keys::POSITION).and_then(Value::as_str).unwrap_or_default().to_owned();
    read(&position, row)
}

/// What matters of a row of Tasks for where an action's tasks go, even if not all of it can be read.
pub fn task_row(row: &Row) -> TaskRow {
    fn text<T: FromStr>(row: &Row, name: &str) -> Option<T> {
        row.get(name)?.as_str()?.parse().ok()
    }
    TaskRow {
        position: text(row, keys::POSITION).unwrap_or_default(),
        task_id: text(row, "taskId"),
        action_id: text(row, "actionId"),
        made_by: text(row, keys::EXECUTION_ARN),
        status: text(row, "status"),
        created_at: text(row, "createdAt"),
        has_completion: row.get("completedAt").is_some_and(|at| !at.is_null()),
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
    use crate::goal::{ActionKind, GoalStatus, Revision};
    use goal_activity_events::ClaimSequence;
    use proptest::prelude::*;
    use serde_json::json;

    const CLAIM: &str = "arn:aws:states:us-east-1:123456789012:execution:m:g-7";
    /// Stands in every text that is made up, so that it would be seen where one is repeated.
    const NEEDLE: &str = "s3cr3t";

    fn goal() -> Goal {
        let head = GoalHead {
            goal_id: "g".parse().unwrap(),
            user_id: "u".parse().unwrap(),
            title: "t".into(),
            description: String::new(),
            background: String::new(),
            constraints: String::new(),
            deadline: None,
            status: GoalStatus::Processing,
            claimed_by: Some(CLAIM.to_owned().into()),
            claims: ClaimSequence(7),
            revision: Revision(0),
        };
        let action = |place: &str| Action {
            action_id: format!("a-{}", place.replace('#', "-")).parse().unwrap(),
            position: place.parse().unwrap(),
            title: place.to_owned(),
            description: String::new(),
            background: String::new(),
            constraints: String::new(),
            kind: ActionKind::Habit,
        };
        let sub_goal = |n: u8| SubGoal { position: n.try_into().unwrap(), title: "s".into(), description: "d".into() };
        Goal::new(head, vec![sub_goal(1), sub_goal(2)], ["1#1", "1#2", "2#1"].map(action).to_vec())
    }

    #[test]
    fn the_claim_is_written_under_the_names_that_conditions_speak_of() {
        let row = goal_rows(&goal()).unwrap().remove(0);
        assert_eq!(row[keys::CLAIM], CLAIM);
        assert_eq!(row[keys::CLAIMS], 7);
    }

    #[test]
    fn what_is_written_is_read_back_in_any_order() {
        let mut rows = goal_rows(&goal()).unwrap();
        rows.reverse();
        assert_eq!(read_goal(rows), ReadGoal { goal: Stored::Value(goal()), left_out: vec![] });
    }

    #[test]
    fn what_is_left_out_is_named_by_its_key_and_attribute() {
        let mut rows = goal_rows(&goal()).unwrap();
        for (item, attribute, value) in [
            ("ACTION#8#1", "position", json!("9#1")),
            ("ACTION#8#2", "type", json!("weekly")),
            ("ACTION#8#3", "actionId", json!("a-1-1")),
            ("SUBGOAL#8", "position", json!(9)),
        ] {
            let mut row = json!({ keys::ITEM: item, "actionId": "b", "title": "t" });
            row[attribute] = value;
            rows.push(row.as_object().unwrap().clone());
        }
        let ReadGoal { goal: read, left_out } = read_goal(rows);
        assert_eq!(read, Stored::Value(Goal { is_whole: false, ..goal() }));
        let said: Vec<_> = left_out.iter().map(ToString::to_string).collect();
        let places = "a place in a mandala chart is 1 to 8";
        assert_eq!(
            said,
            [
                format!("row ACTION#8#1: position: {places}"),
                "row ACTION#8#2: type: expected `execution` or `habit`".to_owned(),
                format!("row SUBGOAL#8: position: {places}"),
                "row ACTION#8#3: actionId: another action before it in the chart has the same".to_owned(),
            ]
        );
    }

    /// Any JSON, of which every text says that it is a secret or is a word that rows of ours know.
    fn anything() -> impl Strategy<Value = Value> {
        let known = ["", " ", "ACTIVE", "execution", "Habit", "8#8", "a-8-8", CLAIM].map(Value::from);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(|text| format!("{NEEDLE}{text}, expected {NEEDLE}").into()),
            prop::sample::select(known.to_vec()),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(NEEDLE, inner, 0..3).prop_map(|map| json!(map)),
            ]
        })
    }

    /// An attribute that rows have, or any other.
    fn attribute() -> impl Strategy<Value = String> {
        let known = [
            "userId",
            "title",
            "description",
            "background",
            "constraints",
            "deadline",
            "status",
            keys::CLAIM,
            keys::CLAIMS,
            "position",
            "actionId",
            "type",
            "updatedAt",
        ];
        prop::sample::select(known.map(str::to_owned).to_vec())
    }

    proptest! {
        #[test]
        fn whatever_an_attribute_of_a_row_is_the_rest_of_the_goal_is_read(
            index in 0..6_usize,
            changes in prop::collection::vec((attribute(), prop::option::of(anything())), 1..4),
        ) {
            let mut rows = goal_rows(&goal()).unwrap();
            let item = rows[index][keys::ITEM].as_str().unwrap().to_owned();
            for (name, value) in changes {
                match value {
                    Some(value) => rows[index].insert(name, value),
                    None => rows[index].remove(&name),
                };
            }
            let head = read_head(rows[0].clone());
            let ReadGoal { goal: read, left_out } = read_goal(rows);
            prop_assert_eq!(read.clone().map(|goal| goal.head), head);
            let said = format!("{left_out:?}");
            prop_assert!(left_out.iter().all(|row| row.item == item) && !said.contains(NEEDLE), "{}", said);
            match read {
                Stored::Nothing => prop_assert!(false, "the goal's row is there"),
                Stored::Unreadable(row) => {
                    prop_assert!(item == keys::GOAL && row.item == item && !row.reason.contains(NEEDLE), "{}", row);
                }
                Stored::Value(read) => {
                    let others = |goal: &Goal| {
                        let others = goal.actions.iter().filter(|a| keys::action(a.position) != item);
                        others.cloned().collect::<Vec<_>>()
                    };
                    let expected = others(&goal());
                    let kept: Vec<_> = others(&read).into_iter().filter(|a| expected.contains(a)).collect();
                    prop_assert_eq!(kept, expected);
                }
            }
        }

        #[test]
        fn whatever_a_row_of_tasks_is_it_is_read_or_named(
            position in ".{1,8}",
            row in prop::collection::btree_map("[a-z]{1,4}|status|type|priority", anything(), 0..8),
        ) {
            let mut row: Row = row.into_iter().collect();
            row.insert(keys::POSITION.to_owned(), position.as_str().into());
            let unreadable = read_task(row).unwrap_err();
            prop_assert_eq!(unreadable.item, position);
            prop_assert!(!unreadable.reason.contains(NEEDLE), "{}", unreadable.reason);
        }
    }
}
