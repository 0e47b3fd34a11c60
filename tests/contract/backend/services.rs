//! The other services that the pipeline uses, and the receivers behind them.

use goal_activity_core::notice::Notice;
use goal_activity_core::ports::{
    AnswerBatch, ArchiveExecution, DescribeExecution, Event, Notify, PublishEvent, ReadArchive, StartExecution,
    StopExecution,
};
use goal_activity_core::ports::{DeleteMessage, HideMessage};
use goal_activity_events::{BatchAnswer, ExecutionArn, StateMachineArn, TaskToken, Timestamp};
use serde_json::Value;

/// The adapters to the state machine, the bus, the operators, a queue and the archive.
pub(crate) trait Services: Sync {
    type StepFunctions: StartExecution + StopExecution + DescribeExecution + AnswerBatch;
    type Bus: PublishEvent;
    type Topic: Notify;
    type Queue: HideMessage + DeleteMessage;
    type Archive: ArchiveExecution + ReadArchive;

    fn step_functions(&self) -> &Self::StepFunctions;
    fn bus(&self) -> &Self::Bus;
    fn topic(&self) -> &Self::Topic;
    fn queue(&self) -> &Self::Queue;
    fn archive(&self) -> &Self::Archive;

    /// A separate state machine of the case. Its executions run until they are ended.
    fn state_machine(&self) -> &StateMachineArn;
    /// The current time of the executions.
    fn now(&self) -> Timestamp;
    /// The inputs with which executions were started so far.
    async fn inputs(&self, count: usize) -> Vec<Value>;
    /// Lets a running execution end by itself, successfully or not.
    async fn end(&self, execution: &ExecutionArn, well: bool);
    /// A token for which the state machine waits.
    async fn token(&self) -> TaskToken;
    /// A token that it has never created.
    async fn unknown_token(&self) -> TaskToken;
    /// The accepted answer for the only token of the case.
    async fn answer(&self) -> BatchAnswer;
    /// Waits for that many events, and checks that there are no more.
    async fn events(&self, count: usize) -> Vec<Event>;
    /// Waits for that many notices, and checks that there are no more.
    async fn notices(&self, count: usize) -> Vec<Notice>;
    /// All archived records: key and content.
    async fn archived(&self) -> Vec<(String, String)>;
    /// The SQS receipt handle of a new message that was just received.
    async fn received(&self) -> String;
    /// Returns `true` if that message becomes visible again within a few seconds.
    async fn comes_back(&self, receipt_handle: &str) -> bool;
}

/// Creates a test of each case in memory and on an emulator of the services.
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
