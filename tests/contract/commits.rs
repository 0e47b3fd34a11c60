//! `WorkLedger::commit_group`, of single actions. Several: `groups.rs`.

use futures_util::future::join_all;
use goal_activity_core::goal::Position;
use goal_activity_core::keys;
use goal_activity_core::ledger::BatchLedger;
use goal_activity_core::placement::TaskRow;
use goal_activity_core::ports::{ActionCommit, Committed, SealLedger, WorkLedger};
use goal_activity_core::task::{MAX_DESCRIPTION, MAX_TITLE, Task, TaskStatus};

use crate::backend::Tables;
use crate::given::{
    commit_one as commit, execution, failed, failure, goal, opened, stored_tasks, succeeded, success, tasks,
};

on_all_tables!(
    p3_an_outcome_and_its_tasks_are_saved_together,
    p3_an_action_has_one_outcome,
    p3_nothing_is_saved_for_a_batch_that_was_not_opened,
    p4_nothing_is_saved_after_the_seal,
    p3_nothing_is_saved_where_a_task_is_already,
    p3_being_too_late_comes_before_tasks_in_the_way,
    p3_ten_tasks_take_the_place_of_ten,
    p3_fewer_tasks_take_the_place_of_more_and_more_of_fewer,
    p3_only_what_was_seen_is_replaced,
    p3_a_task_that_is_not_as_it_was_read_is_not_replaced,
    p3_a_refused_replacement_changes_nothing,
    p3_a_failure_replaces_nothing,
    a_transaction_of_a_hundred_items_is_saved,
    ids_and_texts_of_every_kind_are_saved,
    p3_of_generations_saved_at_once_one_wins,
    p3_actions_of_one_batch_saved_at_once_are_all_saved,
    p3_sixty_four_actions_are_saved,
    p9_the_same_action_of_another_goal_is_another,
);

async fn ledger(on: &impl Tables, commit: &ActionCommit<'_>) -> BatchLedger {
    on.db().read_batch(commit.execution, commit.batch_index).await.unwrap()
}

fn rows(tasks: &[Task]) -> Vec<TaskRow> {
    tasks.iter().map(TaskRow::from).collect()
}

async fn p3_an_outcome_and_its_tasks_are_saved_together(on: &impl Tables) {
    let goal = goal(1);
    let execution = execution(&goal, 1);
    opened(on, &execution, 0).await;
    let save = success(&execution, &goal.actions[0], tasks(&execution, &goal.actions[0], 10));
    assert_eq!(commit(on, &save).await, Committed::Yes);
    assert_eq!(stored_tasks(on, &goal).await, save.tasks);
    let outcomes = [(save.action.clone(), succeeded(10))].into();
    assert_eq!(ledger(on, &save).await, BatchLedger { sealed: false, sequence: 1, outcomes });
}

async fn p3_an_action_has_one_outcome(on: &impl Tables) {
    let goal = goal(2);
    let execution = execution(&goal, 1);
    let [one, other] = &goal.actions[..] else { panic!() };
    opened(on, &execution, 0).await;
    let save = success(&execution, one, tasks(&execution, one, 2));
    assert_eq!(commit(on, &save).await, Committed::Yes);
    assert_eq!(commit(on, &failure(&execution, other)).await, Committed::Yes);
    let before = ledger(on, &save).await;
    for again in [
        success(&execution, one, tasks(&execution, one, 2)),
        success(&execution, one, tasks(&execution, one, 3)),
        failure(&execution, one),
        success(&execution, other, tasks(&execution, other, 1)),
        failure(&execution, other),
    ] {
        assert_eq!(commit(on, &again).await, Committed::TooLate);
    }
    assert_eq!(ledger(on, &save).await, before);
    assert_eq!(stored_tasks(on, &goal).await, save.tasks);
}

