//! Goals that users start at a steady rate, until all of them have ended.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use goal_activity_core::admission::Capacity;
use goal_activity_core::execution::{Execution, Status, TimelineEvent};
use goal_activity_core::ports::{Generation, GenerationError, GenerationRequest, Tokens};
use goal_activity_core::task::{Priority, TaskDraft, TaskDrafts};
use goal_activity_events::{FailureCode, GoalId};
use goal_activity_functions::adapters::memory::samples;
use serde_json::json;
use tokio::task::LocalSet;
use tokio::time::sleep;

use super::account::{self, Account, Ai, Used};
use super::quotas::Quota;
use crate::api;
use crate::people;
use crate::queues::{self, Queue};
use crate::world::Sim;

/// The actions of each goal: a whole mandala chart.
pub(crate) const ACTIONS: u8 = 64;
/// The tasks of an action. The sample goal has 222 for its 64 actions, between three and four for each.
const TASKS: [u64; 2] = [3, 4];
/// The AI: its latency for one action.
pub(crate) const AI: Ai =
    Ai { latency: [15_000, 25_000], requests_a_minute: None, pace: Duration::ZERO, at_once: false };
/// The tokens of a request to the AI, measured with the sample goal (`docs/GENERATORS.md`, "Costs").
pub(crate) const TOKENS: Tokens = Tokens { input: 1_032, output: 347 };
/// How much of the quota a token of an answer uses, with Claude (Bedrock user guide, "How tokens are counted").
pub(crate) const BURNDOWN: u64 = 5;
/// How soon a throttled request is answered.
const REFUSED_AFTER: Duration = Duration::from_millis(100);
/// The interval between checks for ended and waiting workflows.
const LOOK: Duration = Duration::from_secs(1);
/// How long after the last start everything must have ended.
const DRAIN: Duration = Duration::from_secs(4 * 60 * 60);
/// The number of attempts of a client without a response, and its maximum first wait in milliseconds, which doubles.
const TRIES: u32 = 6;
const TRIES_AGAIN: u64 = 2_000;

/// The load on an account.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) goals_a_second: f64,
    pub(crate) lasts: Duration,
    /// How many batches are processed at once.
    pub(crate) capacity: Capacity,
    /// The quotas that were raised, and how many times.
    pub(crate) raised: Vec<(Quota, f64)>,
    /// Whether the batch queue has provisioned pollers.
    pub(crate) provisioned: bool,
    /// The AI, and how it is asked.
    pub(crate) ai: Ai,
    /// How many batches one invocation of a worker gets at most.
    pub(crate) worker_batch: usize,
}

/// The results.
pub(crate) struct Outcome {
    pub(crate) used: BTreeMap<Quota, Used>,
    /// The workflows by how they ended.
    pub(crate) ended: BTreeMap<String, usize>,
    /// The actions that got no tasks, by the reason.
    pub(crate) failed: BTreeMap<String, usize>,
    /// From the request until the execution ran, and until the end, in seconds, sorted.
    pub(crate) until_running: Vec<f64>,
    pub(crate) until_end: Vec<f64>,
    /// How much later than in the strict order of all turns a workflow was launched, in seconds, sorted.
    pub(crate) late: Vec<f64>,
    /// Starts that were not accepted at all.
    pub(crate) turned_away: usize,
    /// Messages in dead-letter queues.
    pub(crate) dead: usize,
    /// Workflows that had not ended when the run was stopped.
    pub(crate) open: usize,
}

/// Everything that has ended so far.
#[derive(Default)]
struct Tally {
    executions: Vec<Ended>,
    turned_away: usize,
    offered: bool,
}

struct Ended {
    status: Status,
    failed: BTreeMap<String, usize>,
    until_running: Option<f64>,
    until_end: f64,
    turn: i64,
    admitted: Option<i64>,
}

impl Load {
    /// Runs the load, with the real handlers and a simulated clock.
    pub(crate) fn run(&self) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let account = Account::new(&self.raised, self.provisioned, self.ai, self.worker_batch);
        LocalSet::new().block_on(&runtime, self.offer(Sim::within(account, self.capacity)))
    }

    async fn offer(&self, sim: Sim) -> Outcome {
        let tally = Rc::new(std::cell::RefCell::new(Tally::default()));
        tokio::task::spawn_local(people::tick(sim.clone()));
        tokio::task::spawn_local(self.clone().people(sim.clone(), Rc::clone(&tally)));
        loop {
            sleep(LOOK).await;
            for queue in Queue::ALL {
                queues::wake(&sim, queue);
            }
            harvest(&sim, &mut tally.borrow_mut());
            let done = tally.borrow().offered && sim.tables.state().executions.is_empty();
            if (done && sim.core().queues.is_empty()) || sim.elapsed() > self.lasts + DRAIN {
                break;
            }
        }
        let tally = std::mem::take(&mut *tally.borrow_mut());
        Self::outcome(&sim, &tally)
    }

    async fn people(self, sim: Sim, tally: Rc<std::cell::RefCell<Tally>>) {
        let mut starting = Vec::new();
        for n in 0.. {
            let at = Duration::from_secs_f64(f64::from(n) / self.goals_a_second);
            if at >= self.lasts {
                break;
            }
            sleep(at.saturating_sub(sim.elapsed())).await;
            let (sim, tally) = (sim.clone(), Rc::clone(&tally));
            starting.push(tokio::task::spawn_local(async move {
                if !start(&sim, n).await {
                    tally.borrow_mut().turned_away += 1;
                }
            }));
        }
        for start in starting {
            let _ = start.await;
        }
        tally.borrow_mut().offered = true;
    }

    fn outcome(sim: &Sim, tally: &Tally) -> Outcome {
        let mut ended = BTreeMap::new();
        let mut failed = BTreeMap::new();
        for execution in &tally.executions {
            *ended.entry(execution.status.to_string()).or_default() += 1;
            for (code, times) in &execution.failed {
                *failed.entry(code.clone()).or_default() += times;
            }
        }
        let sorted = |times: &mut dyn Iterator<Item = f64>| {
            let mut times: Vec<f64> = times.collect();
            times.sort_by(f64::total_cmp);
            times
        };
        Outcome {
            used: sim.account.as_ref().map(Account::used).unwrap_or_default(),
            ended,
            failed,
            until_running: sorted(&mut tally.executions.iter().filter_map(|e| e.until_running)),
            until_end: sorted(&mut tally.executions.iter().map(|e| e.until_end)),
            late: sorted(&mut late(tally).into_iter()),
            turned_away: tally.turned_away,
            dead: sim.core().queues.dead.len(),
            open: sim.tables.state().executions.len(),
        }
    }
}

