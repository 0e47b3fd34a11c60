//! `ClaimGoal`, `FindExecution`.

use futures_util::future::join_all;
use goal_activity_core::daily::{Before, Day};
use goal_activity_core::execution::Execution;
use goal_activity_core::goal::{Goal, GoalStatus};
use goal_activity_core::limits::MAX_RUNNING_PER_USER;
use goal_activity_core::ports::{
    Accepted, Claim, ClaimGoal, Claimed, EndExecution, FindExecution, Remembered, RequestKey,
};
use goal_activity_events::{ClaimSequence, EventId, ExecutionArn, FinalStatus, UserId};

use crate::backend::Tables;
use crate::given::{at, claim, claimed, ending, execution, found, goal, goal_of, stored, stored_goal};

on_all_tables!(
    a_claim_takes_the_goal_and_records_the_execution,
    an_execution_that_is_not_there_is_none,
    a_goal_that_is_not_there_cannot_be_claimed,
    p1_a_claimed_goal_cannot_be_claimed,
    p1_a_goal_that_was_claimed_since_it_was_read_cannot_be_claimed,
    p9_a_goal_of_another_user_cannot_be_claimed,
    a_closed_goal_cannot_be_claimed,
    every_other_goal_can_be_claimed_again_and_again,
    p2_a_name_is_given_once,
    p2_a_claim_made_twice_is_refused_the_second_time,
    p2_a_request_is_accepted_once_whatever_else_is_refused,
    p2_requests_differ_by_source_and_by_id,
    p2_sources_and_ids_are_never_mixed_up,
    a_refused_claim_remembers_no_request,
    p1_of_claims_made_at_once_one_wins,
    p2_of_requests_made_at_once_one_wins,
    p2_one_request_for_two_goals_at_once_takes_one,
    p2_a_user_s_key_is_remembered_with_what_it_was_for,
    p9_the_same_key_of_two_users_is_two_requests,
    p10_a_user_has_so_many_workflows_and_no_more_however_many_are_claimed_at_once,
    p10_an_end_makes_room_once_and_only_for_its_own_user,
    p10_an_end_makes_room_even_when_the_goal_is_gone,
    p10_a_user_gets_so_many_actions_a_day_however_many_are_claimed_at_once,
    p10_a_day_has_a_count_of_its_own_whichever_clock_is_ahead,
    p10_what_is_refused_counts_nothing_and_an_end_gives_nothing_back,
    p10_counts_of_days_that_are_over_are_dropped,
);

/// A request of this case only.
fn new_request() -> Remembered {
    event("com.example.サービス", EventId::random())
}

fn event(source: &str, event_id: EventId) -> Remembered {
    Remembered { key: RequestKey::Service { source: source.to_owned(), event_id }, digest: None }
}

/// A user's call with a key.
fn call(user_id: &UserId, key: &str, digest: &str) -> Remembered {
    let key = RequestKey::User { user_id: user_id.clone(), key: key.parse().unwrap() };
    Remembered { key, digest: Some(digest.to_owned()) }
}

fn accepted(claim: &Claim) -> Accepted {
    let digest = claim.request.as_ref().and_then(|r| r.digest.clone());
    Accepted { execution: claim.execution.execution_arn.clone(), digest }
}

async fn claims(on: &impl Tables, claim: &Claim) -> Claimed {
    on.db().claim_goal(claim).await.unwrap()
}

async fn recorded(on: &impl Tables, execution: &ExecutionArn) -> Option<Execution> {
    on.db().find_execution(execution).await.unwrap()
}

async fn accepted_before(on: &impl Tables, request: &Remembered) -> Option<Accepted> {
    on.db().accepted_before(&request.key, at(0)).await.unwrap()
}

/// Makes a claim that must be refused with this result and must change nothing.
async fn refused(on: &impl Tables, goal: &Goal, claim: &Claim, answer: Claimed) {
    let before = (stored_goal(on, goal).await, recorded(on, &claim.execution.execution_arn).await);
    assert_eq!(claims(on, claim).await, answer);
    let after = (stored_goal(on, goal).await, recorded(on, &claim.execution.execution_arn).await);
    assert_eq!(after, before);
}