async fn p3_nothing_is_saved_for_a_batch_that_was_not_opened(on: &impl Tables) {
    let goal = goal(1);
    let execution = execution(&goal, 1);
    opened(on, &execution, 1).await;
    let save = success(&execution, &goal.actions[0], tasks(&execution, &goal.actions[0], 1));
    assert_eq!(commit(on, &save).await, Committed::TooLate);
    assert_eq!(ledger(on, &save).await, BatchLedger::default());
    assert_eq!(stored_tasks(on, &goal).await, []);
}

async fn p4_nothing_is_saved_after_the_seal(on: &impl Tables) {
    let goal = goal(1);
    let execution = execution(&goal, 1);
    opened(on, &execution, 0).await;
    let sealed = on.db().seal_ledger(&execution.execution_arn, 1).await.unwrap().remove(0);
    let mut save = success(&execution, &goal.actions[0], tasks(&execution, &goal.actions[0], 3));
    assert_eq!(commit(on, &save).await, Committed::TooLate);
    save.replaces = rows(&save.tasks);
    assert_eq!(commit(on, &save).await, Committed::TooLate);
    assert_eq!(commit(on, &failure(&execution, &goal.actions[0])).await, Committed::TooLate);
    assert_eq!(ledger(on, &save).await, sealed);
    assert_eq!(stored_tasks(on, &goal).await, []);
}

async fn p3_nothing_is_saved_where_a_task_is_already(on: &impl Tables) {
    // Replacing the first, one in the middle and the last.
    for place in [0, 4, 9] {
        let goal = goal(1);
        let (earlier, later) = (execution(&goal, 1), execution(&goal, 2));
        let there = tasks(&earlier, &goal.actions[0], 10).remove(place);
        on.put_task(&there).await;
        opened(on, &later, 0).await;
        let save = success(&later, &goal.actions[0], tasks(&later, &goal.actions[0], 10));
        assert_eq!(commit(on, &save).await, Committed::TasksChanged);
        assert_eq!(stored_tasks(on, &goal).await, [there]);
        assert_eq!(ledger(on, &save).await, BatchLedger::default());
    }
}

async fn p3_being_too_late_comes_before_tasks_in_the_way(on: &impl Tables) {
    let goal = goal(1);
    let execution = execution(&goal, 1);
    opened(on, &execution, 0).await;
    let save = success(&execution, &goal.actions[0], tasks(&execution, &goal.actions[0], 2));
    assert_eq!(commit(on, &save).await, Committed::Yes);
    // Its own tasks conflict now; a worker must not treat that as a failure.
    assert_eq!(commit(on, &save).await, Committed::TooLate);
}

/// Replaces those tasks by these, and returns the stored tasks.
async fn replaced(on: &impl Tables, old: usize, new: usize) {
    let goal = goal(2);
    let (earlier, later) = (execution(&goal, 1), execution(&goal, 2));
    let [action, neighbour] = &goal.actions[..] else { panic!() };
    let there = tasks(&earlier, action, old);
    let beside = tasks(&earlier, neighbour, 10);
    for task in there.iter().chain(&beside) {
        on.put_task(task).await;
    }
    opened(on, &later, 0).await;
    let mut save = success(&later, action, tasks(&later, action, new));
    save.replaces = rows(&there);
    assert_eq!(commit(on, &save).await, Committed::Yes);
    let expected: Vec<_> = save.tasks.iter().chain(&beside).cloned().collect();
    assert_eq!(stored_tasks(on, &goal).await, expected, "{new} for {old}");
}

async fn p3_ten_tasks_take_the_place_of_ten(on: &impl Tables) {
    replaced(on, 10, 10).await;
}

async fn p3_fewer_tasks_take_the_place_of_more_and_more_of_fewer(on: &impl Tables) {
    replaced(on, 10, 1).await;
    replaced(on, 1, 10).await;
    replaced(on, 0, 10).await;
}

async fn p3_only_what_was_seen_is_replaced(on: &impl Tables) {
    let goal = goal(1);
    let (earlier, later) = (execution(&goal, 1), execution(&goal, 2));
    let there = tasks(&earlier, &goal.actions[0], 4);
    for task in &there {
        on.put_task(task).await;
    }
    opened(on, &later, 0).await;
    let mut save = success(&later, &goal.actions[0], tasks(&later, &goal.actions[0], 4));
    save.replaces = rows(&there[..3]);
    assert_eq!(commit(on, &save).await, Committed::TasksChanged);
    assert_eq!(stored_tasks(on, &goal).await, there);
    assert_eq!(ledger(on, &save).await, BatchLedger::default());
}

