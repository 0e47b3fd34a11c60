//! The AI: each action has its own script, drawn by the seed. Every generation has a number, which is in its tasks'
//! titles: this shows whether an action's tasks are all of one generation.

use std::time::Duration;

use goal_activity_core::ports::{Generation, GenerationError, GenerationRequest, Tokens};
use goal_activity_core::price::Prices;
use goal_activity_core::task::{Priority, TaskDraft, TaskDrafts};
use goal_activity_events::FailureCode;
use tokio::time::sleep;

use crate::charts;
use crate::check;
use crate::flaw;
use crate::lambda::Run;
use crate::profile::Mood;
use crate::scale::load;
use crate::world::Sim;

/// The usage and the cost of every answer: so that incomplete sums are detected.
const TOKENS: Tokens = Tokens { input: 800, output: 600 };
pub(crate) const PRICES: Prices = Prices { input: 3_000_000, output: 15_000_000 };

/// The latencies of an AI that answers in step are multiples of this.
const STEP: Duration = Duration::from_secs(2);

/// The AI's behaviour for one action.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Script {
    latency: Duration,
    /// How many attempts fail for a transient reason.
    fails: u32,
    refuses: bool,
}

impl Script {
    pub(crate) fn draw(sim: &Sim) -> Self {
        let mood = sim.profile.mood;
        let slow = mood != Mood::Quick && sim.chance(0.25);
        let latency = if slow { sim.some_millis(10_000, 115_000) } else { sim.some_millis(50, 10_000) };
        let hangs = mood == Mood::Overloaded && sim.chance(0.1);
        let fails = match sim.between(0, 99) {
            0..=9 => 1,
            10..=13 if !slow => 2,
            14..=16 => 3,
            _ => 0,
        };
        let latency = if hangs { Duration::from_secs(1_000) } else { latency };
        let steps = u32::try_from(latency.as_millis().div_ceil(STEP.as_millis())).unwrap();
        let latency = if sim.profile.in_step { steps * STEP } else { latency };
        Self { latency, fails, refuses: sim.chance(0.04) }
    }

    /// Returns `true` if an undisturbed worker gets tasks from it, well within its time.
    pub(crate) fn is_generatable(self) -> bool {
        !self.refuses && self.fails < 3 && self.latency * (self.fails + 1) < Duration::from_secs(240)
    }
}

pub(crate) async fn generate(
    sim: &Sim,
    run: &Run,
    request: GenerationRequest<'_>,
) -> Result<Generation, GenerationError> {
    run.alive().await;
    if sim.account.is_some() {
        return load::generate(sim, request).await;
    }
    let (goal, action) = (&request.goal.goal_id, &request.action.action_id);
    let script = sim.core().scripts[&(goal.clone(), action.clone())];
    if request.action.title.trim().is_empty() {
        sim.violated("P10", format!("{goal}: the AI is asked for {action}, which has no title"));
    }
    check::asked(sim, run, goal, action);
    charts::asked(sim, run, goal, request.action);
    let down = || sim.profile.ai_down.is_some_and(|(from, to)| (from..to).contains(&sim.elapsed()));
    // What is under way when it goes down fails then.
    let until_down = sim.profile.ai_down.and_then(|(from, _)| from.checked_sub(sim.elapsed())).unwrap_or(Duration::MAX);
    sleep(if down() { sim.some_millis(20, 500) } else { flaw::latency(sim, script.latency).min(until_down) }).await;
    run.alive().await;
    if down() {
        sim.count("fault: the AI is down");
        return Err(GenerationError::transient(FailureCode::AiUnavailable, "simulated"));
    }

    if script.refuses {
        return Err(GenerationError::permanent(FailureCode::AiRejected, "simulated"));
    }
    if request.attempt <= script.fails || sim.goes_wrong(sim.profile.fail, "the AI fails") {
        return Err(GenerationError::transient(FailureCode::AiThrottled, "simulated"));
    }
    let count = usize::try_from(sim.between(1, 3)).unwrap();
    let number = {
        let mut core = sim.core();
        core.generations.push(count);
        core.charts.generated(request.action);
        core.generations.len() - 1
    };
    sim.note(run, || format!("AI answers for {action}: generation {number}, {count} tasks"));
    let draft = |n| TaskDraft::new(&format!("{number}/{n}"), "", 30, Priority::Medium).unwrap();
    let drafts = TaskDrafts::try_from((1..=count).map(draft).collect::<Vec<_>>()).unwrap();
    Ok(Generation { tokens: TOKENS, ..drafts.into() })
}

/// Returns the generation of a task.
pub(crate) fn generation(title: &str) -> usize {
    title.split('/').next().unwrap().parse().unwrap()
}
