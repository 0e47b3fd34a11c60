//! Keeps the read model of every workflow and concludes it at its end.

use std::convert::Infallible;
use std::sync::Arc;

use goal_activity_functions::adapters::aws::{Archive, Bus, Queue, Tables, Topic};
use goal_activity_functions::handlers::projector::Projector;
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::context::Context;
use goal_activity_functions::runtime::metrics::Emf;
use goal_activity_functions::runtime::queue::handle_batch;
use goal_activity_functions::runtime::{self, config, telemetry};
use goal_activity_functions::steps::ending::{Conclude, EndWorkflow};
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::start(env!("CARGO_BIN_NAME"))?;
    let config = config::Conclude::from_env()?;
    let aws = runtime::connect().await;
    let (db, bus) = (Tables::new(&aws, config.tables), Bus::new(&aws, config.event_bus));
    let conclude = Conclude {
        ending: EndWorkflow {
            db: db.clone(),
            bus,
            context: Context::system(Arc::new(Emf::new(config::metrics_namespace()?))),
        },
        topic: Topic::new(&aws, config.alert_topic, config.operations_guide),
        archive: Archive::new(&aws, config.archive_bucket),
    };
    let projector = &Projector { db, conclude };
    let queue = &Queue::new(&aws, config::queue_url()?);
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        let budget = Budget::until(event.context.deadline());
        Ok::<_, Infallible>(telemetry.invocation(Box::pin(handle_batch(projector, queue, event.payload, budget))).await)
    }))
    .await
}
