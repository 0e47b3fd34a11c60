//! Invariants of a goal that was edited while workflows ran for it.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::task::Task;
use goal_activity_events::{ActionId, FailedAction, FailureCode};

use crate::edited::{Edited, Plot};
use crate::truth::Truth;

/// The tolerance between the clocks of the functions, the emulator and the test.
const CLOCKS: Duration = Duration::from_secs(2);
/// How long a worker may take from reading an open goal to the last resulting tasks: calls that hang, and an attempt of
/// the AI.
const LAST_ATTEMPT: Duration = Duration::from_secs(20);

impl Truth {
    /// P1, P3, P4, P6 as far as they apply to such a goal.
    pub(crate) fn check_edited(&self, story: &Edited) {
        let executions = &self.executions[&story.goal];
        for pair in executions.windows(2) {
            assert!(pair[0].stop_date().unwrap() <= pair[1].start_date, "{}: {pair:?}", story.goal);
        }
        for execution in executions {
            self.check_end(execution, story);
        }
        self.check_tasks_of_edited(story);
    }

    fn check_end(&self, execution: &Execution, story: &Edited) {
        let arn = &execution.execution_arn;
        let ledgers = &self.ledgers[arn];
        assert_eq!(ledgers.len(), execution.batch_count() as usize, "{arn}");
        assert!(ledgers.iter().all(|l| l.sealed), "{arn}: {ledgers:?}");
        let (progress, failed) = (execution.progress(), execution.failed_actions());
        assert_eq!(progress.succeeded as usize + failed.len(), execution.action_ids.len(), "{execution:?}");
        if execution.status() == Status::Aborted {
            let closed = !story.app.diary.closed.is_empty() || story.app.diary.deleted.is_some();
            assert!(closed || story.plot == Plot::CancelRegenerate, "nobody has stopped {execution:?}");
            assert!(progress.percentage < 100, "{execution:?}");
        } else {
            assert_eq!((progress.processed, progress.percentage), (execution.total_actions, 100), "{execution:?}");
            let expected = match (progress.succeeded, failed.len()) {
                (0, _) => Status::Failed,
                (_, 0) => Status::Succeeded,
                _ => Status::PartiallySucceeded,
            };
            assert_eq!(execution.status(), expected, "{execution:?}");
            for failure in failed {
                assert!(is_own_doing(failure, story), "{failure:?} of {execution:?}");
            }
        }
        for action in &execution.action_ids {
            let made = self.made_by(execution).filter(|t| t.action_id == *action).count();
            if failed.iter().any(|f| f.action_id == *action) {
                assert_eq!(made, 0, "{action} of {execution:?}");
            } else if made == 0 {
                let later = self.executions[&story.goal].iter().filter(|e| e.start_date > execution.start_date);
                let replaced = later.into_iter().any(|e| e.action_ids.contains(action));
                assert!(replaced || story.app.diary.deleted.is_some(), "{action} of {execution:?} lost its tasks");
            }
        }
    }

    fn check_tasks_of_edited(&self, story: &Edited) {
        let (goal, diary) = (&story.goal, &story.app.diary);
        let tasks: Vec<&Task> = self.tasks.get(goal).into_iter().flatten().collect();
        let mut by_action: BTreeMap<&ActionId, Vec<&Task>> = BTreeMap::new();
        for task in &tasks {
            by_action.entry(&task.action_id).or_default().push(task);
        }
        for (action, tasks) in &by_action {
            assert!(action.as_str() != story.refused, "{action} of {goal} was refused");
            assert_eq!(tasks.len(), 4, "{action} of {goal}: {tasks:?}");
            assert!(tasks.iter().all(|t| t.execution_arn == tasks[0].execution_arn), "{tasks:?}");
            assert_eq!(tasks.iter().map(|t| &t.task_id).collect::<HashSet<_>>().len(), 4, "{tasks:?}");
        }
        for action in story.app.chart.values().filter(|a| a.as_str() != story.refused) {
            assert!(by_action.contains_key(action), "{goal}: no tasks for {action}");
        }
        // A workflow that ended after the action or the goal was deleted has left nothing.
        let ended = |task: &Task| {
            let maker = self.executions[goal].iter().find(|e| e.execution_arn == task.execution_arn);
            maker.expect("a task of a workflow").stop_date().unwrap()
        };
        for task in &tasks {
            let gone = diary.removed.get(&task.action_id).into_iter().chain(&diary.deleted).min();
            assert!(gone.is_none_or(|gone| ended(task) <= gone.plus(CLOCKS)), "an orphan: {task:?}, {diary:?}");
            for (from, until) in &diary.closed {
                let meanwhile = task.created_at > from.plus(LAST_ATTEMPT) && task.created_at < *until;
                assert!(!meanwhile, "made for a closed goal: {task:?}, {diary:?}");
            }
        }
        for finished in &diary.finished {
            let finished: Task = serde_dynamo::from_item(finished.clone()).unwrap();
            assert!(tasks.contains(&&finished), "finished work is lost: {finished:?}");
        }
    }
}

/// Returns `true` if an action failed because of a decision of its user or the AI, and not because of a fault.
fn is_own_doing(failed: &FailedAction, story: &Edited) -> bool {
    let diary = &story.app.diary;
    match failed.code {
        FailureCode::AiRejected => failed.action_id.as_str() == story.refused,
        FailureCode::ActionGone => diary.deleted.is_some() || diary.removed.contains_key(&failed.action_id),
        FailureCode::GoalClosed => !diary.closed.is_empty(),
        FailureCode::TasksExist => !diary.finished.is_empty(),
        _ => false,
    }
}