/// Of each workflow, how many seconds later it was launched than if the launches of the run had been in the order of turns. All
/// have the same size.
fn late(tally: &Tally) -> Vec<f64> {
    let mut launched: Vec<_> = tally.executions.iter().filter_map(|e| Some((e.turn, e.admitted?))).collect();
    let mut times: Vec<_> = launched.iter().map(|(_, admitted)| *admitted).collect();
    launched.sort_unstable();
    times.sort_unstable();
    let late = launched.iter().zip(times).map(|((_, admitted), strict)| (admitted - strict).max(0));
    late.map(|millis| millis as f64 / 1_000.0).collect()
}

/// A user starts their own goal, and retries as long as there is no answer.
async fn start(sim: &Sim, n: u32) -> bool {
    let (id, user) = (format!("goal-{n}"), format!("user-{n}"));
    let goal: GoalId = id.parse().unwrap();
    sim.tables.state().goals.insert(goal.clone(), samples::goal(&id, &user, ACTIONS));
    let route = "POST /api/goals/{goalId}/start-activity";
    let mut wait = TRIES_AGAIN;
    for _ in 0..TRIES {
        account::hold_back(sim, Quota::ApiRequests, 1.0).await;
        match api::call(sim, &user, route, &json!({ "goalId": goal }), &json!({}), Some("once")).await {
            Some((202, _)) => return true,
            None | Some((503, _)) => {}
            Some((status, body)) => panic!("a start is answered {status}: {body}"),
        }
        sleep(sim.some_millis(wait / 2, wait)).await;
        wait *= 2;
    }
    false
}

/// Removes ended workflows from the tables, which would otherwise grow without limit.
fn harvest(sim: &Sim, tally: &mut Tally) {
    let settled: Vec<Execution> = {
        let mut state = sim.tables.state();
        let settled: Vec<Execution> = state.executions.extract_if(|_, e| e.is_complete()).map(|(_, e)| e).collect();
        for execution in &settled {
            let (arn, goal) = (&execution.execution_arn, &execution.goal_id);
            state.goals.remove(goal);
            let of_goal = (goal.clone(), String::new())..=(goal.clone(), char::MAX.to_string());
            let positions: Vec<_> = state.tasks.range(of_goal).map(|(key, _)| key.clone()).collect();
            for position in &positions {
                state.tasks.remove(position);
            }
            for batch in 0..execution.batch_count() {
                state.ledgers.remove(&(arn.clone(), batch));
                state.expiring_ledgers.remove(&(arn.clone(), batch));
            }
            state.running.remove(&execution.user_id);
            state.archived_as.remove(arn);
            state.expiring.remove(arn);
            state.notice_claims.remove(arn);
        }
        state.archive.clear();
        state.events.clear();
        state.facts.clear();
        state.notices.clear();
        state.calls.clear();
        settled
    };
    for execution in settled {
        sim.core().machines.forget(&execution.execution_arn);
        let seconds = |at: goal_activity_events::Timestamp| at.since(execution.start_date).as_secs_f64();
        let started = execution.timeline.values().filter(|entry| entry.what == TimelineEvent::Started);
        let mut failed = BTreeMap::new();
        for action in execution.failed_actions() {
            *failed.entry(action.code.to_string()).or_default() += 1;
        }
        tally.executions.push(Ended {
            status: execution.status(),
            failed,
            until_running: started.map(|entry| seconds(entry.at)).next(),
            until_end: execution.stop_date().map_or(f64::NAN, seconds),
            turn: execution.turn.as_millis(),
            admitted: execution.admitted_at.map(|at| at.as_millis()),
        });
    }
}

/// A request's use of the AI's quota.
pub(crate) fn tokens() -> f64 {
    (TOKENS.input + BURNDOWN * TOKENS.output) as f64
}

/// The AI under this load: has a latency, and is throttled by its quota.
pub(crate) async fn generate(sim: &Sim, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
    let ai = sim.account.as_ref().map_or(AI, |account| account.ai);
    if request.attempt == 1 {
        // A batch is one sub-goal of a whole chart.
        sleep(ai.pace * (u32::from(u8::from(request.action.position.action)) - 1)).await;
    }
    if !account::ai_takes(sim, tokens()) {
        sleep(REFUSED_AFTER).await;
        return Err(GenerationError::transient(FailureCode::AiThrottled, "simulated"));
    }
    sleep(sim.some_millis(ai.latency[0], ai.latency[1])).await;
    let draft = |n| TaskDraft::new(&format!("0/{n}"), "", 30, Priority::Medium).unwrap();
    let drafts = TaskDrafts::try_from((1..=sim.between(TASKS[0], TASKS[1])).map(draft).collect::<Vec<_>>()).unwrap();
    Ok(Generation { tokens: TOKENS, ..drafts.into() })
}
