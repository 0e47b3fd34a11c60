//! Set-up and observations of the cases.

use std::collections::{BTreeMap, BTreeSet};

use goal_activity_core::admission::Shard;
use goal_activity_core::archive::Record;
use goal_activity_core::daily::Before;
use goal_activity_core::execution::{
    BatchReport, BatchState, Ending, Execution, GoalBefore, TimelineEntry, TimelineEvent,
};
use goal_activity_core::goal::{Action, Goal};
use goal_activity_core::ledger::{ActionOutcome, BatchLedger, Failure, Tally};
use goal_activity_core::limits::MAX_RUNNING_PER_USER;
use goal_activity_core::ports::{
    ActionCommit, Claim, ClaimGoal, Claimed, CommitGroup, Committed, FindExecution, ListTasks, LoadGoal, Opened,
    WorkLedger,
};
use goal_activity_core::task::Task;
use goal_activity_events::{
    ActionId, ClaimSequence, ExecutionArn, FailedAction, FailureCode, FinalStatus, Timestamp, Usage,
};
use goal_activity_functions::adapters::memory::samples;
use uuid::Uuid;

use crate::backend::Tables;

/// A text with every kind of character that is known to cause errors: other scripts, outside the basic plane, several
/// scalar values that make one character, a lone combining mark, direction marks, quotes, line ends and the syntax of
/// expressions.
pub(crate) const TEXT: &str = "目標 🏃🏽‍♀️ e\u{301} \u{301} \u{202e}عربى\u{202c} \"'\\ \r\n\t\u{0} #name :value ${x} 𠮷";

/// The prefix of the ids of all users who own a goal.
pub(crate) const USER: &str = "user-1|of:another.system";

/// The moment that many seconds after the first workflow is requested.
pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_123 + seconds * 1_000)
}

/// A separate goal with its own user: a user may not have many running workflows.
pub(crate) fn goal(actions: u8) -> Goal {
    goal_of(&format!("{USER}-{}", Uuid::new_v4()), actions)
}

/// Another goal of a user.
pub(crate) fn goal_of(user: &str, actions: u8) -> Goal {
    samples::goal(&format!("goal-{}", Uuid::new_v4()), user, actions)
}

/// The goal's workflow of that number, as it is recorded when it is accepted.
pub(crate) fn execution(goal: &Goal, number: u64) -> Execution {
    let execution_arn = ExecutionArn::derive(&samples::state_machine(), &goal.head.goal_id, ClaimSequence(number));
    Execution {
        execution_arn,
        goal_id: goal.head.goal_id.clone(),
        user_id: goal.head.user_id.clone(),
        request_id: "request-1".parse().unwrap(),
        request_source: Some("com.example.planner".to_owned()),
        correlation_id: Some("plan-17".parse().unwrap()),
        traceparent: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap()),
        operator: None,
        start_date: at(0),
        turn: at(300),
        shard: Shard::FIRST,
        admitted_at: None,
        started_at: None,
        action_ids: goal.actions.iter().map(|a| a.action_id.clone()).collect(),
        total_actions: u32::try_from(goal.actions.len()).unwrap(),
        regenerate: false,
        goal_before: GoalBefore { with_tasks: 3, left_out: 2 },
        batches: BTreeMap::new(),
        gone_actions: BTreeSet::new(),
        end: None,
        timeline: BTreeMap::from([(
            "request-1".to_owned(),
            TimelineEntry { at: at(0), what: TimelineEvent::Accepted },
        )]),
        cancellation: None,
        published_at: None,
        notified_at: None,
        archived_at: None,
    }
}

/// The claim of the goal for its workflow of that number.
pub(crate) fn claim(goal: &Goal, number: u64) -> Claim {
    Claim {
        execution: execution(goal, number),
        stale: None,
        expected: ClaimSequence(number - 1),
        sequence: ClaimSequence(number),
        revision: goal.head.revision,
        open_before: MAX_RUNNING_PER_USER - 1,
        started_before: Before::Any,
        days_over: BTreeSet::new(),
        request: None,
    }
}

/// A stored goal of that many actions.
pub(crate) async fn stored(on: &impl Tables, actions: u8) -> Goal {
    let goal = goal(actions);
    on.put_goal(&goal).await;
    goal
}

/// A goal of that many actions and its first workflow, which has claimed it.
pub(crate) async fn claimed(on: &impl Tables, actions: u8) -> (Goal, Execution) {
    let goal = stored(on, actions).await;
    let claim = claim(&goal, 1);
    assert_eq!(on.db().claim_goal(&claim).await.unwrap(), Claimed::Yes);
    (goal, claim.execution)
}

