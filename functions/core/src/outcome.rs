//! How a workflow ended, and what that makes of its goal.

use goal_activity_events::{FinalStatus, MachineStatus, Timestamp, WorkflowCompleted};

use crate::execution::{Ending, Execution, GoalBefore};
use crate::goal::GoalStatus;
use crate::ledger::Tally;

/// In which way the work stopped. How good it was, only the ledger knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The state machine came to an end of its own.
    Finished,
    /// Its time was over.
    TimedOut,
    /// It was stopped.
    Aborted,
}

impl End {
    /// The end that a status of the state machine means, when it means one.
    pub fn of(status: MachineStatus) -> Option<Self> {
        match status {
            MachineStatus::Running | MachineStatus::PendingRedrive => None,
            // `Failed` also covers a machine that broke after batches were saved: the ledger decides.
            MachineStatus::Succeeded | MachineStatus::Failed => Some(Self::Finished),
            MachineStatus::TimedOut => Some(Self::TimedOut),
            MachineStatus::Aborted => Some(Self::Aborted),
        }
    }
}

/// The final status of a workflow that ended this way with this result.
pub fn final_status(end: End, tally: &Tally) -> FinalStatus {
    match (end, tally.succeeded, tally.failed.len()) {
        (End::TimedOut, _, _) => FinalStatus::TimedOut,
        (End::Aborted, _, _) => FinalStatus::Aborted,
        (End::Finished, 0, _) => FinalStatus::Failed,
        (End::Finished, _, 0) => FinalStatus::Succeeded,
        (End::Finished, _, _) => FinalStatus::PartiallySucceeded,
    }
}

/// What a goal's status becomes when its workflow ends like this.
pub fn goal_status(end: &Ending, before: GoalBefore) -> GoalStatus {
    let some_tasks = end.tally.succeeded > 0 || before.with_tasks > 0;
    match end.status {
        FinalStatus::Aborted => GoalStatus::Draft,
        FinalStatus::Succeeded if before.left_out == 0 => GoalStatus::Active,
        _ if some_tasks => GoalStatus::Partial,
        _ => GoalStatus::Failed,
    }
}

/// Decides the end of a workflow whose ledger is sealed.
pub fn ending(execution: &Execution, end: End, tally: Tally, at: Timestamp) -> Ending {
    Ending { status: final_status(end, &tally), stop_date: at.max(execution.start_date), tally }
}

/// The event that publishes the end of a workflow, once it has ended. The same for every attempt to publish it.
pub fn completed_event(execution: &Execution) -> Option<WorkflowCompleted> {
    let Ending { status, stop_date, tally } = execution.end.clone()?;
    Some(WorkflowCompleted {
        version: goal_activity_events::Version::V1,
        event_id: WorkflowCompleted::event_id_for(&execution.execution_arn),
        occurred_at: stop_date,
        execution_arn: execution.execution_arn.clone(),
        goal_id: execution.goal_id.clone(),
        user_id: execution.user_id.clone(),
        status,
        start_date: execution.start_date,
        stop_date,
        duration_ms: u64::try_from(stop_date.since(execution.start_date).as_millis()).unwrap_or(u64::MAX),
        total_actions: execution.total_actions,
        succeeded_actions: tally.succeeded,
        failed_actions: tally.failed,
        usage: Some(tally.usage),
        request: execution.request(),
        correlation_id: execution.correlation_id.clone(),
        traceparent: execution.traceparent.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_events::{FailedAction, FailureCode, Usage};

    fn tally(succeeded: u32, failed: u32) -> Tally {
        let failure = |i| FailedAction {
            action_id: format!("a{i}").parse().unwrap(),
            code: FailureCode::AiTimeout,
            message: String::new(),
            attempts: 3,
        };
        Tally { succeeded, failed: (0..failed).map(failure).collect(), usage: Usage::default() }
    }

    #[test]
    fn the_ledger_decides_how_good_a_finished_workflow_was() {
        assert_eq!(final_status(End::Finished, &tally(64, 0)), FinalStatus::Succeeded);
        assert_eq!(final_status(End::Finished, &tally(63, 1)), FinalStatus::PartiallySucceeded);
        assert_eq!(final_status(End::Finished, &tally(0, 64)), FinalStatus::Failed);
        assert_eq!(final_status(End::TimedOut, &tally(64, 0)), FinalStatus::TimedOut);
        assert_eq!(final_status(End::Aborted, &tally(64, 0)), FinalStatus::Aborted);
    }

    #[test]
    fn a_goal_is_active_only_when_all_its_actions_have_tasks() {
        let before = |with_tasks, left_out| GoalBefore { with_tasks, left_out };
        let after = |status, tally: &Tally, before| {
            let stop_date = Timestamp::from_millis(0);
            goal_status(&Ending { status, stop_date, tally: tally.clone() }, before)
        };
        assert_eq!(after(FinalStatus::Succeeded, &tally(64, 0), before(0, 0)), GoalStatus::Active);
        assert_eq!(after(FinalStatus::Succeeded, &tally(8, 0), before(0, 56)), GoalStatus::Partial);
        assert_eq!(after(FinalStatus::PartiallySucceeded, &tally(63, 1), before(0, 0)), GoalStatus::Partial);
        assert_eq!(after(FinalStatus::Failed, &tally(0, 1), before(0, 0)), GoalStatus::Failed);
        assert_eq!(after(FinalStatus::Failed, &tally(0, 1), before(63, 0)), GoalStatus::Partial);
        assert_eq!(after(FinalStatus::TimedOut, &tally(0, 1), before(0, 0)), GoalStatus::Failed);
        assert_eq!(after(FinalStatus::TimedOut, &tally(1, 1), before(0, 0)), GoalStatus::Partial);
        assert_eq!(after(FinalStatus::Aborted, &tally(1, 1), before(0, 0)), GoalStatus::Draft);
    }

    #[test]
    fn every_end_of_the_machine_is_an_end_here() {
        assert_eq!(End::of(MachineStatus::Running), None);
        assert_eq!(End::of(MachineStatus::PendingRedrive), None);
        assert_eq!(End::of(MachineStatus::Succeeded), Some(End::Finished));
        assert_eq!(End::of(MachineStatus::Failed), Some(End::Finished));
        assert_eq!(End::of(MachineStatus::TimedOut), Some(End::TimedOut));
        assert_eq!(End::of(MachineStatus::Aborted), Some(End::Aborted));
    }
}
