//! Calls that hang: only work that needs them waits, and nothing is lost.

use std::time::Duration;

use aws_lambda_events::sqs::SqsEvent;
use goal_activity_core::execution::Listing;
use goal_activity_core::execution::Status;
use goal_activity_core::facts::Fact;
use goal_activity_core::keys::open_shard;
use goal_activity_core::limits::{ARCHIVING, MAX_RECEIVES};
use goal_activity_core::outcome::End;
use goal_activity_core::ports::{Event, ExecutionState};
use goal_activity_events::{ClaimSequence, ExecutionArn, GoalActivityRequested, GoalId, Timestamp};
use goal_activity_functions::adapters::memory::samples;
use goal_activity_functions::handlers::reconcile::Reconciled;
use goal_activity_functions::runtime::queue::{HandleMessage, handle_batch};
use goal_activity_testkit::{SqsRecord, sqs_event};
use serde_json::json;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::rig::{Rig, USER, budget, envelope, goal_id, raw_envelope, status_change};

/// Longer than any wait.
const FOREVER: Duration = Duration::from_secs(3_600);
/// The timeouts of functions, in seconds.
const LAUNCH: u64 = 30;
const PROJECTOR: u64 = 60;
const RECONCILE: u64 = 60;

/// Launched workflows of one action, each with its own goal and user, all listed in one shard.
async fn in_one_shard(rig: &Rig, count: usize) -> Vec<ExecutionArn> {
    let arn = |goal: &GoalId| ExecutionArn::derive(&samples::state_machine(), goal, ClaimSequence(1));
    let shard = open_shard(&arn(&goal_id("goal-1")));
    let goals = (1..).map(|n| goal_id(&format!("goal-{n}"))).filter(|goal| open_shard(&arn(goal)) == shard);
    let mut all = Vec::new();
    for goal in goals.take(count) {
        let user = format!("user-of-{goal}");
        rig.add(samples::goal(goal.as_str(), &user, 1));
        all.push(rig.start_as(&user, goal.as_str(), "").await.arn());
        rig.launch(rig.requests().last().unwrap()).await.unwrap();
        rig.world.state().now += 1;
    }
    all
}

/// Ends a workflow, publishes and notifies its end, and does not archive it.
async fn end_unarchived(rig: &Rig, arn: &ExecutionArn) {
    rig.run(arn).await;
    let mut state = rig.world.state();
    state.archive.clear();
    state.archived_as.remove(arn);
    state.expiring.remove(arn);
    state.expiring_ledgers.retain(|(of, _), _| of != arn);
    state.machines.remove(arn);
    let execution = state.executions.get_mut(arn).unwrap();
    assert!(execution.is_reported());
    execution.archived_at = None;
    state.listed.insert(arn.clone(), Listing::Unarchived);
}

fn machine_has_ended(rig: &Rig, arn: &ExecutionArn) {
    let at = Timestamp::from_millis(rig.world.state().now);
    rig.world.state().machines.insert(arn.clone(), ExecutionState::Ended { end: End::Finished, at });
}

/// A run of the reconciler, which is killed when it takes too long.
async fn reconcile(rig: &Rig) -> Reconciled {
    let run = rig.reconcile_within(budget(RECONCILE));
    timeout(Duration::from_secs(RECONCILE), run).await.expect("it ends before it is killed")
}

