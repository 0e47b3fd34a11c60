//! Step Functions: the executions of `statemachine/goal-activity.asl.json`.
//!
//! `StartExecution` is idempotent for a name and input (API reference). A task with a token waits for its answer, a
//! heartbeat or its timeout; a token that was answered, timed out or belongs to an ended execution is refused. An
//! execution's own timeout and a stop end it at once, without running any state. `DescribeExecution` is eventually
//! consistent (API reference). The constants are those of the definition; a test compares them.

use std::collections::BTreeMap;
use std::time::Duration;

use goal_activity_core::limits::ACTIONS_PER_BATCH;
use goal_activity_core::outcome::End;
use goal_activity_core::ports::{Answered, ExecutionInput, ExecutionState};
use goal_activity_events::{ActionId, BatchMessage, ExecutionArn, TaskToken, Timestamp, Version};
use goal_activity_functions::adapters::memory::samples;
use goal_activity_functions::handlers::finalize::FinalizeAnswer;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::bus::status_changed;
use crate::check;
use crate::flaw::{self, Flaw};
use crate::lambda::{self, Function, invoke};
use crate::queues::{Queue, send};
use crate::scale::account;
use crate::scale::quotas::Quota;
use crate::world::Sim;

/// The state machine's `TimeoutSeconds`.
pub(crate) const WORKFLOW: Duration = Duration::from_secs(900);
/// `EnqueueBatch`'s `TimeoutSeconds`.
pub(crate) const BATCH: Duration = Duration::from_secs(300);
/// `EnqueueBatch`'s `HeartbeatSeconds`.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(90);
/// How often `EnqueueBatch` is repeated without a heartbeat, and the first wait, which doubles.
pub(crate) const HEARTBEAT_RETRIES: (u32, u64) = (2, 1);
/// `SaveResults`'s `TimeoutSeconds`.
pub(crate) const FINALIZE: Duration = Duration::from_secs(40);
/// How often `SaveResults` is retried when the function fails, and the first wait, which doubles.
pub(crate) const FINALIZE_RETRIES: (u32, u64) = (2, 2);
/// The name under which accepted answers are counted.
pub(crate) const ANSWERED: &str = "batches answered";
/// How long `DescribeExecution` may be behind.
const BEHIND: i64 = 2_000;
/// How many states an execution enters in addition to those that are modelled: two before its batches, and two after
/// `SaveResults`.
const BEFORE: f64 = 2.0;
const AFTER: f64 = 2.0;

/// All executions.
#[derive(Default)]
pub(crate) struct Machines(BTreeMap<ExecutionArn, Run>);

struct Run {
    input: ExecutionInput,
    since: i64,
    ended: Option<(End, i64)>,
    /// By index.
    batches: BTreeMap<u32, Waiting>,
}

#[derive(Default)]
struct Waiting {
    token: Option<String>,
    last_sign: i64,
    over: bool,
    /// The token with which it was answered.
    answered: Option<String>,
}

impl Machines {
    pub(crate) fn all_ended(&self) -> bool {
        self.0.values().all(|run| run.ended.is_some())
    }

    /// When an execution ended, in milliseconds.
    pub(crate) fn ended_at(&self, arn: &ExecutionArn) -> Option<i64> {
        self.0.get(arn)?.ended.map(|(_, at)| at)
    }

    /// Forgets an execution that has ended.
    pub(crate) fn forget(&mut self, arn: &ExecutionArn) {
        self.0.remove(arn);
    }

    pub(crate) fn inputs(&self) -> impl Iterator<Item = &ExecutionInput> {
        self.0.values().map(|run| &run.input)
    }
}

