//! `EndExecution::end_execution`.

use futures_util::future::join_all;
use goal_activity_core::execution::{Cancellation, Ending, Execution, TimelineEntry, TimelineEvent};
use goal_activity_core::goal::{Goal, GoalStatus};
use goal_activity_core::ledger::Tally;
use goal_activity_core::ports::{CancelExecution, ClaimGoal, Claimed, EndExecution, FindExecution};
use goal_activity_events::{FinalStatus, WorkflowCompleted};

use crate::backend::Tables;
use crate::given::{at, claim, claimed, ending, execution, failed_action, found, goal, stored_goal, usage};

on_all_tables!(
    an_end_is_recorded_and_frees_the_goal,
    p4_an_execution_ends_once,
    p4_a_late_end_leaves_the_next_workflow_alone,
    p4_a_cancelled_execution_ends_as_aborted_only,
    an_execution_ends_though_its_goal_is_gone,
    an_execution_ends_though_another_has_its_goal,
    the_end_of_an_execution_that_is_not_there_is_nothing,
    p4_of_ends_at_once_one_is_recorded,
    an_end_of_sixty_four_failures_is_recorded,
    p1_a_goal_can_be_claimed_after_the_end,
);

const ENDS: [FinalStatus; 5] = [
    FinalStatus::Succeeded,
    FinalStatus::PartiallySucceeded,
    FinalStatus::Failed,
    FinalStatus::TimedOut,
    FinalStatus::Aborted,
];

/// Returns `true` if this call ended the execution.
async fn ends(on: &impl Tables, execution: &Execution, end: &Ending) -> bool {
    on.db().end_execution(execution, end).await.unwrap()
}

async fn end(on: &impl Tables, execution: &Execution, end: &Ending) {
    assert!(ends(on, execution, end).await, "{:?}", end.status);
}

/// Returns the stored execution after this end.
fn ended(execution: &Execution, end: &Ending) -> Execution {
    let mut execution = Execution { end: Some(end.clone()), ..execution.clone() };
    let entry = TimelineEntry { at: end.stop_date, what: TimelineEvent::Ended { status: end.status } };
    execution.timeline.insert(WorkflowCompleted::event_id_for(&execution.execution_arn).to_string(), entry);
    execution
}

/// What the goal's status is after that, as [`claimed`] has made it: some of its actions had tasks before.
fn goal_status(end: &Ending) -> GoalStatus {
    if end.status == FinalStatus::Aborted { GoalStatus::Draft } else { GoalStatus::Partial }
}

async fn an_end_is_recorded_and_frees_the_goal(on: &impl Tables) {
    for status in ENDS {
        let (goal, execution) = claimed(on, 8).await;
        let how = ending(&execution, status);
        let mut freed = stored_goal(on, &goal).await.unwrap();
        end(on, &execution, &how).await;
        assert_eq!(found(on, &execution).await, ended(&execution, &how));
        (freed.head.claimed_by, freed.head.status) = (None, goal_status(&how));
        assert_eq!(stored_goal(on, &goal).await, Some(freed));
    }
}

/// Ends the execution in a way that must change nothing.
async fn changes_nothing(on: &impl Tables, goal: &Goal, execution: &Execution, end: &Ending) {
    let before = (found(on, execution).await, stored_goal(on, goal).await);
    assert!(!ends(on, execution, end).await, "{:?}", end.status);
    assert_eq!((found(on, execution).await, stored_goal(on, goal).await), before, "{:?}", end.status);
}

async fn p4_an_execution_ends_once(on: &impl Tables) {
    for first in ENDS {
        let (goal, execution) = claimed(on, 8).await;
        end(on, &execution, &ending(&execution, first)).await;
        for second in ENDS {
            let again = Ending { status: second, stop_date: at(90), tally: Tally::default() };
            changes_nothing(on, &goal, &execution, &again).await;
        }
    }
}

async fn p4_a_late_end_leaves_the_next_workflow_alone(on: &impl Tables) {
    let (goal, first) = claimed(on, 8).await;
    end(on, &first, &ending(&first, FinalStatus::Succeeded)).await;
    let next = claim(&goal, 2);
    assert_eq!(on.db().claim_goal(&next).await.unwrap(), Claimed::Yes);
    changes_nothing(on, &goal, &first, &ending(&first, FinalStatus::Failed)).await;
    assert_eq!(found(on, &next.execution).await, next.execution);
}

