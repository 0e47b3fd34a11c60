//! `WorkLedger::commit_group`, of several actions.

use futures_util::future::join;
use goal_activity_core::execution::Execution;
use goal_activity_core::goal::{Action, Goal};
use goal_activity_core::ledger::BatchLedger;
use goal_activity_core::placement::TaskRow;
use goal_activity_core::ports::{ActionCommit, CommitGroup, Committed, SealLedger, WorkLedger};
use goal_activity_core::task::Task;

use crate::backend::Tables;
use crate::given::{commit_one, execution, failed, failure, goal, opened, stored_tasks, succeeded, success, tasks};

on_all_tables!(
    p3_a_whole_batch_is_saved_together,
    p3_one_that_has_an_outcome_holds_back_the_others,
    p3_those_whose_tasks_have_changed_hold_back_the_others,
    p3_of_a_group_being_too_late_is_told_before_tasks_in_the_way,
    p4_nothing_of_a_group_is_saved_after_the_seal,
    p3_nothing_of_a_group_is_saved_for_a_batch_that_was_not_opened,
    p3_each_of_a_group_replaces_its_own_tasks,
    a_group_of_a_hundred_items_is_saved,
    p3_of_groups_with_one_action_in_common_one_wins,
);

use Committed::{HeldBack, TasksChanged, TooLate, Yes};

fn group<'a>(commits: impl IntoIterator<Item = ActionCommit<'a>>) -> CommitGroup<'a> {
    let mut commits = commits.into_iter();
    let mut group = CommitGroup::of(commits.next().unwrap());
    for commit in commits {
        assert!(group.add(commit));
    }
    group
}

async fn commit<'a>(on: &impl Tables, commits: impl IntoIterator<Item = ActionCommit<'a>>) -> Vec<Committed> {
    on.db().commit_group(&group(commits)).await.unwrap()
}

/// The commits of these actions, with two tasks each.
fn successes<'a>(execution: &'a Execution, actions: &'a [Action]) -> Vec<ActionCommit<'a>> {
    actions.iter().map(|action| success(execution, action, tasks(execution, action, 2))).collect()
}

async fn ledger(on: &impl Tables, execution: &Execution) -> BatchLedger {
    on.db().read_batch(&execution.execution_arn, 0).await.unwrap()
}

fn rows(tasks: &[Task]) -> Vec<TaskRow> {
    tasks.iter().map(TaskRow::from).collect()
}

/// A goal whose first batch is open.
async fn begun(on: &impl Tables, actions: u8) -> (Goal, Execution) {
    let goal = goal(actions);
    let execution = execution(&goal, 2);
    opened(on, &execution, 0).await;
    (goal, execution)
}

async fn p3_a_whole_batch_is_saved_together(on: &impl Tables) {
    let (goal, execution) = begun(on, 8).await;
    let (refused, made) = goal.actions.split_last().unwrap();
    let made = made.iter().map(|action| success(&execution, action, tasks(&execution, action, 10)));
    let all: Vec<_> = made.chain([failure(&execution, refused)]).collect();
    assert_eq!(commit(on, all.clone()).await, [Yes; 8]);
    assert_eq!(stored_tasks(on, &goal).await, all.iter().flat_map(|c| c.tasks.clone()).collect::<Vec<_>>());
    let outcome = |c: &ActionCommit<'_>| if c.tasks.is_empty() { failed() } else { succeeded(10) };
    let outcomes = all.iter().map(|c| (c.action.clone(), outcome(c))).collect();
    assert_eq!(ledger(on, &execution).await, BatchLedger { sealed: false, sequence: 8, outcomes });
    assert_eq!(commit(on, all.clone()).await, [TooLate; 8]);
    assert_eq!(ledger(on, &execution).await.sequence, 8);
}

async fn p3_one_that_has_an_outcome_holds_back_the_others(on: &impl Tables) {
    for place in 0..3 {
        let (goal, execution) = begun(on, 3).await;
        let mut all = successes(&execution, &goal.actions);
        assert_eq!(commit_one(on, &failure(&execution, &goal.actions[place])).await, Yes);
        let before = ledger(on, &execution).await;
        let mut expected = [HeldBack; 3];
        expected[place] = TooLate;
        assert_eq!(commit(on, all.clone()).await, expected);
        assert_eq!((ledger(on, &execution).await, stored_tasks(on, &goal).await), (before, vec![]));
        all.remove(place);
        assert_eq!(commit(on, all.clone()).await, [Yes; 2]);
        assert_eq!(stored_tasks(on, &goal).await, all.into_iter().flat_map(|c| c.tasks).collect::<Vec<_>>());
    }
}

async fn p3_those_whose_tasks_have_changed_hold_back_the_others(on: &impl Tables) {
    for places in [&[0][..], &[2], &[0, 2], &[0, 1, 2]] {
        let (goal, later) = begun(on, 3).await;
        let earlier = execution(&goal, 1);
        let mut there = Vec::new();
        for place in places {
            let task = tasks(&earlier, &goal.actions[*place], 2).remove(1);
            on.put_task(&task).await;
            there.push(task);
        }
        let all = successes(&later, &goal.actions);
        let expected: Vec<_> = (0..3).map(|n| if places.contains(&n) { TasksChanged } else { HeldBack }).collect();
        assert_eq!(commit(on, all.clone()).await, expected);
        assert_eq!((ledger(on, &later).await, stored_tasks(on, &goal).await), (BatchLedger::default(), there));
        let rest: Vec<_> = (0..).zip(all).filter(|(n, _)| !places.contains(n)).map(|(_, commit)| commit).collect();
        if !rest.is_empty() {
            assert_eq!(commit(on, rest.clone()).await, vec![Yes; rest.len()]);
        }
    }
}

