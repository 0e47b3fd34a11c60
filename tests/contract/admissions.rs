//! `HoldCapacity`, `FindLoad`, `ListWaiting`, `MoveWaiting`, `AdmitExecution` and the ports of the pause.

use std::time::Duration;

use futures_util::future::join_all;
use goal_activity_core::admission::{Held, Room, Shard, in_use};
use goal_activity_core::agreement;
use goal_activity_core::daily::Day;
use goal_activity_core::execution::{Cancellation, Execution};
use goal_activity_core::keys::open_shard;
use goal_activity_core::pause::{Cost, DailyCost, Passage, Pause, Pausing, Release};
use goal_activity_core::ports::{
    Acquired, AdmitExecution, CancelExecution, ChangePause, Claim, ClaimGoal, Claimed, EndExecution, FindExecution,
    FindLoad, FindPause, HoldCapacity, ListOpen, ListWaiting, MoveWaiting, PauseChange, PauseLaunches, Released,
};
use goal_activity_core::quota::Bucket;
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
    a_release_and_the_pause_that_it_begins_are_one_write,
    a_release_of_what_was_acquired_anew_since_is_not_made,
    a_release_that_was_decided_with_another_pause_is_not_made,
    of_many_at_once_one_is_the_probe,
    a_pause_that_is_over_ends_with_the_first_that_acquires_capacity,
    a_cost_is_counted_with_the_release_and_once,
    a_cost_that_reaches_the_amount_meanwhile_is_decided_anew,
    since_when_the_ai_works_is_kept_with_the_release,
    each_shard_counts_by_itself,
    who_waits_for_a_shard_is_listed_for_it_and_moves_from_where_it_is,
    where_it_was_launched_is_recorded,
    only_the_first_shard_has_a_probe,
    the_pause_of_a_shard_changes_only_from_what_it_is,
    all_shards_agree_once_a_pause_or_its_end_has_returned,
    what_is_drawn_is_kept_with_what_is_held_and_settled_with_its_release,
    nothing_is_taken_while_the_quota_is_used_up,
    a_wrong_guess_of_what_the_quota_has_left_is_put_right,
    many_at_once_never_get_further_into_debt_than_one_does,
    a_probe_waits_for_the_quota_as_well,
    without_a_quota_the_row_says_nothing_of_one,
    a_moment_that_no_workflow_can_have_caused_is_begun_anew,
);

fn held(on: &impl Tables, batches: u32, since: i64) -> Held {
    let name = execution(&goal(1), 1).execution_arn.name().to_owned();
    Held {
        execution: ExecutionArn::named(&on.state_machine(), &name),
        batches,
        since: at(since),
        shard: Shard::FIRST,
        drawn: Duration::ZERO,
    }
}

/// Releases what an execution holds that says nothing of the AI. Returns `false` if it holds nothing.
async fn give_back(on: &impl Tables, execution: &ExecutionArn) -> bool {
    on.db().release_capacity(&release(on, execution).await).await.unwrap() == Released::Yes
}

/// What is decided now for the release of an execution that says nothing of the AI.
async fn release(on: &impl Tables, execution: &ExecutionArn) -> Release {
    let load = on.db().find_load(&on.state_machine(), Shard::FIRST).await.unwrap();
    let pausing = Pausing { on_ai_failure: true, daily_cost: DailyCost::NONE };
    Release::decide(execution, None, &load, pausing, at(0))
}

/// The held capacity, by the names of the executions: each case has its own state machine.
async fn holders(on: &impl Tables) -> Vec<(String, u32, Timestamp)> {
    let mut all: Vec<_> =
        on.db().find_load(&on.state_machine(), Shard::FIRST).await.unwrap().held.iter().map(named).collect();
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
        assert_eq!(on.db().acquire_capacity(taken, Room::of(16)).await.unwrap(), Acquired::Yes);
    }
    assert_eq!(holders(on).await, [named(&one), named(&two)]);
    assert!(give_back(on, &one.execution).await);
    assert_eq!(holders(on).await, [named(&two)]);
    // Released capacity can be acquired again.
    assert_eq!(on.db().acquire_capacity(&held(on, 13, 2), Room::of(16)).await.unwrap(), Acquired::Yes);
}

