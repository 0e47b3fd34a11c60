//! Turns the actions of one batch into tasks.

use std::convert::Infallible;
use std::sync::Arc;

use goal_activity_functions::adapters::aws::{Bus, Queue, StepFunctions, Tables};
use goal_activity_functions::adapters::generators::Chain;
use goal_activity_functions::handlers::worker::{PriceList, Worker, invocation};
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::context::Context;
use goal_activity_functions::runtime::metrics::{Ais, Emf};
use goal_activity_functions::runtime::{self, config, telemetry};
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::start(env!("CARGO_BIN_NAME"))?;
    let config = config::Worker::from_env()?;
    let aws = runtime::connect().await;
    let worker = &Worker {
        db: Tables::new(&aws, config.tables),
        sfn: StepFunctions::new(&aws),
        bus: Bus::new(&aws, config.event_bus),
        context: Context::system(Arc::new(
            Emf::new(config::metrics_namespace()?).calling(Ais::from(&config.generators)),
        )),
        quota: config.quota,
        prices: PriceList::from(&config.generators),
        ai: Chain::new(&aws, config.generators),
        queue: Queue::new(&aws, config.queue_url),
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        let budget = Budget::until(event.context.deadline());
        Ok::<_, Infallible>(telemetry.invocation(Box::pin(invocation::answer(worker, event.payload, budget))).await)
    }))
    .await
}
