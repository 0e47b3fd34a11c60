//! `WorkLedger` except its commits, `SealLedger`, `ReadLedger`.

use futures_util::future::join_all;
use goal_activity_core::ledger::BatchLedger;
use goal_activity_core::placement::TaskRow;
use goal_activity_core::ports::{Committed, Opened, ReadLedger, SealLedger, WorkLedger};
use goal_activity_core::task::TaskStatus;

use crate::backend::Tables;
use crate::given::{
    at, claimed, commit_one, execution, failure, goal, opened, stored_tasks, succeeded, success, tasks,
};

on_all_tables!(
    a_batch_that_was_not_opened_is_empty,
    a_batch_can_be_opened_again_and_shows_what_was_done,
    batches_are_apart,
    p4_sealing_answers_what_every_batch_holds,
    p4_a_batch_that_was_sealed_before_it_was_opened_stays_sealed,
    p4_sealing_twice_answers_the_same,
    sealing_no_batches_is_nothing,
    only_the_given_batches_of_the_given_execution_are_sealed,
    p4_what_is_saved_while_it_is_sealed_is_in_the_answer,
    a_ledger_is_read_without_opening_or_sealing_a_batch,
    all_tasks_of_a_goal_are_read_as_rows,
);

async fn a_batch_that_was_not_opened_is_empty(on: &impl Tables) {
    let execution = execution(&goal(1), 1);
    let read = on.db().read_batch(&execution.execution_arn, 0).await.unwrap();
    assert_eq!(read, BatchLedger::default());
}

async fn a_batch_can_be_opened_again_and_shows_what_was_done(on: &impl Tables) {
    let goal = goal(8);
    let execution = execution(&goal, 1);
    assert_eq!(opened(on, &execution, 0).await, BatchLedger::default());
    let [first, second, ..] = &goal.actions[..] else { panic!() };
    let saved = tasks(&execution, first, 3);
    assert_eq!(commit_one(on, &success(&execution, first, saved)).await, Committed::Yes);
    assert_eq!(commit_one(on, &failure(&execution, second)).await, Committed::Yes);
    let expected = BatchLedger {
        sealed: false,
        sequence: 2,
        outcomes: [(first.action_id.clone(), succeeded(3)), (second.action_id.clone(), crate::given::failed())].into(),
    };
    assert_eq!(on.db().read_batch(&execution.execution_arn, 0).await.unwrap(), expected);
    assert_eq!(opened(on, &execution, 0).await, expected);
}

async fn batches_are_apart(on: &impl Tables) {
    let goal = goal(64);
    let execution = execution(&goal, 1);
    for index in (0..8).rev() {
        opened(on, &execution, index).await;
        let action = &goal.actions[usize::try_from(index).unwrap() * 8];
        let mut commit = failure(&execution, action);
        commit.batch_index = index;
        assert_eq!(commit_one(on, &commit).await, Committed::Yes);
    }
    for (index, batch) in goal.actions.chunks(8).enumerate() {
        let read = on.db().read_batch(&execution.execution_arn, u32::try_from(index).unwrap()).await.unwrap();
        assert_eq!(read.outcomes.keys().collect::<Vec<_>>(), [&batch[0].action_id]);
    }
}

async fn a_ledger_is_read_without_opening_or_sealing_a_batch(on: &impl Tables) {
    let goal = goal(64);
    // The name of one is a prefix of the other's.
    let (execution, other) = (execution(&goal, 1), execution(&goal, 11));
    assert_eq!(on.db().read_ledger(&execution.execution_arn, 8).await.unwrap(), vec![None; 8]);
    opened(on, &other, 5).await;
    opened(on, &execution, 6).await;
    opened(on, &execution, 3).await;
    let mut commit = success(&execution, &goal.actions[24], tasks(&execution, &goal.actions[24], 2));
    commit.batch_index = 3;
    assert_eq!(commit_one(on, &commit).await, Committed::Yes);
    let mut expected = vec![None; 8];
    expected[6] = Some(BatchLedger::default());
    let outcomes = [(goal.actions[24].action_id.clone(), succeeded(2))].into();
    expected[3] = Some(BatchLedger { sealed: false, sequence: 1, outcomes });
    for _ in 0..2 {
        assert_eq!(on.db().read_ledger(&execution.execution_arn, 8).await.unwrap(), expected);
    }
    let sealed = on.db().seal_ledger(&execution.execution_arn, 8).await.unwrap();
    let read = on.db().read_ledger(&execution.execution_arn, 8).await.unwrap();
    assert_eq!(read, sealed.into_iter().map(Some).collect::<Vec<_>>());
}