async fn taking_twice_counts_once(on: &impl Tables) {
    let first = held(on, 8, 0);
    assert_eq!(on.db().acquire_capacity(&first, Room::of(8)).await.unwrap(), Acquired::Yes);
    // The same call again, as the SDK repeats it.
    assert_eq!(on.db().acquire_capacity(&first, Room::of(8)).await.unwrap(), Acquired::Yes);
    let later = Held { since: at(5), ..first.clone() };
    assert_eq!(on.db().acquire_capacity(&later, Room::of(8)).await.unwrap(), Acquired::Already { since: at(0) });
    assert_eq!(holders(on).await, [named(&first)]);
    give_back(on, &first.execution).await;
    assert_eq!(on.db().acquire_capacity(&held(on, 8, 6), Room::of(8)).await.unwrap(), Acquired::Yes);
}

async fn more_than_there_is_cannot_be_taken(on: &impl Tables) {
    assert_eq!(on.db().acquire_capacity(&held(on, 9, 0), Room::of(8)).await.unwrap(), Acquired::Full);
    assert_eq!(on.db().acquire_capacity(&held(on, 5, 0), Room::of(8)).await.unwrap(), Acquired::Yes);
    assert_eq!(on.db().acquire_capacity(&held(on, 4, 0), Room::of(8)).await.unwrap(), Acquired::Full);
    assert_eq!(on.db().acquire_capacity(&held(on, 3, 0), Room::of(8)).await.unwrap(), Acquired::Yes);
    // The capacity is less than before: held capacity stays, and no more can be acquired.
    assert_eq!(on.db().acquire_capacity(&held(on, 1, 0), Room::of(4)).await.unwrap(), Acquired::Full);
    assert_eq!(in_use(&on.db().find_load(&on.state_machine(), Shard::FIRST).await.unwrap().held), 8);
}

async fn many_at_once_never_take_more_than_there_is(on: &impl Tables) {
    let all: Vec<_> = (0..20).map(|i| held(on, 3, i)).collect();
    let taken = join_all(all.iter().map(|h| on.db().acquire_capacity(h, Room::of(31)))).await;
    let yes = taken.into_iter().filter(|t| matches!(t, Ok(Acquired::Yes))).count();
    assert_eq!(yes, 10);
    assert_eq!(in_use(&on.db().find_load(&on.state_machine(), Shard::FIRST).await.unwrap().held), 30);
}

async fn giving_back_what_is_not_held_changes_nothing(on: &impl Tables) {
    let (one, other) = (held(on, 8, 0), held(on, 8, 0));
    assert!(!give_back(on, &one.execution).await);
    on.db().acquire_capacity(&one, Room::of(8)).await.unwrap();
    assert!(!give_back(on, &other.execution).await);
    assert!(give_back(on, &one.execution).await);
    assert!(!give_back(on, &one.execution).await);
    assert_eq!(on.db().acquire_capacity(&other, Room::of(8)).await.unwrap(), Acquired::Yes);
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
    let all = on.db().list_waiting(Shard::FIRST, u16::MAX).await.unwrap();
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
    assert_eq!(on.db().list_waiting(Shard::FIRST, 2).await.unwrap().len(), 2);
    assert!(!is_open(on, &first).await, "it is nothing to look at one by one");
}

async fn who_was_launched_waits_no_more_and_is_open(on: &impl Tables) {
    let one = waiting(on, at(0)).await;
    assert!(on.db().mark_admitted(&one.execution_arn, at(7), Shard::FIRST).await.unwrap());
    assert!(line(on, &[&one]).await.is_empty());
    assert!(is_open(on, &one).await);
    let found = on.db().find_execution(&one.execution_arn).await.unwrap().unwrap();
    assert_eq!(found, Execution { admitted_at: Some(at(7)), ..one });
}

async fn a_launch_is_noted_once(on: &impl Tables) {
    let (_, execution) = claimed(on, 1).await;
    let arn = &execution.execution_arn;
    assert!(on.db().mark_admitted(arn, at(1), Shard::FIRST).await.unwrap());
    assert!(!on.db().mark_admitted(arn, at(2), Shard::FIRST).await.unwrap());
    assert_eq!(on.db().find_execution(arn).await.unwrap().unwrap().admitted_at, Some(at(1)));
    assert!(
        !on.db().mark_admitted(&held(on, 1, 0).execution, at(1), Shard::FIRST).await.unwrap(),
        "one that is not recorded"
    );
}

async fn who_is_cancelled_while_waiting_is_open_until_the_end(on: &impl Tables) {
    let (_, execution) = claimed(on, 1).await;
    let arn = &execution.execution_arn;
    let cancellation = Cancellation::by_user(execution.user_id.clone(), at(1), None);
    assert!(on.db().record_cancellation(arn, &cancellation).await.unwrap());
    assert!(line(on, &[&execution]).await.is_empty());
    assert!(is_open(on, &execution).await);
    assert!(!on.db().mark_admitted(arn, at(2), Shard::FIRST).await.unwrap());
    assert!(on.db().end_execution(&execution, &ending(&execution, FinalStatus::Aborted)).await.unwrap());
    assert!(is_open(on, &execution).await, "its end is not settled");
}

