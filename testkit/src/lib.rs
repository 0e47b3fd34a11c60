//! What the tests of all packages share, and the commands that stand in for AWS: the messages in which AWS wraps what the
//! pipeline reads, each spelled once; and documents changed at random (feature `mutate`).
//!
//! It knows the events and nothing else of the pipeline, so that every package can use it.

mod event;
mod gateway;
#[cfg(feature = "mutate")]
pub mod mutate;
mod queue;

pub use event::EventBridgeEvent;
pub use gateway::GatewayRequest;
pub use queue::{SqsRecord, sqs_event};
