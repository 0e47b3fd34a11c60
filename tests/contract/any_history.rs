//! Any calls in any order: the adapters for AWS return the same as those in memory, and store the same.

use std::collections::BTreeMap;

use goal_activity_core::execution::{BatchReports, Cancellation, Execution, Mark};
use goal_activity_core::goal::{Goal, GoalStatus};
use goal_activity_core::notice::NoticeClaim;
use goal_activity_core::ports::{
    ActionCommit, ActionsWithTasks, CancelExecution, Claim, ClaimGoal, CommitGroup, EndExecution, FindArchived,
    FindExecution, RecordProgress, Remembered, RemoveTasks, RequestKey, SealLedger, WorkLedger,
};
use goal_activity_events::{ClaimSequence, EventId, FinalStatus};
use goal_activity_functions::adapters::memory::World;
use proptest::prelude::*;

use crate::backend::{AwsTables, Emulator, Tables};
use crate::given::{
    at, batch_state, claim, ending, execution, failure, goal, record, report, stored_goal, stored_tasks, success, tasks,
};

/// The number of histories.
const HISTORIES: u32 = 48;
/// The number of calls of the longest history.
const CALLS: usize = 60;
/// Two batches.
const ACTIONS: u8 = 9;
/// The actions that workers process: some of the first batch and the only one of the second.
const ACTED_ON: [usize; 4] = [0, 3, 7, 8];

/// A workflow: its goal, and its number.
type Workflow = (usize, u64);

/// One call. Few goals, workflows and ids, so that they collide.
#[derive(Debug, Clone)]
enum Call {
    Claim {
        workflow: Workflow,
        expected: u64,
        owner: bool,
        request: Option<usize>,
    },
    AcceptedBefore(usize),
    GoalIs(usize, GoalStatus),
    GoalIsGone(usize),
    Open(Workflow, u32),
    /// Those that fit together. Not the first means that of another batch, or a second time.
    Commit {
        workflow: Workflow,
        actions: Vec<Outcome>,
    },
    Seal(Workflow, u32),
    Started(Workflow, usize),
    /// Reports that come together.
    Progressed(Workflow, Vec<Told>),
    Cancel(Workflow),
    End(Workflow, FinalStatus),
    ClaimNotice(Workflow, i64),
    Report(Workflow, Mark, i64),
    ExpireLedger(Workflow),
    MarkArchived(Workflow, i64),
    RemoveTasks(Workflow),
}

/// The outcome of an action.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    action: usize,
    /// The number of its tasks; zero is a failure.
    count: usize,
    replaces: Seen,
}

/// What is reported of a batch.
#[derive(Debug, Clone, Copy)]
struct Told {
    batch: u32,
    sequence: u64,
    succeeded: u32,
}

/// The tasks that a commit has read before.
#[derive(Debug, Clone, Copy)]
enum Seen {
    NotLooked,
    AllThere,
    TheFirst,
}

fn workflow() -> impl Strategy<Value = Workflow> {
    (prop::sample::select(&[0, 0, 0, 1][..]), 1..3_u64)
}

fn mark() -> impl Strategy<Value = Mark> {
    prop::sample::select(&[Mark::Published, Mark::Notified, Mark::Both][..])
}

fn status() -> impl Strategy<Value = FinalStatus> {
    use FinalStatus::{Aborted, Failed, PartiallySucceeded, Succeeded, TimedOut};
    prop::sample::select(vec![Succeeded, PartiallySucceeded, Failed, TimedOut, Aborted])
}

