//! The HTTP API.

use std::convert::Infallible;
use std::sync::Arc;

use goal_activity_functions::adapters::aws::{Archive, Bus, StepFunctions, Tables};
use goal_activity_functions::handlers::api::{Api, GoalsAccess};
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::context::Context;
use goal_activity_functions::runtime::metrics::Emf;
use goal_activity_functions::runtime::{self, config, telemetry};
use goal_activity_functions::steps::cancel::Cancel;
use goal_activity_functions::steps::ending::EndWorkflow;
use goal_activity_functions::steps::intake::Intake;
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::start(env!("CARGO_BIN_NAME"))?;
    let config::Api { intake, archive_bucket, goals_by_user, goals_are_own } = config::Api::from_env()?;
    let config::Intake { tables, event_bus, state_machine, capacity, daily_limit } = intake;
    let aws = runtime::connect().await;
    let goals = GoalsAccess { is_listed: goals_by_user.is_some(), is_own: goals_are_own };
    let db = Tables::new(&aws, tables).with_goals_by_user(goals_by_user);
    let (bus, sfn) = (Bus::new(&aws, event_bus), StepFunctions::new(&aws));
    let context = Context::system(Arc::new(Emf::new(config::metrics_namespace()?)));
    let ending = EndWorkflow { db: db.clone(), bus: bus.clone(), context: context.clone() };
    let api = &Api {
        intake: Intake { db: db.clone(), state_machine, capacity, daily_limit, context },
        cancel: Cancel { sfn, ending },
        archive: Archive::new(&aws, archive_bucket),
        goals,
        db,
        bus,
    };
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        let budget = Budget::until(event.context.deadline());
        Ok::<_, Infallible>(telemetry.invocation(Box::pin(api.handle(event.payload, budget))).await)
    }))
    .await
}
