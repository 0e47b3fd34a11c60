//! Another service asks for the tasks of a goal.
//!
//! ```sh
//! cargo run --package goal-activity-events --all-features --example emit -- goal-activity learn-piano user-1 plan-17
//! ```
//!
//! Run it twice: it is the same request, and starts one workflow.

use std::error::Error;
use std::time::SystemTime;

use aws_config::BehaviorVersion;
use aws_smithy_http_client::{Builder, tls};
use goal_activity_events::GoalActivityRequested;
use goal_activity_events::publisher::{EventBridge, OutgoingEvent, Publisher};

/// The `source` of this service's events. The service's permission to put events may be limited to it.
const SOURCE: &str = "com.example.planner";

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::disallowed_methods, reason = "a service knows what time it is")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bus, goal, user, occasion] = arguments.as_slice() else {
        return Err("usage: emit <bus> <goal id> <user id> <what the request is made for>".into());
    };
    // An id that is derived from the reason for the request, not a random one: emitted again after a crash it is the
    // same request.
    let request = GoalActivityRequested::new(occasion.parse()?, SystemTime::now().into(), goal.parse()?, user.parse()?);

    let http = Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https();
    let aws = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let publisher = Publisher::new(EventBridge::new(aws_sdk_eventbridge::Client::new(&aws), bus));
    publisher.publish(&[OutgoingEvent::from_source(SOURCE, &request)?]).await?;
    println!("requested as {} of {SOURCE}", request.event_id);
    Ok(())
}
