//! The implementations under test: the same ports in memory and on AWS's interfaces.

mod aws;
mod aws_services;
mod memory;
#[macro_use]
mod services;
mod template;

use goal_activity_core::goal::Goal;
use goal_activity_core::port_set;
use goal_activity_core::ports::{
    ActionsWithTasks, AdmitExecution, CancelExecution, ChangePause, ClaimGoal, EndExecution, FindArchived,
    FindExecution, FindLoad, FindPause, FindWorkflows, HoldCapacity, ListGoals, ListOpen, ListTasks, ListWaiting,
    ListWorkflows, LoadGoal, LoadGoalHead, MoveWaiting, PauseLaunches, ReadLedger, RecordProgress, RemoveTasks,
    SealLedger, WorkLedger, WriteChart,
};
use goal_activity_core::task::Task;
use goal_activity_events::{GoalId, StateMachineArn};
use serde_json::Value;

pub(crate) use aws::{AwsTables, Emulator, Rows, sdk};
pub(crate) use aws_services::AwsServices;
pub(crate) use services::Services;

port_set! {
    /// All operations of the functions on the tables.
    pub(crate) trait AllPorts:
        LoadGoal + LoadGoalHead + ActionsWithTasks + ListTasks + RemoveTasks + FindArchived + FindExecution + ListOpen + ListWaiting
        + ListWorkflows + FindWorkflows + AdmitExecution + RecordProgress + HoldCapacity + ClaimGoal + WorkLedger + SealLedger
        + ReadLedger + CancelExecution + EndExecution + FindLoad + FindPause + PauseLaunches + ListGoals
        + WriteChart + MoveWaiting + ChangePause
}

/// The adapter over the three tables, and the writes of other services to them.
pub(crate) trait Tables: Sync {
    type Db: AllPorts;

    fn db(&self) -> &Self::Db;
    /// Separate per case: executions of one state machine share one capacity.
    fn state_machine(&self) -> StateMachineArn;

    /// Stores a goal, replacing an existing one.
    async fn put_goal(&self, goal: &Goal);
    /// Removes a goal's own row.
    async fn remove_goal(&self, goal: &GoalId);
    /// Stores a task, replacing an existing one.
    async fn put_task(&self, task: &Task);
    /// Stores a row of Goals as any program can.
    async fn put_goal_row(&self, row: Value);
    /// Stores a row of Tasks as any program can.
    async fn put_task_row(&self, row: Value);
}

/// Creates a test of each case on every implementation of the tables.
macro_rules! on_all_tables {
    ($($case:ident),+ $(,)?) => {
        mod on_memory {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(&goal_activity_functions::adapters::memory::World::default()).await;
                }
            )+
        }
        on_dynamodb!($($case),+);
    };
}

/// Creates a test of each case on both emulators of DynamoDB.
macro_rules! on_dynamodb {
    ($($case:ident),+ $(,)?) => {
        mod on_ministack {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(&crate::backend::AwsTables::open(crate::backend::Emulator::MiniStack).await).await;
                }
            )+
        }
        mod on_dynoxide {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(&crate::backend::AwsTables::open(crate::backend::Emulator::Dynoxide).await).await;
                }
            )+
        }
    };
}