async fn p3_of_a_group_being_too_late_is_told_before_tasks_in_the_way(on: &impl Tables) {
    let (goal, execution) = begun(on, 3).await;
    let all = successes(&execution, &goal.actions);
    on.put_task(&all[2].tasks[0]).await;
    assert_eq!(commit_one(on, &all[0]).await, Yes);
    // Those of the first one are in the way, too: they are its own.
    assert_eq!(commit(on, all.clone()).await, [TooLate, HeldBack, HeldBack]);
    assert_eq!(commit(on, all[1..].to_vec()).await, [HeldBack, TasksChanged]);
}

async fn p4_nothing_of_a_group_is_saved_after_the_seal(on: &impl Tables) {
    let (goal, execution) = begun(on, 3).await;
    let all = successes(&execution, &goal.actions);
    assert_eq!(commit_one(on, &all[0]).await, Yes);
    let sealed = on.db().seal_ledger(&execution.execution_arn, 1).await.unwrap().remove(0);
    assert_eq!(commit(on, all.clone()).await, [TooLate; 3]);
    assert_eq!(commit(on, all[1..].to_vec()).await, [TooLate; 2]);
    assert_eq!((ledger(on, &execution).await, stored_tasks(on, &goal).await), (sealed, all[0].tasks.clone()));
}

async fn p3_nothing_of_a_group_is_saved_for_a_batch_that_was_not_opened(on: &impl Tables) {
    let goal = goal(2);
    let execution = execution(&goal, 1);
    assert_eq!(commit(on, successes(&execution, &goal.actions)).await, [TooLate; 2]);
    assert_eq!((ledger(on, &execution).await, stored_tasks(on, &goal).await), (BatchLedger::default(), vec![]));
}

async fn p3_each_of_a_group_replaces_its_own_tasks(on: &impl Tables) {
    let (goal, later) = begun(on, 3).await;
    let earlier = execution(&goal, 1);
    let mut all = successes(&later, &goal.actions);
    // More than before, fewer, and one that fails, whose tasks stay.
    let before = [1, 5, 4].into_iter().zip(&goal.actions).map(|(n, action)| tasks(&earlier, action, n));
    let before: Vec<_> = before.collect();
    for (commit, old) in all.iter_mut().zip(&before) {
        for task in old {
            on.put_task(task).await;
        }
        commit.replaces = rows(old);
    }
    all[2] = ActionCommit { replaces: rows(&before[2]), ..failure(&later, &goal.actions[2]) };
    assert_eq!(commit(on, all.clone()).await, [Yes; 3]);
    let expected: Vec<_> = all[..2].iter().flat_map(|c| c.tasks.clone()).chain(before[2].clone()).collect();
    assert_eq!(stored_tasks(on, &goal).await, expected);
}

async fn a_group_of_a_hundred_items_is_saved(on: &impl Tables) {
    // The maximum of a DynamoDB transaction: the outcomes, 2 x 10 tasks, and 79 old ones that are removed.
    let (goal, later) = begun(on, 2).await;
    let earlier = execution(&goal, 1);
    let commits = goal.actions.iter().zip([40, 39]).map(|(action, old)| {
        let place = if old == 40 { "8#7" } else { "8#8" };
        let task = tasks(&earlier, action, 1).remove(0);
        let there: Vec<_> = (1..=old).map(|n| Task { position: format!("{place}#{n:02}"), ..task.clone() }).collect();
        let replaces = rows(&there);
        (there, ActionCommit { replaces, ..success(&later, action, tasks(&later, action, 10)) })
    });
    let (there, commits): (Vec<_>, Vec<_>) = commits.unzip();
    for task in there.iter().flatten() {
        on.put_task(task).await;
    }
    assert_eq!(commit(on, commits.clone()).await, [Yes; 2]);
    assert_eq!(stored_tasks(on, &goal).await, commits.into_iter().flat_map(|c| c.tasks).collect::<Vec<_>>());
}

async fn p3_of_groups_with_one_action_in_common_one_wins(on: &impl Tables) {
    for _ in 0..4 {
        let (goal, execution) = begun(on, 3).await;
        let all = successes(&execution, &goal.actions);
        let (one, other) = (all[..2].to_vec(), all[1..].to_vec());
        let answers = join(commit(on, one.clone()), commit(on, other.clone())).await;
        let (won, lost, rest) = match (&answers.0[..], &answers.1[..]) {
            ([Yes, Yes], [TooLate, HeldBack]) => (one, other, 1),
            ([HeldBack, TooLate], [Yes, Yes]) => (other, one, 0),
            neither => panic!("{neither:?}"),
        };
        let saved: Vec<_> = won.iter().flat_map(|c| c.tasks.clone()).collect();
        assert_eq!(stored_tasks(on, &goal).await, saved);
        assert_eq!(commit(on, [lost[rest].clone()]).await, [Yes]);
        let ledger = ledger(on, &execution).await;
        assert_eq!((ledger.sequence, ledger.outcomes.len()), (3, 3));
    }
}