async fn p4_a_cancelled_execution_ends_as_aborted_only(on: &impl Tables) {
    let (goal, execution) = claimed(on, 8).await;
    let wish = Cancellation::from_outside(at(7));
    assert!(on.db().record_cancellation(&execution.execution_arn, &wish).await.unwrap());
    for status in ENDS.into_iter().filter(|s| *s != FinalStatus::Aborted) {
        changes_nothing(on, &goal, &execution, &ending(&execution, status)).await;
    }
    let cancelled = found(on, &execution).await;
    let how = ending(&execution, FinalStatus::Aborted);
    end(on, &execution, &how).await;
    assert_eq!(found(on, &execution).await, ended(&cancelled, &how));
    assert_eq!(stored_goal(on, &goal).await.unwrap().head.claimed_by, None);
}

async fn an_execution_ends_though_its_goal_is_gone(on: &impl Tables) {
    let (goal, execution) = claimed(on, 8).await;
    on.remove_goal(&goal.head.goal_id).await;
    let how = ending(&execution, FinalStatus::Succeeded);
    end(on, &execution, &how).await;
    assert_eq!(found(on, &execution).await, ended(&execution, &how));
    assert_eq!(stored_goal(on, &goal).await, None);
    changes_nothing(on, &goal, &execution, &ending(&execution, FinalStatus::Failed)).await;
}

async fn an_execution_ends_though_another_has_its_goal(on: &impl Tables) {
    let (goal, execution) = claimed(on, 8).await;
    let mut taken = stored_goal(on, &goal).await.unwrap();
    for (claimed_by, first) in [(None, true), (Some(crate::given::execution(&goal, 2).execution_arn.into()), false)] {
        taken.head.claimed_by = claimed_by;
        taken.head.status = GoalStatus::Paused;
        on.put_goal(&taken).await;
        let how = ending(&execution, FinalStatus::Succeeded);
        assert_eq!(ends(on, &execution, &how).await, first);
        assert_eq!(found(on, &execution).await, ended(&execution, &how));
        assert_eq!(stored_goal(on, &goal).await.as_ref(), Some(&taken));
    }
}

async fn the_end_of_an_execution_that_is_not_there_is_nothing(on: &impl Tables) {
    let mut goal = goal(8);
    let execution = execution(&goal, 1);
    goal.head.claimed_by = Some(execution.execution_arn.clone().into());
    on.put_goal(&goal).await;
    assert!(!ends(on, &execution, &ending(&execution, FinalStatus::Succeeded)).await);
    assert_eq!(on.db().find_execution(&execution.execution_arn).await.unwrap(), None);
    assert_eq!(stored_goal(on, &goal).await, Some(goal));
}

async fn p4_of_ends_at_once_one_is_recorded(on: &impl Tables) {
    let (goal, execution) = claimed(on, 8).await;
    let all: Vec<_> = ENDS.into_iter().map(|status| ending(&execution, status)).collect();
    let answers = join_all(all.iter().map(|end| ends(on, &execution, end))).await;
    let read = found(on, &execution).await;
    let won = all.iter().find(|end| read.status() == end.status.into()).expect("one that is recorded");
    let told: Vec<_> = all.iter().zip(answers).filter(|(_, by_this)| *by_this).map(|(end, _)| end).collect();
    assert_eq!(told, [won]);
    assert_eq!(read, ended(&execution, won));
    let head = stored_goal(on, &goal).await.unwrap().head;
    assert_eq!((head.claimed_by, head.status), (None, goal_status(won)));
}

async fn an_end_of_sixty_four_failures_is_recorded(on: &impl Tables) {
    let (_, execution) = claimed(on, 64).await;
    let mut failed: Vec<_> = execution.action_ids.iter().map(|id| failed_action(id.as_str())).collect();
    for action in &mut failed {
        action.message = "あ".repeat(200);
    }
    let tally = Tally { succeeded: 0, failed, usage: usage() };
    let how = Ending { tally, ..ending(&execution, FinalStatus::Failed) };
    end(on, &execution, &how).await;
    assert_eq!(found(on, &execution).await, ended(&execution, &how));
}

async fn p1_a_goal_can_be_claimed_after_the_end(on: &impl Tables) {
    let (goal, mut execution) = claimed(on, 8).await;
    for number in 2..5 {
        assert_eq!(on.db().claim_goal(&claim(&goal, number)).await.unwrap(), Claimed::GoalChanged);
        end(on, &execution, &ending(&execution, FinalStatus::Succeeded)).await;
        execution = claim(&goal, number).execution;
        assert_eq!(on.db().claim_goal(&claim(&goal, number)).await.unwrap(), Claimed::Yes);
    }
}