fn call() -> impl Strategy<Value = Call> {
    let goal_status = prop::sample::select(vec![GoalStatus::Draft, GoalStatus::Paused, GoalStatus::Completed]);
    let seen = prop::sample::select(vec![Seen::NotLooked, Seen::AllThere, Seen::TheFirst]);
    let outcome = (prop::sample::select(&ACTED_ON[..]), 0..4_usize, seen)
        .prop_map(|(action, count, replaces)| Outcome { action, count, replaces });
    let told =
        (0..2_u32, 0..4_u64, 0..9_u32).prop_map(|(batch, sequence, succeeded)| Told { batch, sequence, succeeded });
    prop_oneof![
        6 => (workflow(), 0..3_u64, prop::bool::weighted(0.9), prop::option::of(0..2_usize)).prop_map(
            |(workflow, expected, owner, request)| Call::Claim { workflow, expected, owner, request }
        ),
        1 => (0..2_usize).prop_map(Call::AcceptedBefore),
        1 => (0..2_usize, goal_status).prop_map(|(goal, status)| Call::GoalIs(goal, status)),
        1 => (0..2_usize).prop_map(Call::GoalIsGone),
        8 => (workflow(), 0..2_u32).prop_map(|(workflow, batch)| Call::Open(workflow, batch)),
        16 => (workflow(), prop::collection::vec(outcome, 1..4))
            .prop_map(|(workflow, actions)| Call::Commit { workflow, actions }),
        2 => (workflow(), 0..3_u32).prop_map(|(workflow, batches)| Call::Seal(workflow, batches)),
        2 => (workflow(), 0..2_usize).prop_map(|(workflow, event)| Call::Started(workflow, event)),
        4 => (workflow(), prop::collection::vec(told, 1..4)).prop_map(|(workflow, told)| Call::Progressed(workflow, told)),
        2 => workflow().prop_map(Call::Cancel),
        3 => (workflow(), status()).prop_map(|(workflow, status)| Call::End(workflow, status)),
        2 => (workflow(), 60..180_i64).prop_map(|(workflow, second)| Call::ClaimNotice(workflow, second)),
        1 => (workflow(), mark(), 60..180_i64).prop_map(|(workflow, mark, second)| Call::Report(workflow, mark, second)),
        1 => workflow().prop_map(Call::ExpireLedger),
        1 => (workflow(), 60..180_i64).prop_map(|(workflow, second)| Call::MarkArchived(workflow, second)),
        1 => workflow().prop_map(Call::RemoveTasks),
    ]
}

/// The goals and requests of one history.
struct Cast {
    goals: Vec<Goal>,
    requests: Vec<RequestKey>,
}

impl Cast {
    fn new() -> Self {
        let request = |_| RequestKey::Service { source: "com.example".to_owned(), event_id: EventId::random() };
        Self { goals: vec![goal(ACTIONS), goal(ACTIONS)], requests: (0..2).map(request).collect() }
    }

    fn execution(&self, (goal, number): Workflow) -> Execution {
        execution(&self.goals[goal], number)
    }

    fn claim(&self, (goal, number): Workflow, expected: u64, owner: bool, request: Option<usize>) -> Claim {
        let mut claim = claim(&self.goals[goal], number);
        claim.expected = ClaimSequence(expected);
        claim.sequence = ClaimSequence(expected + 1);
        claim.request = request.map(|i| Remembered { key: self.requests[i].clone(), digest: None });
        if !owner {
            claim.execution.user_id = "somebody-else".parse().unwrap();
        }
        claim
    }

    /// Makes a call, and returns its result as text.
    async fn make(&self, on: &impl Tables, call: &Call) -> String {
        match *call {
            Call::Claim { workflow, expected, owner, request } => {
                said(on.db().claim_goal(&self.claim(workflow, expected, owner, request)).await)
            }
            Call::AcceptedBefore(request) => said(on.db().accepted_before(&self.requests[request], at(0)).await),
            Call::GoalIs(goal, status) => {
                // The goal app changes its own goal, and keeps the pipeline's attributes.
                let mut goal = stored_goal(on, &self.goals[goal]).await.unwrap_or_else(|| self.goals[goal].clone());
                goal.head.status = status;
                on.put_goal(&goal).await;
                String::new()
            }
            Call::GoalIsGone(goal) => {
                on.remove_goal(&self.goals[goal].head.goal_id).await;
                String::new()
            }
            Call::Open(workflow, batch) => {
                said(on.db().open_batch(&self.execution(workflow).execution_arn, batch).await)
            }
            Call::Commit { workflow, ref actions } => self.commit(on, workflow, actions).await,
            Call::Seal(workflow, batches) => {
                said(on.db().seal_ledger(&self.execution(workflow).execution_arn, batches).await)
            }
            Call::RemoveTasks(workflow) => {
                let execution = self.execution(workflow);
                said(on.db().remove_tasks_of(&execution.goal_id, &execution.execution_arn, &execution.action_ids).await)
            }
            _ => self.record(on, call).await,
        }
    }

    async fn commit(&self, on: &impl Tables, of: Workflow, actions: &[Outcome]) -> String {
        let (goal, execution) = (&self.goals[of.0], self.execution(of));
        let rows = on.db().task_rows(&goal.head.goal_id).await.unwrap();
        let mut commits = actions.iter().map(|Outcome { action, count, replaces }| {
            let acted_on = &goal.actions[*action];
            let there = rows.iter().filter(|row| row.action_id.as_ref() == Some(&acted_on.action_id)).cloned();
            let commit = match count {
                0 => failure(&execution, acted_on),
                _ => success(&execution, acted_on, tasks(&execution, acted_on, *count)),
            };
            let replaces = match replaces {
                Seen::NotLooked => Vec::new(),
                Seen::AllThere => there.collect(),
                Seen::TheFirst => there.take(1).collect(),
            };
            ActionCommit { batch_index: u32::try_from(action / 8).unwrap(), replaces, ..commit }
        });
        let mut group = CommitGroup::of(commits.next().unwrap());
        let left = commits.filter(|commit| !group.add(commit.clone())).count();
        said((on.db().commit_group(&group).await, left))
    }