async fn a_claim_takes_the_goal_and_records_the_execution(on: &impl Tables) {
    let goal = stored(on, 64).await;
    let claim = Claim { request: Some(new_request()), ..claim(&goal, 1) };
    assert_eq!(claims(on, &claim).await, Claimed::Yes);
    let mut expected = goal.clone();
    expected.head.status = GoalStatus::Processing;
    expected.head.claimed_by = Some(claim.execution.execution_arn.clone().into());
    expected.head.claims = ClaimSequence(1);
    assert_eq!(stored_goal(on, &goal).await, Some(expected));
    assert_eq!(found(on, &claim.execution).await, claim.execution);
    assert_eq!(accepted_before(on, claim.request.as_ref().unwrap()).await, Some(accepted(&claim)));
}

async fn an_execution_that_is_not_there_is_none(on: &impl Tables) {
    assert_eq!(recorded(on, &execution(&goal(1), 1).execution_arn).await, None);
}

async fn a_goal_that_is_not_there_cannot_be_claimed(on: &impl Tables) {
    let goal = goal(1);
    refused(on, &goal, &claim(&goal, 1), Claimed::GoalChanged).await;
}

async fn p1_a_claimed_goal_cannot_be_claimed(on: &impl Tables) {
    let (goal, _) = claimed(on, 1).await;
    // It was read after the first claim: the only conflict is that it is not free.
    refused(on, &goal, &claim(&goal, 2), Claimed::GoalChanged).await;
}

async fn p1_a_goal_that_was_claimed_since_it_was_read_cannot_be_claimed(on: &impl Tables) {
    let mut goal = goal(1);
    goal.head.claims = ClaimSequence(5);
    on.put_goal(&goal).await;
    for number in [1, 5, 7] {
        refused(on, &goal, &claim(&goal, number), Claimed::GoalChanged).await;
    }
    assert_eq!(claims(on, &claim(&goal, 6)).await, Claimed::Yes);
}

async fn p9_a_goal_of_another_user_cannot_be_claimed(on: &impl Tables) {
    let goal = stored(on, 1).await;
    let mut claim = claim(&goal, 1);
    claim.execution.user_id = "user-2".parse().unwrap();
    refused(on, &goal, &claim, Claimed::GoalChanged).await;
}

async fn a_closed_goal_cannot_be_claimed(on: &impl Tables) {
    for status in GoalStatus::CLOSED {
        let mut goal = goal(1);
        goal.head.status = status;
        on.put_goal(&goal).await;
        refused(on, &goal, &claim(&goal, 1), Claimed::GoalChanged).await;
    }
}

async fn every_other_goal_can_be_claimed_again_and_again(on: &impl Tables) {
    use GoalStatus::{Active, Draft, Failed, Partial, Processing};
    let mut goal = goal(1);
    for (number, status) in (1..).zip([Draft, Processing, Active, Partial, Failed]) {
        goal.head.status = status;
        on.put_goal(&goal).await;
        assert_eq!(claims(on, &claim(&goal, number)).await, Claimed::Yes, "{status:?}");
        goal.head.claims = ClaimSequence(number);
    }
}

async fn p2_a_name_is_given_once(on: &impl Tables) {
    let (_, taken) = claimed(on, 1).await;
    let goal = stored(on, 1).await;
    let mut claim = Claim { request: Some(new_request()), ..claim(&goal, 1) };
    claim.execution.execution_arn = taken.execution_arn;
    refused(on, &goal, &claim, Claimed::NameTaken).await;
    assert_eq!(accepted_before(on, &claim.request.unwrap()).await, None);
}

async fn p2_a_claim_made_twice_is_refused_the_second_time(on: &impl Tables) {
    let goal = stored(on, 1).await;
    assert_eq!(claims(on, &claim(&goal, 1)).await, Claimed::Yes);
    // The goal has changed and the name is in use: the result is that the goal has changed.
    refused(on, &stored_goal(on, &goal).await.unwrap(), &claim(&goal, 1), Claimed::GoalChanged).await;
}

