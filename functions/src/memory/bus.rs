use goal_activity_core::execution::Execution;
use goal_activity_core::notice::Notice;
use goal_activity_core::ports::{AnswerBatch, Answered, Event, Notify, Outside, PublishEvent};
use goal_activity_events::{BatchAnswer, TaskToken};

use super::World;

impl PublishEvent for World {
    async fn publish(&self, event: Event) -> Outside<()> {
        self.call("publish")?.events.push(event);
        Ok(())
    }
}

impl Notify for World {
    async fn notify(&self, _: &Execution, notice: &Notice) -> Outside<()> {
        self.call("notify")?.notices.push(notice.clone());
        Ok(())
    }
}

impl AnswerBatch for World {
    async fn answer(&self, token: &TaskToken, answer: &BatchAnswer) -> Outside<Answered> {
        let mut state = self.call("answer")?;
        if state.stale_tokens.contains(token) {
            return Ok(Answered::Stale);
        }
        state.stale_tokens.push(token.clone());
        state.answers.push(answer.clone());
        Ok(Answered::Accepted)
    }
}
