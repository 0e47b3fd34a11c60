//! Turns the actions of one batch into tasks.

use std::convert::Infallible;
use std::sync::Arc;

use goal_activity_functions::adapters::aws::{self, Bus, Callbacks, Goals, Ledger, Queue};
use goal_activity_functions::adapters::generators::Generator;
use goal_activity_functions::handlers::worker::Worker;
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::clock::SystemClock;
use goal_activity_functions::runtime::config;
use goal_activity_functions::runtime::metrics::{Ai, Emf};
use goal_activity_functions::runtime::queue::handle_batch;
use goal_activity_functions::runtime::telemetry;
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::start(env!("CARGO_BIN_NAME"))?;
    let config = config::Worker::from_env()?;
    let connection = aws::connect().await;
    let queue = Queue::new(&connection, config.queue_url);
    let facts = Arc::new(Emf::of(Ai::from(&config.generator)));
    let worker = Worker {
        goals: Goals::new(&connection, config.goals_table),
        ledger: Ledger::new(&connection, config.executions_table).with_tasks(config.tasks_table),
        generator: Generator::new(&connection, config.generator),
        prices: config.prices,
        bus: Bus::new(&connection, config.event_bus),
        callbacks: Callbacks::new(&connection),
        queue: queue.clone(),
        clock: SystemClock,
        facts,
    };
    let (worker, queue) = (&worker, &queue);
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        let budget = Budget::until(event.context.deadline());
        Ok::<_, Infallible>(telemetry.invocation(Box::pin(handle_batch(worker, queue, event.payload, budget))).await)
    }))
    .await
}
