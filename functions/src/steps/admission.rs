//! Admission control: launches the workflows whose turn it is, as far as the capacity lasts. Done by `launch` only, whenever
//! a workflow has come and whenever one has ended: nothing polls.

use std::collections::BTreeMap;

use futures_util::future::{try_join, try_join_all};
use goal_activity_core::admission::{Capacity, Held, Order, Room, Shard, across, in_use, order};
use goal_activity_core::execution::{Cancellation, Execution, Status};
use goal_activity_core::facts::Fact;
use goal_activity_core::limits::{ADMITTED_AT_ONCE, LOOKED_ACROSS, WAITING_COUNTED};
use goal_activity_core::pause::{Load, Pausing};
use goal_activity_core::port_set;
use goal_activity_core::ports::{
    Acquired, AdmitExecution, CancelExecution, ExecutionInput, FindExecution, ListWaiting, LoadGoalHead, MoveWaiting,
    PortResult, StartExecution, StopExecution, StopReason, Stored, Waiting,
};
use goal_activity_core::reconcile::Holder;
use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp};

use crate::runtime::context::Context;
use crate::runtime::telemetry::{millis, trace};
use crate::steps::release::{ReleaseDb, Releases};

port_set! {
    /// What launching a workflow reads and writes.
    pub trait AdmissionDb:
        LoadGoalHead + FindExecution + ListWaiting + MoveWaiting + AdmitExecution + CancelExecution + ReleaseDb
}

/// Launches workflows.
#[derive(Debug, Clone)]
pub struct Admission<Db, Sfn> {
    /// The tables.
    pub db: Db,
    /// Step Functions.
    pub sfn: Sfn,
    /// The state machine whose executions share the capacity.
    pub state_machine: StateMachineArn,
    /// How much there is.
    pub capacity: Capacity,
    /// When the pipeline pauses launching itself.
    pub pausing: Pausing,
    /// The time, and the count of launches.
    pub context: Context,
}

/// What comes after one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// There may be capacity left.
    GoOn,
    /// There is not.
    Full,
    /// Launching is paused.
    Paused,
}

/// What a shard has left, as far as is known.
#[derive(Debug, Clone, Copy)]
struct Left {
    /// How much of it is in use.
    in_use: u32,
    /// What it has in all.
    room: Room,
}

impl Left {
    fn of(capacity: Capacity, shard: Shard, load: &Load) -> Self {
        Self { in_use: in_use(&load.held), room: capacity.room(shard, load.quota_used_until) }
    }

    fn fits(&self, batches: u32, now: Timestamp) -> bool {
        self.room.fits(self.in_use, batches, now)
    }

    /// The same after that workflow has acquired some.
    fn after(self, held: &Held) -> Self {
        let bucket = self.room.bucket.map(|bucket| bucket.after(held.drawn, held.since));
        Self { in_use: self.in_use.saturating_add(held.batches), room: Room { bucket, ..self.room } }
    }

    /// The same when it is known to be nothing.
    fn nothing(self) -> Self {
        Self { in_use: u32::MAX, ..self }
    }
}

/// A look at a shard's list, and at what there is room for.
struct Look<'a> {
    /// Which.
    shard: Shard,
    /// What it has left.
    left: Left,
    /// What the others have left; read when it is needed.
    others: Option<BTreeMap<Shard, Left>>,
    /// The workflow that the message is about.
    newcomer: Option<&'a Execution>,
}

/// Returns `true` if nothing may run for a workflow any more. One that ended by itself has no execution left to stop.
fn is_over(execution: &Execution) -> bool {
    execution.cancellation.is_some() || matches!(execution.status(), Status::Aborted | Status::TimedOut)
}

/// How many workflows wait before that one, counted up to [`WAITING_COUNTED`]. With more than one shard about as many: those
/// of its own, times the shards.
pub async fn waiting_before(db: &impl ListWaiting, capacity: Capacity, execution: &Execution) -> PortResult<u32> {
    let shards = u16::try_from(capacity.shards().count()).unwrap_or(u16::MAX);
    let listed = db.list_waiting(execution.shard, WAITING_COUNTED.div_ceil(shards)).await?;
    let before =
        listed.iter().filter(|other| (other.turn, &other.execution_arn) < (execution.turn, &execution.execution_arn));
    let before = u32::try_from(before.count()).unwrap_or(u32::MAX);
    Ok(before.saturating_mul(shards.into()).min(WAITING_COUNTED.into()))
}

