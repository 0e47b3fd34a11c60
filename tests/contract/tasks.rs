//! `ActionsWithTasks`, `ListTasks`, `RemoveTasks`.

use goal_activity_core::goal::Goal;
use goal_activity_core::placement::{ActionTasks, TasksByAction};
use goal_activity_core::ports::{ActionsWithTasks, ListTasks, RemoveTasks};
use goal_activity_core::task::{Task, TaskStatus};
use goal_activity_events::ActionId;

use crate::backend::Tables;
use crate::given::{TEXT, at, execution, goal, stored_tasks, tasks};

on_all_tables!(
    a_goal_without_tasks_has_none,
    p8_tasks_are_listed_in_the_order_of_the_actions,
    a_task_is_read_as_it_was_stored,
    actions_with_tasks_are_those_that_have_at_least_one,
    a_page_ends_where_its_limit_is_and_the_next_goes_on_there,
    the_last_page_is_known_by_having_nothing_after_it,
    a_list_goes_on_after_a_task_that_is_gone,
    tasks_that_come_between_two_pages_shift_nothing,
    p9_tasks_of_another_goal_are_never_seen,
    tasks_of_one_execution_are_removed_and_no_others,
    only_the_tasks_of_the_named_actions_are_removed,
    p2_removing_twice_or_nothing_is_the_same,
    p4_what_takes_the_place_of_a_task_that_is_being_removed_stays,
    more_tasks_than_a_page_holds_are_all_found_and_removed,
);

/// Stores that many tasks for each of the goal's actions.
async fn put_all(on: &impl Tables, goal: &Goal, number: u64, count: usize) -> Vec<Task> {
    let execution = execution(goal, number);
    let all: Vec<_> = goal.actions.iter().flat_map(|action| tasks(&execution, action, count)).collect();
    for task in &all {
        on.put_task(task).await;
    }
    all
}

fn ids(goal: &Goal) -> Vec<ActionId> {
    goal.actions.iter().map(|a| a.action_id.clone()).collect()
}

async fn a_goal_without_tasks_has_none(on: &impl Tables) {
    let goal = goal(1);
    assert_eq!(stored_tasks(on, &goal).await, []);
    assert_eq!(on.db().actions_with_tasks(&goal.head.goal_id).await.unwrap(), TasksByAction::new());
}

async fn p8_tasks_are_listed_in_the_order_of_the_actions(on: &impl Tables) {
    let goal = goal(17);
    let execution = execution(&goal, 1);
    let all: Vec<_> = goal.actions.iter().flat_map(|action| tasks(&execution, action, 10)).collect();
    for task in all.iter().rev() {
        on.put_task(task).await;
    }
    assert_eq!(stored_tasks(on, &goal).await, all);
}

async fn a_task_is_read_as_it_was_stored(on: &impl Tables) {
    let goal = goal(1);
    let mut task = tasks(&execution(&goal, 1), &goal.actions[0], 1).remove(0);
    (task.title, task.description) = (TEXT.to_owned(), TEXT.repeat(5));
    (task.status, task.updated_at, task.completed_at) = (TaskStatus::Completed, at(99), Some(at(98)));
    on.put_task(&task).await;
    assert_eq!(stored_tasks(on, &goal).await, [task]);
}

async fn actions_with_tasks_are_those_that_have_at_least_one(on: &impl Tables) {
    let goal = goal(9);
    for (action, count) in goal.actions.iter().step_by(4).zip([1, 10, 3]) {
        for task in tasks(&execution(&goal, 1), action, count) {
            on.put_task(&task).await;
        }
    }
    let with_tasks = on.db().actions_with_tasks(&goal.head.goal_id).await.unwrap();
    let of_action = |count| ActionTasks { finished: false, newest: Some(at(1)), count };
    let expected = [("a-1-1", 1), ("a-1-5", 10), ("a-2-1", 3)];
    assert_eq!(with_tasks, expected.map(|(action, count)| (action.parse().unwrap(), of_action(count))).into());
}