async fn p3_a_task_that_is_not_as_it_was_read_is_not_replaced(on: &impl Tables) {
    // Completed meanwhile, generated by another workflow, of another action, deleted: at the place of a new task, and
    // beside them.
    let changes: [fn(&mut Task); 3] = [
        |task| task.status = TaskStatus::Completed,
        |task| task.task_id = "another".parse().unwrap(),
        |task| task.action_id = "another".parse().unwrap(),
    ];
    for (place, change) in
        [0, 3].into_iter().flat_map(|place| changes.map(|change| (place, Some(change)))).chain([(3, None)])
    {
        let goal = goal(1);
        let (earlier, later) = (execution(&goal, 1), execution(&goal, 2));
        let mut there = tasks(&earlier, &goal.actions[0], 4);
        let read = rows(&there);
        match change {
            Some(change) => change(&mut there[place]),
            None => drop(there.remove(place)),
        }
        for task in &there {
            on.put_task(task).await;
        }
        opened(on, &later, 0).await;
        let mut save = success(&later, &goal.actions[0], tasks(&later, &goal.actions[0], 2));
        save.replaces = read;
        assert_eq!(commit(on, &save).await, Committed::TasksChanged, "{place}");
        assert_eq!(stored_tasks(on, &goal).await, there);
        assert_eq!(ledger(on, &save).await, BatchLedger::default());
    }
}

async fn p3_a_refused_replacement_changes_nothing(on: &impl Tables) {
    let goal = goal(1);
    let (earlier, later) = (execution(&goal, 1), execution(&goal, 2));
    let there = tasks(&earlier, &goal.actions[0], 10);
    for task in &there {
        on.put_task(task).await;
    }
    // No worker has opened the batch.
    let mut save = success(&later, &goal.actions[0], tasks(&later, &goal.actions[0], 3));
    save.replaces = rows(&there);
    assert_eq!(commit(on, &save).await, Committed::TooLate);
    assert_eq!(stored_tasks(on, &goal).await, there);
}

async fn p3_a_failure_replaces_nothing(on: &impl Tables) {
    let goal = goal(1);
    let (earlier, later) = (execution(&goal, 1), execution(&goal, 2));
    let there = tasks(&earlier, &goal.actions[0], 3);
    for task in &there {
        on.put_task(task).await;
    }
    opened(on, &later, 0).await;
    let save = ActionCommit { replaces: rows(&there), ..failure(&later, &goal.actions[0]) };
    assert_eq!(commit(on, &save).await, Committed::Yes);
    assert_eq!(ledger(on, &save).await.outcomes[save.action], failed());
    assert_eq!(stored_tasks(on, &goal).await, there);
}

async fn a_transaction_of_a_hundred_items_is_saved(on: &impl Tables) {
    // The maximum of a DynamoDB transaction: the outcome, 10 tasks, and 89 existing ones.
    let goal = goal(1);
    let (earlier, later) = (execution(&goal, 1), execution(&goal, 2));
    let action = &goal.actions[0];
    let there: Vec<_> = (1..=99)
        .map(|n| Task { position: keys::task(action.position, n), ..tasks(&earlier, action, 1).remove(0) })
        .collect();
    for task in &there {
        on.put_task(task).await;
    }
    opened(on, &later, 0).await;
    let mut save = success(&later, action, tasks(&later, action, 10));
    save.replaces = rows(&there);
    assert_eq!(commit(on, &save).await, Committed::Yes);
    assert_eq!(stored_tasks(on, &goal).await, save.tasks);
}

