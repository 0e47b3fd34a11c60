//! Starts the execution for every `GoalActivityRequested`, when it is its turn.

use std::convert::Infallible;
use std::sync::Arc;

use goal_activity_functions::adapters::aws::{Bus, Queue, StepFunctions, Tables};
use goal_activity_functions::handlers::launch::Launch;
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::context::Context;
use goal_activity_functions::runtime::metrics::Emf;
use goal_activity_functions::runtime::queue::handle_batch;
use goal_activity_functions::runtime::{self, config, telemetry};
use goal_activity_functions::steps::admission::Admission;
use goal_activity_functions::steps::intake::Intake;
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::start(env!("CARGO_BIN_NAME"))?;
    let config::Intake { tables, event_bus, state_machine, capacity, daily_limit } = config::Intake::from_env()?;
    let pausing = config::pausing()?;
    let aws = runtime::connect().await;
    let (db, sfn) = (Tables::new(&aws, tables), StepFunctions::new(&aws).through(config::state_machine_alias()));
    let context = Context::system(Arc::new(Emf::new(config::metrics_namespace()?)));
    let (intake_db, machine) = (db.clone(), state_machine.clone());
    let launch = &Launch {
        intake: Intake { db: intake_db, state_machine: machine, capacity, daily_limit, context: context.clone() },
        admission: Admission { db, sfn, state_machine, capacity, pausing, context },
        bus: Bus::new(&aws, event_bus),
    };
    let queue = &Queue::new(&aws, config::queue_url()?);
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        let budget = Budget::until(event.context.deadline());
        Ok::<_, Infallible>(telemetry.invocation(Box::pin(handle_batch(launch, queue, event.payload, budget))).await)
    }))
    .await
}
