//! Ten times the work that can be processed is requested at once: all users get their tasks, no workflow times out
//! because of waiting, and no user waits behind all requests of another user.

use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fastrand::Rng;
use goal_activity_core::admission::Capacity;
use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::limits::{BULK_STEP, MAX_ACTIONS, MAX_BATCHES, WORKFLOW_SECONDS};
use goal_activity_events::{ExecutionArn, GoalId, Timestamp};
use serde_json::{Value, json};
use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::api::call;
use crate::people;
use crate::profile::{CALM, LOSSES, Mood, Profile, STATES_HANG, TABLES_HANG, WILD};
use crate::rest;
use crate::world::Sim;

/// How many workflows of maximum size fit into the capacity.
const AT_ONCE: u32 = 2;
/// How many are requested.
const TIMES: u32 = 10;
/// How many of them one user requests before any other user.
const FLOOD: u32 = 8;
/// How much later the others make their requests, one after the other.
const OTHERS: Duration = Duration::from_secs(30);
/// How late the event of a new workflow or of free capacity may be.
const SLACK: Duration = Duration::from_secs(10);
/// The time limit for all: far longer than needed.
const ALL: Duration = Duration::from_secs(12 * 60 * 60);
/// How many runs of each kind. Each simulates an hour of twenty workflows.
const SEEDS: u64 = 3;

fn overloaded(profile: &Profile) -> Profile {
    let capacity = Capacity::new(NonZeroU32::new(AT_ONCE * MAX_BATCHES).unwrap());
    Profile { capacity, mood: Mood::Slow, ..profile.clone() }
}

/// The outcomes of all workflows, in the order of their requests.
struct Outcome {
    executions: Vec<Execution>,
    violations: Vec<String>,
    /// From the first request to when all was at rest.
    took: Duration,
}

/// Who requests what before the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    /// One user, who is waiting for all of them.
    OneUser,
    /// Several users, of bulk.
    Bulk,
}

fn run(seed: u64, profile: &Profile, first: First) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let sim = Sim::with(overloaded(profile), Rng::with_seed(seed), None, false);
        tokio::task::spawn_local(people::tick(sim.clone()));
        for n in 1..=AT_ONCE * TIMES {
            let is_flood = n <= FLOOD && first == First::OneUser;
            let user = if is_flood { "flood".to_owned() } else { format!("user-{n}") };
            let body = if n <= FLOOD && first == First::Bulk { json!({ "priorityClass": "BULK" }) } else { json!({}) };
            let goal = people::put_goal(&sim, &format!("goal-{n}"), &user, MAX_ACTIONS as u64);
            let after = if n <= FLOOD { Duration::from_secs(1) } else { OTHERS + Duration::from_secs(n.into()) };
            sim.core().busy += 1;
            tokio::task::spawn_local(ask(sim.clone(), goal, user, (after, body)));
        }
        let last = sim.elapsed() + ALL;
        while !rest::is_at_rest(&sim) && sim.elapsed() < last && sim.core().violations.is_empty() {
            sleep(Duration::from_secs(1)).await;
        }
        let took = sim.elapsed();
        rest::check(&sim, rest::is_at_rest(&sim));
        let mut executions: Vec<_> = sim.tables.state().executions.values().cloned().collect();
        executions.sort_by_key(|e| (e.start_date, e.execution_arn.clone()));
        let violations = sim.core().violations.clone();
        Outcome { executions, violations, took }
    })
}

/// Repeats the request until there is an answer.
async fn ask(sim: Sim, goal: GoalId, user: String, (after, body): (Duration, Value)) {
    sleep(after).await;
    let route = "POST /api/goals/{goalId}/start-activity";
    while !matches!(call(&sim, &user, route, &json!({ "goalId": goal }), &body, None).await, Some((202 | 409, _))) {
        sleep(Duration::from_secs(1)).await;
    }
    sim.core().busy -= 1;
}

/// When it was launched. Where the call has hung that records this, when it was first heard of.
fn admitted(execution: &Execution) -> Timestamp {
    let launched = execution.admitted_at.or(execution.started_at);
    launched.unwrap_or_else(|| panic!("{} was not launched", execution.execution_arn.name()))
}

/// The pairs whose second workflow was launched first, although it was the first one's turn and that was known.
fn overtaken(executions: &[Execution]) -> Vec<(&ExecutionArn, &ExecutionArn)> {
    let mut found = Vec::new();
    for one in executions {
        for other in executions {
            let known = one.start_date.plus(SLACK) < admitted(other);
            if one.turn < other.turn && known && admitted(other).plus(SLACK) < admitted(one) {
                found.push((&one.execution_arn, &other.execution_arn));
            }
        }
    }
    found
}