async fn p2_a_request_is_accepted_once_whatever_else_is_refused(on: &impl Tables) {
    let goal = stored(on, 1).await;
    let first = Claim { request: Some(new_request()), ..claim(&goal, 1) };
    assert_eq!(claims(on, &first).await, Claimed::Yes);
    let accepted = || Claimed::SameRequest(accepted(&first));
    refused(on, &goal, &first, accepted()).await;
    refused(on, &goal, &Claim { request: first.request.clone(), ..claim(&goal, 2) }, accepted()).await;
    on.db().end_execution(&first.execution, &ending(&first.execution, FinalStatus::Succeeded)).await.unwrap();
    // Now the goal is free.
    refused(on, &goal, &Claim { request: first.request.clone(), ..claim(&goal, 2) }, accepted()).await;
    on.remove_goal(&goal.head.goal_id).await;
    refused(on, &goal, &Claim { request: first.request.clone(), ..claim(&goal, 2) }, accepted()).await;
}

async fn p2_requests_differ_by_source_and_by_id(on: &impl Tables) {
    let id = EventId::random();
    let requests = [("com.example.a", id.clone()), ("com.example.b", id), ("com.example.a", EventId::random())];
    for (source, event_id) in requests {
        let goal = stored(on, 1).await;
        let request = Some(event(source, event_id));
        assert_eq!(claims(on, &Claim { request, ..claim(&goal, 1) }).await, Claimed::Yes);
    }
}

async fn p2_sources_and_ids_are_never_mixed_up(on: &impl Tables) {
    let unique = EventId::random();
    let pairs = [("a", format!("b#c#{unique}")), ("a#b", format!("c#{unique}")), ("a#b#c", unique.to_string())];
    for (source, id) in pairs {
        let goal = stored(on, 1).await;
        let claim = Claim { request: Some(event(source, id.parse().unwrap())), ..claim(&goal, 1) };
        assert_eq!(claims(on, &claim).await, Claimed::Yes, "{source:?} {id:?}");
    }
}

async fn a_refused_claim_remembers_no_request(on: &impl Tables) {
    let (goal, _) = claimed(on, 1).await;
    let request = new_request();
    let again = Claim { request: Some(request.clone()), ..claim(&goal, 2) };
    refused(on, &goal, &again, Claimed::GoalChanged).await;
    assert_eq!(accepted_before(on, &request).await, None);
}

async fn p1_of_claims_made_at_once_one_wins(on: &impl Tables) {
    let goal = stored(on, 1).await;
    let all: Vec<_> = (0..8).map(|second| with_start(claim(&goal, 1), second)).collect();
    let answers = join_all(all.iter().map(|claim| claims(on, claim))).await;
    let won: Vec<_> = all.iter().zip(&answers).filter(|(_, a)| **a == Claimed::Yes).map(|(c, _)| c).collect();
    let [won] = won[..] else { panic!("{answers:?}") };
    assert_eq!(answers.iter().filter(|a| **a == Claimed::GoalChanged).count(), 7, "{answers:?}");
    assert_eq!(found(on, &won.execution).await, won.execution);
}

fn with_start(mut claim: Claim, second: i64) -> Claim {
    claim.execution.start_date = at(second);
    claim
}

async fn p2_of_requests_made_at_once_one_wins(on: &impl Tables) {
    let goal = stored(on, 1).await;
    let request = Claim { request: Some(new_request()), ..claim(&goal, 1) };
    let answers = join_all((0..8).map(|_| claims(on, &request))).await;
    let same = Claimed::SameRequest(accepted(&request));
    assert_eq!(answers.iter().filter(|a| **a == Claimed::Yes).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|a| **a == same).count(), 7, "{answers:?}");
}

async fn p2_one_request_for_two_goals_at_once_takes_one(on: &impl Tables) {
    let (one, other) = (stored(on, 1).await, stored(on, 1).await);
    let request = Some(new_request());
    let all = [&one, &other].map(|goal| Claim { request: request.clone(), ..claim(goal, 1) });
    let answers = join_all(all.iter().map(|claim| claims(on, claim))).await;
    let won = answers.iter().position(|a| *a == Claimed::Yes).expect("one that wins");
    let (winner, loser) = (&all[won], &all[1 - won]);
    assert_eq!(answers[1 - won], Claimed::SameRequest(accepted(winner)));
    assert_eq!(recorded(on, &loser.execution.execution_arn).await, None);
    let free = if won == 0 { other } else { one };
    assert_eq!(stored_goal(on, &free).await, Some(free));
}

