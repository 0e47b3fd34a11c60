use aws_sdk_sfn::Client;
use aws_sdk_sfn::operation::send_task_success::SendTaskSuccessError;
use goal_activity_core::ports::{AnswerBatch, Answered, ExecutionInput, Outside, StartExecution, Unavailable};
use goal_activity_events::{BatchAnswer, StateMachineArn, TaskToken};

use super::{Connection, unavailable};

/// The state machine, for starting executions.
#[derive(Debug, Clone)]
pub struct Machine {
    client: Client,
    arn: StateMachineArn,
}

impl Machine {
    /// The state machine of that ARN.
    pub fn new(aws: &Connection, arn: StateMachineArn) -> Self {
        Self { client: Client::new(&aws.sdk), arn }
    }
}

impl StartExecution for Machine {
    async fn start_execution(&self, input: &ExecutionInput) -> Outside<()> {
        let what = || format!("starting {}", input.execution_arn);
        let json = serde_json::to_string(input).map_err(|e| Unavailable::new(what(), e))?;
        let started = self
            .client
            .start_execution()
            .state_machine_arn(self.arn.as_str())
            .name(input.execution_arn.name())
            .input(json)
            .send()
            .await;
        match started {
            // The name is derived from the claim, so whatever has it is this very execution.
            Err(e) if e.as_service_error().is_some_and(|e| e.is_execution_already_exists()) => Ok(()),
            Err(e) => Err(unavailable(what())(e)),
            Ok(_) => Ok(()),
        }
    }
}

/// The way back to the state machine for workers.
#[derive(Debug, Clone)]
pub struct Callbacks {
    client: Client,
}

impl Callbacks {
    /// Answers task tokens.
    pub fn new(aws: &Connection) -> Self {
        Self { client: Client::new(&aws.sdk) }
    }
}

impl AnswerBatch for Callbacks {
    async fn answer(&self, token: &TaskToken, answer: &BatchAnswer) -> Outside<Answered> {
        let what = || format!("answering for batch {}", answer.batch_index);
        let json = serde_json::to_string(answer).map_err(|e| Unavailable::new(what(), e))?;
        let sent = self.client.send_task_success().task_token(token.reveal()).output(json).send().await;
        match sent {
            Ok(_) => Ok(Answered::Accepted),
            Err(e) if e.as_service_error().is_some_and(is_stale) => Ok(Answered::Stale),
            Err(e) => Err(unavailable(what())(e)),
        }
    }
}

/// AWS has three ways to say that nobody waits for this token any more.
fn is_stale(error: &SendTaskSuccessError) -> bool {
    error.is_task_timed_out() || error.is_task_does_not_exist() || error.is_invalid_token()
}
