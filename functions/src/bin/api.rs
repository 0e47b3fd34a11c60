//! The HTTP API.

use std::convert::Infallible;

use goal_activity_functions::api::Api;
use goal_activity_functions::aws::{self, Bus, Claims, Executions, Goals, Tasks};
use goal_activity_functions::clock::SystemClock;
use goal_activity_functions::intake::Intake;
use goal_activity_functions::{config, telemetry};
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::start();
    let config = config::Intake::from_env()?;
    let sdk = aws::connect().await;
    let api = Api {
        intake: Intake {
            goals: Goals::new(&sdk, &config.goals_table),
            tasks: Tasks::new(&sdk, &config.tasks_table),
            executions: Executions::new(&sdk, &config.executions_table),
            claims: Claims::new(&sdk, &config.goals_table, &config.executions_table),
            clock: SystemClock,
            state_machine: config.state_machine,
        },
        bus: Bus::new(&sdk, config.event_bus),
    };
    let api = &api;
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        Ok::<_, Infallible>(api.handle(event.payload).await)
    }))
    .await
}