async fn p2_a_user_s_key_is_remembered_with_what_it_was_for(on: &impl Tables) {
    let goal = stored(on, 1).await;
    let request = call(&goal.head.user_id, "key", "all of it");
    let first = Claim { request: Some(request.clone()), ..claim(&goal, 1) };
    assert_eq!(claims(on, &first).await, Claimed::Yes);
    assert_eq!(accepted_before(on, &request).await, Some(accepted(&first)));
    let other = Claim { request: Some(call(&goal.head.user_id, "key", "something else")), ..claim(&goal, 2) };
    refused(on, &goal, &other, Claimed::SameRequest(accepted(&first))).await;
}

async fn p9_the_same_key_of_two_users_is_two_requests(on: &impl Tables) {
    for _ in 0..2 {
        let goal = stored(on, 1).await;
        let request = Some(call(&goal.head.user_id, "key", "all of it"));
        assert_eq!(claims(on, &Claim { request, ..claim(&goal, 1) }).await, Claimed::Yes);
    }
}

/// A user's goals, one more than the limit of running workflows.
async fn goals_of_one_user(on: &impl Tables) -> Vec<Goal> {
    let mut goals = vec![stored(on, 1).await];
    while goals.len() <= MAX_RUNNING_PER_USER {
        let goal = goal_of(goals[0].head.user_id.as_str(), 1);
        on.put_goal(&goal).await;
        goals.push(goal);
    }
    goals
}

async fn p10_a_user_has_so_many_workflows_and_no_more_however_many_are_claimed_at_once(on: &impl Tables) {
    let goals = goals_of_one_user(on).await;
    let all: Vec<_> = goals.iter().map(|goal| claim(goal, 1)).collect();
    let answers = join_all(all.iter().map(|claim| claims(on, claim))).await;
    assert_eq!(answers.iter().filter(|a| **a == Claimed::Yes).count(), MAX_RUNNING_PER_USER, "{answers:?}");
    let left = answers.iter().position(|a| *a == Claimed::UserChanged).expect("one that is refused");
    refused(on, &goals[left], &all[left], Claimed::UserChanged).await;
}

async fn p10_an_end_makes_room_once_and_only_for_its_own_user(on: &impl Tables) {
    let goals = goals_of_one_user(on).await;
    let (last, others) = goals.split_last().unwrap();
    for goal in others {
        assert_eq!(claims(on, &claim(goal, 1)).await, Claimed::Yes);
    }
    let (_, of_another) = claimed(on, 1).await;
    on.db().end_execution(&of_another, &ending(&of_another, FinalStatus::Failed)).await.unwrap();
    refused(on, last, &claim(last, 1), Claimed::UserChanged).await;
    let ended = execution(&others[0], 1);
    for _ in 0..2 {
        on.db().end_execution(&ended, &ending(&ended, FinalStatus::Succeeded)).await.unwrap();
    }
    assert_eq!(claims(on, &claim(last, 1)).await, Claimed::Yes);
    let again = stored_goal(on, &others[0]).await.unwrap();
    refused(on, &again, &claim(&again, 2), Claimed::UserChanged).await;
}

async fn p10_an_end_makes_room_even_when_the_goal_is_gone(on: &impl Tables) {
    let goals = goals_of_one_user(on).await;
    let (last, others) = goals.split_last().unwrap();
    for goal in others {
        assert_eq!(claims(on, &claim(goal, 1)).await, Claimed::Yes);
    }
    on.remove_goal(&others[0].head.goal_id).await;
    on.db()
        .end_execution(&execution(&others[0], 1), &ending(&execution(&others[0], 1), FinalStatus::Succeeded))
        .await
        .unwrap();
    assert_eq!(claims(on, &claim(last, 1)).await, Claimed::Yes);
}

/// How many actions the user has asked for, by day.
async fn started(on: &impl Tables, user: &UserId) -> Vec<(Day, u32)> {
    on.db().user_load(user).await.unwrap().started.into_iter().collect()
}