impl<Db: AdmissionDb, Sfn: StartExecution + StopExecution> Admission<Db, Sfn> {
    /// Launches the workflow if it is its turn, and those that come before it. Otherwise it waits.
    pub async fn arrived(&self, execution: &Execution) -> PortResult<()> {
        if is_over(execution) {
            // An earlier delivery may have started it and not come further.
            self.stop(execution).await
        } else if execution.is_waiting() {
            let Some(execution) = self.at_home(execution).await? else { return Ok(()) };
            self.admit_next(execution.shard, Some(&execution)).await
        } else if execution.status() == Status::Pending {
            // It was launched, and has not been seen running: the start is repeated, which changes nothing if it was made.
            self.sfn.start_execution(&ExecutionInput::from(execution)).await
        } else {
            tracing::info!(status = %execution.status(), "already launched");
            Ok(())
        }
    }

    /// Releases what the workflow held, which is recorded like that if it is, and launches those whose turn it is then.
    pub async fn ended(&self, arn: &ExecutionArn, execution: Option<&Execution>) -> PortResult<()> {
        let first = self.capacity.shard_of(arn);
        let at = execution.map_or(first, |execution| execution.shard);
        let released = self.releases().release(arn, execution, at, self.context.now()).await?;
        if released.is_some() {
            tracing::info!("capacity released");
        }
        let shard = released.unwrap_or(at);
        self.admit_next(if self.capacity.has(shard) { shard } else { first }, None).await
    }