async fn a_page_ends_where_its_limit_is_and_the_next_goes_on_there(on: &impl Tables) {
    let goal = goal(5);
    let all = put_all(on, &goal, 1, 3).await;
    let (mut seen, mut after) = (Vec::new(), None);
    for expected in [4, 4, 4, 3] {
        let page = on.db().list_tasks(&goal.head.goal_id, after.as_deref(), 4).await.unwrap();
        assert_eq!(page.tasks.len(), expected);
        let last = page.tasks.last().unwrap().position.clone();
        seen.extend(page.tasks);
        assert_eq!(page.last, (seen.len() < all.len()).then_some(last));
        after = page.last;
    }
    assert_eq!(seen, all);
}

async fn the_last_page_is_known_by_having_nothing_after_it(on: &impl Tables) {
    let goal = goal(1);
    let all = put_all(on, &goal, 1, 3).await;
    let id = &goal.head.goal_id;
    let exactly = on.db().list_tasks(id, None, 3).await.unwrap();
    assert_eq!((exactly.tasks, exactly.last), (all.clone(), None), "as many as there are");
    let more = on.db().list_tasks(id, None, 1000).await.unwrap();
    assert_eq!((more.tasks, more.last), (all.clone(), None), "more than there are");
    let beyond = on.db().list_tasks(id, Some(&all[2].position), 1).await.unwrap();
    assert_eq!((beyond.tasks, beyond.last), (vec![], None), "after the last");
    let one = on.db().list_tasks(id, Some(&all[0].position), 1).await.unwrap();
    assert_eq!((one.tasks, one.last.as_ref()), (vec![all[1].clone()], Some(&all[1].position)), "one of two");
}

async fn a_list_goes_on_after_a_task_that_is_gone(on: &impl Tables) {
    let goal = goal(2);
    let all = put_all(on, &goal, 1, 2).await;
    let page = on.db().list_tasks(&goal.head.goal_id, Some("1#1#99"), 1000).await.unwrap();
    assert_eq!((page.tasks.as_slice(), page.last), (&all[2..], None));
}

async fn tasks_that_come_between_two_pages_shift_nothing(on: &impl Tables) {
    let goal = goal(4);
    let late = [0, 2].map(|i| tasks(&execution(&goal, 1), &goal.actions[i], 1).remove(0));
    let mut all: Vec<_> = [1, 3].iter().flat_map(|i| tasks(&execution(&goal, 1), &goal.actions[*i], 2)).collect();
    for task in &all {
        on.put_task(task).await;
    }
    let id = &goal.head.goal_id;
    let first = on.db().list_tasks(id, None, 2).await.unwrap();
    for task in &late {
        on.put_task(task).await;
    }
    let second = on.db().list_tasks(id, first.last.as_deref(), 10).await.unwrap();
    // Items before the position are not returned, items after it are; none is returned twice or left out.
    all.insert(2, late[1].clone());
    assert_eq!([first.tasks, second.tasks].concat(), all);
}

async fn p9_tasks_of_another_goal_are_never_seen(on: &impl Tables) {
    let one = goal(1);
    let mut other = one.clone();
    other.head.goal_id = format!("{}-1", one.head.goal_id).parse().unwrap();
    put_all(on, &other, 1, 2).await;
    assert_eq!(stored_tasks(on, &one).await, []);
    assert_eq!(on.db().actions_with_tasks(&one.head.goal_id).await.unwrap(), TasksByAction::new());
    on.db().remove_tasks_of(&one.head.goal_id, &execution(&other, 1).execution_arn, &ids(&one)).await.unwrap();
    assert_eq!(stored_tasks(on, &other).await.len(), 2);
}

