use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::time::{Duration, Instant};

use fastrand::Rng;
use futures_util::future::{Either, join, join_all, select};
use goal_activity_core::limits::MAX_RUNNING_PER_USER;
use goal_activity_events::GoalId;
use goal_activity_tests::{Stack, within};
use serde_json::Value;
use tokio::time::timeout;

use crate::disturbances::{self as disturb, Tally};
use crate::edited::{Edited, PLOTS};
use crate::faults::FaultProxy;
use crate::leases::LeaseProxy;
use crate::stories::Story;
use crate::tap::Tap;
use crate::truth::Truth;

/// How many goals without being told otherwise: each plot of edits once, and as many goals that are not edited.
const GOALS: usize = 2 * PLOTS.len();
/// How long it may take until nothing is left to do, once nothing goes wrong any more: two leases, or a message that rests
/// for a minute after its second failure.
const CALM: Duration = Duration::from_secs(180);
/// How long a message that was received and not deleted is invisible, twice.
const AGAIN: Duration = Duration::from_secs(60);
/// The services behind a proxy, by their names in the SDK's variables.
const SERVICES: [&str; 4] = ["DYNAMODB", "S3", "SFN", "SQS"];
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

/// The proxies between the functions and the services.
struct Proxies {
    dynamodb: FaultProxy,
    s3: FaultProxy,
    step_functions: FaultProxy,
    sqs: LeaseProxy,
}

impl Proxies {
    async fn start(stack: &Stack, seed: u64) -> Self {
        let worker = stack.function("WorkerFunction").await;
        let proxies = Self {
            dynamodb: FaultProxy::start(stack.endpoint(), seed).await,
            s3: FaultProxy::start(stack.endpoint(), seed).await,
            step_functions: FaultProxy::start(stack.endpoint(), seed).await,
            sqs: LeaseProxy::start(stack.endpoint(), worker["FunctionName"].as_str().unwrap(), seed).await,
        };
        let Self { dynamodb, s3, step_functions, sqs } = &proxies;
        let endpoints = [&dynamodb.endpoint, &s3.endpoint, &step_functions.endpoint, &sqs.endpoint];
        stack.reach(&SERVICES.into_iter().zip(endpoints.map(String::as_str)).collect::<Vec<_>>()).await;
        proxies
    }

    /// In the order of their outages.
    fn hanging(&self) -> [(&'static str, &FaultProxy); 3] {
        [
            ("times DynamoDB hung", &self.dynamodb),
            ("times S3 hung", &self.s3),
            ("times Step Functions hung", &self.step_functions),
        ]
    }

    /// Ends all faults.
    fn calm(&self) {
        self.dynamodb.fail(0);
        self.hanging().iter().for_each(|(_, proxy)| proxy.hang(0));
        self.sqs.doom(0);
    }
}

/// Injects all faults, for as long as the stories run.
async fn play(stack: &Stack, cast: &mut Cast, proxies: &Proxies, tap: &Tap, tally: &Tally, seed: u64) {
    let mut seeds = Rng::with_seed(seed);
    let mut random = || seeds.fork();
    let kills = 2 + cast.stories.len() / 8;
    let hanging = proxies.hanging();
    let wrong = async {
        futures_util::join!(
            disturb::faults(&proxies.dynamodb, random()),
            disturb::hangs(&hanging, tally, random()),
            disturb::kills(&proxies.sqs, kills, random()),
            disturb::losses(stack, tally, random()),
            disturb::repeated_batches(stack, tally, random()),
            help(stack, tap, tally, random()),
        );
    };
    let (stories, edited) = (cast.stories.iter_mut().map(Story::play), cast.edited.iter_mut().map(Edited::play));
    let stories = join(join_all(stories), join_all(edited));
    let (stories, wrong) = (pin!(stories), pin!(wrong));
    match select(stories, wrong).await {
        Either::Left(_) => {}
        Either::Right(_) => unreachable!("it goes on for ever"),
    }
}

/// All goals: one half is edited, for the other everything that the AI can generate must be there at the end.
struct Cast {
    stories: Vec<Story>,
    edited: Vec<Edited>,
}

impl Cast {
    async fn new(stack: &Stack, goals: usize, seed: u64) -> Self {
        // No user has so many goals that one would exceed the limit: the request of a service would be rejected
        // permanently.
        let users = join_all((0..goals.div_ceil(MAX_RUNNING_PER_USER).max(3)).map(|_| stack.user())).await;
        let mut seeds = Rng::with_seed(seed);
        let (mut stories, mut edited) = (Vec::new(), Vec::new());
        for (i, user) in (0..goals).zip(users.iter().cycle()) {
            if i % 2 == 0 {
                stories.push(Story::new(stack, user, seeds.fork()).await);
            } else {
                edited.push(Edited::new(stack, user, PLOTS[i / 2 % PLOTS.len()], seeds.fork()).await);
            }
        }
        Self { stories, edited }
    }

