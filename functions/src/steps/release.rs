//! The release of capacity. What the workflow's end says of the AI and what it has cost is written with it, so that no workflow
//! that waits acquires what is released before launching is paused.

use goal_activity_core::execution::Execution;
use goal_activity_core::pause::{Ends, Pause, Pausing, Release};
use goal_activity_core::port_set;
use goal_activity_core::ports::{FindLoad, HoldCapacity, PortResult, Released, Unavailable};
use goal_activity_events::{ExecutionArn, Timestamp};

/// How often a release is decided anew when others change the pause or the costs at the same time.
const TRIES: u32 = 5;

port_set! {
    /// What releasing capacity reads and writes.
    pub trait ReleaseDb: FindLoad + HoldCapacity
}

/// Releases what a workflow holds, which is recorded like that, if it is. Returns `false` if it holds nothing.
pub async fn release(
    db: &impl ReleaseDb,
    pausing: Pausing,
    arn: &ExecutionArn,
    execution: Option<&Execution>,
    now: Timestamp,
) -> PortResult<bool> {
    for _ in 0..TRIES {
        let load = db.find_load(&arn.state_machine()).await?;
        if !load.held.iter().any(|held| held.execution == *arn) {
            return Ok(false);
        }
        let release = Release::decide(arn, execution, &load, pausing, now);
        match db.release_capacity(&release).await? {
            Released::Yes => {
                tell(&release);
                return Ok(true);
            }
            Released::NotHeld => return Ok(false),
            Released::Changed => {}
        }
    }
    Err(Unavailable::new(format!("giving back the capacity of {arn}"), "the pause or the costs keep changing"))
}

/// Logs what has become of the pause.
fn tell(release: &Release) {
    let probe = |pause: &Pause| match &pause.ends {
        Some(Ends::Probe(probe)) => Some(probe.next_at),
        _ => None,
    };
    match (&release.before, &release.after) {
        (before, after) if before == after => {}
        (_, None) => tracing::info!("launching goes on"),
        (None, Some(pause)) => tracing::warn!(reason = pause.reason, "launching is paused by itself"),
        (Some(_), Some(pause)) => {
            let next_probe = probe(pause).map(|at| at.to_string()).unwrap_or_default();
            tracing::warn!(reason = pause.reason, nextProbeAt = next_probe, "launching stays paused");
        }
    }
}
