//! The function behind the one API of several cells.

use std::convert::Infallible;

use goal_activity_adapters::aws;
use goal_activity_adapters::clock::SystemClock;
use goal_activity_cells::config::{self, Config};
use goal_activity_cells::router::Router;
use goal_activity_cells::table::UserCells;
use lambda_runtime::{LambdaEvent, service_fn};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let config = Config::from_env()?;
    let filter = config.log_level.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let lines =
        tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false).with_span_list(false);
    tracing_subscriber::registry().with(lines.with_target(false).with_filter(filter)).init();
    let aws = aws::connect(config.endpoint, config::endpoint_url_of).await;
    let router = &Router::new(UserCells::new(&aws, config.table), SystemClock, config.cell_timeout);
    lambda_runtime::run(service_fn(|event: LambdaEvent<_>| async move {
        Ok::<_, Infallible>(router.handle(event.payload).await)
    }))
    .await
}
