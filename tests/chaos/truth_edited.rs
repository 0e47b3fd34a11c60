//! Invariants of a goal that was edited while workflows ran for it.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::task::Task;
use goal_activity_events::{ActionId, FailedAction, FailureCode, Timestamp};

use crate::edited::{Edited, Plot, SLOW_ATTEMPT};
use crate::truth::Truth;

/// The tolerance between the clocks of the functions, the emulator and the test.
const CLOCKS: Duration = Duration::from_secs(2);
/// How long what is not wanted any more may be worked on: until a worker can read the goal again, when DynamoDB does not
/// hang any more (20 s) and what it has read is not fresh (2 s, and 2 s for reading it), and for one attempt of the AI more.
const LAST_ATTEMPT: Duration = Duration::from_secs(20 + 2 + 2 + SLOW_ATTEMPT.as_secs() + CLOCKS.as_secs());

impl Truth {
    /// P1, P3, P4, P6 as far as they apply to such a goal.
    pub(crate) fn check_edited(&self, story: &Edited) {
        let executions = &self.executions[&story.goal];
        for pair in executions.windows(2) {
            assert!(pair[0].stop_date().unwrap() <= pair[1].start_date, "{}: {pair:?}", story.goal);
        }
        for execution in executions {
            self.check_end(execution, story);
            self.check_effort(execution, story);
        }
        self.check_tasks_of_edited(story);
    }

    fn check_end(&self, execution: &Execution, story: &Edited) {
        let arn = &execution.execution_arn;
        let ledgers = &self.ledgers[arn];
        let different: HashSet<_> = execution.action_ids.iter().collect();
        assert_eq!(different.len(), execution.action_ids.len(), "an action is asked for twice: {execution:?}");
        assert_eq!(ledgers.len(), execution.batch_count() as usize, "{arn}");
        assert!(ledgers.iter().all(|l| l.sealed), "{arn}: {ledgers:?}");
        let (progress, failed) = (execution.progress(), execution.failed_actions());
        assert_eq!(progress.succeeded as usize + failed.len(), execution.action_ids.len(), "{execution:?}");
        if execution.status() == Status::Aborted {
            let diary = &story.app.diary;
            let closed = !diary.closed.is_empty() || diary.deleted.is_some() || was_given_away(execution, story);
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
                assert!(is_own_doing(failure, execution, story), "{failure:?} of {execution:?}");
            }
        }
        for action in &execution.action_ids {
            let made = self.made_by(execution).filter(|t| t.action_id == *action).count();
            if failed.iter().any(|f| f.action_id == *action) {
                assert_eq!(made, 0, "{action} of {execution:?}");
            } else if made == 0 {
                let later = self.executions[&story.goal].iter().filter(|e| e.start_date > execution.start_date);
                let replaced = later.into_iter().any(|e| e.regenerate && e.action_ids.contains(action));
                assert!(replaced || story.app.diary.deleted.is_some(), "{action} of {execution:?} lost its tasks");
            }
        }
    }

    /// Nothing is worked on for long that nobody wants any more. What the AI took for an action tells until when it was
    /// worked on at least.
    fn check_effort(&self, execution: &Execution, story: &Edited) {
        let outcomes = self.ledgers[&execution.execution_arn].iter().flat_map(|ledger| &ledger.outcomes);
        for (action, outcome) in outcomes {
            let worked = Duration::from_millis(outcome.usage().latency_ms);
            let until = execution.start_date.plus(worked);
            let unwanted = self.is_unwanted(until, action, execution, story);
            let diary = &story.app.diary;
            assert!(
                !unwanted,
                "worked for nobody until {until} at least: {action}: {outcome:?}, {diary:?}, {execution:?}"
            );
        }
    }

    /// Whether nobody had wanted tasks of an action for too long then, from that workflow. Nothing can be said where DynamoDB
    /// hung more than once until it ended: that may have been each time that its worker wanted to read the goal.
    fn is_unwanted(&self, then: Timestamp, action: &ActionId, execution: &Execution, story: &Edited) -> bool {
        let ended = execution.stop_date().unwrap();
        let hung = |since: Timestamp| self.hung.iter().filter(|(from, until)| *from < ended && since < *until).count();
        let mut unwanted = story.app.diary.unwanted(action, &execution.user_id).into_iter();
        unwanted.any(|(from, until)| then > from.plus(LAST_ATTEMPT) && then < until && hung(from) < 2)
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
        let maker = |task: &Task| {
            let maker = self.executions[goal].iter().find(|e| e.execution_arn == task.execution_arn);
            maker.expect("a task of a workflow")
        };
        for task in &tasks {
            // Who ended after the action or the goal was gone has left nothing.
            let gone = diary.removed.get(&task.action_id).into_iter().chain(&diary.deleted).min();
            let ended = maker(task).stop_date().unwrap();
            assert!(gone.is_none_or(|gone| ended <= gone.plus(CLOCKS)), "an orphan: {task:?}, {diary:?}");
            let unwanted = self.is_unwanted(task.created_at, &task.action_id, maker(task), story);
            assert!(!unwanted, "made for nobody: {task:?}, {diary:?}");
        }
        for finished in &diary.finished {
            let finished: Task = serde_dynamo::from_item(finished.clone()).unwrap();
            assert!(tasks.contains(&&finished), "finished work is lost: {finished:?}");
        }
    }
}

/// Whether the goal was given away while that workflow of its user ran.
fn was_given_away(execution: &Execution, story: &Edited) -> bool {
    let (began, ended) = (execution.start_date, execution.stop_date().unwrap().plus(CLOCKS));
    let mut lost = story.app.diary.lost.iter().filter(|(loser, ..)| *loser == execution.user_id);
    lost.any(|(_, from, _)| (began..=ended).contains(from))
}

/// Whether an action failed for what its user or the AI has decided, and not for what went wrong meanwhile.
fn is_own_doing(failed: &FailedAction, execution: &Execution, story: &Edited) -> bool {
    let diary = &story.app.diary;
    let gone = diary.deleted.is_some() || diary.removed.contains_key(&failed.action_id);
    match failed.code {
        FailureCode::AiRejected => failed.action_id.as_str() == story.refused,
        FailureCode::ActionGone => gone || was_given_away(execution, story),
        FailureCode::GoalClosed => !diary.closed.is_empty(),
        FailureCode::TasksExist => !diary.finished.is_empty(),
        _ => false,
    }
}
