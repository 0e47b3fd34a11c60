//! The adapters for AWS. SDK errors become core errors here and nowhere else.

mod archive;
mod bus;
mod capacity;
mod claim;
mod connection;
mod dynamo;
mod executions;
mod goals;
mod history;
mod ledger;
mod machine;
mod queue;
mod settle;
mod tasks;
mod topic;

use std::sync::Arc;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use goal_activity_core::ports::Unavailable;
use goal_activity_events::publisher::reason;

use crate::runtime::clock::SystemClock;
use crate::runtime::config;
use crate::runtime::metrics::Emf;
use crate::steps::intake::Intake;
use crate::steps::settle::{Conclude, Settle};

pub use archive::Archive;
pub use bus::Bus;
pub use capacity::Capacities;
pub use claim::Claims;
pub use connection::{Connection, connect};
pub use executions::Executions;
pub use goals::Goals;
pub use ledger::Ledger;
pub use machine::{Callbacks, Machine};
pub use queue::Queue;
pub use settle::Settlements;
pub use tasks::Tasks;
pub use topic::Topic;

/// What `api` and `launch` have in common, wired to AWS.
pub type AwsIntake = Intake<Goals, Tasks, Executions, Claims, SystemClock>;

/// The intake of requests over the tables that the configuration names.
pub fn intake(aws: &Connection, config: config::Intake) -> AwsIntake {
    Intake {
        goals: Goals::new(aws, &config.goals_table),
        tasks: Tasks::new(aws, config.tasks_table),
        executions: Executions::new(aws, &config.executions_table),
        claims: Claims::new(aws, config.goals_table, config.executions_table),
        clock: SystemClock,
        facts: Arc::new(Emf::default()),
        state_machine: config.state_machine,
    }
}

/// What ends workflows and tells other services, wired to AWS.
pub type AwsSettle = Settle<Executions, Ledger, Tasks, Settlements, Bus, SystemClock>;

/// The end of workflows over these tables and this bus.
pub fn settle(aws: &Connection, goals: &str, tasks: &str, executions: &str, bus: &str) -> AwsSettle {
    Settle {
        executions: Executions::new(aws, executions),
        ledger: Ledger::new(aws, executions),
        tasks: Tasks::new(aws, tasks),
        settlements: Settlements::new(aws, goals, executions),
        bus: Bus::new(aws, bus),
        clock: SystemClock,
        facts: Arc::new(Emf::default()),
    }
}

/// What also tells the operators and archives, wired to AWS.
pub type AwsConclude = Conclude<Executions, Ledger, Tasks, Settlements, Bus, SystemClock, Topic, Archive>;

/// The end of workflows over what the configuration names.
pub fn conclude(aws: &Connection, config: &config::Conclude) -> AwsConclude {
    let config::Conclude {
        goals_table,
        tasks_table,
        executions_table,
        event_bus,
        alert_topic,
        operations_guide,
        archive_bucket,
    } = config;
    let settle = settle(aws, goals_table, tasks_table, executions_table, event_bus);
    let operators = Topic::new(aws, alert_topic, operations_guide);
    Conclude { settle, operators, archive: Archive::new(aws, archive_bucket) }
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
