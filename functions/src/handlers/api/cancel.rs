use goal_activity_core::execution::{Cancellation, Execution, Status};
use goal_activity_core::ports::{PublishEvent, StopExecution};
use goal_activity_events::{ExecutionArn, Timestamp};
use serde::{Deserialize, Serialize};

use super::Reply;
use super::input::Input;
use super::problem::{Code, Problem};
use crate::steps::cancel::{Cancel, Cancelled};
use crate::steps::ending::EndingDb;

/// The body of a cancellation. Unknown fields are ignored.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CancelRequest"))]
pub(super) struct Body {
    /// Why, in the user's words. 2,000 characters of it are kept.
    #[serde(default)]
    reason: Option<String>,
}

/// A workflow that was cancelled.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Aborted<'a> {
    execution_arn: &'a ExecutionArn,
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<Timestamp>,
}

/// Cancels a workflow of the user who asks for it, or any for an operator.
pub(super) async fn cancel(
    cancel: &Cancel<impl EndingDb, impl StopExecution, impl PublishEvent>,
    execution: &Execution,
    input: &Input,
) -> Result<Reply, Problem> {
    let now = cancel.ending.context.now();
    let cancellation = if let Some(operator) = input.operator() {
        Cancellation::by_operator(operator.by().clone(), now, operator.reason()?)
    } else {
        let body: Body = input.body_of_any_size()?;
        Cancellation::by_user(execution.user_id.clone(), now, body.reason.as_deref())
    };
    let cancelled = cancel.cancel(execution, &cancellation).await;
    match cancelled.map_err(|e| Problem::from(e).about(&execution.execution_arn))? {
        Cancelled::Yes(ended) => {
            let (status, stop_date) = (ended.status(), ended.stop_date());
            Reply::ok(Aborted { execution_arn: &ended.execution_arn, status, stop_date })
        }
        Cancelled::AlreadyEnded(ended) => {
            let detail = format!("this workflow has ended already: {}", ended.status());
            Err(Problem::new(Code::AlreadyEnded, detail).about(&ended.execution_arn))
        }
    }
}
