use aws_sdk_sfn::Client;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::operation::send_task_heartbeat::SendTaskHeartbeatError;
use aws_sdk_sfn::operation::send_task_success::SendTaskSuccessError;
use aws_sdk_sfn::operation::stop_execution::StopExecutionError;
use aws_sdk_sfn::types::ExecutionStatus;
use goal_activity_core::outcome::End;
use goal_activity_core::ports::{
    AnswerBatch, Answered, DescribeExecution, ExecutionInput, ExecutionState, PortResult, StartExecution,
    StopExecution, StopReason, Unavailable,
};
use goal_activity_events::{BatchAnswer, ExecutionArn, MachineStatus, TaskToken, Timestamp, Traceparent};

use super::{Connection, unavailable};

/// State machines and their executions. An execution's ARN contains that of its state machine.
#[derive(Debug, Clone)]
pub struct StepFunctions {
    client: Client,
    /// Executions are started through it.
    alias: Option<String>,
}

impl StepFunctions {
    /// All that this process may use.
    pub fn new(aws: &Connection) -> Self {
        Self { client: Client::new(&aws.sdk), alias: None }
    }

    /// Starts executions through that alias of their state machine, which chooses the version. Their ARN does not contain it:
    /// the name of an execution is unique in its state machine, whatever version runs it.
    #[must_use]
    pub fn through(self, alias: Option<String>) -> Self {
        Self { alias, ..self }
    }
}

impl StopExecution for StepFunctions {
    async fn stop_execution(&self, execution: &ExecutionArn, why: StopReason) -> PortResult<()> {
        let (error, cause) = match why {
            StopReason::Cancelled => ("Cancelled", "The workflow was cancelled."),
            StopReason::Ended => ("Ended", "The workflow has ended without this execution."),
        };
        let stop = self.client.stop_execution().execution_arn(execution.as_str()).error(error).cause(cause);
        match stop.send().await {
            Err(e) if e.as_service_error().is_some_and(has_nothing_to_stop) => Ok(()),
            Err(e) => Err(unavailable(format!("stopping {execution}"))(e)),
            Ok(_) => Ok(()),
        }
    }
}

/// It was never started, or it has ended already. The rest of the request is always the same, so nothing else can be invalid.
fn has_nothing_to_stop(error: &StopExecutionError) -> bool {
    error.is_execution_does_not_exist() || error.is_validation_exception()
}

impl DescribeExecution for StepFunctions {
    async fn describe_execution(&self, execution: &ExecutionArn) -> PortResult<ExecutionState> {
        match self.client.describe_execution().execution_arn(execution.as_str()).send().await {
            Ok(found) => machine_state(&found).ok_or_else(|| {
                let reason = format!("its status {} is not known here", found.status().as_str());
                Unavailable::new(format!("describing {execution}"), reason)
            }),
            Err(e) if e.as_service_error().is_some_and(|e| e.is_execution_does_not_exist()) => {
                Ok(ExecutionState::Absent)
            }
            Err(e) => Err(unavailable(format!("describing {execution}"))(e)),
        }
    }
}

fn machine_state(found: &DescribeExecutionOutput) -> Option<ExecutionState> {
    let moment = |at: &aws_sdk_sfn::primitives::DateTime| Timestamp::from_millis(at.to_millis().unwrap_or(i64::MAX));
    let since = moment(found.start_date());
    let status = match found.status() {
        ExecutionStatus::Running => MachineStatus::Running,
        ExecutionStatus::Succeeded => MachineStatus::Succeeded,
        ExecutionStatus::Failed => MachineStatus::Failed,
        ExecutionStatus::TimedOut => MachineStatus::TimedOut,
        ExecutionStatus::Aborted => MachineStatus::Aborted,
        ExecutionStatus::PendingRedrive => MachineStatus::PendingRedrive,
        _ => return None,
    };
    Some(match End::of(status) {
        Some(end) => ExecutionState::Ended { end, at: found.stop_date().map_or(since, moment) },
        None => ExecutionState::Running { since },
    })
}

