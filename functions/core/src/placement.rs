//! Where an action's new tasks go, and which tasks they replace.
//!
//! A task belongs to its action, which it names; its sort key only says where in the chart the action was when the task was
//! made. Actions are moved, swapped and replaced by others, so a place can hold tasks of several actions, and an action can
//! have tasks at several places.

use std::collections::{HashMap, HashSet};

use goal_activity_events::{ActionId, ExecutionArn, TaskId, Timestamp};

use crate::goal::Action;
use crate::keys;
use crate::limits::MAX_TRANSACTION;
use crate::task::{Task, TaskStatus};

/// The most tasks at one place: their numbers have two digits.
pub const MAX_NUMBER: usize = 99;

/// What matters here of a row of the Tasks table, whichever program has written it. What is not as a workflow writes it
/// counts as absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Its sort key.
    pub position: String,
    /// The task.
    pub task_id: Option<TaskId>,
    /// The action that it is a step of.
    pub action_id: Option<ActionId>,
    /// The workflow that made it. The goal app's own tasks have none.
    pub made_by: Option<ExecutionArn>,
    /// How far the user is with it, as it is stored.
    pub status: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// `true` if it says when it was completed.
    pub has_completion: bool,
}

impl TaskRow {
    /// Returns `true` if a workflow has made it.
    fn is_generated(&self) -> bool {
        self.made_by.is_some() && self.task_id.is_some()
    }

    /// Returns `true` if the user may have finished it: it is completed, or in a state that is not known here. Finished work
    /// is never replaced.
    pub fn is_finished(&self) -> bool {
        let unfinished = [TaskStatus::NotStarted, TaskStatus::InProgress, TaskStatus::Skipped].map(TaskStatus::as_str);
        let known = |status: &String| unfinished.iter().any(|name| status.eq_ignore_ascii_case(name));
        self.has_completion || !self.status.as_ref().is_some_and(known)
    }
}

impl From<&Task> for TaskRow {
    fn from(task: &Task) -> Self {
        Self {
            position: task.position.clone(),
            task_id: Some(task.task_id.clone()),
            action_id: Some(task.action_id.clone()),
            made_by: Some(task.execution_arn.clone()),
            status: Some(task.status.as_str().to_owned()),
            created_at: Some(task.created_at),
            has_completion: task.completed_at.is_some(),
        }
    }
}

/// Summary of the tasks that an action has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ActionTasks {
    /// `true` if a task that a workflow has made is finished: a regenerate leaves the action as it is.
    pub finished: bool,
    /// When the newest of those that say so was made.
    pub newest: Option<Timestamp>,
    /// How many there are.
    pub count: u32,
}

/// What each action of a goal has of tasks. Actions without any are not in it.
pub type TasksByAction = HashMap<ActionId, ActionTasks>;

/// Sums up the rows of a goal. Rows that name no action belong to none.
pub fn by_action<'a>(rows: impl IntoIterator<Item = &'a TaskRow>) -> TasksByAction {
    let mut all = TasksByAction::new();
    for row in rows {
        let Some(action) = &row.action_id else { continue };
        let of_action = all.entry(action.clone()).or_default();
        of_action.finished |= row.is_generated() && row.is_finished();
        of_action.newest = of_action.newest.max(row.created_at);
        of_action.count = of_action.count.saturating_add(1);
    }
    all
}

/// Where the new tasks of an action go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Their numbers at the action's place, ascending.
    pub numbers: Vec<usize>,
    /// The tasks that they replace, as they were read.
    pub replaces: Vec<TaskRow>,
}

/// Why an action cannot get new tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Occupied {
    /// It has tasks that this workflow may not replace.
    #[error("the action has tasks already, and this workflow may not replace them")]
    HasTasks,
    /// The user has finished some of those that were to be replaced.
    #[error("tasks of this action were completed meanwhile; finished work is not replaced")]
    Finished,
    /// There is no room at its place.
    #[error("there are {MAX_NUMBER} tasks at the place of this action already")]
    NoRoom,
    /// They could not be written at once.
    #[error("the action has more tasks than can be replaced at once")]
    TooMany,
}

