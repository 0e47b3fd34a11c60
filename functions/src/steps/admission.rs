//! Admission control: launches the workflows whose turn it is, as far as the capacity lasts. Done by `launch` only, whenever
//! a workflow has come and whenever one has ended: nothing polls.

use futures_util::future::try_join;
use goal_activity_core::admission::{Capacity, Held, Order, order};
use goal_activity_core::execution::{Cancellation, Execution, Status};
use goal_activity_core::facts::Fact;
use goal_activity_core::limits::{ADMITTED_AT_ONCE, WAITING_COUNTED};
use goal_activity_core::pause::Pausing;
use goal_activity_core::port_set;
use goal_activity_core::ports::{
    Acquired, AdmitExecution, CancelExecution, ExecutionInput, FindExecution, ListHolders, ListWaiting, LoadGoalHead,
    PortResult, StartExecution, StopExecution, StopReason, Stored, Waiting,
};
use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp};

use crate::runtime::context::Context;
use crate::runtime::telemetry::{millis, trace};
use crate::steps::release::{ReleaseDb, release};

port_set! {
    /// What launching a workflow reads and writes.
    pub trait AdmissionDb:
        LoadGoalHead + FindExecution + ListWaiting + AdmitExecution + CancelExecution + ReleaseDb + ListHolders
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
    Stop,
}

/// Returns `true` if nothing may run for a workflow any more. One that ended by itself has no execution left to stop.
fn is_over(execution: &Execution) -> bool {
    execution.cancellation.is_some() || matches!(execution.status(), Status::Aborted | Status::TimedOut)
}

/// How many workflows wait before that one, counted up to [`WAITING_COUNTED`].
pub async fn waiting_before(db: &impl ListWaiting, execution: &Execution) -> PortResult<u32> {
    let listed = db.list_waiting(WAITING_COUNTED).await?;
    let before =
        listed.iter().filter(|other| (other.turn, &other.execution_arn) < (execution.turn, &execution.execution_arn));
    Ok(u32::try_from(before.count()).unwrap_or(u32::MAX))
}

impl<Db: AdmissionDb, Sfn: StartExecution + StopExecution> Admission<Db, Sfn> {
    /// Launches the workflow if it is its turn, and those that come before it. Otherwise it waits.
    pub async fn arrived(&self, execution: &Execution) -> PortResult<()> {
        if is_over(execution) {
            // An earlier delivery may have started it and not come further.
            self.stop(execution).await
        } else if execution.is_waiting() {
            self.admit_next(Some(execution)).await
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
        if release(&self.db, self.pausing, arn, execution, self.context.now()).await? {
            tracing::info!("capacity released");
        }
        self.admit_next(None).await
    }

    /// Launches workflows, one after the other: first those that hold capacity already, then those whose turn is next, while
    /// there is capacity. A workflow that cannot be launched does not keep back the others; that it could not is the answer
    /// in the end.
    async fn admit_next(&self, newcomer: Option<&Execution>) -> PortResult<()> {
        let (held, waiting) = try_join(self.db.list_holders(&self.state_machine), self.waiting(newcomer)).await?;
        let own = newcomer.map(|n| &n.execution_arn);
        let Order { holders, in_turn } = order(&waiting, &held, own, self.context.now());
        let mut failed = None;
        for (arn, holds) in holders.iter().map(|arn| (arn, true)).chain(in_turn.iter().map(|arn| (arn, false))) {
            match self.admit(arn, holds, own == Some(arn)).await {
                Ok(Next::GoOn) => {}
                Ok(Next::Stop) => {
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
    async fn waiting(&self, newcomer: Option<&Execution>) -> PortResult<Vec<Waiting>> {
        let mut listed = self.db.list_waiting(ADMITTED_AT_ONCE).await?;
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

    fn still_waits(&self, execution: &Execution) {
        tracing::info!(
            turn = %execution.turn, capacity = self.capacity.batches(), "workflow waits for its turn"
        );
    }

    /// Launches one, if there is room for it.
    async fn admit(&self, arn: &ExecutionArn, holds: bool, own: bool) -> PortResult<Next> {
        // The waiting list may be seconds behind; the record is not.
        let found = self.db.find_execution(arn).await?;
        let Some(execution) = found.filter(Execution::is_waiting) else { return Ok(Next::GoOn) };
        let now = self.context.now();
        // One that holds capacity may run already, and have saved something: its worker will see how the goal is.
        if !holds && !self.is_wanted(&execution).await? {
            self.withdraw(&execution, now).await?;
            return Ok(Next::GoOn);
        }
        let batches = self.capacity.share(execution.batch_count());
        let wanted = Held { execution: arn.clone(), batches, since: now };
        match self.db.acquire_capacity(&wanted, self.capacity.batches()).await? {
            Acquired::Full => return Ok(Next::Stop),
            Acquired::Paused => {
                tracing::info!("launching is paused");
                return Ok(Next::Stop);
            }
            // Acquired elsewhere since the holders were listed, and about to be launched there.
            Acquired::Already { .. } if !holds && !own => return Ok(Next::GoOn),
            Acquired::AsProbe => tracing::info!(executionArn = %arn, "launched to see whether the AI works again"),
            Acquired::Already { .. } | Acquired::Yes => {}
        }
        if own {
            self.launch(&execution, now).await?;
        } else {
            // Under the trace of its own request, and not of the message that has made room for it.
            let span = trace::admission(execution.traceparent.as_ref());
            trace::within(span, self.launch(&execution, now)).await?;
        }
        Ok(Next::GoOn)
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
    async fn launch(&self, execution: &Execution, now: Timestamp) -> PortResult<()> {
        let arn = &execution.execution_arn;
        trace::about(arn, &execution.goal_id);
        self.sfn.start_execution(&ExecutionInput::from(execution)).await?;
        if self.db.mark_admitted(arn, now).await? {
            let waited = now.since(execution.start_date);
            self.context.count(Fact::WorkflowAdmitted { waited });
            tracing::info!(actions = execution.total_actions, waitedMs = millis(waited), "launched");
            return Ok(());
        }
        // Another invocation has marked it, or it was cancelled between the reading and the start, when there was nothing to stop.
        let now = self.db.find_execution(arn).await?;
        match now.filter(is_over) {
            Some(over) => self.stop(&over).await,
            None => Ok(()),
        }
    }

    async fn stop(&self, execution: &Execution) -> PortResult<()> {
        let arn = &execution.execution_arn;
        tracing::info!(status = %execution.status(), "over before it was launched");
        self.sfn.stop_execution(arn, StopReason::Ended).await?;
        release(&self.db, self.pausing, arn, Some(execution), self.context.now()).await.map(|_| ())
    }
}