    async fn record(&self, on: &impl Tables, call: &Call) -> String {
        match *call {
            Call::Started(workflow, event) => {
                let arn = self.execution(workflow).execution_arn;
                said(on.db().record_started(&arn, &format!("started-{event}"), at(5)).await)
            }
            Call::Progressed(workflow, ref told) => {
                let reports = told.iter().map(|Told { batch, sequence, succeeded }| {
                    let state = batch_state(*sequence, (*succeeded).min(8), &["a-1-1"][..usize::from(*succeeded < 8)]);
                    report(&format!("progressed-{batch}-{sequence}"), *batch, &state)
                });
                let reports = BatchReports::of(reports).unwrap();
                said(on.db().record_batches(&self.execution(workflow).execution_arn, &reports).await)
            }
            Call::Cancel(workflow) => {
                let (arn, wish) = (self.execution(workflow).execution_arn, Cancellation::from_outside(at(30)));
                said(on.db().record_cancellation(&arn, &wish).await)
            }
            Call::End(workflow, status) => {
                said(on.db().end_execution(&self.execution(workflow), &ending(&self.execution(workflow), status)).await)
            }
            Call::ClaimNotice(workflow, second) => {
                let claim = NoticeClaim::new(at(second));
                said(on.db().claim_notice(&self.execution(workflow).execution_arn, &claim).await)
            }
            Call::Report(workflow, mark, second) => {
                said(on.db().mark_reported(&self.execution(workflow).execution_arn, mark, at(second)).await)
            }
            Call::ExpireLedger(workflow) => {
                said(on.db().expire_ledger(&record(&self.execution(workflow), FinalStatus::Failed)).await)
            }
            Call::MarkArchived(workflow, second) => {
                let record = record(&self.execution(workflow), FinalStatus::Failed);
                said(on.db().mark_archived(&record, at(second)).await)
            }
            _ => panic!("made elsewhere: {call:?}"),
        }
    }

    /// All stored data, as far as the ports return it.
    async fn left(&self, on: &impl Tables) -> Vec<String> {
        let mut left = Vec::new();
        for (i, goal) in self.goals.iter().enumerate() {
            left.push(said(stored_goal(on, goal).await));
            left.push(said(stored_tasks(on, goal).await));
            left.push(said(
                on.db().actions_with_tasks(&goal.head.goal_id).await.unwrap().into_iter().collect::<BTreeMap<_, _>>(),
            ));
            for number in 1..3 {
                let arn = self.execution((i, number)).execution_arn;
                left.push(said(on.db().find_execution(&arn).await));
                left.push(said(on.db().find_archived(&arn).await));
                for batch in 0..3 {
                    left.push(said(on.db().read_batch(&arn, batch).await));
                }
            }
        }
        for request in &self.requests {
            left.push(said(on.db().accepted_before(request, at(0)).await));
        }
        left
    }
}

fn said(answer: impl std::fmt::Debug) -> String {
    format!("{answer:?}")
}

/// Runs the history on both implementations.
async fn agree(emulator: Emulator, history: &[Call]) -> Result<(), TestCaseError> {
    let (aws, memory, cast) = (AwsTables::open(emulator).await, World::default(), Cast::new());
    for goal in &cast.goals {
        aws.put_goal(goal).await;
        memory.put_goal(goal).await;
    }
    for call in history {
        prop_assert_eq!(cast.make(&aws, call).await, cast.make(&memory, call).await, "{:?}", call);
    }
    prop_assert_eq!(cast.left(&aws).await, cast.left(&memory).await);
    Ok(())
}

/// Runs histories until the implementations disagree, and then shows the shortest such history.
fn all_agree(emulator: Emulator) {
    let config = ProptestConfig { cases: HISTORIES, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(history in prop::collection::vec(call(), 1..CALLS))| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(agree(emulator, &history))?;
    });
}

#[test]
fn on_dynoxide() {
    all_agree(Emulator::Dynoxide);
}

#[test]
fn on_ministack() {
    all_agree(Emulator::MiniStack);
}