    fn releases(&self) -> Releases<'_, Db> {
        Releases { db: &self.db, capacity: self.capacity, pausing: self.pausing }
    }

    /// The workflow in a shard that there is: there may have been more before the capacity was changed. Nothing if it waits no
    /// more.
    async fn at_home(&self, execution: &Execution) -> PortResult<Option<Execution>> {
        match self.capacity.has(execution.shard) {
            true => Ok(Some(execution.clone())),
            false => self.moved(execution, self.capacity.shard_of(&execution.execution_arn)).await,
        }
    }

    /// The workflow after it was moved to that shard. Nothing if it waits no more, or belongs to yet another one.
    async fn moved(&self, execution: &Execution, to: Shard) -> PortResult<Option<Execution>> {
        let arn = &execution.execution_arn;
        if self.db.move_waiting(arn, execution.shard, to).await? {
            return Ok(Some(Execution { shard: to, ..execution.clone() }));
        }
        // The SDK may have sent it twice.
        let found = self.db.find_execution(arn).await?;
        Ok(found.filter(|execution| execution.is_waiting() && execution.shard == to))
    }

    /// Launches workflows, one after the other: first those that hold capacity already, then those whose turn is next, while
    /// there is capacity. A workflow that cannot be launched does not keep back the others; that it could not is the answer
    /// in the end.
    async fn admit_next(&self, shard: Shard, newcomer: Option<&Execution>) -> PortResult<()> {
        let loading = self.db.find_load(&self.state_machine, shard);
        let (load, waiting) = try_join(loading, self.waiting(shard, newcomer)).await?;
        let own = newcomer.map(|n| &n.execution_arn);
        let Order { holders, in_turn } = order(&waiting, &load.held, own, self.context.now());
        let in_turn = match newcomer {
            None if self.capacity.is_sharded() => across(shard, in_turn, &waiting, self.others_waiting(shard).await?),
            _ => in_turn.into_iter().map(|arn| (shard, arn)).collect(),
        };
        let left = Left::of(self.capacity, shard, &load);
        let mut look = Look { shard, left, others: None, newcomer };
        let mut failed = None;
        let holders = holders.into_iter().map(|arn| (shard, arn, true));
        for (from, arn, holds) in holders.chain(in_turn.into_iter().map(|(from, arn)| (from, arn, false))) {
            match self.admit(&mut look, from, &arn, holds).await {
                Ok(Next::GoOn) => {}
                Ok(Next::Full | Next::Paused) => {
                    if let (None, Some(newcomer)) = (&failed, newcomer) {
                        self.still_waits(newcomer);
                    }
                    break;
                }
                Err(error) => {
                    tracing::warn!(executionArn = %arn, %error, "workflow not launched");
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Those whose turn is next. A newcomer may not be listed yet.
    async fn waiting(&self, shard: Shard, newcomer: Option<&Execution>) -> PortResult<Vec<Waiting>> {
        let mut listed = self.db.list_waiting(shard, ADMITTED_AT_ONCE).await?;
        if let Some(newcomer) = newcomer {
            let waiting = Waiting { turn: newcomer.turn, execution_arn: newcomer.execution_arn.clone() };
            if !listed.contains(&waiting) {
                listed.push(waiting);
                listed.sort();
                listed.truncate(ADMITTED_AT_ONCE.into());
            }
        }
        Ok(listed)
    }

    /// Those of the other shards whose turn is next.
    async fn others_waiting(&self, shard: Shard) -> PortResult<Vec<(Shard, Waiting)>> {
        let others = self.capacity.shards().filter(|other| *other != shard);
        let list = |other| async move {
            let listed = self.db.list_waiting(other, LOOKED_ACROSS).await?;
            PortResult::Ok(listed.into_iter().map(move |waiting| (other, waiting)))
        };
        Ok(try_join_all(others.map(list)).await?.into_iter().flatten().collect())
    }

    fn still_waits(&self, execution: &Execution) {
        tracing::info!(
            turn = %execution.turn, capacity = self.capacity.batches(), "workflow waits for its turn"
        );
    }

    /// Launches one, if there is room for it: in the shard that is looked at, and where none is left there, in another one.
    async fn admit(&self, look: &mut Look<'_>, from: Shard, arn: &ExecutionArn, holds: bool) -> PortResult<Next> {
        // The waiting list may be seconds behind; the record is not.
        let found = self.db.find_execution(arn).await?;
        let Some(execution) = found.filter(|e| e.is_waiting() && e.shard == from) else { return Ok(Next::GoOn) };
        let now = self.context.now();
        // One that holds capacity may run already, and have saved something: its worker will see how the goal is.
        if !holds && !self.is_wanted(&execution).await? {
            self.withdraw(&execution, now).await?;
            return Ok(Next::GoOn);
        }
        let batches = self.capacity.share(execution.batch_count());
        let is_room = look.left.fits(batches, now);
        let execution = if from == look.shard {
            execution
        } else if !is_room {
            return Ok(Next::Full);
        } else {
            let Some(moved) = self.moved(&execution, look.shard).await? else { return Ok(Next::GoOn) };
            moved
        };
        // Others were found full before it, or the AI's quota is used up: nothing has to be written to see that.
        let is_known = look.others.is_some() && !is_room || look.left.room.is_in_debt(now);
        let next = match is_known && !holds {
            true => Next::Full,
            false => self.acquire(look, &execution, look.shard, (holds, now)).await?,
        };
        match next {
            Next::Full if self.capacity.is_sharded() && look.newcomer.is_some() => {
                self.admit_elsewhere(look, execution, now).await
            }
            Next::Paused if !look.shard.is_first() && look.newcomer.is_some() => {
                self.admit_probe(look, &execution, now).await
            }
            next => Ok(next),
        }
    }

    /// Acquires capacity of that shard for a workflow that belongs to it, and launches it.
    async fn acquire(
        &self,
        look: &mut Look<'_>,
        execution: &Execution,
        shard: Shard,
        (holds, now): (bool, Timestamp),
    ) -> PortResult<Next> {
        let arn = &execution.execution_arn;
        let own = look.newcomer.is_some_and(|newcomer| newcomer.execution_arn == *arn);
        let batches = self.capacity.share(execution.batch_count());
        let drawn = self.capacity.draws(shard, execution.total_actions);
        let wanted = Held { execution: arn.clone(), batches, since: now, shard, drawn };
        let of_others = || look.others.as_ref().and_then(|others| others.get(&shard)).map(|left| left.room);
        let room = if shard == look.shard { Some(look.left.room) } else { of_others() };
        let acquired =
            self.db.acquire_capacity(&wanted, room.unwrap_or_else(|| self.capacity.room(shard, None))).await?;
        match &acquired {
            Acquired::Full | Acquired::QuotaUsed => return Ok(Next::Full),
            Acquired::Paused => {
                tracing::info!("launching is paused");
                return Ok(Next::Paused);
            }
            // Acquired elsewhere since the holders were listed, and about to be launched there.
            Acquired::Already { .. } if !holds && !own => return Ok(Next::GoOn),
            Acquired::AsProbe => tracing::info!(executionArn = %arn, "launched to see whether the AI works again"),
            Acquired::Already { .. } | Acquired::Yes => {}
        }
        if shard == look.shard && !holds {
            look.left = look.left.after(&wanted);
        }
        let held = match acquired {
            Acquired::Already { since } => Held { since, ..wanted },
            _ => wanted,
        };
        let launching = self.launch(execution, &held, now);
        if own {
            launching.await?;
        } else {
            // Under the trace of its own request, and not of the message that has made room for it.
            trace::within(trace::admission(execution.traceparent.as_ref()), launching).await?;
        }
        Ok(Next::GoOn)
    }

    /// Launches a workflow in another shard that has room, and for which nobody waits whose turn is earlier.
    async fn admit_elsewhere(&self, look: &mut Look<'_>, mut execution: Execution, now: Timestamp) -> PortResult<Next> {
        let arn = execution.execution_arn.clone();
        let batches = self.capacity.share(execution.batch_count());
        if look.others.is_none() {
            look.others = Some(self.left_in_others(look.shard).await?);
        }
        for shard in self.capacity.others(look.shard, &arn) {
            let left = look.others.as_ref().and_then(|others| others.get(&shard)).copied();
            let Some(left) = left.filter(|left| left.fits(batches, now)) else { continue };
            if self.is_awaited(shard, &execution).await? {
                continue;
            }
            let Some(moved) = self.moved(&execution, shard).await? else { return Ok(Next::GoOn) };
            execution = moved;
            let next = self.acquire(look, &execution, shard, (false, now)).await?;
            let drawn = self.capacity.draws(shard, execution.total_actions);
            let held = Held { execution: arn.clone(), batches, since: now, shard, drawn };
            let left = if next == Next::GoOn { left.after(&held) } else { left.nothing() };
            look.others.get_or_insert_default().insert(shard, left);
            if next != Next::Full {
                return Ok(next);
            }
            // Others came first. It waits there now.
        }
        Ok(Next::Full)
    }

    async fn left_in_others(&self, shard: Shard) -> PortResult<BTreeMap<Shard, Left>> {
        let others = self.capacity.shards().filter(|other| *other != shard);
        let left = |other| async move {
            let load = self.db.find_load(&self.state_machine, other).await?;
            PortResult::Ok((other, Left::of(self.capacity, other, &load)))
        };
        Ok(try_join_all(others.map(left)).await?.into_iter().collect())
    }

    /// Returns `true` if one waits for that shard whose turn is earlier.
    async fn is_awaited(&self, shard: Shard, execution: &Execution) -> PortResult<bool> {
        let first = self.db.list_waiting(shard, 1).await?.pop();
        Ok(first.is_some_and(|first| first.turn < execution.turn))
    }

    /// Launches a workflow in the first shard, if it may be the probe of the pause: only there one is.
    async fn admit_probe(&self, look: &mut Look<'_>, execution: &Execution, now: Timestamp) -> PortResult<Next> {
        let pause = self.db.find_pause(&self.state_machine).await?;
        if !pause.is_some_and(|pause| pause.lets_through(now)) {
            return Ok(Next::Paused);
        }
        let Some(moved) = self.moved(execution, Shard::FIRST).await? else { return Ok(Next::GoOn) };
        self.acquire(look, &moved, Shard::FIRST, (false, now)).await?;
        Ok(Next::Paused)
    }

    /// Returns `true` if there is still something to launch it for. A goal that was closed, deleted or given away while its workflow
    /// waited costs nothing more.
    async fn is_wanted(&self, execution: &Execution) -> PortResult<bool> {
        let head = self.db.load_goal_head(&execution.goal_id).await?;
        Ok(match head {
            Stored::Value(head) => head.user_id == execution.user_id && !head.status.is_closed(),
            Stored::Nothing => false,
            // Its worker will say what is wrong with it.
            Stored::Unreadable(_) => true,
        })
    }

    /// Takes a workflow off the waiting list that is not wanted any more. The reconciler completes its end.
    async fn withdraw(&self, execution: &Execution, now: Timestamp) -> PortResult<()> {
        let arn = &execution.execution_arn;
        if self.db.record_cancellation(arn, &Cancellation::of_closed_goal(now)).await? {
            tracing::info!(
                executionArn = %arn, goalId = %execution.goal_id, "withdrawn: its goal is closed, gone or another user's"
            );
        }
        Ok(())
    }

    /// Started first, marked afterwards: what is marked was started. A workflow that is not marked is found on the waiting list again.
    async fn launch(&self, execution: &Execution, held: &Held, now: Timestamp) -> PortResult<()> {
        let arn = &execution.execution_arn;
        trace::about(arn, &execution.goal_id);
        self.sfn.start_execution(&ExecutionInput::from(execution)).await?;
        if self.db.mark_admitted(arn, held.since, held.shard).await? {
            let waited = now.since(execution.start_date);
            self.context.count(Fact::WorkflowAdmitted { waited });
            tracing::info!(actions = execution.total_actions, waitedMs = millis(waited), "launched");
            return Ok(());
        }
        // Another invocation has marked it, or it was cancelled between the reading and the start, when there was nothing to stop.
        let Some(now) = self.db.find_execution(arn).await? else { return Ok(()) };
        if is_over(&now) {
            return self.stop(&now).await;
        }
        if Holder::of(Some(&now), held) == Holder::Surplus {
            // It runs with what that one had acquired in another shard; or all is over, and this was acquired too late.
            let load = self.db.find_load(&self.state_machine, held.shard).await?;
            // As it was acquired, which may have been with another function.
            if let Some(held) = load.held.iter().find(|found| found.execution == *arn) {
                self.releases().release_surplus(held, load.pause).await?;
            }
        }
        Ok(())
    }

    async fn stop(&self, execution: &Execution) -> PortResult<()> {
        let arn = &execution.execution_arn;
        tracing::info!(status = %execution.status(), "over before it was launched");
        self.sfn.stop_execution(arn, StopReason::Ended).await?;
        let now = self.context.now();
        self.releases().release(arn, Some(execution), execution.shard, now).await.map(|_| ())
    }
}
