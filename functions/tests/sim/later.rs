//! The phase after all is at rest: the goals that the app has changed are started again, and 90 days pass.
//!
//! DynamoDB deletes an expired row some time within days, each by itself and in any order (developer guide, "Time to
//! Live"). EventBridge replays what it has archived, at any time on request (user guide, "Archiving and replaying
//! events").

use std::collections::BTreeSet;
use std::time::Duration;

use goal_activity_core::daily::DailyLimit;
use goal_activity_core::execution::Execution;
use goal_activity_core::limits::HISTORY;
use goal_activity_events::{ClaimSequence, ExecutionArn, GoalId};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::api;
use crate::backlog;
use crate::flaw;
use crate::queues::{self, Queue};
use crate::rest;
use crate::schedule::{LOOK, REST};
use crate::world::Sim;

/// How many old events are replayed.
const REPLAYED: usize = 12;

/// A row that may be deleted.
enum Row {
    Execution(ExecutionArn),
    Batch(ExecutionArn, u32),
    Request(String),
}

/// The records for the later phase.
#[derive(Default)]
pub(crate) struct Memories {
    /// The events that were put on the buses.
    pub(crate) events: Vec<(Queue, String)>,
    /// The users' requests with a key.
    pub(crate) asked: Vec<api::Ask>,
}

/// Waits until no work is in progress.
async fn rested(sim: &Sim) {
    let last = sim.elapsed() + REST;
    while !rest::is_at_rest(sim) && sim.elapsed() < last && sim.core().violations.is_empty() {
        sleep(LOOK).await;
    }
    if sim.core().violations.is_empty() && !rest::is_at_rest(sim) {
        sim.violated("P7", "no rest after a late start".to_owned());
    }
}

/// Starts every goal that the app has changed: after any change, the response must be a valid one.
pub(crate) async fn start_changed_goals(sim: &Sim) {
    let touched: Vec<_> = sim.core().app.touched.iter().cloned().collect();
    for goal in &touched {
        start(sim, goal).await;
    }
    if !touched.is_empty() {
        rested(sim).await;
    }
}

/// Starts a goal, allowing for the one fault that a run may have left.
async fn start(sim: &Sim, goal: &GoalId) {
    let owner = sim.tables.state().goals.get(goal).map(|g| g.head.user_id.clone());
    let user = owner.as_ref().map_or("user-1", |user| user.as_str());
    let is_open = || {
        let state = sim.tables.state();
        state.executions.values().any(|e| e.goal_id == *goal && !e.has_ended())
    };
    let (mut last, mut was_open) = (None, false);
    for _ in 0..3 {
        // An earlier one of these calls may have started a workflow, its answer lost, which ends during this one.
        was_open = is_open();
        let route = "POST /api/goals/{goalId}/start-activity";
        last = api::call(sim, user, route, &json!({ "goalId": goal }), &json!({}), None).await;
        match &last {
            Some((202, _)) => return,
            Some((429 | 503, _)) | None => sleep(Duration::from_secs(70)).await,
            Some(_) => break,
        }
    }
    let (status, code) = last.map_or((0, Value::Null), |(status, body)| (status, body["code"].clone()));
    let sensible = match code.as_str() {
        Some("ALREADY_RUNNING") => was_open || is_open(),
        Some("DAILY_LIMIT") => sim.profile.daily_limit != DailyLimit::NONE,
        Some("NOTHING_TO_DO" | "GOAL_CLOSED" | "NO_ACTIONS" | "UNKNOWN_GOAL" | "UNREADABLE_GOAL") => true,
        _ => false,
    };
    if !sensible {
        sim.violated("P7", format!("{goal} cannot be started any more: {status} {code}"));
    }
}

/// 90 days pass: all rows expire, and the API returns the same for every workflow as before.
pub(crate) async fn pass(sim: &Sim) {
    let mut all: Vec<Execution> = {
        let state = sim.tables.state();
        state.executions.values().filter(|e| !backlog::has(&e.goal_id)).cloned().collect()
    };
    all.sort_by(|a, b| a.execution_arn.cmp(&b.execution_arn));
    let mut before = Vec::new();
    for execution in &all {
        before.push(told(sim, execution).await);
    }
    sim.leap(HISTORY + sim.some_millis(60_000, 30 * 24 * 60 * 60 * 1_000));
    sim.note("CHECK", || "months later".to_owned());
    let mut rows = expired(sim);
    sim.core().rng.shuffle(&mut rows);
    if sim.profile.long {
        let some = usize::try_from(sim.between(0, rows.len() as u64)).unwrap();
        rows.drain(..some).for_each(|row| delete(sim, &row));
        live_on(sim, &all).await;
        if !sim.core().violations.is_empty() {
            return;
        }
    }
    rows.drain(..).for_each(|row| delete(sim, &row));
    let left = {
        let state = sim.tables.state();
        let of_all = |arn: &ExecutionArn| all.iter().any(|e| e.execution_arn == *arn);
        let rows = state.executions.keys().chain(state.ledgers.keys().map(|(arn, _)| arn));
        rows.filter(|arn| of_all(arn)).count()
    };
    if left > 0 {
        sim.violated("P7", format!("{left} rows never expire"));
    }
    for (execution, before) in all.iter().zip(before) {
        if told(sim, execution).await != before {
            sim.violated("P7", format!("{} is not what it was before it expired", execution.execution_arn.name()));
        }
    }
    (0..all.len()).for_each(|_| sim.count("workflows read from the archive"));
}