/// Goals of one user, of 8 actions each.
async fn goals_of_eight(on: &impl Tables, count: usize) -> Vec<Goal> {
    let mut goals = vec![stored(on, 8).await];
    while goals.len() < count {
        let goal = goal_of(goals[0].head.user_id.as_str(), 8);
        on.put_goal(&goal).await;
        goals.push(goal);
    }
    goals
}

/// The claim of a goal of 8 actions, of which 20 may be asked for in a day.
fn limited(goal: &Goal) -> Claim {
    Claim { started_before: Before::AtMost(12), ..claim(goal, 1) }
}

async fn p10_a_user_gets_so_many_actions_a_day_however_many_are_claimed_at_once(on: &impl Tables) {
    let goals = goals_of_eight(on, 6).await;
    let user = &goals[0].head.user_id;
    assert_eq!(started(on, user).await, []);
    let all: Vec<_> = goals.iter().map(limited).collect();
    let answers = join_all(all.iter().map(|claim| claims(on, claim))).await;
    assert_eq!(answers.iter().filter(|a| **a == Claimed::Yes).count(), 2, "{answers:?}");
    let left = answers.iter().position(|a| *a == Claimed::UserChanged).expect("one that is refused");
    refused(on, &goals[left], &all[left], Claimed::UserChanged).await;
    let none = Claim { started_before: Before::TooMany, ..claim(&goals[left], 1) };
    refused(on, &goals[left], &none, Claimed::UserChanged).await;
    assert_eq!(started(on, user).await, [(Day::of(at(0)), 16)]);
    // Without a limit it counts all the same.
    assert_eq!(claims(on, &claim(&goals[left], 1)).await, Claimed::Yes);
    assert_eq!(started(on, user).await, [(Day::of(at(0)), 24)]);
    let another = stored(on, 8).await;
    assert_eq!(claims(on, &limited(&another)).await, Claimed::Yes);
}

async fn p10_a_day_has_a_count_of_its_own_whichever_clock_is_ahead(on: &impl Tables) {
    let goals = goals_of_eight(on, 4).await;
    let (today, tomorrow) = (Day::of(at(0)), Day::of(at(0)).next());
    let on_day = |goal: &Goal, day: Day| {
        let mut claim = Claim { started_before: Before::AtMost(0), ..claim(goal, 1) };
        claim.execution.start_date = day.begin();
        claim
    };
    assert_eq!(claims(on, &on_day(&goals[0], tomorrow)).await, Claimed::Yes);
    assert_eq!(claims(on, &on_day(&goals[1], today)).await, Claimed::Yes);
    for day in [today, tomorrow] {
        refused(on, &goals[2], &on_day(&goals[2], day), Claimed::UserChanged).await;
    }
    assert_eq!(started(on, &goals[0].head.user_id).await, [(today, 8), (tomorrow, 8)]);
}

async fn p10_what_is_refused_counts_nothing_and_an_end_gives_nothing_back(on: &impl Tables) {
    let goals = goals_of_eight(on, 2).await;
    let user = &goals[0].head.user_id;
    let request = call(user, "key", "all of it");
    let first = Claim { request: Some(request), ..limited(&goals[0]) };
    assert_eq!(claims(on, &first).await, Claimed::Yes);
    refused(
        on,
        &goals[1],
        &Claim { execution: execution(&goals[1], 1), ..first.clone() },
        Claimed::SameRequest(accepted(&first)),
    )
    .await;
    assert_eq!(claims(on, &claim(&goals[0], 2)).await, Claimed::GoalChanged);
    on.db().end_execution(&first.execution, &ending(&first.execution, FinalStatus::Aborted)).await.unwrap();
    assert_eq!(started(on, user).await, [(Day::of(at(0)), 8)]);
}

async fn p10_counts_of_days_that_are_over_are_dropped(on: &impl Tables) {
    let goals = goals_of_eight(on, 2).await;
    let (user, today) = (&goals[0].head.user_id, Day::of(at(0)));
    assert_eq!(claims(on, &claim(&goals[0], 1)).await, Claimed::Yes);
    let mut later = claim(&goals[1], 1);
    later.execution.start_date = today.next().next().begin();
    later.days_over = [today].into();
    assert_eq!(claims(on, &later).await, Claimed::Yes);
    assert_eq!(started(on, user).await, [(today.next().next(), 8)]);
}