#[tokio::test(start_paused = true)]
async fn p7_an_archive_that_hangs_does_not_stand_in_the_way_of_an_end() {
    // Listed among those that are to be archived, and among the open ones, where those stay whose two marks were made apart.
    for marked_apart in [false, true] {
        let rig = Rig::default();
        let mut unarchived = in_one_shard(&rig, 73).await;
        let [last] = unarchived.split_off(72).try_into().unwrap();
        for arn in &unarchived {
            end_unarchived(&rig, arn).await;
        }
        if marked_apart {
            rig.world.state().listed.extend(unarchived.iter().map(|arn| (arn.clone(), Listing::Open)));
        }
        machine_has_ended(&rig, &last);
        rig.wait(30);
        rig.world.hang("archive_execution", Duration::from_secs(7));
        let done = reconcile(&rig).await;
        assert_eq!(rig.execution(&last).status(), Status::Failed, "{done:?}");
        assert!(rig.execution(&last).is_reported(), "{done:?}");
        assert!(done.incomplete && done.failed > 0 && done.failed < 10, "{done:?}");

        // When it works again, one run is enough.
        rig.world.mend("archive_execution");
        rig.wait(30);
        let done = reconcile(&rig).await;
        assert_eq!((done.checked, done.failed, done.incomplete), (73, 0, false), "{done:?}");
        assert!(unarchived.iter().chain([&last]).all(|arn| rig.execution(arn).is_complete()));
        rig.wait(30);
        assert_eq!(reconcile(&rig).await.checked, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn p7_a_run_of_the_reconciler_ends_and_reports_whatever_hangs() {
    let calls = [
        "find_load",
        "list_waiting",
        "list_open",
        "find_execution",
        "describe_execution",
        "seal_ledger",
        "end_execution",
        "publish",
        "claim_notice",
        "notify",
        "mark_reported",
        "archive_execution",
        "expire_ledger",
        "mark_archived",
        "release_capacity",
    ];
    for call in calls {
        let rig = Rig::default();
        let all = in_one_shard(&rig, 30).await;
        let (ended, running) = all.split_at(5);
        for arn in ended {
            end_unarchived(&rig, arn).await;
        }
        for arn in running {
            machine_has_ended(&rig, arn);
        }
        rig.add(samples::goal("waits", USER, 1));
        rig.start_as(USER, "waits", "").await;
        for seconds in [7, 3_600] {
            // Longer than the claim on a notice.
            rig.wait(61);
            rig.world.state().facts.clear();
            rig.world.hang(call, Duration::from_secs(seconds));
            let done = reconcile(&rig).await;
            let reported = |f: &Fact| matches!(f, Fact::Reconciled { failed, .. } if *failed == done.failed);
            assert!(done.failed > 0, "{call}: {done:?}");
            assert!(rig.world.state().facts.iter().any(reported), "{call}");
        }
        rig.world.mend(call);
        // The invocation that had claimed the notice died.
        for _ in 0..3 {
            rig.wait(90);
            reconcile(&rig).await;
        }
        assert!(all.iter().all(|arn| rig.execution(arn).is_complete()), "{call}");
    }
}

#[tokio::test(start_paused = true)]
async fn p7_workflows_that_take_all_the_time_of_a_run_are_not_always_the_same() {
    let rig = Rig::default();
    let mut stuck = in_one_shard(&rig, 121).await;
    let [last] = stuck.split_off(120).try_into().unwrap();
    rig.world.state().stuck.extend(stuck);
    machine_has_ended(&rig, &last);
    let mut runs = 0;
    while !rig.execution(&last).has_ended() {
        rig.wait(30);
        reconcile(&rig).await;
        runs += 1;
        assert!(runs <= 10, "it never comes to the last one");
    }
}

/// A message in a queue.
struct Waiting {
    body: String,
    receives: u32,
    visible: Instant,
}

/// A queue of those messages, whose function has that timeout. Makes the call hang for that long, and delivers until
/// nothing is left. Returns how many messages were received too often.
async fn outlive(
    rig: &Rig,
    function: &impl HandleMessage,
    timeout_seconds: u64,
    bodies: Vec<String>,
    (call, outage): (&'static str, Duration),
) -> usize {
    let (began, start) = (Instant::now(), rig.world.state().now);
    rig.world.hang(call, FOREVER);
    let mut waiting: Vec<_> = bodies.into_iter().map(|body| Waiting { body, receives: 0, visible: began }).collect();
    let mut dead = 0;
    while let Some(next) = waiting.iter().map(|w| w.visible).min() {
        sleep_until(next).await;
        if began.elapsed() >= outage {
            rig.world.mend(call);
        }
        rig.world.state().now = start + i64::try_from(began.elapsed().as_millis()).unwrap();
        rig.world.state().hidden.clear();
        let now = Instant::now();
        let (batch, mut rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|w| w.visible <= now);
        let batch: Vec<_> = batch.into_iter().map(|w| Waiting { receives: w.receives + 1, ..w }).collect();
        let handled = handle_batch(function, &rig.world, event(&batch), budget(timeout_seconds));
        let killed = Duration::from_secs(timeout_seconds);
        let failures =
            timeout(killed, handled).await.expect("the function ends before it is killed").batch_item_failures;
        let failed = |n: &usize| failures.iter().any(|f| f.item_identifier == n.to_string());
        for (n, message) in batch.into_iter().enumerate().filter(|(n, _)| failed(n)) {
            let hidden = rig.world.state().hidden.iter().rfind(|(h, _)| *h == n.to_string()).unwrap().1;
            if message.receives >= MAX_RECEIVES {
                dead += 1;
            } else {
                rest.push(Waiting { visible: Instant::now() + hidden, ..message });
            }
        }
        waiting = rest;
    }
    dead
}

fn event(batch: &[Waiting]) -> SqsEvent {
    let record = |(n, message): (usize, &Waiting)| {
        SqsRecord::new(n.to_string(), message.body.as_str()).handle(n.to_string()).receives(message.receives)
    };
    serde_json::from_value(sqs_event(batch.iter().enumerate().map(record))).unwrap()
}

/// That many goals, each with its own user, and the requests for them.
async fn requested(rig: &Rig, count: usize) -> Vec<String> {
    for n in 1..=count {
        let (goal, user) = (format!("goal-{n}"), format!("user-{n}"));
        rig.add(samples::goal(&goal, &user, 1));
        assert_eq!(rig.start_as(&user, &goal, "").await.status, 202);
    }
    rig.requests()
}

#[tokio::test(start_paused = true)]
async fn p7_ten_requests_outlive_a_start_that_hangs_for_ten_minutes() {
    let rig = Rig::default();
    let requests = requested(&rig, 10).await;
    let outage = ("start_execution", Duration::from_secs(600));
    assert_eq!(outlive(&rig, &rig.launcher(), LAUNCH, requests, outage).await, 0, "dead letters");
    let state = rig.world.state();
    assert_eq!(state.started.len(), 10);
    assert!(state.executions.values().all(|e| e.admitted_at.is_some()));
}

#[tokio::test(start_paused = true)]
async fn p7_ten_ends_outlive_a_table_that_hangs_for_ten_minutes() {
    let rig = Rig::default();
    requested(&rig, 10).await;
    rig.deliver_requests().await;
    let arns: Vec<_> = rig.world.state().started.iter().map(|input| input.execution_arn.clone()).collect();
    let ends = arns.iter().map(|arn| status_change(arn, "SUCCEEDED")).collect();
    let outage = ("end_execution", Duration::from_secs(600));
    assert_eq!(outlive(&rig, &rig.projector(), PROJECTOR, ends, outage).await, 0, "dead letters");
    assert!(arns.iter().all(|arn| rig.execution(arn).is_complete()));
}

/// Delivers these messages at once, and checks after a second.
async fn check_early(
    rig: &Rig,
    function: &impl HandleMessage,
    timeout: u64,
    bodies: Vec<String>,
    check: impl FnOnce(),
) {
    let visible = Instant::now();
    let batch: Vec<_> = bodies.into_iter().map(|body| Waiting { body, receives: 1, visible }).collect();
    let early = async {
        sleep(Duration::from_secs(1)).await;
        check();
    };
    futures_util::join!(handle_batch(function, &rig.world, event(&batch), budget(timeout)), early);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_answered_though_the_ones_before_it_hang() {
    let rig = Rig::default();
    let mut bodies = requested(&rig, 9).await;
    let invalid = json!({ "version": "1", "eventId": "e-1", "occurredAt": "2026-11-24T09:30:00.000Z" });
    bodies.push(raw_envelope("planner", <GoalActivityRequested as goal_activity_events::Detail>::TYPE, &invalid));
    rig.world.hang("start_execution", FOREVER);
    check_early(&rig, &rig.launcher(), LAUNCH, bodies, || {
        assert!(rig.events().iter().any(|e| matches!(e, Event::Rejected(_))), "rejected at once");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_report_is_recorded_though_the_ends_before_it_hang() {
    let rig = Rig::default();
    requested(&rig, 10).await;
    rig.deliver_requests().await;
    let arns: Vec<_> = rig.world.state().started.iter().map(|input| input.execution_arn.clone()).collect();
    let status = |(n, arn)| status_change(arn, if n < 9 { "SUCCEEDED" } else { "RUNNING" });
    rig.world.hang("seal_ledger", FOREVER);
    let bodies = arns.iter().enumerate().map(status).collect();
    check_early(&rig, &rig.projector(), PROJECTOR, bodies, || {
        assert_eq!(rig.execution(&arns[9]).status(), Status::Running);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_end_is_done_though_the_archive_hangs() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    rig.world.hang("archive_execution", FOREVER);
    let began = Instant::now();
    rig.run(&arn).await;
    assert!(began.elapsed() <= ARCHIVING + Duration::from_secs(1), "{:?}", began.elapsed());
    assert!(rig.execution(&arn).is_reported());
    rig.world.mend("archive_execution");
    rig.wait(30);
    reconcile(&rig).await;
    assert!(rig.execution(&arn).is_complete());
}

#[tokio::test(start_paused = true)]
async fn the_api_answers_before_it_is_killed() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    for call in ["load_goal_head", "find_execution"] {
        rig.world.hang(call, FOREVER);
    }
    let ten_seconds = Duration::from_secs(10);
    for answer in [
        timeout(ten_seconds, rig.start()).await.unwrap(),
        timeout(ten_seconds, rig.status(&arn)).await.unwrap(),
        timeout(ten_seconds, rig.cancel(&arn, "")).await.unwrap(),
    ] {
        assert_eq!((answer.status, answer.code()), (503, "UNAVAILABLE"), "{answer:?}");
        assert_eq!(answer.body["retryable"], true);
    }
}

#[tokio::test(start_paused = true)]
async fn finalize_gives_up_before_it_is_killed_and_is_called_again() {
    let rig = Rig::with_goal(8);
    let arn = rig.launched().await;
    for batch in rig.batches(&arn) {
        rig.work(&batch).await.unwrap();
    }
    rig.world.hang("seal_ledger", FOREVER);
    timeout(Duration::from_secs(30), rig.try_finalize(&arn)).await.expect("not killed").expect_err("not sealed");
    rig.world.mend("seal_ledger");
    assert_eq!(rig.finalize(&arn).await.succeeded_actions, 8);
}

#[tokio::test(start_paused = true)]
async fn requests_of_a_busy_pipeline_are_rejected_in_time() {
    // The bus hangs as well: nothing is lost, and no function is killed.
    let rig = Rig::with_goal(1);
    let request = envelope(
        "planner",
        &GoalActivityRequested::new(
            "e-1".parse().unwrap(),
            Timestamp::from_millis(0),
            goal_id("no-such-goal"),
            USER.parse().unwrap(),
        ),
    );
    let outage = ("publish", Duration::from_secs(600));
    assert_eq!(outlive(&rig, &rig.launcher(), LAUNCH, vec![request], outage).await, 0);
    assert!(rig.events().iter().any(|e| matches!(e, Event::Rejected(_))));
}
