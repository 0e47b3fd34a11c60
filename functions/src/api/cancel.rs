use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::ports::{
    ActionsWithTasks, ClaimGoal, Clock, FindExecution, ListTasks, ListWorkflows, LoadGoal, LoadGoalHead, PublishEvent,
};
use goal_activity_events::{ExecutionArn, Timestamp};
use serde::{Deserialize, Serialize};

use super::input::Input;
use super::problem::{Code, Problem};
use super::{Api, Reply};
use crate::cancel::{CancelWorkflow, Cancelled};

/// What a cancellation may be told. Unknown fields are ignored.
#[derive(Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "CancelRequest"))]
pub(super) struct Body {
    #[serde(default)]
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub(super) struct Aborted<'a> {
    execution_arn: &'a ExecutionArn,
    status: Status,
    stop_date: Option<Timestamp>,
}

impl<G, T, E, C, K, B, X> Api<G, T, E, C, K, B, X>
where
    G: LoadGoal + LoadGoalHead,
    T: ActionsWithTasks + ListTasks,
    E: FindExecution + ListWorkflows,
    C: ClaimGoal,
    K: Clock,
    B: PublishEvent,
    X: CancelWorkflow,
{
    pub(super) async fn cancel(&self, input: &Input) -> Result<Reply, Problem> {
        let user = input.user()?;
        let execution = self.own_workflow(input).await?;
        let body: Body = input.body_of_any_size()?;
        let cancelled = self.cancel.cancel(&execution, &user, body.reason.as_deref()).await;
        match cancelled.map_err(|e| Problem::from(e).about(&execution.execution_arn))? {
            Cancelled::Yes(ended) => {
                let Execution { execution_arn, status, stop_date, .. } = &ended;
                Reply::ok(Aborted { execution_arn, status: *status, stop_date: *stop_date })
            }
            Cancelled::AlreadyEnded(ended) => {
                let detail = format!("this workflow has ended already: {}", ended.status);
                Err(Problem::new(Code::AlreadyEnded, detail).about(&ended.execution_arn))
            }
        }
    }
}
