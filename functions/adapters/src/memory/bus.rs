use goal_activity_core::execution::Execution;
use goal_activity_core::notice::Notice;
use goal_activity_core::ports::{
    Event, GenerateTasks, Generation, GenerationError, GenerationRequest, Notify, PortResult, PublishEvent,
};

use super::World;
use crate::offline::Offline;

impl PublishEvent for World {
    async fn publish(&self, event: Event) -> PortResult<()> {
        self.call("publish").await?.events.push(event);
        Ok(())
    }
}

impl GenerateTasks for World {
    async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        self.state().asked.push(request.action.action_id.clone());
        Offline.generate(request).await
    }
}

impl Notify for World {
    async fn notify(&self, _: &Execution, notice: &Notice) -> PortResult<()> {
        self.call("notify").await?.notices.push(notice.clone());
        Ok(())
    }
}