async fn p4_sealing_answers_what_every_batch_holds(on: &impl Tables) {
    let goal = goal(64);
    let execution = execution(&goal, 1);
    // One batch with an outcome, one only opened, the others never seen by any worker.
    opened(on, &execution, 6).await;
    opened(on, &execution, 3).await;
    let mut commit = success(&execution, &goal.actions[24], tasks(&execution, &goal.actions[24], 10));
    commit.batch_index = 3;
    assert_eq!(commit_one(on, &commit).await, Committed::Yes);
    let sealed = on.db().seal_ledger(&execution.execution_arn, 8).await.unwrap();
    let empty = BatchLedger { sealed: true, ..BatchLedger::default() };
    let mut expected = vec![empty; 8];
    expected[3].sequence = 1;
    expected[3].outcomes.insert(goal.actions[24].action_id.clone(), succeeded(10));
    assert_eq!(sealed, expected);
    for (index, batch) in (0..).zip(expected) {
        assert_eq!(on.db().read_batch(&execution.execution_arn, index).await.unwrap(), batch);
        assert_eq!(on.db().open_batch(&execution.execution_arn, index).await.unwrap(), Opened::Sealed);
    }
}

async fn p4_a_batch_that_was_sealed_before_it_was_opened_stays_sealed(on: &impl Tables) {
    let goal = goal(1);
    let execution = execution(&goal, 1);
    on.db().seal_ledger(&execution.execution_arn, 1).await.unwrap();
    assert_eq!(on.db().open_batch(&execution.execution_arn, 0).await.unwrap(), Opened::Sealed);
    assert_eq!(on.db().open_batch(&execution.execution_arn, 0).await.unwrap(), Opened::Sealed);
    let late = success(&execution, &goal.actions[0], tasks(&execution, &goal.actions[0], 1));
    assert_eq!(commit_one(on, &late).await, Committed::TooLate);
    assert_eq!(stored_tasks(on, &goal).await, []);
}

async fn p4_sealing_twice_answers_the_same(on: &impl Tables) {
    let goal = goal(16);
    let execution = execution(&goal, 1);
    opened(on, &execution, 1).await;
    let mut commit = failure(&execution, &goal.actions[8]);
    commit.batch_index = 1;
    commit_one(on, &commit).await;
    let first = on.db().seal_ledger(&execution.execution_arn, 2).await.unwrap();
    let at_once = join_all((0..4).map(|_| on.db().seal_ledger(&execution.execution_arn, 2))).await;
    for again in at_once {
        assert_eq!(again.unwrap(), first);
    }
}

async fn sealing_no_batches_is_nothing(on: &impl Tables) {
    let execution = execution(&goal(1), 1);
    assert_eq!(on.db().seal_ledger(&execution.execution_arn, 0).await.unwrap(), []);
    opened(on, &execution, 0).await;
}

async fn only_the_given_batches_of_the_given_execution_are_sealed(on: &impl Tables) {
    let goal = goal(1);
    // The name of one is a prefix of the other's.
    let (sealed, other) = (execution(&goal, 1), execution(&goal, 11));
    for index in 0..3 {
        opened(on, &other, index).await;
    }
    assert_eq!(on.db().seal_ledger(&sealed.execution_arn, 2).await.unwrap().len(), 2);
    opened(on, &sealed, 2).await;
    for index in 0..3 {
        opened(on, &other, index).await;
    }
}

async fn p4_what_is_saved_while_it_is_sealed_is_in_the_answer(on: &impl Tables) {
    for _ in 0..4 {
        let (goal, execution) = claimed(on, 8).await;
        opened(on, &execution, 0).await;
        let commits: Vec<_> =
            goal.actions.iter().map(|action| success(&execution, action, tasks(&execution, action, 2))).collect();
        let (before, after) = commits.split_at(4);
        let seal = async || {
            // Some commits are made first, so that there is something to find.
            tokio::task::yield_now().await;
            on.db().seal_ledger(&execution.execution_arn, 1).await.unwrap().remove(0)
        };
        let commit = async |c| commit_one(on, c).await;
        let (first, sealed, second) =
            futures_util::join!(join_all(before.iter().map(commit)), seal(), join_all(after.iter().map(commit)),);
        let answers = first.into_iter().chain(second);
        let written: Vec<_> =
            commits.iter().zip(answers).filter(|(_, a)| *a == Committed::Yes).map(|(c, _)| c.action).collect();
        assert_eq!(sealed.outcomes.keys().collect::<Vec<_>>(), written);
        assert_eq!(stored_tasks(on, &goal).await.len(), written.len() * 2);
        assert_eq!(on.db().read_batch(&execution.execution_arn, 0).await.unwrap(), sealed);
    }
}

async fn all_tasks_of_a_goal_are_read_as_rows(on: &impl Tables) {
    let goal = goal(9);
    let execution = execution(&goal, 1);
    let mut all = Vec::new();
    for action in &goal.actions {
        for mut task in tasks(&execution, action, 10) {
            if action.position.action == goal.actions[0].position.action {
                (task.status, task.completed_at) = (TaskStatus::Completed, Some(at(9)));
            }
            on.put_task(&task).await;
            all.push(TaskRow::from(&task));
        }
    }
    assert_eq!(on.db().task_rows(&goal.head.goal_id).await.unwrap(), all);
    assert_eq!(on.db().task_rows(&crate::given::goal(1).head.goal_id).await.unwrap(), []);
}