async fn who_ends_while_waiting_is_open(on: &impl Tables) {
    let (_, execution) = claimed(on, 1).await;
    assert!(on.db().end_execution(&execution, &ending(&execution, FinalStatus::Failed)).await.unwrap());
    assert!(line(on, &[&execution]).await.is_empty());
    assert!(is_open(on, &execution).await);
    assert!(!on.db().mark_admitted(&execution.execution_arn, at(2), Shard::FIRST).await.unwrap());
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
    assert_eq!(on.db().acquire_capacity(&one, Room::of(16)).await.unwrap(), Acquired::Paused);
    on.db().resume_launches(&machine).await.unwrap();
    assert_eq!(on.db().acquire_capacity(&one, Room::of(16)).await.unwrap(), Acquired::Yes);

    on.db().pause_launches(&machine, &Pause::new(at(2), "x")).await.unwrap();
    for most in [16, 8] {
        assert_eq!(on.db().acquire_capacity(&two, Room::of(most)).await.unwrap(), Acquired::Paused, "{most}");
    }
    // What acquired capacity before is about to be launched.
    assert_eq!(on.db().acquire_capacity(&one, Room::of(16)).await.unwrap(), Acquired::Yes);
    let later = Held { since: at(5), ..one.clone() };
    assert_eq!(on.db().acquire_capacity(&later, Room::of(16)).await.unwrap(), Acquired::Already { since: at(0) });
    assert_eq!(holders(on).await, [named(&one)]);
    assert!(give_back(on, &one.execution).await);
    on.db().resume_launches(&machine).await.unwrap();
    assert_eq!(on.db().acquire_capacity(&two, Room::of(16)).await.unwrap(), Acquired::Yes);
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

/// A pause of the pipeline's own since then, whose first probe may be launched at `at(30)`.
fn down() -> Pause {
    Pause::while_the_ai_is_down(at(0))
}

async fn pause_of(on: &impl Tables) -> Option<Pause> {
    on.db().find_load(&on.state_machine(), Shard::FIRST).await.unwrap().pause
}

async fn a_release_and_the_pause_that_it_begins_are_one_write(on: &impl Tables) {
    let (one, two) = (held(on, 8, 0), held(on, 8, 1));
    assert_eq!(on.db().acquire_capacity(&one, Room::of(8)).await.unwrap(), Acquired::Yes);
    let plain = release(on, &one.execution).await;
    let pausing = Release { after: Some(down()), ..plain.clone() };
    assert_eq!(on.db().release_capacity(&pausing).await.unwrap(), Released::Yes);
    assert_eq!((pause_of(on).await, holders(on).await), (Some(down()), vec![]));
    assert_eq!(on.db().acquire_capacity(&two, Room::of(8)).await.unwrap(), Acquired::Paused);
    // Delivered again, whatever is decided then.
    for again in [&pausing, &plain, &release(on, &one.execution).await] {
        assert_eq!(on.db().release_capacity(again).await.unwrap(), Released::NotHeld);
    }
    assert_eq!(pause_of(on).await, Some(down()));
    // `resume` ends it like any other.
    assert_eq!(on.db().resume_launches(&on.state_machine()).await.unwrap(), Some(down()));
    assert_eq!(on.db().acquire_capacity(&two, Room::of(8)).await.unwrap(), Acquired::Yes);
}

async fn a_release_of_what_was_acquired_anew_since_is_not_made(on: &impl Tables) {
    let one = held(on, 1, 0);
    assert_eq!(on.db().acquire_capacity(&one, Room::of(8)).await.unwrap(), Acquired::Yes);
    let stale = release(on, &one.execution).await;
    assert!(give_back(on, &one.execution).await);
    let anew = Held { since: at(9), ..one.clone() };
    assert_eq!(on.db().acquire_capacity(&anew, Room::of(8)).await.unwrap(), Acquired::Yes);
    assert_eq!(on.db().release_capacity(&stale).await.unwrap(), Released::Changed);
    assert_eq!(holders(on).await, [named(&anew)]);
    assert!(give_back(on, &one.execution).await);
}

async fn a_release_that_was_decided_with_another_pause_is_not_made(on: &impl Tables) {
    let (one, machine) = (held(on, 8, 0), on.state_machine());
    assert_eq!(on.db().acquire_capacity(&one, Room::of(8)).await.unwrap(), Acquired::Yes);
    let with = |before: Option<Pause>, after: Option<Pause>| Release { before, after, ..plain(&one.execution) };
    let operators = Pause::new(at(5), "x");
    let Passage::Probe(probing) = down().passage(Shard::FIRST, &one.execution, at(40)) else { panic!("a probe") };
    let mut later = down();
    later.since = at(1);
    let pauses = [None, Some(operators), Some(down()), Some(probing), Some(later), Some(Pause::for_the_day(at(0)))];
    for actual in &pauses {
        match actual {
            Some(pause) => drop(on.db().pause_launches(&machine, pause).await.unwrap()),
            None => drop(on.db().resume_launches(&machine).await.unwrap()),
        }
        for other in pauses.iter().filter(|other| *other != actual) {
            let changed = on.db().release_capacity(&with(other.clone(), None)).await.unwrap();
            assert_eq!(changed, Released::Changed, "{other:?} for {actual:?}");
            assert_eq!((pause_of(on).await, holders(on).await.len()), (actual.clone(), 1));
        }
    }
    for actual in pauses {
        match &actual {
            Some(pause) => drop(on.db().pause_launches(&machine, pause).await.unwrap()),
            None => drop(on.db().resume_launches(&machine).await.unwrap()),
        }
        assert_eq!(on.db().release_capacity(&with(actual.clone(), None)).await.unwrap(), Released::Yes, "{actual:?}");
        assert_eq!(pause_of(on).await, None);
        assert_eq!(on.db().acquire_capacity(&one, Room::of(8)).await.unwrap(), Acquired::Yes);
    }
}

/// The release of an execution without cost that changes no pause.
fn plain(execution: &ExecutionArn) -> Release {
    let execution = execution.clone();
    let past_days = Vec::new();
    let shard = Shard::FIRST;
    Release {
        execution,
        shard,
        since: None,
        cost: None,
        before: None,
        after: None,
        paused_for: None,
        past_days,
        worked_since: None,
        settled: 0,
    }
}

async fn of_many_at_once_one_is_the_probe(on: &impl Tables) {
    on.db().pause_launches(&on.state_machine(), &down()).await.unwrap();
    assert_eq!(on.db().acquire_capacity(&held(on, 1, 29), Room::of(64)).await.unwrap(), Acquired::Paused);
    let all: Vec<_> = (0..8).map(|_| held(on, 1, 30)).collect();
    let acquired = join_all(all.iter().map(|held| on.db().acquire_capacity(held, Room::of(64)))).await;
    let acquired: Vec<_> = acquired.into_iter().map(Result::unwrap).collect();
    let probes: Vec<_> =
        all.iter().zip(&acquired).filter(|(_, how)| **how == Acquired::AsProbe).map(|(h, _)| h).collect();
    let paused = acquired.iter().filter(|how| **how == Acquired::Paused).count();
    assert_eq!((probes.len(), paused), (1, 7), "{acquired:?}");
    assert_eq!(holders(on).await, [named(probes[0])]);
    // As the SDK repeats it.
    assert_eq!(on.db().acquire_capacity(probes[0], Room::of(64)).await.unwrap(), Acquired::Yes);
    assert_eq!(
        pause_of(on).await.map(Passage::Probe),
        Some(down().passage(Shard::FIRST, &probes[0].execution, at(30)))
    );
    // Too large for what is left: it is not the probe, and the pause stays as it is.
    let before = pause_of(on).await;
    assert_ne!(on.db().acquire_capacity(&held(on, 8, 900), Room::of(8)).await.unwrap(), Acquired::AsProbe);
    assert_eq!(pause_of(on).await, before);
    assert_eq!(
        on.db().acquire_capacity(&held(on, 7, 900), Room::of(8)).await.unwrap(),
        Acquired::AsProbe,
        "the first is lost"
    );
}

async fn a_pause_that_is_over_ends_with_the_first_that_acquires_capacity(on: &impl Tables) {
    let pause = Pause::for_the_day(at(0));
    let midnight = Day::of(at(0)).next().begin();
    on.db().pause_launches(&on.state_machine(), &pause).await.unwrap();
    let before = Held { since: midnight.minus(Duration::from_millis(1)), ..held(on, 1, 0) };
    assert_eq!(on.db().acquire_capacity(&before, Room::of(64)).await.unwrap(), Acquired::Paused);
    for _ in 0..2 {
        let after = Held { since: midnight, ..held(on, 1, 0) };
        assert_eq!(on.db().acquire_capacity(&after, Room::of(64)).await.unwrap(), Acquired::Yes);
        assert_eq!(pause_of(on).await, None);
    }
}

async fn a_cost_is_counted_with_the_release_and_once(on: &impl Tables) {
    let [today, yesterday, past] = [0, -1, -5].map(|days: i64| Day::of(at(days * 24 * 60 * 60)));
    let cost = |day, micro_usd| Some(Cost { day, micro_usd, below: None });
    for (day, amount, past_days) in
        [(past, 1, vec![]), (yesterday, 2, vec![]), (today, 3, vec![]), (today, 4, vec![past])]
    {
        let one = held(on, 8, 0);
        assert_eq!(on.db().acquire_capacity(&one, Room::of(8)).await.unwrap(), Acquired::Yes);
        let paused_for = Some((day, 10 * amount));
        let release = Release { cost: cost(day, amount), paused_for, past_days, ..plain(&one.execution) };
        assert_eq!(on.db().release_capacity(&release).await.unwrap(), Released::Yes);
        assert_eq!(on.db().release_capacity(&release).await.unwrap(), Released::NotHeld);
    }
    let load = on.db().find_load(&on.state_machine(), Shard::FIRST).await.unwrap();
    assert_eq!(load.costs, [(yesterday, 2), (today, 7)].into());
    assert_eq!(load.paused_for, [(yesterday, 20), (today, 40)].into());
}

async fn a_cost_that_reaches_the_amount_meanwhile_is_decided_anew(on: &impl Tables) {
    let today = Day::of(at(0));
    let release = |held: &Held| {
        let cost = Some(Cost { day: today, micro_usd: 40, below: Some(100) });
        Release { cost, ..plain(&held.execution) }
    };
    let all: Vec<_> = (0..3).map(|n| held(on, 1, n)).collect();
    for held in &all {
        assert_eq!(on.db().acquire_capacity(held, Room::of(8)).await.unwrap(), Acquired::Yes);
    }
    let mut released = Vec::new();
    for held in &all {
        released.push(on.db().release_capacity(&release(held)).await.unwrap());
    }
    assert_eq!(released, [Released::Yes, Released::Yes, Released::Changed]);
    let load = on.db().find_load(&on.state_machine(), Shard::FIRST).await.unwrap();
    assert_eq!((load.costs, load.held.len()), ([(today, 80)].into(), 1));
}

async fn since_when_the_ai_works_is_kept_with_the_release(on: &impl Tables) {
    let since = async || on.db().find_load(&on.state_machine(), Shard::FIRST).await.unwrap().worked_since;
    assert_eq!(since().await, None);
    for (worked_since, known) in [(Some(at(5)), at(5)), (None, at(5)), (Some(at(9)), at(9))] {
        let one = held(on, 8, 0);
        assert_eq!(on.db().acquire_capacity(&one, Room::of(8)).await.unwrap(), Acquired::Yes);
        let release = Release { worked_since, ..plain(&one.execution) };
        assert_eq!(on.db().release_capacity(&release).await.unwrap(), Released::Yes);
        assert_eq!(since().await, Some(known));
    }
}

fn nth(shard: usize) -> Shard {
    Shard::all().nth(shard).unwrap()
}

async fn each_shard_counts_by_itself(on: &impl Tables) {
    let machine = on.state_machine();
    let (one, two) = (held(on, 8, 0), Held { shard: nth(1), ..held(on, 8, 1) });
    for taken in [&one, &two] {
        assert_eq!(on.db().acquire_capacity(taken, Room::of(8)).await.unwrap(), Acquired::Yes, "{}", taken.shard);
    }
    let more = Held { shard: nth(1), ..held(on, 1, 2) };
    assert_eq!(on.db().acquire_capacity(&more, Room::of(8)).await.unwrap(), Acquired::Full);
    let holders = async |shard| on.db().find_load(&machine, shard).await.unwrap().held;
    assert_eq!((holders(nth(0)).await, holders(nth(1)).await), (vec![one.clone()], vec![two.clone()]));
    assert_eq!(holders(nth(2)).await, []);
    // What is held in one is not released in another.
    let elsewhere = Release::of_surplus(&Held { shard: nth(0), ..two.clone() }, None);
    assert_eq!(on.db().release_capacity(&elsewhere).await.unwrap(), Released::NotHeld);
    let there = Release::of_surplus(&two, None);
    assert_eq!(on.db().release_capacity(&there).await.unwrap(), Released::Yes);
    assert_eq!((holders(nth(0)).await.len(), holders(nth(1)).await.len()), (1, 0));
    assert_eq!(on.db().acquire_capacity(&more, Room::of(8)).await.unwrap(), Acquired::Yes);
}

/// Returns for which of the first three shards it is listed.
async fn lists(on: &impl Tables, execution: &Execution) -> Vec<usize> {
    let mut found = Vec::new();
    for shard in 0..3 {
        let listed = on.db().list_waiting(nth(shard), u16::MAX).await.unwrap();
        if listed.iter().any(|w| w.execution_arn == execution.execution_arn && w.turn == execution.turn) {
            found.push(shard);
        }
    }
    found
}

async fn who_waits_for_a_shard_is_listed_for_it_and_moves_from_where_it_is(on: &impl Tables) {
    let goal = goal(1);
    on.put_goal(&goal).await;
    let mut claim: Claim = claim(&goal, 1);
    claim.execution.shard = nth(2);
    assert_eq!(on.db().claim_goal(&claim).await.unwrap(), Claimed::Yes);
    let (execution, arn) = (&claim.execution, &claim.execution.execution_arn);
    let shard = async || on.db().find_execution(arn).await.unwrap().unwrap().shard;
    assert_eq!((lists(on, execution).await, shard().await), (vec![2], nth(2)));
    assert!(!on.db().move_waiting(arn, nth(0), nth(1)).await.unwrap(), "it does not wait there");
    for (from, to) in [(2, 0), (0, 1)] {
        assert!(on.db().move_waiting(arn, nth(from), nth(to)).await.unwrap());
        assert!(!on.db().move_waiting(arn, nth(from), nth(2)).await.unwrap(), "it has gone");
        assert_eq!((lists(on, execution).await, shard().await), (vec![to], nth(to)));
    }
    assert!(on.db().mark_admitted(arn, at(1), nth(1)).await.unwrap());
    assert!(!on.db().move_waiting(arn, nth(1), nth(0)).await.unwrap(), "it waits no more");
    assert_eq!((lists(on, execution).await, shard().await), (vec![], nth(1)));
    assert!(
        !on.db().move_waiting(&held(on, 1, 0).execution, nth(0), nth(1)).await.unwrap(),
        "one that is not recorded"
    );
}

async fn where_it_was_launched_is_recorded(on: &impl Tables) {
    for shard in [0, 1] {
        let one = waiting(on, at(0)).await;
        assert!(on.db().move_waiting(&one.execution_arn, nth(0), nth(2)).await.unwrap());
        // It had acquired capacity before it was moved.
        assert!(on.db().mark_admitted(&one.execution_arn, at(7), nth(shard)).await.unwrap());
        let found = on.db().find_execution(&one.execution_arn).await.unwrap().unwrap();
        assert_eq!(found, Execution { admitted_at: Some(at(7)), shard: nth(shard), ..one });
    }
}

async fn only_the_first_shard_has_a_probe(on: &impl Tables) {
    let machine = on.state_machine();
    on.db().pause_launches(&machine, &down()).await.unwrap();
    agreement::agree(on.db(), &machine, Shard::all().take(2), at(0)).await.unwrap();
    let elsewhere = Held { shard: nth(1), ..held(on, 1, 60) };
    assert_eq!(on.db().acquire_capacity(&elsewhere, Room::of(8)).await.unwrap(), Acquired::Paused);
    assert_eq!(on.db().acquire_capacity(&held(on, 1, 60), Room::of(8)).await.unwrap(), Acquired::AsProbe);
    // Its copy need not know which workflow that is.
    let copy = on.db().find_load(&machine, nth(1)).await.unwrap().pause;
    agreement::agree(on.db(), &machine, Shard::all().take(2), at(61)).await.unwrap();
    assert_eq!(on.db().find_load(&machine, nth(1)).await.unwrap().pause, copy);
}

async fn the_pause_of_a_shard_changes_only_from_what_it_is(on: &impl Tables) {
    let machine = on.state_machine();
    let change = async |before: Option<&Pause>, after: Option<&Pause>| {
        let change = PauseChange { before: before.cloned(), after: after.cloned(), paused_for: None };
        on.db().change_pause(&machine, nth(1), &change).await.unwrap()
    };
    let now = async || on.db().find_load(&machine, nth(1)).await.unwrap().pause;
    let (one, other, day) = (Pause::new(at(0), "x"), Pause::new(at(1), "x"), Pause::for_the_day(at(0)));
    assert!(!change(Some(&one), None).await && change(None, Some(&one)).await);
    for wrong in [None, Some(&other), Some(&day)] {
        assert!(!change(wrong, Some(&other)).await, "{wrong:?}");
    }
    assert_eq!(now().await.as_ref(), Some(&one));
    assert!(change(Some(&one), Some(&day)).await && !change(Some(&one), None).await);
    assert!(change(Some(&day), None).await);
    assert_eq!((now().await, on.db().find_pause(&machine).await.unwrap()), (None, None));
    // For which amount of a day is noted with the pause.
    let today = Day::of(at(0));
    let paused_for = Some((today, 5));
    let begin = PauseChange { before: None, after: Some(day.clone()), paused_for };
    assert!(on.db().change_pause(&machine, nth(0), &begin).await.unwrap());
    let load = on.db().find_load(&machine, nth(0)).await.unwrap();
    assert_eq!((load.pause, load.paused_for), (Some(day), [(today, 5)].into()));
}

async fn all_shards_agree_once_a_pause_or_its_end_has_returned(on: &impl Tables) {
    let machine = on.state_machine();
    let (one, other) = (Pause::new(at(0), "x"), Pause::new(at(1), "y"));
    assert_eq!(agreement::pause_launches(on.db(), &machine, &one).await.unwrap(), None);
    assert_eq!(agreement::pause_launches(on.db(), &machine, &other).await.unwrap(), Some(one));
    for shard in Shard::all() {
        let wanted = Held { shard, ..held(on, 1, 2) };
        assert_eq!(on.db().acquire_capacity(&wanted, Room::of(8)).await.unwrap(), Acquired::Paused, "{shard}");
        assert_eq!(on.db().find_load(&machine, shard).await.unwrap().pause.as_ref(), Some(&other), "{shard}");
    }
    assert_eq!(agreement::resume_launches(on.db(), &machine, at(3)).await.unwrap(), Some(other));
    for shard in Shard::all() {
        let wanted = Held { shard, ..held(on, 1, 4) };
        assert_eq!(on.db().acquire_capacity(&wanted, Room::of(8)).await.unwrap(), Acquired::Yes, "{shard}");
    }
}

/// How much of the quota is saved up at most.
const HOLDS: Duration = Duration::from_secs(30);

/// Room for many batches, and the quota as somebody has read it.
fn with_quota(used_until: Option<Timestamp>) -> Room {
    Room { batches: 1_000, bucket: Some(Bucket { holds: HOLDS, used_until }) }
}

fn drawing(on: &impl Tables, since: i64, seconds: u64) -> Held {
    Held { drawn: Duration::from_secs(seconds), ..held(on, 1, since) }
}

async fn used_until(on: &impl Tables) -> Option<Timestamp> {
    on.db().find_load(&on.state_machine(), Shard::FIRST).await.unwrap().quota_used_until
}

async fn a_moment_that_no_workflow_can_have_caused_is_begun_anew(on: &impl Tables) {
    // The last is more than can be read as a moment.
    for (round, settled) in (0..).zip([1_000_000_000, i64::MAX / 2, i64::MAX]) {
        let (one, two) = (drawing(on, 10 * round, 1), drawing(on, 10 * round + 5, 20));
        assert_eq!(on.db().acquire_capacity(&one, with_quota(used_until(on).await)).await.unwrap(), Acquired::Yes);
        let release_one = Release { settled, ..release(on, &one.execution).await };
        assert_eq!(on.db().release_capacity(&release_one).await.unwrap(), Released::Yes);
        assert_eq!(on.db().acquire_capacity(&two, with_quota(used_until(on).await)).await.unwrap(), Acquired::Yes);
        assert_eq!(used_until(on).await, Some(at(10 * round + 5 - 10)), "{settled}");
        assert_eq!(on.db().release_capacity(&release(on, &two.execution).await).await.unwrap(), Released::Yes);
    }
}

async fn what_is_drawn_is_kept_with_what_is_held_and_settled_with_its_release(on: &impl Tables) {
    let (one, two) = (drawing(on, 0, 20), drawing(on, 1, 5));
    assert_eq!(on.db().acquire_capacity(&one, with_quota(None)).await.unwrap(), Acquired::Yes);
    assert_eq!(used_until(on).await, Some(at(-10)), "30 s were saved up");
    for _ in 0..2 {
        // The second time as the SDK repeats it.
        assert_eq!(on.db().acquire_capacity(&two, with_quota(Some(at(-10)))).await.unwrap(), Acquired::Yes);
        assert_eq!(used_until(on).await, Some(at(-5)));
    }
    let mut found = on.db().find_load(&on.state_machine(), Shard::FIRST).await.unwrap().held;
    found.sort_by_key(|held| held.since);
    assert_eq!(found, [one.clone(), two.clone()]);
    for (held, settled, until) in
        [(&one, 2_500, Timestamp::from_millis(at(-5).as_millis() + 2_500)), (&two, -7_500, at(-10))]
    {
        let release = Release { settled, ..release(on, &held.execution).await };
        assert_eq!(on.db().release_capacity(&release).await.unwrap(), Released::Yes);
        assert_eq!(used_until(on).await, Some(until));
        assert_eq!(on.db().release_capacity(&release).await.unwrap(), Released::NotHeld);
        assert_eq!(used_until(on).await, Some(until));
    }
    let surplus = Release::of_surplus(&two, None);
    assert_eq!(surplus.settled, -5_000, "it has asked nothing");
}

async fn nothing_is_taken_while_the_quota_is_used_up(on: &impl Tables) {
    let large = drawing(on, 0, 100);
    assert_eq!(on.db().acquire_capacity(&large, with_quota(None)).await.unwrap(), Acquired::Yes);
    assert_eq!(used_until(on).await, Some(at(70)), "it need not fit");
    // Whatever is believed.
    for known in [None, Some(at(-100)), Some(at(0)), Some(at(70))] {
        let early = drawing(on, 69, 1);
        assert_eq!(
            on.db().acquire_capacity(&early, with_quota(known)).await.unwrap(),
            Acquired::QuotaUsed,
            "{known:?}"
        );
    }
    let again = Held { since: at(69), ..large.clone() };
    let already = on.db().acquire_capacity(&again, with_quota(Some(at(70)))).await.unwrap();
    assert_eq!(already, Acquired::Already { since: at(0) });
    let no_room = Room { batches: 1, ..with_quota(Some(at(70))) };
    assert_eq!(on.db().acquire_capacity(&drawing(on, 71, 1), no_room).await.unwrap(), Acquired::Full);
    assert_eq!(on.db().acquire_capacity(&drawing(on, 70, 1), with_quota(Some(at(70)))).await.unwrap(), Acquired::Yes);
    assert_eq!(used_until(on).await, Some(at(71)));
    // Who knows of no quota does not wait for one.
    assert_eq!(on.db().acquire_capacity(&held(on, 1, 70), Room::of(1_000)).await.unwrap(), Acquired::Yes);
    assert_eq!(used_until(on).await, Some(at(71)));
}

async fn a_wrong_guess_of_what_the_quota_has_left_is_put_right(on: &impl Tables) {
    let guesses = [None, Some(at(-1_000)), Some(at(0)), Some(at(9)), Some(at(1_000))];
    let mut now = 0;
    for known in guesses {
        // A bucket that is full, and then one that is not.
        for (later, until) in [(10_000, -25), (1, -21)] {
            now += later;
            let acquired = on.db().acquire_capacity(&drawing(on, now, 5), with_quota(known)).await.unwrap();
            assert_eq!((acquired, used_until(on).await), (Acquired::Yes, Some(at(now + until))), "{known:?}");
        }
    }
}

async fn many_at_once_never_get_further_into_debt_than_one_does(on: &impl Tables) {
    let all: Vec<_> = (0..20).map(|_| drawing(on, 0, 8)).collect();
    let mut acquired = 0;
    // Those that lose three races have to try again.
    for _ in 0..10 {
        let known = used_until(on).await;
        let tries = join_all(all.iter().map(|held| on.db().acquire_capacity(held, with_quota(known)))).await;
        acquired = tries.into_iter().filter(|acquired| matches!(acquired, Ok(Acquired::Yes))).count();
        if acquired == 4 {
            break;
        }
    }
    assert_eq!((acquired, used_until(on).await), (4, Some(at(2))), "32 of 30 s, and no more");
}

async fn a_probe_waits_for_the_quota_as_well(on: &impl Tables) {
    let one = drawing(on, 0, 100);
    assert_eq!(on.db().acquire_capacity(&one, with_quota(None)).await.unwrap(), Acquired::Yes);
    let release = Release { after: Some(Pause::while_the_ai_is_down(at(0))), ..release(on, &one.execution).await };
    assert_eq!(on.db().release_capacity(&release).await.unwrap(), Released::Yes);
    let early = on.db().acquire_capacity(&drawing(on, 60, 1), with_quota(Some(at(70)))).await.unwrap();
    assert!(!matches!(early, Acquired::Yes | Acquired::AsProbe), "{early:?}");
    let later = on.db().acquire_capacity(&drawing(on, 70, 1), with_quota(Some(at(70)))).await.unwrap();
    assert_eq!((later, used_until(on).await), (Acquired::AsProbe, Some(at(71))));
}

async fn without_a_quota_the_row_says_nothing_of_one(on: &impl Tables) {
    let one = held(on, 1, 0);
    assert_eq!(on.db().acquire_capacity(&one, Room::of(8)).await.unwrap(), Acquired::Yes);
    assert!(give_back(on, &one.execution).await);
    assert_eq!(used_until(on).await, None);
}
