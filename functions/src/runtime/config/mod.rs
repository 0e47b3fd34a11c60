//! The configuration of each function from its environment. Read once, in `main`; tests build the structs literally.

mod generator;
mod variables;

use std::num::NonZeroU32;

use goal_activity_adapters::aws::TableNames;
use goal_activity_core::admission::{Capacity, InvalidCapacity};
use goal_activity_core::daily::{DailyLimit, InvalidDailyLimit};
use goal_activity_core::pause::{DailyCost, Pausing};
use goal_activity_core::quota::Quota;
use goal_activity_events::StateMachineArn;

pub use generator::{
    BaseUrl, Bedrock, Chosen, ExistingFunction, GeneratorKind, Generators, Instructions, KeySecret, OpenAi,
    ResponseFormat, Sampling, TokenLimit, ToolChoice,
};

use variables::Variables;

/// A variable that is missing or malformed. The function does not start: its deployment is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not set.
    #[error("environment variable {0} is not set; the CDK app sets it when it binds the resource to the function")]
    Missing(String),
    /// Set to an invalid value.
    #[error("environment variable {name} is malformed: {reason}")]
    Malformed {
        /// Which.
        name: String,
        /// What is wrong.
        reason: String,
    },
}

/// The names of the tables.
pub fn tables() -> Result<TableNames, ConfigError> {
    Ok(TableNames { goals: var("GOALS_TABLE")?, tasks: var("TASKS_TABLE")?, executions: var("EXECUTIONS_TABLE")? })
}

/// Only the name of `WorkflowExecutions`. For a function that uses no other table: it does not get the names of the others, and
/// its role allows none.
pub fn executions_table() -> Result<TableNames, ConfigError> {
    Ok(TableNames { goals: String::new(), tasks: String::new(), executions: var("EXECUTIONS_TABLE")? })
}

/// The configuration shared by the functions that accept requests: `api` and `launch`.
#[derive(Debug, Clone)]
pub struct Intake {
    /// The tables.
    pub tables: TableNames,
    /// The custom event bus.
    pub event_bus: String,
    /// The state machine.
    pub state_machine: StateMachineArn,
    /// How many batches may be processed at once.
    pub capacity: Capacity,
    /// How many actions a user may ask for in a day.
    pub daily_limit: DailyLimit,
}

/// The function `api`.
#[derive(Debug, Clone)]
pub struct Api {
    /// What accepts requests.
    pub intake: Intake,
    /// The bucket of the records.
    pub archive_bucket: String,
    /// The index of the Goals table by user; nothing if there is none.
    pub goals_by_user: Option<String>,
    /// Whether the Goals table is the pipeline's own, so that its API writes goals.
    pub goals_are_own: bool,
}

/// The function `worker`.
#[derive(Debug, Clone)]
pub struct Worker {
    /// The queue that it reads from.
    pub queue_url: String,
    /// The tables.
    pub tables: TableNames,
    /// The custom event bus.
    pub event_bus: String,
    /// The AIs that generate the tasks.
    pub generators: Generators,
    /// How often they may be asked in a minute.
    pub quota: Quota,
}

/// The configuration shared by the functions that end, publish, notify and archive workflows: `projector` and
/// `reconcile`.
#[derive(Debug, Clone)]
pub struct Conclude {
    /// The tables.
    pub tables: TableNames,
    /// The custom event bus.
    pub event_bus: String,
    /// The topic that notifies the operators.
    pub alert_topic: String,
    /// The location of the operations guide, for links in notices.
    pub operations_guide: String,
    /// The bucket that keeps ended workflows.
    pub archive_bucket: String,
}

#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn read(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

fn var(name: &str) -> Result<String, ConfigError> {
    variables().required(name)
}

fn variables() -> Variables<'static> {
    Variables::new(&read)
}

/// The log level: a `tracing` filter such as `info` or `goal_activity_functions=debug`.
pub fn log_level() -> String {
    var("LOG_LEVEL").unwrap_or_else(|_| "info".to_owned())
}

/// The endpoint of AWS, if it is an emulator. The SDK's own name for it.
pub fn endpoint_url() -> Option<String> {
    read("AWS_ENDPOINT_URL")
}

/// The endpoint of one AWS service, if it has its own, as in `AWS_ENDPOINT_URL_DYNAMODB`. The SDK's own names.
pub fn endpoint_url_of(service: &str) -> Option<String> {
    read(&format!("AWS_ENDPOINT_URL_{}", service.to_uppercase().replace(' ', "_")))
}

/// The destination of spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tracing {
    /// No spans are created.
    Off,
    /// They are printed.
    Print,
    /// They are sent to a collector.
    Otlp {
        /// Its endpoint.
        endpoint: String,
    },
}

impl Tracing {
    /// From the environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        let name = "TRACING";
        match var(name).as_deref().unwrap_or("off") {
            "off" => Ok(Self::Off),
            "print" => Ok(Self::Print),
            "otlp" => Ok(Self::Otlp { endpoint: var("OTEL_EXPORTER_OTLP_ENDPOINT")? }),
            _ => Err(variables().malformed(name, "use off, print or otlp")),
        }
    }
}

/// The URL of the queue that a function reads from.
pub fn queue_url() -> Result<String, ConfigError> {
    var("QUEUE_URL")
}