/// `StartExecution`.
pub(crate) fn start(sim: &Sim, input: &ExecutionInput) {
    let arn = &input.execution_arn;
    {
        let mut core = sim.core();
        if let Some(run) = core.machines.0.get(arn) {
            let same = run.input == *input;
            drop(core);
            if !same {
                sim.violated("P2", format!("{} is started with two inputs", arn.name()));
            }
            return;
        }
        let run = Run { input: input.clone(), since: sim.millis(), ended: None, batches: BTreeMap::new() };
        core.machines.0.insert(arn.clone(), run);
    }
    sim.count("executions started");
    check::started(sim, input);
    status_changed(sim, arn, "RUNNING", sim.millis());
    let (timed, timed_arn) = (sim.clone(), arn.clone());
    tokio::task::spawn_local(async move {
        sleep(WORKFLOW).await;
        // As on an emulator without a timeout: the reconciler ends it.
        let runs = timed.core().machines.0.get(&timed_arn).is_some_and(|run| run.ended.is_none());
        if runs && timed.goes_wrong(timed.profile.no_timeout, "an execution does not time out") {
            return;
        }
        end(&timed, &timed_arn, End::TimedOut, "TIMED_OUT");
    });
    let chunks = input.action_ids.chunks(ACTIONS_PER_BATCH);
    let batches: Vec<_> = (0..).zip(chunks).map(|(index, ids)| batch(sim, input, index, ids.to_vec())).collect();
    let waiting = batches.iter().map(|b| (b.batch_index, Waiting::default())).collect();
    sim.core().machines.0.get_mut(arn).unwrap().batches = waiting;
    for batch in batches {
        tokio::task::spawn_local(enqueue(sim.clone(), batch));
    }
}

fn batch(sim: &Sim, input: &ExecutionInput, batch_index: u32, action_ids: Vec<ActionId>) -> BatchMessage {
    BatchMessage {
        version: Version::V1,
        execution_arn: input.execution_arn.clone(),
        goal_id: input.goal_id.clone(),
        user_id: input.user_id.clone(),
        batch_index,
        action_ids,
        total_actions: u32::try_from(input.action_ids.len()).ok(),
        regenerate: input.regenerate,
        enqueued_at: sim.now(),
        task_token: TaskToken::new(""),
        request: input.request.clone(),
        correlation_id: input.correlation_id.parse().ok(),
        traceparent: input.traceparent.parse().ok(),
    }
}

/// The time between two states. `others` are entered with it.
async fn be_late(sim: &Sim, others: f64) {
    account::hold_back(sim, Quota::StateTransitions, 1.0 + others).await;
    sleep(match sim.goes_wrong(sim.profile.late_state, "a state is late") {
        true => sim.some_millis(30_000, 900_000),
        false => sim.some_millis(5, 200),
    })
    .await;
}

/// `EnqueueBatch`: sends the message and waits for the answer.
async fn enqueue(sim: Sim, mut batch: BatchMessage) {
    be_late(&sim, if batch.batch_index == 0 { BEFORE } else { 0.0 }).await;
    batch.enqueued_at = sim.now();
    let (arn, index) = (batch.execution_arn.clone(), batch.batch_index);
    if sim.goes_wrong(sim.profile.lose_batch, "a batch cannot be sent") {
        sim.core().excused.insert(arn.clone());
        sim.note("states", || format!("{}/{index} cannot be sent", arn.name()));
        return batch_over(&sim, &arn, index);
    }
    let (retries, mut wait) = HEARTBEAT_RETRIES;
    let mut attempt = 0;
    for again in 0..=retries {
        // A send that failed although it was done leaves a message whose token is not valid.
        let sends = 1 + u32::from(sim.goes_wrong(sim.profile.applied, "a batch is sent again under a new token"));
        for send_again in 1..=sends {
            attempt += 1;
            let token = format!("{}/{index}.{attempt}", arn.name());
            {
                let (mut core, now) = (sim.core(), sim.millis());
                let Some(run) = core.machines.0.get_mut(&arn).filter(|r| r.ended.is_none()) else { return };
                let waiting = run.batches.get_mut(&index).unwrap();
                if waiting.over {
                    return;
                }
                (waiting.token, waiting.last_sign) = (Some(token.clone()), now);
            }
            batch.task_token = TaskToken::new(token);
            send(&sim, Queue::Batch, &flaw::batch_body(&sim, &batch));
            if send_again < sends {
                sleep(sim.some_millis(100, 1_000)).await;
            }
        }
        match wait_for_answer(&sim, &arn, index).await {
            Waited::Over => return,
            Waited::Silent if again < retries && !sim.has(Flaw::HeartbeatNotRetried) => {
                sim.note("states", || format!("{}/{index} shows no sign of life", arn.name()));
                sim.count("batches sent again for want of a sign of life");
                if let Some(run) = sim.core().machines.0.get_mut(&arn) {
                    run.batches.get_mut(&index).unwrap().token = None;
                }
                sleep(Duration::from_secs(wait)).await;
                wait *= 2;
            }
            Waited::Silent | Waited::TimedOut => break,
        }
    }
    sim.note("states", || format!("{}/{index} is lost: no answer, or no sign of life", arn.name()));
    sim.count("batches lost");
    batch_over(&sim, &arn, index);
}

