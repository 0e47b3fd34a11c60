//! The adapters for AWS, one a service. SDK errors become core errors here and nowhere else.

mod archive;
mod bus;
mod capacity;
mod change;
mod chart;
mod claim;
mod connection;
mod dynamo;
mod ending;
mod executions;
mod goals;
mod history;
mod ledger;
mod queue;
mod step_functions;
mod tasks;
mod topic;
mod write;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use goal_activity_core::ports::Unavailable;
use goal_activity_events::publisher::reason;

pub use archive::Archive;
pub use bus::Bus;
pub use connection::{Connection, EndpointOf, connect, http};
pub use queue::Queue;
pub use step_functions::StepFunctions;
pub use topic::Topic;

/// The names of the tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableNames {
    /// The Goals table.
    pub goals: String,
    /// The Tasks table.
    pub tasks: String,
    /// The `WorkflowExecutions` table.
    pub executions: String,
}

/// DynamoDB: the tables of goals and tasks, which are the goal app's, and `WorkflowExecutions`. What of these a function may
/// read and write, its role says.
#[derive(Debug, Clone)]
pub struct Tables {
    client: Client,
    names: TableNames,
    /// The index of Goals by user; nothing if there is none.
    goals_by_user: Option<String>,
}

impl Tables {
    /// The tables of these names.
    pub fn new(aws: &Connection, names: TableNames) -> Self {
        Self { client: aws.dynamodb.clone(), names, goals_by_user: None }
    }

    /// The same, with the name of the index of Goals by user.
    #[must_use]
    pub fn with_goals_by_user(self, index: Option<String>) -> Self {
        Self { goals_by_user: index, ..self }
    }
}

/// The core error for a call that failed, naming the call.
fn unavailable<E, R>(what: impl Into<String>) -> impl FnOnce(SdkError<E, R>) -> Unavailable
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    let what = what.into();
    move |error| Unavailable::new(what, reason(&error))
}