impl StartExecution for StepFunctions {
    async fn start_execution(&self, input: &ExecutionInput) -> PortResult<()> {
        let what = || format!("starting {}", input.execution_arn);
        let json = serde_json::to_string(input).map_err(|e| Unavailable::new(what(), e))?;
        let machine = input.execution_arn.state_machine();
        let started = self
            .client
            .start_execution()
            .state_machine_arn(
                self.alias.as_ref().map_or_else(|| machine.to_string(), |alias| format!("{machine}:{alias}")),
            )
            .name(input.execution_arn.name())
            .input(json)
            .set_trace_header(x_ray_header(&input.traceparent))
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

/// The same trace in X-Ray's words, so that what X-Ray itself sees of the execution is found under the workflow's trace
/// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>).
fn x_ray_header(traceparent: &str) -> Option<String> {
    let parent: Traceparent = traceparent.parse().ok()?;
    let (time, rest) = parent.trace_id().split_at(8);
    Some(format!("Root=1-{time}-{rest};Parent={};Sampled={}", parent.span_id(), u8::from(parent.is_sampled())))
}

impl AnswerBatch for StepFunctions {
    async fn answer(&self, token: &TaskToken, answer: &BatchAnswer) -> PortResult<Answered> {
        let what = || format!("answering for batch {}", answer.batch_index);
        let json = serde_json::to_string(answer).map_err(|e| Unavailable::new(what(), e))?;
        let sent = self.client.send_task_success().task_token(token.reveal()).output(json).send().await;
        match sent {
            Ok(_) => Ok(Answered::Accepted),
            Err(e) if e.as_service_error().is_some_and(is_stale) => Ok(Answered::Stale),
            Err(e) => Err(unavailable(what())(e)),
        }
    }

    async fn heartbeat(&self, token: &TaskToken) -> PortResult<Answered> {
        match self.client.send_task_heartbeat().task_token(token.reveal()).send().await {
            Ok(_) => Ok(Answered::Accepted),
            Err(e) if e.as_service_error().is_some_and(is_stale_heartbeat) => Ok(Answered::Stale),
            Err(e) => Err(unavailable("sending a heartbeat")(e)),
        }
    }
}

/// AWS has three ways to say that the state machine no longer waits for this token.
fn is_stale(error: &SendTaskSuccessError) -> bool {
    error.is_task_timed_out() || error.is_task_does_not_exist() || error.is_invalid_token()
}

fn is_stale_heartbeat(error: &SendTaskHeartbeatError) -> bool {
    error.is_task_timed_out() || error.is_task_does_not_exist() || error.is_invalid_token()
}

#[cfg(test)]
mod tests {
    use goal_activity_testkit::stub::{Response, Stub};

    use super::super::connection;
    use super::*;

    #[tokio::test]
    async fn an_execution_is_started_through_the_alias_under_the_same_name() {
        let input = ExecutionInput {
            version: goal_activity_events::Version::V1,
            execution_arn: "arn:aws:states:us-east-1:123456789012:execution:m:goal-1-1".parse().unwrap(),
            goal_id: "goal-1".parse().unwrap(),
            user_id: "user-1".parse().unwrap(),
            action_ids: vec!["a-1-1".parse().unwrap()],
            regenerate: false,
            request: None,
            correlation_id: String::new(),
            traceparent: String::new(),
        };
        let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:m";
        for (alias, expected) in [(None, machine.to_owned()), (Some("live"), format!("{machine}:live"))] {
            let answer = serde_json::json!({ "executionArn": input.execution_arn, "startDate": 1 });
            let sfn = Stub::answering(Response::new(200, answer)).await;
            let through = StepFunctions::new(&connection::to(&sfn.url())).through(alias.map(str::to_owned));
            through.start_execution(&input).await.unwrap();
            let asked = sfn.one().body;
            assert_eq!((&asked["stateMachineArn"], &asked["name"]), (&expected.into(), &"goal-1-1".into()));
        }
    }

    #[test]
    fn x_ray_gets_the_trace_in_its_own_format() {
        let header = x_ray_header("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let expected = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1";
        assert_eq!(header.as_deref(), Some(expected));
        assert_eq!(x_ray_header(""), None);
    }
}