/// The result of the wait for an answer.
enum Waited {
    /// It arrived, or is no longer waited for.
    Over,
    /// There was no heartbeat.
    Silent,
    /// The batch's time is over.
    TimedOut,
}

/// Each attempt has the whole time of the state (Amazon States Language, "Task": `TimeoutSeconds`).
async fn wait_for_answer(sim: &Sim, arn: &ExecutionArn, index: u32) -> Waited {
    let deadline = sim.millis() + millis(BATCH);
    loop {
        let until = {
            let core = sim.core();
            let Some(run) = core.machines.0.get(arn).filter(|r| r.ended.is_none()) else { return Waited::Over };
            let waiting = &run.batches[&index];
            if waiting.over {
                return Waited::Over;
            }
            deadline.min(waiting.last_sign + millis(HEARTBEAT))
        };
        let left = until - sim.millis();
        if left <= 0 {
            return if until < deadline { Waited::Silent } else { Waited::TimedOut };
        }
        sleep(Duration::from_millis(u64::try_from(left).unwrap())).await;
    }
}

/// A batch was answered or lost; when it was the last, `SaveResults` follows.
fn batch_over(sim: &Sim, arn: &ExecutionArn, index: u32) {
    let all_over = {
        let mut core = sim.core();
        let Some(run) = core.machines.0.get_mut(arn).filter(|r| r.ended.is_none()) else { return };
        let waiting = run.batches.get_mut(&index).unwrap();
        (waiting.over, waiting.token) = (true, None);
        run.batches.values().all(|b| b.over)
    };
    if all_over {
        tokio::task::spawn_local(save_results(sim.clone(), arn.clone()));
    }
}

/// `SaveResults` and `Outcome`.
async fn save_results(sim: Sim, arn: ExecutionArn) {
    let (retries, mut wait) = FINALIZE_RETRIES;
    for attempt in 0..=retries {
        be_late(&sim, if attempt == 0 { AFTER } else { 0.0 }).await;
        if sim.core().machines.0[&arn].ended.is_some() {
            return;
        }
        let request = serde_json::from_value(json!({ "executionArn": arn })).unwrap();
        let saved = invoke(&sim, Function::Finalize, Vec::new(), None, |p| {
            Box::pin(async move { lambda::finalize(&p).finalize(request, Function::Finalize.budget()).await })
        });
        if let Ok(Some(Ok(FinalizeAnswer { succeeded_actions, .. }))) = timeout(FINALIZE, saved).await {
            let status = if succeeded_actions > 0 { "SUCCEEDED" } else { "FAILED" };
            return end(&sim, &arn, End::Finished, status);
        }
        if attempt < retries {
            sleep(Duration::from_secs(wait)).await;
            wait *= 2;
        }
    }
    end(&sim, &arn, End::Finished, "FAILED");
}

fn end(sim: &Sim, arn: &ExecutionArn, end: End, status: &'static str) {
    let since = {
        let mut core = sim.core();
        let now = sim.millis();
        let Some(run) = core.machines.0.get_mut(arn).filter(|r| r.ended.is_none()) else { return };
        run.ended = Some((end, now));
        for batch in run.batches.values_mut() {
            batch.token = None;
        }
        core.stats.count(format!("execution {status}"));
        core.machines.0[arn].since
    };
    sim.note("states", || format!("{} {status}", arn.name()));
    status_changed(sim, arn, status, since);
}

/// `StopExecution`.
pub(crate) fn stop(sim: &Sim, arn: &ExecutionArn) {
    end(sim, arn, End::Aborted, "ABORTED");
}

