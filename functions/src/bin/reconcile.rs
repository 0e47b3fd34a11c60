//! Finds, twice a minute, what a lost event, message or invocation has left behind.

use std::convert::Infallible;
use std::sync::Arc;

use goal_activity_functions::adapters::aws::{Archive, Bus, StepFunctions, Tables, Topic};
use goal_activity_functions::handlers::reconcile::Reconcile;
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::context::Context;
use goal_activity_functions::runtime::metrics::Emf;
use goal_activity_functions::runtime::{self, config, telemetry};
use goal_activity_functions::steps::ending::{Conclude, EndWorkflow};
use lambda_runtime::{LambdaEvent, service_fn};
use serde::de::IgnoredAny;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::start(env!("CARGO_BIN_NAME"))?;
    let config = config::Conclude::from_env()?;
    let (state_machine, capacity, pausing) = (config::state_machine()?, config::capacity()?, config::pausing()?);
    let aws = runtime::connect().await;
    let (db, bus, sfn) = (Tables::new(&aws, config.tables), Bus::new(&aws, config.event_bus), StepFunctions::new(&aws));
    let context = Context::system(Arc::new(Emf::new(config::metrics_namespace()?)));
    let conclude = Conclude {
        ending: EndWorkflow { db: db.clone(), bus: bus.clone(), context: context.clone() },
        topic: Topic::new(&aws, config.alert_topic, config.operations_guide),
        archive: Archive::new(&aws, config.archive_bucket),
    };
    let reconcile = &Reconcile { db, sfn, bus, state_machine, capacity, pausing, conclude, context };
    // A tick, of the schedule or out of the queue of its copies, says nothing that matters.
    lambda_runtime::run(service_fn(|event: LambdaEvent<IgnoredAny>| async move {
        let budget = Budget::until(event.context.deadline());
        Ok::<_, Infallible>(telemetry.invocation(Box::pin(reconcile.run(budget))).await)
    }))
    .await
}
