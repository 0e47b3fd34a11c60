//! Keeps the read model of every workflow and settles its end.

use std::convert::Infallible;

use goal_activity_functions::adapters::aws::{self, Executions, Queue};
use goal_activity_functions::handlers::projector::Projector;
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::config;
use goal_activity_functions::runtime::queue::handle_batch;
use goal_activity_functions::runtime::telemetry;
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::start(env!("CARGO_BIN_NAME"))?;
    let config = config::Conclude::from_env()?;
    let connection = aws::connect().await;
    let projector = Projector {
        records: Executions::new(&connection, &config.executions_table),
        conclude: aws::conclude(&connection, &config),
    };
    let queue = Queue::new(&connection, config::queue_url()?);
    let (projector, queue) = (&projector, &queue);
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        let budget = Budget::until(event.context.deadline());
        Ok::<_, Infallible>(telemetry.invocation(Box::pin(handle_batch(projector, queue, event.payload, budget))).await)
    }))
    .await
}
