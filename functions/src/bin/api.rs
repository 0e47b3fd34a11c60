//! The HTTP API.

use std::convert::Infallible;

use goal_activity_functions::adapters::aws::{self, Archive, Bus, Machine};
use goal_activity_functions::handlers::api::Api;
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::config;
use goal_activity_functions::runtime::telemetry;
use goal_activity_functions::steps::cancel::Cancel;
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::start(env!("CARGO_BIN_NAME"))?;
    let config = config::Intake::from_env()?;
    let connection = aws::connect().await;
    let config::Intake { goals_table, tasks_table, executions_table, event_bus, .. } = &config;
    let cancel = Cancel {
        machine: Machine::new(&connection),
        settle: aws::settle(&connection, goals_table, tasks_table, executions_table, event_bus),
    };
    let bus = Bus::new(&connection, event_bus);
    let archive = Archive::new(&connection, config::archive_bucket()?);
    let api = Api { bus, cancel, archive, intake: aws::intake(&connection, config) };
    let api = &api;
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        let budget = Budget::until(event.context.deadline());
        Ok::<_, Infallible>(telemetry.invocation(Box::pin(api.handle(event.payload, budget))).await)
    }))
    .await
}
