//! `HoldCapacity`, `ListHolders`, `ListWaiting` and `AdmitExecution`.

use futures_util::future::join_all;
use goal_activity_core::admission::{Held, Pause, in_use};
use goal_activity_core::execution::{Cancellation, Execution};
use goal_activity_core::keys::open_shard;
use goal_activity_core::ports::{
    Acquired, AdmitExecution, CancelExecution, Claim, ClaimGoal, Claimed, EndExecution, FindExecution, FindPause,
    HoldCapacity, ListHolders, ListOpen, ListWaiting, PauseLaunches,
};
use goal_activity_events::{ExecutionArn, FinalStatus, Timestamp};

use crate::backend::Tables;
use crate::given::{TEXT, at, claim, claimed, ending, execution, goal, goal_of};

on_all_tables!(
    what_is_taken_is_held_until_it_is_given_back,
    taking_twice_counts_once,
    more_than_there_is_cannot_be_taken,
    many_at_once_never_take_more_than_there_is,
    giving_back_what_is_not_held_changes_nothing,
    who_waits_is_listed_in_the_order_of_turns,
    who_was_launched_waits_no_more_and_is_open,
    a_launch_is_noted_once,
    who_is_cancelled_while_waiting_is_open_until_the_end,
    who_ends_while_waiting_is_open,
    the_open_workflows_of_a_user_are_known,
    nothing_is_taken_while_launching_is_paused_and_what_is_held_stays,
    a_pause_is_known_until_it_ends_and_replaces_another,
);

fn held(on: &impl Tables, batches: u32, since: i64) -> Held {
    let name = execution(&goal(1), 1).execution_arn.name().to_owned();
    Held { execution: ExecutionArn::named(&on.state_machine(), &name), batches, since: at(since) }
}

/// The held capacity, by the names of the executions: each case has its own state machine.
async fn holders(on: &impl Tables) -> Vec<(String, u32, Timestamp)> {
    let mut all: Vec<_> = on.db().list_holders(&on.state_machine()).await.unwrap().iter().map(named).collect();
    all.sort_by_key(|h| h.2);
    all
}

fn named(held: &Held) -> (String, u32, Timestamp) {
    (held.execution.name().to_owned(), held.batches, held.since)
}

async fn what_is_taken_is_held_until_it_is_given_back(on: &impl Tables) {
    let (one, two) = (held(on, 8, 0), held(on, 3, 1));
    assert_eq!(holders(on).await, []);
    for taken in [&one, &two] {
        assert_eq!(on.db().acquire_capacity(taken, 16).await.unwrap(), Acquired::Yes);
    }
    assert_eq!(holders(on).await, [named(&one), named(&two)]);
    assert!(on.db().release_capacity(&one.execution).await.unwrap());
    assert_eq!(holders(on).await, [named(&two)]);
    // Released capacity can be acquired again.
    assert_eq!(on.db().acquire_capacity(&held(on, 13, 2), 16).await.unwrap(), Acquired::Yes);
}

async fn taking_twice_counts_once(on: &impl Tables) {
    let first = held(on, 8, 0);
    assert_eq!(on.db().acquire_capacity(&first, 8).await.unwrap(), Acquired::Yes);
    // The same call again, as the SDK repeats it.
    assert_eq!(on.db().acquire_capacity(&first, 8).await.unwrap(), Acquired::Yes);
    let later = Held { since: at(5), ..first.clone() };
    assert_eq!(on.db().acquire_capacity(&later, 8).await.unwrap(), Acquired::Already { since: at(0) });
    assert_eq!(holders(on).await, [named(&first)]);
    on.db().release_capacity(&first.execution).await.unwrap();
    assert_eq!(on.db().acquire_capacity(&held(on, 8, 6), 8).await.unwrap(), Acquired::Yes);
}

async fn more_than_there_is_cannot_be_taken(on: &impl Tables) {
    assert_eq!(on.db().acquire_capacity(&held(on, 9, 0), 8).await.unwrap(), Acquired::Full);
    assert_eq!(on.db().acquire_capacity(&held(on, 5, 0), 8).await.unwrap(), Acquired::Yes);
    assert_eq!(on.db().acquire_capacity(&held(on, 4, 0), 8).await.unwrap(), Acquired::Full);
    assert_eq!(on.db().acquire_capacity(&held(on, 3, 0), 8).await.unwrap(), Acquired::Yes);
    // The capacity is less than before: held capacity stays, and no more can be acquired.
    assert_eq!(on.db().acquire_capacity(&held(on, 1, 0), 4).await.unwrap(), Acquired::Full);
    assert_eq!(in_use(&on.db().list_holders(&on.state_machine()).await.unwrap()), 8);
}

