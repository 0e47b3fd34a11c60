//! The state machine of the goal activity pipeline. Its behaviour is tested in `tests/`, see this folder's README.

/// The definition in Amazon States Language as it is deployed, without its [`SUBSTITUTIONS`].
pub const DEFINITION: &str = include_str!("../goal-activity.asl.json");

/// What the deployment fills in, each written `${Name}` in the definition.
pub const SUBSTITUTIONS: [&str; 3] = ["BatchQueueUrl", "FinalizeFunctionArn", "Partition"];