    fn goals(&self) -> HashSet<GoalId> {
        self.stories.iter().map(|s| s.goal.clone()).chain(self.edited.iter().map(|s| s.goal.clone())).collect()
    }
}

/// The work that also continues after the faults.
async fn help(stack: &Stack, tap: &Tap, tally: &Tally, random: Rng) {
    futures_util::join!(
        disturb::echoes(stack, tap, tally, random),
        disturb::redrives(stack, tally),
        disturb::reconciliations(stack, tally),
    );
}

async fn is_calm(stack: &Stack, goals: &HashSet<GoalId>) -> bool {
    join_all(QUEUES.iter().map(|queue| stack.is_empty(queue))).await.iter().all(|empty| *empty)
        && Truth::read(stack, goals).await.is_complete()
}

#[tokio::test]
async fn p1_p2_p3_p4_p6_p7_whatever_goes_wrong_every_workflow_comes_to_its_one_end() {
    let goals = told("CHAOS_GOALS").map_or(GOALS, |n| usize::try_from(n).unwrap());
    let seed = told("CHAOS_SEED").unwrap_or_else(|| fastrand::u64(0..1_000_000));
    println!("\nto repeat it: CHAOS_SEED={seed} CHAOS_GOALS={goals} cargo xtask test chaos");
    let stack = Stack::open().await;
    let proxies = Proxies::start(&stack, seed).await;
    let (tap, tally) = (Tap::new(&stack).await, Tally::default());
    let mut cast = Cast::new(&stack, goals, seed).await;
    let goals = cast.goals();

    let started = Instant::now();
    Box::pin(play(&stack, &mut cast, &proxies, &tap, &tally, seed)).await;
    proxies.calm();
    disturb::enable_rules(&stack).await;
    println!("ended after {:.0} s: {}", started.elapsed().as_secs_f64(), tally.text());
    let calm = within(CALM, "an end of everything", || async { is_calm(&stack, &goals).await.then_some(()) });
    match select(pin!(calm), pin!(help(&stack, &tap, &tally, Rng::with_seed(seed)))).await {
        Either::Left(_) => {}
        Either::Right(_) => unreachable!("it goes on for ever"),
    }
    stack.reach(&SERVICES.map(|service| (service, stack.endpoint()))).await;
    while !tap.listen().await.is_empty() {}
    println!("calm after {:.0} s: {}", started.elapsed().as_secs_f64(), tally.text());

    let mut truth = Truth::read(&stack, &goals).await;
    truth.hung = proxies.dynamodb.hung();
    let (killed, (calls, failed, held)) = (proxies.sqs.killed(), proxies.dynamodb.counts());
    let (s3, step_functions) = (proxies.s3.counts(), proxies.step_functions.counts());
    println!("of {calls} calls of DynamoDB {failed} failed and {held} hung, {killed} workers killed");
    println!("of {} calls of S3 {} hung, of {} of Step Functions {}", s3.0, s3.2, step_functions.0, step_functions.2);
    println!("workflows: {:?}", truth.summary());
    let completed = ends_heard(&tap, &truth).await;
    for story in &cast.stories {
        truth.check_goal(&stack, &story.goal).await;
        truth.check_tasks(story);
        truth.of(&story.goal).iter().for_each(|execution| truth.check_execution(execution, story));
    }
    // Each says what is wrong with its goal: one run tells all.
    let is_wrong = |story: &&Edited| catch_unwind(AssertUnwindSafe(|| truth.check_edited(story))).is_err();
    let wrong: Vec<_> = cast.edited.iter().filter(is_wrong).map(|story| (story.plot, &story.goal)).collect();
    assert!(wrong.is_empty(), "of edited goals, as said above: {wrong:?}");
    truth.all().for_each(|execution| Truth::check_reported(execution, &completed));
    check_machine(&stack, &goals, &truth).await;
    assert!(calls > 0 && failed > 0 && held > 0, "DynamoDB was not reached by the proxy");
    assert!(s3.0 > 0 && step_functions.0 > 0, "S3 and Step Functions were not reached by the proxies");
    assert!(killed > 0, "no worker was killed");
}

/// The ends that the tap has received. What the helper had received when it was stopped comes again, after 30 s at most.
async fn ends_heard(tap: &Tap, truth: &Truth) -> Vec<Value> {
    let missing = || {
        let heard = tap.heard("WorkflowCompleted");
        let is_heard = |arn: &str| heard.iter().any(|event| event["detail"]["executionArn"] == arn);
        truth.all().any(|execution| !is_heard(execution.execution_arn.as_str()))
    };
    // Then the check names what is missing.
    let _ = timeout(AGAIN, async {
        while missing() {
            tap.listen().await;
        }
    })
    .await;
    tap.heard("WorkflowCompleted")
}

/// No execution keeps running, and none runs without a request.
async fn check_machine(stack: &Stack, goals: &HashSet<GoalId>, truth: &Truth) {
    let known: HashSet<_> = truth.all().map(|e| e.execution_arn.as_str()).collect();
    let list = stack.sfn().list_executions().state_machine_arn(stack.output("StateMachineArn"));
    let found: Vec<_> = list.into_paginator().items().send().collect::<Result<_, _>>().await.unwrap();
    for execution in found.iter().filter(|e| goals.iter().any(|g| e.name().starts_with(g.as_str()))) {
        assert!(known.contains(execution.execution_arn()), "{execution:?}");
        assert_ne!(execution.status().as_str(), "RUNNING", "{execution:?}");
    }
}