/// The longest wait of a workflow in a run.
fn longest_wait(name: &str, profile: &Profile, seed: u64) -> Duration {
    let whole = ["calm", "losses"].contains(&name);
    let Outcome { executions, violations, took } = run(seed, profile, First::OneUser);
    assert!(violations.is_empty(), "seed {seed}, {name}: {violations:#?}");
    assert_eq!(executions.len(), (AT_ONCE * TIMES) as usize, "seed {seed}, {name}");
    for e in executions.iter().filter(|_| whole) {
        let fine = matches!(e.status(), Status::Succeeded | Status::PartiallySucceeded);
        assert!(fine, "seed {seed}, {name}: {} is {}", e.execution_arn.name(), e.status());
    }
    println!("{name} {seed}: {} workflows in {:.0} s", executions.len(), took.as_secs_f64());
    executions.iter().map(|e| admitted(e).since(e.start_date)).max().unwrap_or_default()
}

#[test]
fn at_ten_times_the_capacity_every_request_ends_and_none_times_out_for_waiting() {
    let profiles =
        [("calm", CALM), ("losses", LOSSES), ("wild", WILD), ("tables", TABLES_HANG), ("states", STATES_HANG)];
    let runs: Vec<_> = profiles.iter().flat_map(|kind| (0..SEEDS).map(move |seed| (kind, seed))).collect();
    let (next, waits) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(((name, profile), seed)) = runs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let wait = longest_wait(name, profile, *seed);
            waits.lock().unwrap().push(wait);
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let longest = waits.into_inner().unwrap().into_iter().max().unwrap();
    println!("longest wait: {:.0} s", longest.as_secs_f64());
    assert!(
        longest > Duration::from_secs(WORKFLOW_SECONDS.into()),
        "nobody had to wait for longer than a workflow may run"
    );
}

#[test]
fn at_ten_times_the_capacity_all_are_launched_in_turn_and_the_capacity_is_used() {
    for seed in 0..SEEDS {
        let Outcome { executions, took, .. } = run(seed, &CALM, First::OneUser);
        assert_eq!(overtaken(&executions), [], "seed {seed}");
        // The many requests of one user do not delay the others: all of these are launched before that user's third.
        let flood: Vec<_> = executions.iter().filter(|e| e.user_id.as_str() == "flood").collect();
        let mut launched: Vec<_> = flood.iter().map(|e| admitted(e)).collect();
        launched.sort();
        let others = executions.iter().filter(|e| e.user_id.as_str() != "flood");
        let last = others.map(admitted).max().unwrap();
        let room_at_once = AT_ONCE as usize;
        assert!(last < launched[room_at_once], "seed {seed}: {last} {launched:?}");
        // Capacity is always in use: two workflows ran during all that time.
        let worked: Duration = executions.iter().map(|e| e.stop_date().unwrap().since(admitted(e))).sum();
        let used = worked.as_secs_f64() / (took.as_secs_f64() * f64::from(AT_ONCE));
        println!("seed {seed}: {:.0} % of the capacity used", used * 100.0);
        assert!(used > 0.9, "seed {seed}: {used}");
    }
}

#[test]
fn what_nobody_waits_for_gives_way_and_gets_its_tasks_all_the_same() {
    for seed in 0..SEEDS {
        let Outcome { executions, violations, .. } = run(seed, &CALM, First::Bulk);
        assert!(violations.is_empty(), "seed {seed}: {violations:#?}");
        assert_eq!(overtaken(&executions), [], "seed {seed}");
        let (bulk, others): (Vec<_>, Vec<_>) = executions.iter().partition(|e| e.turn.since(e.start_date) == BULK_STEP);
        assert_eq!((bulk.len(), others.len()), (FLOOD as usize, (AT_ONCE * TIMES - FLOOD) as usize));
        let mut launched: Vec<_> = bulk.iter().map(|e| admitted(e)).collect();
        launched.sort();
        // Bulk gets what is idle at first. From then on every interactive workflow is launched before the next one of bulk.
        let last = others.iter().map(|e| admitted(e)).max().unwrap();
        assert!(last < launched[AT_ONCE as usize], "seed {seed}: {last} {launched:?}");
        let fine = |e: &&&Execution| matches!(e.status(), Status::Succeeded | Status::PartiallySucceeded);
        assert_eq!(executions.iter().filter(|e| fine(&e)).count(), executions.len(), "seed {seed}");
    }
}
