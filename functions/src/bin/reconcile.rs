//! Finds, twice a minute, what a lost event, message or invocation has left behind.

use std::convert::Infallible;

use goal_activity_functions::adapters::aws::{self, Capacities, Executions, Machine};
use goal_activity_functions::handlers::reconcile::{Load, Reconcile};
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::config;
use goal_activity_functions::runtime::telemetry;
use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::IgnoredAny;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::start(env!("CARGO_BIN_NAME"))?;
    let config = config::Conclude::from_env()?;
    let connection = aws::connect().await;
    let reconcile = Reconcile {
        open: Executions::new(&connection, &config.executions_table),
        load: Load {
            line: Executions::new(&connection, &config.executions_table),
            holders: Capacities::new(&connection, &config.executions_table, config::state_machine()?),
            capacity: config::capacity()?,
        },
        records: Executions::new(&connection, &config.executions_table),
        machine: Machine::new(&connection),
        conclude: aws::conclude(&connection, &config),
    };
    let reconcile = &reconcile;
    // A tick, of the schedule or out of the queue of its copies, says nothing that matters.
    lambda_runtime::run(service_fn(|event: LambdaEvent<IgnoredAny>| async move {
        let budget = Budget::until(event.context.deadline());
        Ok::<_, Infallible>(telemetry.invocation(Box::pin(reconcile.run(budget))).await)
    }))
    .await
}