async fn many_at_once_never_take_more_than_there_is(on: &impl Tables) {
    let all: Vec<_> = (0..20).map(|i| held(on, 3, i)).collect();
    let taken = join_all(all.iter().map(|h| on.db().acquire_capacity(h, 31))).await;
    let yes = taken.into_iter().filter(|t| matches!(t, Ok(Acquired::Yes))).count();
    assert_eq!(yes, 10);
    assert_eq!(in_use(&on.db().list_holders(&on.state_machine()).await.unwrap()), 30);
}

async fn giving_back_what_is_not_held_changes_nothing(on: &impl Tables) {
    let (one, other) = (held(on, 8, 0), held(on, 8, 0));
    assert!(!on.db().release_capacity(&one.execution).await.unwrap());
    on.db().acquire_capacity(&one, 8).await.unwrap();
    assert!(!on.db().release_capacity(&other.execution).await.unwrap());
    assert!(on.db().release_capacity(&one.execution).await.unwrap());
    assert!(!on.db().release_capacity(&one.execution).await.unwrap());
    assert_eq!(on.db().acquire_capacity(&other, 8).await.unwrap(), Acquired::Yes);
}

/// Claims a goal for a workflow with that turn.
async fn waiting(on: &impl Tables, turn: Timestamp) -> Execution {
    let goal = goal(1);
    on.put_goal(&goal).await;
    let mut claim: Claim = claim(&goal, 1);
    claim.execution.turn = turn;
    assert_eq!(on.db().claim_goal(&claim).await.unwrap(), Claimed::Yes);
    claim.execution
}

/// Returns which of these wait, in the order of the waiting list. The cases share the list.
async fn line(on: &impl Tables, of: &[&Execution]) -> Vec<ExecutionArn> {
    let all = on.db().list_waiting(u16::MAX).await.unwrap();
    assert!(all.is_sorted_by_key(|w| w.turn));
    let is_of = |arn: &ExecutionArn| of.iter().any(|e| e.execution_arn == *arn);
    all.into_iter().map(|w| w.execution_arn).filter(is_of).collect()
}

async fn is_open(on: &impl Tables, execution: &Execution) -> bool {
    let shard = open_shard(&execution.execution_arn);
    let mut after = None;
    loop {
        let page = on.db().list_open(&shard, after.as_ref(), 100).await.unwrap();
        if page.iter().any(|o| o.execution_arn == execution.execution_arn) {
            return true;
        }
        after = page.last().cloned();
        if after.is_none() {
            return false;
        }
    }
}

async fn who_waits_is_listed_in_the_order_of_turns(on: &impl Tables) {
    let late = waiting(on, at(500)).await;
    let first = waiting(on, at(10)).await;
    let second = waiting(on, at(300)).await;
    let in_order = [&first, &second, &late].map(|e| e.execution_arn.clone());
    assert_eq!(line(on, &[&late, &first, &second]).await, in_order);
    assert_eq!(on.db().list_waiting(2).await.unwrap().len(), 2);
    assert!(!is_open(on, &first).await, "it is nothing to look at one by one");
}

async fn who_was_launched_waits_no_more_and_is_open(on: &impl Tables) {
    let one = waiting(on, at(0)).await;
    assert!(on.db().mark_admitted(&one.execution_arn, at(7)).await.unwrap());
    assert!(line(on, &[&one]).await.is_empty());
    assert!(is_open(on, &one).await);
    let found = on.db().find_execution(&one.execution_arn).await.unwrap().unwrap();
    assert_eq!(found, Execution { admitted_at: Some(at(7)), ..one });
}

async fn a_launch_is_noted_once(on: &impl Tables) {
    let (_, execution) = claimed(on, 1).await;
    let arn = &execution.execution_arn;
    assert!(on.db().mark_admitted(arn, at(1)).await.unwrap());
    assert!(!on.db().mark_admitted(arn, at(2)).await.unwrap());
    assert_eq!(on.db().find_execution(arn).await.unwrap().unwrap().admitted_at, Some(at(1)));
    assert!(!on.db().mark_admitted(&held(on, 1, 0).execution, at(1)).await.unwrap(), "one that is not recorded");
}

