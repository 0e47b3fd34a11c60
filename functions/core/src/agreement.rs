//! How all shards of the capacity come to the same pause.
//!
//! The first shard's pause is the pause, and the others have copies of it: so the write that acquires capacity depends on one
//! row only. A pause is written to the first shard and then copied, and has begun everywhere when [`agree`] has returned. A
//! copy is made only where the shard still says what was read: so none that is late undoes a pause that has come since. What a
//! copy that was not made leaves behind, the reconciler makes good.

use futures_util::future::try_join_all;
use goal_activity_events::{StateMachineArn, Timestamp};

use crate::admission::Shard;
use crate::pause::Pause;
use crate::ports::{ChangePause, FindLoad, FindPause, PauseChange, PauseLaunches, PortResult, Unavailable};

/// How often all shards are looked at when others change the pause at the same time.
const TRIES: u32 = 5;

/// Copies the first shard's pause to these. Once this has returned, they have agreed.
pub async fn agree(
    db: &(impl FindPause + FindLoad + ChangePause),
    state_machine: &StateMachineArn,
    shards: impl Iterator<Item = Shard> + Clone + Send,
    now: Timestamp,
) -> PortResult<()> {
    for _ in 0..TRIES {
        // First: what is read of the others is not older than what they are compared with.
        let pause = db.find_pause(state_machine).await?.filter(|pause| !pause.is_over(now));
        let pause = pause.as_ref();
        let copies =
            shards.clone().filter(|shard| !shard.is_first()).map(|shard| copy(db, state_machine, shard, pause, now));
        if try_join_all(copies).await?.into_iter().all(|agreed| agreed) {
            return Ok(());
        }
    }
    Err(Unavailable::new("writing the pause to all shards of the capacity", "it keeps changing"))
}

/// Returns `true` if that shard has agreed already, and makes it agree if it has not.
async fn copy(
    db: &(impl FindLoad + ChangePause),
    state_machine: &StateMachineArn,
    shard: Shard,
    pause: Option<&Pause>,
    now: Timestamp,
) -> PortResult<bool> {
    let before = db.find_load(state_machine, shard).await?.pause;
    if is_same(pause, before.as_ref(), now) {
        return Ok(true);
    }
    let change = PauseChange { before, after: pause.cloned(), paused_for: None };
    db.change_pause(state_machine, shard, &change).await?;
    Ok(false)
}

/// Returns `true` if a copy lets through what the pause does.
pub fn is_same(pause: Option<&Pause>, copy: Option<&Pause>, now: Timestamp) -> bool {
    let holds = |pause: &&Pause| !pause.is_over(now);
    match (pause.filter(holds), copy.filter(holds)) {
        (Some(pause), Some(copy)) => pause.agrees(copy),
        (None, None) => true,
        _ => false,
    }
}

/// Pauses launching: once this has returned, no execution of this state machine acquires capacity. Replaces another pause and
/// returns it. It may be repeated where it has failed.
pub async fn pause_launches(
    db: &(impl PauseLaunches + FindPause + FindLoad + ChangePause),
    state_machine: &StateMachineArn,
    pause: &Pause,
) -> PortResult<Option<Pause>> {
    let before = db.pause_launches(state_machine, pause).await?;
    // All that there can be: whoever pauses need not know the capacity, which may just be changed.
    agree(db, state_machine, Shard::all(), pause.since).await?;
    Ok(before)
}

/// Resumes launching. Returns the pause that has ended, if there was one. It may be repeated where it has failed.
pub async fn resume_launches(
    db: &(impl PauseLaunches + FindPause + FindLoad + ChangePause),
    state_machine: &StateMachineArn,
    now: Timestamp,
) -> PortResult<Option<Pause>> {
    let before = db.resume_launches(state_machine).await?;
    agree(db, state_machine, Shard::all(), now).await?;
    Ok(before)
}
