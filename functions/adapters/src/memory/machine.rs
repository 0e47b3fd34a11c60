use std::future::pending;
use std::time::Duration;

use goal_activity_core::outcome::End;
use goal_activity_core::ports::{
    AnswerBatch, Answered, DescribeExecution, ExecutionInput, ExecutionState, PortResult, StartExecution,
    StopExecution, StopReason,
};
use goal_activity_events::{BatchAnswer, ExecutionArn, TaskToken, Timestamp};

use super::World;
use goal_activity_core::ports::{DeleteMessage, HideMessage};

impl StartExecution for World {
    async fn start_execution(&self, input: &ExecutionInput) -> PortResult<()> {
        let mut state = self.call("start_execution").await?;
        if !state.machines.contains_key(&input.execution_arn) {
            let since = Timestamp::from_millis(state.now);
            state.machines.insert(input.execution_arn.clone(), ExecutionState::Running { since });
            state.started.push(input.clone());
        }
        Ok(())
    }
}

impl StopExecution for World {
    async fn stop_execution(&self, execution: &ExecutionArn, _: StopReason) -> PortResult<()> {
        let mut state = self.call("stop_execution").await?;
        let at = Timestamp::from_millis(state.now);
        if let Some(machine @ ExecutionState::Running { .. }) = state.machines.get_mut(execution) {
            *machine = ExecutionState::Ended { end: End::Aborted, at };
        }
        Ok(())
    }
}

impl DescribeExecution for World {
    async fn describe_execution(&self, execution: &ExecutionArn) -> PortResult<ExecutionState> {
        let stuck = self.state().stuck.contains(execution);
        if stuck {
            pending::<()>().await;
        }
        let state = self.call("describe_execution").await?;
        Ok(state.machines.get(execution).copied().unwrap_or(ExecutionState::Absent))
    }
}

impl AnswerBatch for World {
    async fn answer(&self, token: &TaskToken, answer: &BatchAnswer) -> PortResult<Answered> {
        let mut state = self.call("answer").await?;
        if state.stale_tokens.contains(token) {
            return Ok(Answered::Stale);
        }
        state.stale_tokens.push(token.clone());
        state.answers.push(answer.clone());
        Ok(Answered::Accepted)
    }

    async fn heartbeat(&self, token: &TaskToken) -> PortResult<Answered> {
        let mut state = self.call("heartbeat").await?;
        state.heartbeats.push(token.clone());
        Ok(if state.stale_tokens.contains(token) { Answered::Stale } else { Answered::Accepted })
    }
}

impl DeleteMessage for World {
    async fn delete(&self, receipt_handle: &str) -> PortResult<()> {
        self.call("delete").await?.deleted.push(receipt_handle.to_owned());
        Ok(())
    }
}

impl HideMessage for World {
    async fn hide(&self, receipt_handle: &str, time: Duration) -> PortResult<()> {
        self.call("hide").await?.hidden.push((receipt_handle.to_owned(), time));
        Ok(())
    }
}