async fn who_is_cancelled_while_waiting_is_open_until_the_end(on: &impl Tables) {
    let (_, execution) = claimed(on, 1).await;
    let arn = &execution.execution_arn;
    let cancellation = Cancellation::by_user(execution.user_id.clone(), at(1), None);
    assert!(on.db().record_cancellation(arn, &cancellation).await.unwrap());
    assert!(line(on, &[&execution]).await.is_empty());
    assert!(is_open(on, &execution).await);
    assert!(!on.db().mark_admitted(arn, at(2)).await.unwrap());
    assert!(on.db().end_execution(&execution, &ending(&execution, FinalStatus::Aborted)).await.unwrap());
    assert!(is_open(on, &execution).await, "its end is not settled");
}

async fn who_ends_while_waiting_is_open(on: &impl Tables) {
    let (_, execution) = claimed(on, 1).await;
    assert!(on.db().end_execution(&execution, &ending(&execution, FinalStatus::Failed)).await.unwrap());
    assert!(line(on, &[&execution]).await.is_empty());
    assert!(is_open(on, &execution).await);
    assert!(!on.db().mark_admitted(&execution.execution_arn, at(2)).await.unwrap());
}

async fn the_open_workflows_of_a_user_are_known(on: &impl Tables) {
    let first = goal(1);
    let user = first.head.user_id.clone();
    let open = async || on.db().user_load(&user).await.unwrap().open;
    assert!(open().await.is_empty());
    let second = goal_of(user.as_str(), 1);
    let arns = [&first, &second].map(|goal| execution(goal, 1).execution_arn);
    for (goal, count) in [(&first, 1), (&second, 2)] {
        on.put_goal(goal).await;
        assert_eq!(on.db().claim_goal(&claim(goal, 1)).await.unwrap(), Claimed::Yes);
        assert_eq!(open().await, arns[..count].iter().cloned().collect());
    }
    assert!(
        on.db()
            .end_execution(&execution(&first, 1), &ending(&execution(&first, 1), FinalStatus::Failed))
            .await
            .unwrap()
    );
    assert_eq!(open().await, arns[1..].iter().cloned().collect());
}

async fn nothing_is_taken_while_launching_is_paused_and_what_is_held_stays(on: &impl Tables) {
    let (one, two, machine) = (held(on, 8, 0), held(on, 3, 1), on.state_machine());
    // Also before any capacity was ever held.
    on.db().pause_launches(&machine, &Pause::new(at(0), "x")).await.unwrap();
    assert_eq!(on.db().acquire_capacity(&one, 16).await.unwrap(), Acquired::Paused);
    on.db().resume_launches(&machine).await.unwrap();
    assert_eq!(on.db().acquire_capacity(&one, 16).await.unwrap(), Acquired::Yes);

    on.db().pause_launches(&machine, &Pause::new(at(2), "x")).await.unwrap();
    for most in [16, 8] {
        assert_eq!(on.db().acquire_capacity(&two, most).await.unwrap(), Acquired::Paused, "{most}");
    }
    // What acquired capacity before is about to be launched.
    assert_eq!(on.db().acquire_capacity(&one, 16).await.unwrap(), Acquired::Yes);
    let later = Held { since: at(5), ..one.clone() };
    assert_eq!(on.db().acquire_capacity(&later, 16).await.unwrap(), Acquired::Already { since: at(0) });
    assert_eq!(holders(on).await, [named(&one)]);
    assert!(on.db().release_capacity(&one.execution).await.unwrap());
    on.db().resume_launches(&machine).await.unwrap();
    assert_eq!(on.db().acquire_capacity(&two, 16).await.unwrap(), Acquired::Yes);
    assert_eq!(holders(on).await, [named(&two)]);
}

async fn a_pause_is_known_until_it_ends_and_replaces_another(on: &impl Tables) {
    let machine = on.state_machine();
    let found = async || on.db().find_pause(&machine).await.unwrap();
    assert_eq!((found().await, on.db().resume_launches(&machine).await.unwrap()), (None, None));
    let [first, second] = [Pause::new(at(0), TEXT), Pause::new(at(1), "again")];
    assert_eq!(on.db().pause_launches(&machine, &first).await.unwrap(), None);
    assert_eq!(found().await.as_ref(), Some(&first));
    assert_eq!(on.db().pause_launches(&machine, &second).await.unwrap().as_ref(), Some(&first));
    assert_eq!(found().await.as_ref(), Some(&second));
    assert_eq!(on.db().resume_launches(&machine).await.unwrap(), Some(second));
    assert_eq!((found().await, on.db().resume_launches(&machine).await.unwrap()), (None, None));
}