/// `DescribeExecution`.
pub(crate) fn describe(sim: &Sim, arn: &ExecutionArn) -> ExecutionState {
    let behind = sim.goes_wrong(sim.profile.stale, "a description is behind");
    let (core, now) = (sim.core(), sim.millis());
    let recent = |at: i64| behind && now - at < BEHIND;
    match core.machines.0.get(arn) {
        None => ExecutionState::Absent,
        Some(run) if recent(run.since) => ExecutionState::Absent,
        Some(Run { ended: Some((end, at)), .. }) if !recent(*at) => {
            ExecutionState::Ended { end: *end, at: Timestamp::from_millis(*at) }
        }
        Some(run) => ExecutionState::Running { since: Timestamp::from_millis(run.since) },
    }
}

/// Returns `true` if an answer was accepted for this token.
pub(crate) fn is_answered(sim: &Sim, token: &TaskToken) -> bool {
    let core = sim.core();
    let mut batches = core.machines.0.values().flat_map(|run| run.batches.values());
    batches.any(|batch| batch.answered.as_deref() == Some(token.reveal()))
}

/// Returns `true` if a batch is waited for whose actions all have an outcome.
pub(crate) fn waits_for_done(sim: &Sim, (arn, index): &(ExecutionArn, u32)) -> bool {
    let waits = {
        let core = sim.core();
        let run = core.machines.0.get(arn).filter(|run| run.ended.is_none());
        run.and_then(|run| {
            let waits = run.batches.get(index).is_some_and(|batch| !batch.over);
            let actions = run.input.action_ids.chunks(ACTIONS_PER_BATCH).nth(*index as usize)?;
            waits.then(|| actions.to_vec())
        })
    };
    let state = sim.tables.state();
    let ledger = state.ledgers.get(&(arn.clone(), *index));
    waits.zip(ledger).is_some_and(|(actions, ledger)| actions.iter().all(|id| ledger.outcomes.contains_key(id)))
}

/// Finds the wait for a token.
fn waiting(sim: &Sim, token: &TaskToken) -> Option<(ExecutionArn, u32)> {
    let (name, rest) = token.reveal().split_once('/')?;
    let (index, _) = rest.split_once('.')?;
    let executions = samples::state_machine().as_str().replace(":stateMachine:", ":execution:");
    let (arn, index) = (format!("{executions}:{name}").parse().ok()?, index.parse().ok()?);
    let core = sim.core();
    let batch = core.machines.0.get(&arn)?.batches.get(&index)?;
    (batch.token.as_deref() == Some(token.reveal())).then_some((arn, index))
}

/// `SendTaskSuccess`.
pub(crate) fn answer(sim: &Sim, token: &TaskToken) -> Answered {
    let Some((arn, index)) = waiting(sim, token) else {
        if sim.has(Flaw::AnswerCountsTwice) {
            flaw::answer_counts_for_another(sim, token);
        }
        return Answered::Stale;
    };
    if let Some(run) = sim.core().machines.0.get_mut(&arn) {
        run.batches.get_mut(&index).unwrap().answered = Some(token.reveal().to_owned());
    }
    batch_over(sim, &arn, index);
    sim.count(ANSWERED);
    Answered::Accepted
}

/// The first batch that still waits in the execution of a token. For [`Flaw::AnswerCountsTwice`].
pub(crate) fn end_another_batch(sim: &Sim, name: &str) {
    let other = {
        let core = sim.core();
        let run = core.machines.0.iter().find(|(arn, _)| arn.name() == name);
        run.and_then(|(arn, run)| Some((arn.clone(), *run.batches.iter().find(|(_, b)| !b.over)?.0)))
    };
    if let Some((arn, index)) = other {
        batch_over(sim, &arn, index);
    }
}

/// `SendTaskHeartbeat`.
pub(crate) fn heartbeat(sim: &Sim, token: &TaskToken) -> Answered {
    let Some((arn, index)) = waiting(sim, token) else { return Answered::Stale };
    if !sim.has(Flaw::HeartbeatNotSent) {
        let (mut core, now) = (sim.core(), sim.millis());
        core.machines.0.get_mut(&arn).unwrap().batches.get_mut(&index).unwrap().last_sign = now;
    }
    Answered::Accepted
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap()
}
