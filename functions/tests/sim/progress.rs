//! Saved actions are reported within 30 s, whatever else a batch is waiting for, and a batch that is done is answered within
//! that time, whatever else its worker is working on.

use std::time::Duration;

use goal_activity_events::{BatchProgressed, ExecutionArn};
use tokio::time::sleep;

use crate::machine;
use crate::world::Sim;

/// The time limit.
const REPORTED_WITHIN: Duration = Duration::from_secs(30);
/// The time limit without faults of functions.
pub(crate) const HEALTHY: [&str; 4] = ["calm", "slow-ai", "notice-fails", "no-status"];

/// An action's outcome was saved.
pub(crate) fn saved(sim: &Sim, arn: &ExecutionArn, index: u32) {
    if !HEALTHY.contains(&sim.profile.name) {
        return;
    }
    let key = (arn.clone(), index);
    let saved = sim.tables.state().ledgers.get(&key).map_or(0, |l| l.outcomes.len());
    let (sim, done) = (sim.clone(), machine::waits_for_done(sim, &key));
    tokio::task::spawn_local(async move {
        sleep(REPORTED_WITHIN).await;
        let reported = sim.core().shadow.reported.get(&key).copied().unwrap_or(0);
        let sealed = sim.tables.state().ledgers.get(&key).is_none_or(|l| l.sealed);
        if reported < saved && !sealed {
            let what = format!("{}/{index}: {saved} outcomes are saved, {reported} told", key.0.name());
            sim.violated("P6", what);
        }
        if done && !sealed && machine::waits_for_done(&sim, &key) {
            sim.violated("P10", format!("{}/{index} is done, and is not answered", key.0.name()));
        }
    });
}

/// A report was put on the bus.
pub(crate) fn reported(sim: &Sim, report: &BatchProgressed) {
    let told = report.failed_actions.len() + report.succeeded_actions as usize;
    let mut core = sim.core();
    let most = core.shadow.reported.entry((report.execution_arn.clone(), report.batch_index)).or_default();
    *most = told.max(*most);
}