/// The CloudWatch namespace of the metrics.
pub fn metrics_namespace() -> Result<String, ConfigError> {
    var("METRICS_NAMESPACE")
}

/// How many batches may be processed at once, and how often the AI may be asked in a minute.
pub fn capacity() -> Result<Capacity, ConfigError> {
    let name = "CONCURRENT_BATCHES";
    let capacity: Capacity =
        var(name)?.parse().map_err(|e: InvalidCapacity| variables().malformed(name, e.to_string()))?;
    Ok(capacity.with_quota(quota(variables())?))
}

/// How many requests and tokens the AI takes in a minute.
fn quota(variables: Variables<'_>) -> Result<Quota, ConfigError> {
    let shape = "a whole number from 1 up";
    let requests = variables.optional("AI_REQUESTS_PER_MINUTE", shape, |text| text.parse().ok())?;
    let tokens = variables.optional("AI_TOKENS_PER_MINUTE", shape, |text| text.parse().ok())?;
    let weight = variables.optional("AI_OUTPUT_TOKEN_WEIGHT", shape, |text| text.parse().ok())?;
    Ok(Quota::new(requests, tokens, weight.unwrap_or(NonZeroU32::MIN)))
}

/// When the pipeline pauses launching itself.
pub fn pausing() -> Result<Pausing, ConfigError> {
    let variables = variables();
    let cost =
        variables.optional("DAILY_AI_COST", "an amount in US dollars such as 25 or 0.5", |text| text.parse().ok())?;
    let choices = [("true", Switch(true)), ("false", Switch(false))];
    let Switch(on_ai_failure) = variables.one_of("PAUSE_ON_AI_FAILURE", &choices)?;
    Ok(Pausing { on_ai_failure, daily_cost: cost.unwrap_or(DailyCost::NONE) })
}

/// A switch that is on unless it is switched off.
#[derive(Clone, Copy)]
struct Switch(bool);

impl Default for Switch {
    fn default() -> Self {
        Self(true)
    }
}

/// How many actions a user may ask for in a day.
fn daily_limit() -> Result<DailyLimit, ConfigError> {
    let name = "ACTIONS_PER_USER_AND_DAY";
    var(name)?.parse().map_err(|e: InvalidDailyLimit| variables().malformed(name, e.to_string()))
}

/// The state machine.
pub fn state_machine() -> Result<StateMachineArn, ConfigError> {
    let name = "STATE_MACHINE_ARN";
    let malformed = |e: goal_activity_events::InvalidId| variables().malformed(name, e.to_string());
    var(name)?.parse().map_err(malformed)
}

/// The alias of the state machine through which executions are started, if there is one.
pub fn state_machine_alias() -> Option<String> {
    read("STATE_MACHINE_ALIAS")
}

/// The name of the bucket that keeps ended workflows.
pub fn archive_bucket() -> Result<String, ConfigError> {
    var("ARCHIVE_BUCKET")
}

impl Api {
    /// From the environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        let goals_are_own = variables().one_of("GOALS_ARE_OWN", &[("true", true), ("false", false)])?;
        Ok(Self {
            intake: Intake::from_env()?,
            archive_bucket: archive_bucket()?,
            goals_by_user: read("GOALS_USER_INDEX"),
            goals_are_own,
        })
    }
}

impl Intake {
    /// From the environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        let (event_bus, state_machine) = (var("EVENT_BUS")?, state_machine()?);
        let (capacity, daily_limit) = (capacity()?, daily_limit()?);
        Ok(Self { tables: tables()?, event_bus, state_machine, capacity, daily_limit })
    }
}

impl Worker {
    /// From the environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            queue_url: queue_url()?,
            tables: tables()?,
            event_bus: var("EVENT_BUS")?,
            generators: Generators::read(variables())?,
            quota: quota(variables())?,
        })
    }
}

impl Conclude {
    /// From the environment.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            tables: tables()?,
            event_bus: var("EVENT_BUS")?,
            alert_topic: var("ALERT_TOPIC_ARN")?,
            operations_guide: var("OPERATIONS_GUIDE")?,
            archive_bucket: archive_bucket()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_what_is_set_of_it() {
        let of = |set: &'static [(&str, &str)]| {
            let read = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
            quota(Variables::new(&read)).map_err(|error| error.to_string())
        };
        let number = |n| NonZeroU32::new(n);
        assert_eq!(of(&[]), Ok(Quota::NONE));
        let requests = of(&[("AI_REQUESTS_PER_MINUTE", "300")]);
        assert_eq!(requests, Ok(Quota::new(number(300), None, NonZeroU32::MIN)));
        let tokens = of(&[("AI_TOKENS_PER_MINUTE", "5000000"), ("AI_OUTPUT_TOKEN_WEIGHT", "5")]);
        assert_eq!(tokens, Ok(Quota::new(None, std::num::NonZeroU64::new(5_000_000), number(5).unwrap())));
        for wrong in ["0", "-1", "1.5", "many"] {
            let read = |name: &str| (name == "AI_TOKENS_PER_MINUTE").then(|| wrong.to_owned());
            let error = quota(Variables::new(&read)).unwrap_err().to_string();
            assert!(error.contains("AI_TOKENS_PER_MINUTE") && error.contains("whole number from 1 up"), "{error}");
        }
    }
}