impl Placement {
    /// The first tasks of an action, at a place where no others are expected.
    pub fn first(count: usize) -> Self {
        Self { numbers: (1..=count).collect(), replaces: Vec::new() }
    }

    /// Decides where `count` new tasks of an action go, given all rows of its goal. Rows of other actions, and rows that no
    /// workflow has made, stay where they are.
    ///
    /// # Errors
    /// The action has tasks that may not be replaced, or its place is full.
    pub fn decide(action: &Action, rows: &[TaskRow], count: usize, regenerate: bool) -> Result<Self, Occupied> {
        let own: Vec<_> = rows.iter().filter(|r| r.action_id.as_ref() == Some(&action.action_id)).collect();
        if !regenerate && !own.is_empty() {
            return Err(Occupied::HasTasks);
        }
        let replaces: Vec<_> = own.into_iter().filter(|r| r.is_generated()).cloned().collect();
        if replaces.iter().any(TaskRow::is_finished) {
            return Err(Occupied::Finished);
        }
        // The outcome, the new tasks, and the removal of the old ones.
        if 1 + count + replaces.len() > MAX_TRANSACTION {
            return Err(Occupied::TooMany);
        }
        let stays = |r: &&TaskRow| !replaces.iter().any(|gone| gone.position == r.position);
        let taken: HashSet<_> = rows.iter().filter(stays).map(|r| r.position.as_str()).collect();
        let free = |n: &usize| !taken.contains(keys::task(action.position, *n).as_str());
        let numbers: Vec<_> = (1..=MAX_NUMBER).filter(free).take(count).collect();
        if numbers.len() < count {
            return Err(Occupied::NoRoom);
        }
        Ok(Self { numbers, replaces })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goal::ActionKind;
    use proptest::prelude::*;

    fn action(id: &str, position: &str) -> Action {
        Action {
            action_id: id.parse().unwrap(),
            position: position.parse().unwrap(),
            title: "t".into(),
            description: String::new(),
            background: String::new(),
            constraints: String::new(),
            kind: ActionKind::Execution,
        }
    }

    /// A row that a workflow has made.
    fn row(position: &str, action: &str) -> TaskRow {
        TaskRow {
            position: position.into(),
            task_id: Some(format!("task-{}", position.replace('#', "-")).parse().unwrap()),
            action_id: Some(action.parse().unwrap()),
            made_by: Some("arn:aws:states:us-east-1:123456789012:execution:m:g-1".parse().unwrap()),
            status: Some("not_started".into()),
            created_at: Some(Timestamp::from_millis(0)),
            has_completion: false,
        }
    }

    fn finished(row: TaskRow) -> TaskRow {
        TaskRow { status: Some("COMPLETED".into()), ..row }
    }

    fn foreign(row: TaskRow) -> TaskRow {
        TaskRow { made_by: None, ..row }
    }

    fn numbers(rows: &[TaskRow], regenerate: bool) -> Result<Vec<usize>, Occupied> {
        Placement::decide(&action("a", "1#1"), rows, 3, regenerate).map(|p| p.numbers)
    }

    #[test]
    fn p3_the_tasks_of_an_action_that_was_there_before_stay_beside_the_new_ones() {
        let of_other = [row("1#1#01", "other"), finished(row("1#1#03", "other")), row("1#2#01", "other")];
        for regenerate in [false, true] {
            assert_eq!(numbers(&of_other, regenerate), Ok(vec![2, 4, 5]));
        }
    }

    #[test]
    fn p3_a_moved_action_replaces_its_own_tasks_wherever_they_are() {
        let rows = [row("2#2#01", "a"), row("2#2#02", "a"), row("1#1#01", "other")];
        let placement = Placement::decide(&action("a", "1#1"), &rows, 2, true).unwrap();
        assert_eq!(placement.numbers, [2, 3]);
        assert_eq!(placement.replaces, rows[..2]);
        assert_eq!(numbers(&rows, false), Err(Occupied::HasTasks));
    }

    #[test]
    fn finished_work_and_tasks_of_the_app_are_never_replaced() {
        assert_eq!(numbers(&[finished(row("1#1#01", "a")), row("1#1#02", "a")], true), Err(Occupied::Finished));
        let completed_at = TaskRow { has_completion: true, ..row("1#1#01", "a") };
        let unknown = TaskRow { status: Some("done".into()), ..row("1#1#01", "a") };
        let without = TaskRow { status: None, ..row("1#1#01", "a") };
        for row in [completed_at, unknown, without] {
            assert_eq!(numbers(&[row], true), Err(Occupied::Finished));
        }
        let own = [foreign(row("1#1#01", "a")), foreign(row("x", "a")), row("1#1#02", "a")];
        let placement = Placement::decide(&action("a", "1#1"), &own, 2, true).unwrap();
        assert_eq!((placement.numbers, placement.replaces), (vec![2, 3], vec![own[2].clone()]));
        assert_eq!(numbers(&own[..1], false), Err(Occupied::HasTasks));
    }

    #[test]
    fn a_place_that_is_full_takes_no_more() {
        let rows: Vec<_> = (1..=97).map(|n| row(&format!("1#1#{n:02}"), "other")).collect();
        assert_eq!(numbers(&rows, false), Err(Occupied::NoRoom));
        assert_eq!(numbers(&rows[1..], false), Ok(vec![1, 98, 99]));
    }

    #[test]
    fn no_more_is_replaced_than_one_transaction_holds() {
        let rows: Vec<_> = (1..=97).map(|n| row(&format!("2#2#{n:02}"), "a")).collect();
        assert_eq!(numbers(&rows, true), Err(Occupied::TooMany));
        assert_eq!(numbers(&rows[1..], true), Ok(vec![1, 2, 3]));
    }

    #[test]
    fn what_an_action_has_is_summed_up_whatever_else_there_is() {
        let newer = TaskRow { created_at: Some(Timestamp::from_millis(5)), ..row("1#1#02", "a") };
        let rows = [
            row("1#1#01", "a"),
            newer,
            finished(row("1#2#01", "b")),
            finished(foreign(row("1#3#01", "c"))),
            TaskRow { action_id: None, ..row("z", "a") },
        ];
        let all = by_action(&rows);
        let of = |id: &str| all[&id.parse::<ActionId>().unwrap()];
        assert_eq!(of("a"), ActionTasks { finished: false, newest: Some(Timestamp::from_millis(5)), count: 2 });
        assert!(of("b").finished && !of("c").finished);
        assert_eq!(all.len(), 3);
    }

    proptest! {
        #[test]
        fn p3_no_placement_touches_what_is_not_the_actions_own(
            places in prop::collection::vec((1..=2_u8, 1..=2_u8, 1..=12_usize, 0..3_usize, 0..4_usize), 0..40),
            count in 1..=10_usize,
            regenerate: bool,
        ) {
            let mut rows: Vec<TaskRow> = places.into_iter().map(|(s, a, n, owner, kind)| {
                let row = row(&format!("{s}#{a}#{n:02}"), ["a", "b", "c"][owner]);
                match kind {
                    0 => finished(row),
                    1 => foreign(row),
                    _ => row,
                }
            }).collect();
            rows.sort_by(|x, y| x.position.cmp(&y.position));
            rows.dedup_by(|x, y| x.position == y.position);
            let Ok(placed) = Placement::decide(&action("a", "1#1"), &rows, count, regenerate) else { return Ok(()) };
            prop_assert_eq!(placed.numbers.len(), count);
            prop_assert!(placed.numbers.is_sorted_by(|x, y| x < y));
            let own = |r: &TaskRow| r.action_id.as_ref().is_some_and(|id| id.as_str() == "a");
            prop_assert!(placed.replaces.iter().all(|r| own(r) && r.is_generated() && !r.is_finished()));
            prop_assert!(regenerate || !rows.iter().any(own));
            for n in placed.numbers {
                let at = keys::task("1#1".parse().unwrap(), n);
                let there = rows.iter().find(|r| r.position == at);
                prop_assert!(there.is_none_or(|r| placed.replaces.contains(r)));
            }
        }
    }
}
