//! Starts the execution for every `GoalActivityRequested`, when it is its turn.

use std::convert::Infallible;
use std::sync::Arc;

use goal_activity_functions::adapters::aws::{self, Bus, Capacities, Executions, Goals, Machine, Queue};
use goal_activity_functions::handlers::launch::Launch;
use goal_activity_functions::runtime::budget::Budget;
use goal_activity_functions::runtime::clock::SystemClock;
use goal_activity_functions::runtime::config;
use goal_activity_functions::runtime::metrics::Emf;
use goal_activity_functions::runtime::queue::handle_batch;
use goal_activity_functions::runtime::telemetry;
use goal_activity_functions::steps::admission::Admission;
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::start(env!("CARGO_BIN_NAME"))?;
    let config = config::Intake::from_env()?;
    let connection = aws::connect().await;
    let table = &config.executions_table;
    let launch = Launch {
        admission: Admission {
            goals: Goals::new(&connection, &config.goals_table),
            executions: Executions::new(&connection, table),
            line: Executions::new(&connection, table),
            holders: Capacities::new(&connection, table, config.state_machine.clone()),
            machine: Machine::new(&connection),
            clock: SystemClock,
            facts: Arc::new(Emf::default()),
            capacity: config::capacity()?,
        },
        bus: Bus::new(&connection, &config.event_bus),
        intake: aws::intake(&connection, config),
    };
    let queue = Queue::new(&connection, config::queue_url()?);
    let (launch, queue) = (&launch, &queue);
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        let budget = Budget::until(event.context.deadline());
        Ok::<_, Infallible>(telemetry.invocation(Box::pin(handle_batch(launch, queue, event.payload, budget))).await)
    }))
    .await
}