async fn ids_and_texts_of_every_kind_are_saved(on: &impl Tables) {
    let mut goal = goal(4);
    let ids = ["-", "0_0-", "size", &"a".repeat(64)].map(|id| id.parse().unwrap());
    let execution = execution(&goal, 1);
    opened(on, &execution, 0).await;
    let mut expected = Vec::new();
    for (action, id) in goal.actions.iter_mut().zip(ids) {
        action.action_id = id;
        let mut made = tasks(&execution, action, 10);
        for task in &mut made {
            task.title = "🏃".repeat(MAX_TITLE);
            task.description = "\u{10ffff}".repeat(MAX_DESCRIPTION);
        }
        expected.extend(made.clone());
        assert_eq!(commit(on, &success(&execution, action, made)).await, Committed::Yes);
    }
    assert_eq!(stored_tasks(on, &goal).await, expected);
    let read = on.db().read_batch(&execution.execution_arn, 0).await.unwrap();
    assert!(goal.actions.iter().all(|a| read.outcomes.contains_key(&a.action_id)), "{read:?}");
}

async fn p3_of_generations_saved_at_once_one_wins(on: &impl Tables) {
    let goal = goal(1);
    let execution = execution(&goal, 1);
    let action = &goal.actions[0];
    opened(on, &execution, 0).await;
    let mut all: Vec<_> = (1..=7).map(|count| success(&execution, action, tasks(&execution, action, count))).collect();
    all.push(failure(&execution, action));
    let answers = join_all(all.iter().map(|save| commit(on, save))).await;
    assert_eq!(answers.iter().filter(|a| **a == Committed::TooLate).count(), 7, "{answers:?}");
    let won = answers.iter().position(|a| *a == Committed::Yes).expect("one that wins");
    assert_eq!(stored_tasks(on, &goal).await, all[won].tasks);
    let outcomes = [(action.action_id.clone(), all[won].outcome.clone())].into();
    assert_eq!(ledger(on, &all[won]).await, BatchLedger { sealed: false, sequence: 1, outcomes });
}

async fn p3_actions_of_one_batch_saved_at_once_are_all_saved(on: &impl Tables) {
    let goal = goal(8);
    let execution = execution(&goal, 1);
    opened(on, &execution, 0).await;
    let all: Vec<_> =
        goal.actions.iter().map(|action| success(&execution, action, tasks(&execution, action, 3))).collect();
    assert_eq!(join_all(all.iter().map(|save| commit(on, save))).await, [Committed::Yes; 8]);
    let read = ledger(on, &all[0]).await;
    assert_eq!((read.sequence, read.outcomes.len()), (8, 8));
    assert_eq!(stored_tasks(on, &goal).await, all.into_iter().flat_map(|c| c.tasks).collect::<Vec<_>>());
}

async fn p3_sixty_four_actions_are_saved(on: &impl Tables) {
    let goal = goal(64);
    let execution = execution(&goal, 1);
    let mut expected = Vec::new();
    for (index, batch) in (0..).zip(goal.actions.chunks(8)) {
        opened(on, &execution, index).await;
        for action in batch {
            let mut save = success(&execution, action, tasks(&execution, action, 10));
            save.batch_index = index;
            assert_eq!(commit(on, &save).await, Committed::Yes);
            expected.extend(save.tasks);
        }
    }
    assert_eq!(stored_tasks(on, &goal).await, expected);
    let sealed = on.db().seal_ledger(&execution.execution_arn, 8).await.unwrap();
    assert_eq!(sealed.iter().map(|batch| batch.outcomes.len()).collect::<Vec<_>>(), [8; 8]);
}

async fn p9_the_same_action_of_another_goal_is_another(on: &impl Tables) {
    let (one, other) = (goal(1), goal(1));
    let place: Position = "1#1".parse().unwrap();
    assert!(one.actions[0] == other.actions[0] && one.actions[0].position == place);
    for goal in [&one, &other] {
        let execution = execution(goal, 1);
        opened(on, &execution, 0).await;
        let save = success(&execution, &goal.actions[0], tasks(&execution, &goal.actions[0], 2));
        assert_eq!(commit(on, &save).await, Committed::Yes);
    }
    assert_eq!(stored_tasks(on, &one).await.len(), 2);
}
