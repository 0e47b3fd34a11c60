//! One seed from start to end.

use std::time::Duration;

use goal_activity_core::pause::DailyCost;
use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::check;
use crate::flaw::Flaw;
use crate::later;
use crate::people;
use crate::queues;
use crate::rest;
use crate::world::{Sim, Stats};

/// The interval between checks whether all is at rest.
pub(crate) const LOOK: Duration = Duration::from_secs(5);
/// How long after the last fault everything must be at rest. A start that was never launched ends 16 minutes after it;
/// a batch that was redriven may run for 5 minutes more.
pub(crate) const REST: Duration = Duration::from_secs(60 * 60);

/// The result of a seed.
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) profile: &'static str,
    pub(crate) violations: Vec<String>,
    pub(crate) trace: Vec<String>,
    pub(crate) stats: Stats,
    /// The simulated time.
    pub(crate) simulated: Duration,
}

/// Runs a seed. The same seed always runs in the same way.
pub(crate) fn run(seed: u64, flaw: Option<Flaw>, traced: bool) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, async {
        let sim = Sim::new(seed, flaw, traced);
        live(&sim).await;
        let (violations, stats) = {
            let core = sim.core();
            (core.violations.clone(), core.stats.clone())
        };
        let (profile, trace, simulated) = (sim.profile.name, sim.take_trace(), sim.elapsed());
        Report { seed, profile, violations, trace, stats, simulated }
    })
}

async fn live(sim: &Sim) {
    let busy = people::arrive(sim);
    let horizon = busy + sim.some_millis(0, 600_000);
    tokio::task::spawn_local(people::tick(sim.clone()));
    if sim.profile.daily_cost != DailyCost::NONE {
        tokio::task::spawn_local(people::pay_more(sim.clone()));
    }
    while sim.elapsed() < horizon {
        sleep(LOOK).await;
        check::stalled(sim);
        check::passed_over(sim);
        check::kept_waiting(sim);
        if !sim.core().violations.is_empty() {
            return;
        }
        if sim.chance(0.002) {
            queues::redrive(sim);
        }
        if sim.core().busy == 0 && rest::is_at_rest(sim) {
            break;
        }
    }
    sim.core().faulty = false;
    sim.note("CHECK", || "nothing goes wrong any more".to_owned());
    if sim.chance(0.5) {
        queues::redrive(sim);
    }
    let last = sim.elapsed() + REST;
    while !rest::is_at_rest(sim) && sim.elapsed() < last {
        sleep(LOOK).await;
        check::stalled(sim);
        check::passed_over(sim);
        check::kept_waiting(sim);
        if !sim.core().violations.is_empty() {
            return;
        }
    }
    rest::check(sim, rest::is_at_rest(sim));
    if sim.core().violations.is_empty() {
        later::start_changed_goals(sim).await;
    }
    if sim.core().violations.is_empty() {
        later::pass(sim).await;
    }
}