fn expired(sim: &Sim) -> Vec<Row> {
    let (now, state) = (sim.millis(), sim.tables.state());
    let past: BTreeSet<_> = state.expiring.iter().filter(|(_, at)| at.as_millis() <= now).map(|(arn, _)| arn).collect();
    let expired = state.expiring_ledgers.iter().filter(|(_, at)| at.as_millis() <= now);
    let mut ledgers: Vec<_> = expired.map(|(key, _)| key.clone()).collect();
    ledgers.sort();
    let mut requests: Vec<_> = state.requests.keys().cloned().collect();
    requests.sort();
    let mut rows: Vec<_> = past.into_iter().cloned().map(Row::Execution).collect();
    rows.extend(ledgers.into_iter().map(|(arn, index)| Row::Batch(arn, index)));
    rows.extend(requests.into_iter().map(Row::Request));
    rows
}

fn delete(sim: &Sim, row: &Row) {
    let mut state = sim.tables.state();
    match row {
        Row::Execution(arn) => drop(state.executions.remove(arn)),
        Row::Batch(arn, index) => drop(state.ledgers.remove(&(arn.clone(), *index))),
        // A row that was written again since then is another row.
        Row::Request(key) => drop(state.requests.remove(key)),
    }
}

/// Users and services send requests again while the old rows are deleted, one by one.
async fn live_on(sim: &Sim, all: &[Execution]) {
    let Memories { mut events, asked } = {
        let mut core = sim.core();
        // Requests of months ago are no longer recorded.
        (core.accepted, core.answers, core.asked, core.followed_up) = Default::default();
        core.shadow.requests.clear();
        std::mem::take(&mut core.memories)
    };
    sim.core().rng.shuffle(&mut events);
    for (queue, body) in events.into_iter().take(REPLAYED) {
        sim.note("operator", || "replays an event".to_owned());
        queues::send(sim, queue, &flaw::replayed(sim, &body));
    }
    rested(sim).await;
    let known: BTreeSet<_> = all.iter().map(|e| &e.execution_arn).collect();
    let new = {
        let state = sim.tables.state();
        let mut new = state.executions.values().filter(|e| !known.contains(&e.execution_arn));
        new.find(|e| !backlog::has(&e.goal_id)).map(|e| e.execution_arn.clone())
    };
    if let Some(arn) = new {
        sim.violated("P2", format!("{} begins with an event of months ago", arn.name()));
        return;
    }
    for ask in asked.iter().take(3) {
        if !ask.is_answered(sim).await {
            sim.violated("P7", "a request under an old key is not answered".to_owned());
        }
    }
    let mut goals: Vec<_> = sim.tables.state().goals.keys().filter(|g| !backlog::has(g)).cloned().collect();
    goals.sort();
    for goal in &goals {
        if sim.profile.edits && sim.chance(0.5) {
            sim.note("app", || format!("forgets the sequence of {goal}"));
            sim.core().app.touched.insert(goal.clone());
            if let Some(goal) = sim.tables.state().goals.get_mut(goal) {
                goal.head.claims = ClaimSequence(0);
            }
        }
        start(sim, goal).await;
    }
    rested(sim).await;
    sim.count("runs that went on after months");
}

/// Returns the API's responses about a workflow to its user.
async fn told(sim: &Sim, execution: &Execution) -> [Option<Value>; 3] {
    let (status, actions) = (told_by(sim, execution, "status").await, told_by(sim, execution, "actions").await);
    [status, actions, told_by(sim, execution, "timeline").await]
}

/// Repeated once without an answer: the one fault of a run may occur this late.
async fn told_by(sim: &Sim, execution: &Execution, route: &str) -> Option<Value> {
    let (user, arn) = (execution.user_id.as_str(), &execution.execution_arn);
    for _ in 0..2 {
        if let Some((200, body)) = api::workflow(sim, user, "GET", route, arn).await {
            return Some(body);
        }
    }
    sim.violated("P7", format!("the {route} of {} is not told", arn.name()));
    None
}
