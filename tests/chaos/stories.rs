//! The users' actions.

use goal_activity_client::api::{Aborted, ProblemCode, Started, WorkflowStatus};
use std::time::Duration;

use fastrand::Rng;
use futures_util::future::{join, join_all};
use goal_activity_events::{
    ClaimSequence, EventId, ExecutionArn, GoalActivityRequested, GoalId, PriorityClass, Version,
};
use goal_activity_tests::{Answer, Chart, Stack, User, within};
use tokio::time::sleep;

/// How long a workflow may take under all faults: a batch whose workers are killed twice loses two leases.
pub(crate) const END: Duration = Duration::from_secs(280);

/// One goal, and its user's actions.
#[derive(Debug)]
pub(crate) struct Story {
    stack: Stack,
    user: User,
    pub(crate) goal: GoalId,
    /// The actions that the AI refuses.
    pub(crate) refused: Vec<String>,
    random: Rng,
}

impl Story {
    /// A random story.
    pub(crate) async fn new(stack: &Stack, user: &User, mut random: Rng) -> Self {
        let actions = random.choice([1, 4, 8, 9, 16, 24, 40]).unwrap();
        let mut refused = Vec::new();
        let mut chart = Chart::of(actions);
        for i in 0..actions {
            let action = format!("a-{}-{}", i / 8 + 1, i % 8 + 1);
            let latency = format!("latency-ms={}", random.u32(0..1_500));
            let directive = match random.u32(0..100) {
                0..8 => {
                    refused.push(action.clone());
                    format!("{latency}, fail")
                }
                8..12 => format!("{latency}, fail-times=1"),
                _ => latency,
            };
            chart = chart.script(&action, &directive);
        }
        let goal = stack.goal(user, chart).await;
        Self { stack: stack.clone(), user: user.patient(), goal, refused, random }
    }

    /// Runs it, until every workflow that it knows of has ended.
    pub(crate) async fn play(&mut self) {
        let by_event = self.random.u32(0..100) < 30;
        let first = if by_event { self.requested().await } else { self.started().await.expect("something to do") };
        if self.random.u32(0..100) < 40 {
            self.cancelled(&first).await;
        }
        let end = self.ended(&first).await;
        // After a cancellation there may be a second one, or everything left to do.
        let retried = self.retried(&first).await;
        for arn in self.started().await.into_iter().chain(retried) {
            self.ended(&arn).await;
        }
        assert_eq!(self.user.status(&first).await.ok(), end, "terminal is terminal");
    }

    async fn ended(&self, arn: &ExecutionArn) -> WorkflowStatus {
        self.user.ended_within(END, arn).await
    }

    /// By another service, which repeats it up to three times.
    async fn requested(&mut self) -> ExecutionArn {
        let request = GoalActivityRequested {
            version: Version::V1,
            event_id: EventId::random(),
            occurred_at: "2026-11-24T00:00:00Z".parse().unwrap(),
            execution_arn: None,
            goal_id: self.goal.clone(),
            user_id: self.user.id.clone(),
            action_ids: None,
            regenerate: false,
            priority_class: PriorityClass::default(),
            correlation_id: None,
            traceparent: None,
        };
        join_all((0..self.random.u32(1..4)).map(|_| self.stack.emit("planner", &request))).await;
        within(END, "a request that is accepted", || async {
            let row = self.stack.goal_row(&self.goal).await;
            (row["activitySequence"].as_u64() > Some(0)).then_some(())
        })
        .await;
        let machine = self.stack.output("StateMachineArn").parse().unwrap();
        ExecutionArn::derive(&machine, &self.goal, ClaimSequence(1))
    }

    /// By the API, several times at once. Returns `None` if there is nothing to do.
    async fn started(&mut self) -> Option<ExecutionArn> {
        let starts = (0..self.random.u32(1..4)).map(|_| self.user.start(&self.goal));
        let arns: Vec<_> = join_all(starts).await.iter().filter_map(accepted).collect();
        arns.into_iter().max_by_key(sequence)
    }

    /// Retried twice concurrently.
    async fn retried(&mut self, ended: &ExecutionArn) -> Vec<ExecutionArn> {
        let (one, other) = join(self.user.retry(ended), self.user.retry(ended)).await;
        [one, other].iter().filter_map(accepted).collect()
    }

    /// Many cancels of one workflow at any moment of its life, and starts in between.
    async fn cancelled(&mut self, arn: &ExecutionArn) {
        sleep(Duration::from_millis(self.random.u64(0..4_000))).await;
        let cancels = (0..self.random.u32(1..9)).map(|_| self.user.cancel(arn, Some("not now")));
        let starts = (0..2).map(|_| self.user.start(&self.goal));
        let (cancels, starts) = join(join_all(cancels), join_all(starts)).await;
        cancels.iter().for_each(assert_stopped);
        for next in starts.iter().filter_map(accepted).filter(|next| next != arn) {
            self.ended(&next).await;
        }
    }
}

/// The workflow of a cancel has ended by it, or had ended before.
pub(crate) fn assert_stopped(answer: &Answer<Aborted>) {
    if answer.status == 200 {
        answer.ok();
    } else {
        answer.refused(409, ProblemCode::AlreadyEnded);
    }
}

/// Returns the workflow that was started by this call or by an earlier one without a response.
pub(crate) fn accepted(answer: &Answer<Started>) -> Option<ExecutionArn> {
    let Some(problem) = answer.problem() else {
        assert_eq!(answer.status, 202, "{answer:?}");
        return Some(answer.ok().execution_arn);
    };
    match (answer.status, problem.code.known()) {
        (409, Some(ProblemCode::AlreadyRunning)) => Some(problem.execution_arn.expect("the workflow that runs")),
        (409, Some(ProblemCode::NothingToDo | ProblemCode::NothingFailed)) => None,
        _ => unreachable!("{answer:?}"),
    }
}

fn sequence(arn: &ExecutionArn) -> u64 {
    arn.name().rsplit('-').next().unwrap().parse().unwrap()
}
