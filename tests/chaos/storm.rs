use std::collections::HashSet;
use std::pin::pin;
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::{Either, join_all, select};
use goal_activity_core::limits::MAX_RUNNING_PER_USER;
use goal_activity_events::GoalId;
use goal_activity_tests::{Stack, within};

use crate::disturbances::{self as disturb, Tally};
use crate::faults::FaultProxy;
use crate::leases::LeaseProxy;
use crate::stories::Story;
use crate::tap::Tap;
use crate::truth::Truth;

/// How many goals without being told otherwise.
const GOALS: usize = 12;
/// How long it may take until nothing is left to do, once nothing goes wrong any more: two leases, or a message that rests
/// for a minute after its second failure.
const CALM: Duration = Duration::from_secs(180);
/// All queues of the stack.
const QUEUES: [&str; 7] = [
    "LaunchQueueUrl",
    "BatchQueueUrl",
    "ProjectionQueueUrl",
    "LaunchDlqUrl",
    "BatchDlqUrl",
    "ProjectionDlqUrl",
    "UndeliveredDlqUrl",
];

#[allow(clippy::disallowed_methods, reason = "how a run is made longer, or repeated")]
fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

/// Everything that goes wrong, for as long as the stories go on.
async fn play(
    stack: &Stack,
    stories: &mut [Story],
    faults: &FaultProxy,
    leases: &LeaseProxy,
    tap: &Tap,
    tally: &Tally,
    seed: u64,
) {
    let mut seeds = Rng::with_seed(seed);
    let mut random = || seeds.fork();
    let kills = 2 + stories.len() / 16;
    let wrong = async {
        futures_util::join!(
            disturb::faults(faults, random()),
            disturb::kills(leases, kills, random()),
            disturb::losses(stack, tally, random()),
            disturb::repeated_batches(stack, tally, random()),
            help(stack, tap, tally, random()),
        );
    };
    let stories = join_all(stories.iter_mut().map(Story::play));
    let (stories, wrong) = (pin!(stories), pin!(wrong));
    match select(stories, wrong).await {
        Either::Left(_) => {}
        Either::Right(_) => unreachable!("it goes on for ever"),
    }
}

/// What goes on when nothing goes wrong any more, too.
async fn help(stack: &Stack, tap: &Tap, tally: &Tally, random: Rng) {
    futures_util::join!(
        disturb::echoes(stack, tap, tally, random),
        disturb::redrives(stack, tally),
        disturb::reconciliations(stack, tally),
    );
}

async fn is_calm(stack: &Stack, goals: &HashSet<GoalId>) -> bool {
    join_all(QUEUES.iter().map(|queue| stack.is_empty(queue))).await.iter().all(|empty| *empty)
        && Truth::read(stack, goals).await.is_settled()
}

#[tokio::test]
async fn p1_p2_p3_p4_p6_p7_whatever_goes_wrong_every_workflow_comes_to_its_one_end() {
    let goals = told("CHAOS_GOALS").map_or(GOALS, |n| usize::try_from(n).unwrap());
    let seed = told("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(0..1_000_000));
    println!("\nto repeat it: CHAOS_SEED={seed} CHAOS_GOALS={goals} cargo xtask test chaos");
    let stack = Stack::open().await;
    let faults = FaultProxy::start(stack.endpoint(), seed).await;
    let worker = stack.function("WorkerFunction").await;
    let leases = LeaseProxy::start(stack.endpoint(), worker["FunctionName"].as_str().unwrap(), seed).await;
    stack.reach(&[("DYNAMODB", &faults.endpoint), ("SQS", &leases.endpoint)]).await;
    let (tap, tally) = (Tap::new(&stack).await, Tally::default());
    // No user has so many goals that one could not be worked on: the request of a service would be refused for good.
    let users = join_all((0..goals.div_ceil(MAX_RUNNING_PER_USER).max(3)).map(|_| stack.user())).await;
    let mut seeds = Rng::with_seed(seed);
    let mut stories = join_all((0..goals).map(|i| Story::new(&stack, &users[i % users.len()], seeds.fork()))).await;
    let goals: HashSet<_> = stories.iter().map(|s| s.goal.clone()).collect();

    let started = Instant::now();
    Box::pin(play(&stack, &mut stories, &faults, &leases, &tap, &tally, seed)).await;
    faults.fail(0);
    leases.doom(0);
    disturb::enable_rules(&stack).await;
    println!("ended after {:.0} s: {}", started.elapsed().as_secs_f64(), tally.text());
    let calm = within(CALM, "an end of everything", || async { is_calm(&stack, &goals).await.then_some(()) });
    match select(pin!(calm), pin!(help(&stack, &tap, &tally, Rng::with_seed(seed)))).await {
        Either::Left(_) => {}
        Either::Right(_) => unreachable!("it goes on for ever"),
    }
    stack.reach(&[("DYNAMODB", stack.endpoint()), ("SQS", stack.endpoint())]).await;
    while !tap.listen().await.is_empty() {}
    let ((calls, failed), killed) = (faults.counts(), leases.killed());
    println!("calm after {:.0} s: {}", started.elapsed().as_secs_f64(), tally.text());

    let truth = Truth::read(&stack, &goals).await;
    println!("{failed} of {calls} DynamoDB calls failed, {killed} workers killed; workflows: {:?}", truth.summary());
    let completed = tap.heard("WorkflowCompleted");
    for story in &stories {
        truth.check_goal(&stack, &story.goal).await;
        truth.check_tasks(story);
    }
    for execution in truth.all() {
        let story = stories.iter().find(|s| s.goal == execution.goal_id).unwrap();
        truth.check_execution(execution, story);
        Truth::check_told(execution, &completed);
    }
    check_machine(&stack, &goals, &truth).await;
    assert!(calls > 0 && failed > 0, "DynamoDB was not reached by the proxy");
    assert!(killed > 0, "no worker was killed");
}

/// No execution runs on, and none runs that nobody has asked for.
async fn check_machine(stack: &Stack, goals: &HashSet<GoalId>, truth: &Truth) {
    let known: HashSet<_> = truth.all().map(|e| e.execution_arn.as_str()).collect();
    let list = stack.sfn().list_executions().state_machine_arn(stack.output("StateMachineArn"));
    let found: Vec<_> = list.into_paginator().items().send().collect::<Result<_, _>>().await.unwrap();
    for execution in found.iter().filter(|e| goals.iter().any(|g| e.name().starts_with(g.as_str()))) {
        assert!(known.contains(execution.execution_arn()), "{execution:?}");
        assert_ne!(execution.status().as_str(), "RUNNING", "{execution:?}");
    }
}
