//! Starts the execution for every `GoalActivityRequested`.

use std::convert::Infallible;

use goal_activity_functions::aws::{self, Bus, Machine, Queue};
use goal_activity_functions::launch::Launch;
use goal_activity_functions::queue::handle_batch;
use goal_activity_functions::{config, telemetry};
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::start(env!("CARGO_BIN_NAME"))?;
    let config = config::Intake::from_env()?;
    let connection = aws::connect().await;
    let launch = Launch {
        machine: Machine::new(&connection),
        bus: Bus::new(&connection, &config.event_bus),
        intake: aws::intake(&connection, config),
    };
    let queue = Queue::new(&connection, config::queue_url()?);
    let (launch, queue) = (&launch, &queue);
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        Ok::<_, Infallible>(telemetry.invocation(Box::pin(handle_batch(launch, queue, event.payload))).await)
    }))
    .await
}
