//! The HTTP API.

use std::convert::Infallible;

use goal_activity_functions::api::Api;
use goal_activity_functions::aws::{self, Bus};
use goal_activity_functions::{config, telemetry};
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    telemetry::start();
    let config = config::Intake::from_env()?;
    let connection = aws::connect().await;
    let api = Api { bus: Bus::new(&connection, &config.event_bus), intake: aws::intake(&connection, config) };
    let api = &api;
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        Ok::<_, Infallible>(api.handle(event.payload).await)
    }))
    .await
}