async fn tasks_of_one_execution_are_removed_and_no_others(on: &impl Tables) {
    let goal = goal(3);
    put_all(on, &goal, 1, 3).await;
    // The second workflow has replaced the tasks of one action, and one task of another.
    let second = execution(&goal, 2);
    let replaced: Vec<_> =
        tasks(&second, &goal.actions[1], 3).into_iter().chain(tasks(&second, &goal.actions[2], 1)).collect();
    for task in &replaced {
        on.put_task(task).await;
    }
    on.db().remove_tasks_of(&goal.head.goal_id, &execution(&goal, 1).execution_arn, &ids(&goal)).await.unwrap();
    assert_eq!(stored_tasks(on, &goal).await, replaced);
}

async fn only_the_tasks_of_the_named_actions_are_removed(on: &impl Tables) {
    let goal = goal(3);
    let all = put_all(on, &goal, 1, 3).await;
    let named = ids(&goal)[..2].to_vec();
    let arn = execution(&goal, 1).execution_arn;
    on.db().remove_tasks_of(&goal.head.goal_id, &arn, &named).await.unwrap();
    assert_eq!(stored_tasks(on, &goal).await, all[6..]);
}

async fn p2_removing_twice_or_nothing_is_the_same(on: &impl Tables) {
    let goal = goal(2);
    let (first, second) = (execution(&goal, 1).execution_arn, execution(&goal, 2).execution_arn);
    on.db().remove_tasks_of(&goal.head.goal_id, &first, &ids(&goal)).await.unwrap();
    let all = put_all(on, &goal, 1, 2).await;
    on.db().remove_tasks_of(&goal.head.goal_id, &second, &ids(&goal)).await.unwrap();
    assert_eq!(stored_tasks(on, &goal).await, all);
    let ids = ids(&goal);
    let (a, b) = futures_util::join!(
        on.db().remove_tasks_of(&goal.head.goal_id, &first, &ids),
        on.db().remove_tasks_of(&goal.head.goal_id, &first, &ids),
    );
    a.and(b).unwrap();
    on.db().remove_tasks_of(&goal.head.goal_id, &first, &ids).await.unwrap();
    assert_eq!(stored_tasks(on, &goal).await, []);
}

async fn p4_what_takes_the_place_of_a_task_that_is_being_removed_stays(on: &impl Tables) {
    let goal = goal(32);
    let all = put_all(on, &goal, 1, 10).await;
    let mut next = all.last().unwrap().clone();
    next.execution_arn = execution(&goal, 2).execution_arn;
    let first = async || on.db().list_tasks(&goal.head.goal_id, None, 1).await.unwrap().tasks;
    let replace_the_last = async {
        // Once the first is removed, the tasks to remove have been read. The last one is removed last.
        while first().await == all[..1] {
            tokio::task::yield_now().await;
        }
        on.put_task(&next).await;
    };
    let (first_workflow, all_ids) = (&execution(&goal, 1).execution_arn, ids(&goal));
    let (removed, ()) =
        futures_util::join!(on.db().remove_tasks_of(&goal.head.goal_id, first_workflow, &all_ids), replace_the_last);
    removed.unwrap();
    assert_eq!(stored_tasks(on, &goal).await, [next]);
}

async fn more_tasks_than_a_page_holds_are_all_found_and_removed(on: &impl Tables) {
    // DynamoDB's pages are 1 MB. The texts of a task are short, but other services may add to it.
    let goal = goal(64);
    let execution = execution(&goal, 1);
    let mut all: Vec<_> = goal.actions.iter().flat_map(|action| tasks(&execution, action, 2)).collect();
    for task in &mut all {
        task.description = "説".repeat(4_000);
        on.put_task(task).await;
    }
    let with_tasks = on.db().actions_with_tasks(&goal.head.goal_id).await.unwrap();
    assert_eq!(with_tasks.len(), 64);
    assert_eq!(stored_tasks(on, &goal).await, all);
    on.db().remove_tasks_of(&goal.head.goal_id, &execution.execution_arn, &ids(&goal)).await.unwrap();
    assert_eq!(stored_tasks(on, &goal).await, []);
}
