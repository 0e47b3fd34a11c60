//! The state machine's `SaveResults`.

use goal_activity_functions::adapters::aws::Tables;
use goal_activity_functions::handlers::finalize::Finalize;
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::{self, config, telemetry};
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::start(env!("CARGO_BIN_NAME"))?;
    let tables = config::executions_table()?;
    let finalize = &Finalize { db: Tables::new(&runtime::connect().await, tables) };
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        let budget = Budget::until(event.context.deadline());
        telemetry
            .invocation(Box::pin(finalize.finalize(event.payload, budget)))
            .await
            .map_err(lambda_runtime::Error::from)
    }))
    .await
}
