//! The other services that the pipeline talks to, and what stands at their other end.

use goal_activity_core::notice::Notice;
use goal_activity_core::ports::{
    AnswerBatch, ArchiveExecution, DescribeExecution, Event, Notify, PublishEvent, ReadArchive, StartExecution,
    StopExecution,
};
use goal_activity_events::{BatchAnswer, ExecutionArn, StateMachineArn, TaskToken, Timestamp};
use goal_activity_functions::runtime::queue::HideMessage;
use serde_json::Value;

/// The adapters to the state machine, the bus, the operators, a queue and the archive.
pub(crate) trait Services: Sync {
    type StepFunctions: StartExecution + StopExecution + DescribeExecution + AnswerBatch;
    type Bus: PublishEvent;
    type Topic: Notify;
    type Queue: HideMessage;
    type Archive: ArchiveExecution + ReadArchive;

    fn step_functions(&self) -> &Self::StepFunctions;
    fn bus(&self) -> &Self::Bus;
    fn topic(&self) -> &Self::Topic;
    fn queue(&self) -> &Self::Queue;
    fn archive(&self) -> &Self::Archive;

    /// A state machine of the case's own. Its executions run until they are ended.
    fn state_machine(&self) -> &StateMachineArn;
    /// The present moment where executions run.
    fn now(&self) -> Timestamp;
    /// The inputs with which executions were started so far.
    async fn inputs(&self, count: usize) -> Vec<Value>;
    /// Lets an execution that runs come to its own end, well or not.
    async fn end(&self, execution: &ExecutionArn, well: bool);
    /// A token that the state machine waits for.
    async fn token(&self) -> TaskToken;
    /// A token that it has never made.
    async fn unknown_token(&self) -> TaskToken;
    /// The answer that it took for the only token of the case.
    async fn answer(&self) -> BatchAnswer;
    /// Waits for that many events, and checks that there are no more.
    async fn events(&self, count: usize) -> Vec<Event>;
    /// Waits for that many notices, and checks that there are no more.
    async fn notices(&self, count: usize) -> Vec<Notice>;
    /// All that is archived: key and content.
    async fn archived(&self) -> Vec<(String, String)>;
    /// A new message, just received: by what the queue knows it.
    async fn received(&self) -> String;
    /// Whether that message comes back within a few seconds.
    async fn comes_back(&self, receipt_handle: &str) -> bool;
}

/// Makes a test of each case in memory and on an emulator of the services.
macro_rules! on_all_services {
    ($($case:ident),+ $(,)?) => {
        mod on_memory {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(&goal_activity_functions::adapters::memory::World::default()).await;
                }
            )+
        }
        mod on_ministack {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(&crate::backend::AwsServices::open().await).await;
                }
            )+
        }
    };
}