/// That many tasks for an action, at most 10, as the workflow generates them.
pub(crate) fn tasks(execution: &Execution, action: &Action, count: usize) -> Vec<Task> {
    if count == 0 {
        return Vec::new();
    }
    samples::drafts(count).into_tasks(&execution.goal_id, action, &execution.execution_arn, at(1))
}

pub(crate) fn succeeded(tasks: usize) -> ActionOutcome {
    ActionOutcome::Succeeded { tasks, replaced: 0, usage: usage() }
}

pub(crate) fn failed() -> ActionOutcome {
    ActionOutcome::Failed(Failure::new(
        FailureCode::AiTimeout,
        "no answer within 120 s",
        Usage { attempts: 3, ..usage() },
    ))
}

/// A usage of the AI, with distinct numbers.
pub(crate) fn usage() -> Usage {
    Usage {
        attempts: 1,
        input_tokens: 800,
        output_tokens: u64::MAX,
        latency_ms: 2_500,
        cost_micro_usd: Some(11_400),
        ..Usage::default()
    }
}

/// The commit for an action of the first batch that got these tasks.
pub(crate) fn success<'a>(execution: &'a Execution, action: &'a Action, tasks: Vec<Task>) -> ActionCommit<'a> {
    ActionCommit {
        execution: &execution.execution_arn,
        goal: &execution.goal_id,
        batch_index: 0,
        action: &action.action_id,
        outcome: succeeded(tasks.len()),
        tasks,
        replaces: Vec::new(),
    }
}

/// The commit for an action of the first batch that got none.
pub(crate) fn failure<'a>(execution: &'a Execution, action: &'a Action) -> ActionCommit<'a> {
    ActionCommit { outcome: failed(), ..success(execution, action, Vec::new()) }
}

/// Saves an action by itself.
pub(crate) async fn commit_one(on: &impl Tables, commit: &ActionCommit<'_>) -> Committed {
    let answers = on.db().commit_group(&CommitGroup::of(commit.clone())).await.unwrap();
    let [answer] = answers[..] else { panic!("{answers:?}") };
    answer
}

/// Opens a batch, which must be open for work.
pub(crate) async fn opened(on: &impl Tables, execution: &Execution, batch: u32) -> BatchLedger {
    match on.db().open_batch(&execution.execution_arn, batch).await.unwrap() {
        Opened::Open(ledger) => ledger,
        Opened::Sealed => panic!("batch {batch} is sealed"),
    }
}

/// The report of a batch's state.
pub(crate) fn report(event: &str, batch_index: u32, state: &BatchState) -> BatchReport {
    BatchReport { event: event.parse().unwrap(), batch_index, state: state.clone() }
}

/// The state of a batch of 8 actions.
pub(crate) fn batch_state(sequence: u64, succeeded: u32, failed: &[&str]) -> BatchState {
    let failed = failed.iter().map(|action| failed_action(action)).collect();
    BatchState { sequence, total: 8, succeeded, failed, usage: usage(), updated_at: at(10) }
}

pub(crate) fn failed_action(action: &str) -> FailedAction {
    let action_id: ActionId = action.parse().unwrap();
    FailedAction { action_id, code: FailureCode::AiTimeout, message: "no answer within 120 s".into(), attempts: 3 }
}

/// The end of a workflow of which one action failed.
pub(crate) fn ending(execution: &Execution, status: FinalStatus) -> Ending {
    let succeeded = execution.total_actions - 1;
    let tally = Tally { succeeded, failed: vec![failed_action("a-1-1")], usage: usage() };
    Ending { status, stop_date: at(60), tally }
}

/// The record of the workflow that has ended as in [`settlement`].
pub(crate) fn record(execution: &Execution, status: FinalStatus) -> Record {
    let ended = Execution { end: Some(ending(execution, status)), ..execution.clone() };
    Record::of(&ended, &[]).expect("a workflow that has ended")
}

/// The goal as it is stored now.
pub(crate) async fn stored_goal(on: &impl Tables, goal: &Goal) -> Option<Goal> {
    on.db().load_goal(&goal.head.goal_id).await.unwrap().value()
}

/// The execution as it is stored now.
pub(crate) async fn found(on: &impl Tables, execution: &Execution) -> Execution {
    on.db().find_execution(&execution.execution_arn).await.unwrap().expect("an execution that is recorded")
}

/// All tasks that the goal has now.
pub(crate) async fn stored_tasks(on: &impl Tables, goal: &Goal) -> Vec<Task> {
    let (mut tasks, mut after) = (Vec::new(), None);
    loop {
        let page = on.db().list_tasks(&goal.head.goal_id, after.as_deref(), 1000).await.unwrap();
        assert!(page.last.is_none() || page.last > after, "it does not go on after {after:?}");
        tasks.extend(page.tasks);
        after = page.last;
        if after.is_none() {
            return tasks;
        }
    }
}
