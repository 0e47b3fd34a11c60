use goal_activity_core::execution::Execution;
use goal_activity_core::notice::Notice;
use goal_activity_core::ports::{
    AnswerBatch, Answered, Event, GenerateTasks, GenerationError, GenerationRequest, Notify, Outside, PublishEvent,
};
use goal_activity_core::task::TaskDrafts;
use goal_activity_events::{BatchAnswer, TaskToken};

use super::World;
use crate::generator::Offline;

impl PublishEvent for World {
    async fn publish(&self, event: Event) -> Outside<()> {
        self.call("publish").await?.events.push(event);
        Ok(())
    }
}

impl GenerateTasks for World {
    async fn generate(&self, request: GenerationRequest<'_>) -> Result<TaskDrafts, GenerationError> {
        self.state().asked.push(request.action.action_id.clone());
        Offline.generate(request).await
    }
}

impl Notify for World {
    async fn notify(&self, _: &Execution, notice: &Notice) -> Outside<()> {
        self.call("notify").await?.notices.push(notice.clone());
        Ok(())
    }
}

impl AnswerBatch for World {
    async fn answer(&self, token: &TaskToken, answer: &BatchAnswer) -> Outside<Answered> {
        let mut state = self.call("answer").await?;
        if state.stale_tokens.contains(token) {
            return Ok(Answered::Stale);
        }
        state.stale_tokens.push(token.clone());
        state.answers.push(answer.clone());
        Ok(Answered::Accepted)
    }
}
