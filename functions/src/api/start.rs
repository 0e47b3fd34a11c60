use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::limits::PENDING_IS_STALE_AFTER;
use goal_activity_core::ports::{
    ActionsWithTasks, ClaimGoal, Clock, Event, FindExecution, LoadGoal, LoadGoalHead, Outside, PublishEvent,
};
use goal_activity_core::start::{StartRejection, StartRequest};
use goal_activity_events::{ActionId, EventId, ExecutionArn, GoalActivityRequested, Timestamp, Version};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use super::input::Input;
use super::problem::{Code, Problem};
use super::{Api, Reply};
use crate::intake::{IntakeError, Origin};

/// What a start may be told. Unknown fields are ignored.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    action_ids: Option<Vec<ActionId>>,
    #[serde(default)]
    regenerate: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Started<'a> {
    execution_arn: &'a ExecutionArn,
    start_date: Timestamp,
    status: Status,
    total_actions: u32,
}

impl<G, T, E, C, K, B> Api<G, T, E, C, K, B>
where
    G: LoadGoal + LoadGoalHead,
    T: ActionsWithTasks,
    E: FindExecution,
    C: ClaimGoal,
    K: Clock,
    B: PublishEvent,
{
    pub(super) async fn start(&self, input: &Input) -> Result<Reply, Problem> {
        let user_id = input.user()?;
        let goal_id = input.path("goalId")?;
        let body: Body = input.body()?;
        if body.action_ids.as_ref().is_some_and(Vec::is_empty) {
            return Err(Problem::new(
                Code::InvalidRequest,
                "actionIds is empty; leave it out to start for all actions",
            ));
        }
        let request = StartRequest { goal_id, user_id, action_ids: body.action_ids, regenerate: body.regenerate };
        let execution = match self.intake.accept(&request, &Origin::Api(EventId::random())).await {
            Ok(execution) => execution,
            Err(IntakeError::Rejected(why)) => return Err(self.refuse(why).await?),
            Err(IntakeError::Unavailable(error)) => return Err(error.into()),
        };
        // The claim stands even if this fails: a later start, once it is stale, announces it again.
        self.announce(&execution).await.map_err(|e| Problem::from(e).about(&execution.execution_arn))?;

        let arn = &execution.execution_arn;
        let location = format!("/api/workflows/{}/status", utf8_percent_encode(arn.as_str(), NON_ALPHANUMERIC));
        let (start_date, status, total_actions) = (execution.start_date, execution.status, execution.total_actions);
        let reply = Reply::new(202, Started { execution_arn: arn, start_date, status, total_actions })?;
        Ok(Reply { location: Some(location), ..reply })
    }

    async fn announce(&self, execution: &Execution) -> Outside<()> {
        let event = GoalActivityRequested {
            version: Version::V1,
            event_id: execution.request_id.clone(),
            occurred_at: execution.start_date,
            execution_arn: Some(execution.execution_arn.clone()),
            goal_id: execution.goal_id.clone(),
            user_id: execution.user_id.clone(),
            action_ids: Some(execution.action_ids.clone()),
            regenerate: execution.regenerate,
        };
        self.bus.publish(Event::Requested(event)).await
    }

    /// Refuses a start; when a workflow is in the way that was perhaps never announced, announces it again.
    async fn refuse(&self, why: StartRejection) -> Result<Problem, Problem> {
        if let Some(arn) = why.running()
            && let Some(running) = self.intake.executions.find_execution(arn).await?
            && running.status == Status::Pending
            && self.intake.clock.now().since(running.start_date) > PENDING_IS_STALE_AFTER
        {
            tracing::warn!(execution_arn = %arn, "still pending; announced again");
            self.announce(&running).await?;
        }
        Ok(why.into())
    }
}
