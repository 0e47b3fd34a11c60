//! The configuration of the router, from its environment.

use std::time::Duration;

/// A variable that is missing or malformed. The function does not start: its deployment is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not set.
    #[error("environment variable {0} is not set; the stack of the front sets it")]
    Missing(&'static str),
    /// Set to an invalid value.
    #[error("environment variable {0} is malformed: {1}")]
    Malformed(&'static str, &'static str),
}

/// The configuration of the router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The table `UserCells`.
    pub table: String,
    /// How long a cell may take to answer.
    pub cell_timeout: Duration,
    /// A `tracing` filter.
    pub log_level: String,
    /// The endpoint of AWS, if it is an emulator.
    pub endpoint: Option<String>,
}

#[allow(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn read(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Config {
    /// From the environment.
    ///
    /// # Errors
    /// A variable is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        let table = read("CELLS_TABLE").ok_or(ConfigError::Missing("CELLS_TABLE"))?;
        let name = "CELL_TIMEOUT_SECONDS";
        let seconds = read(name).ok_or(ConfigError::Missing(name))?;
        let seconds = seconds.parse().ok().filter(|seconds| (1..=25).contains(seconds));
        let seconds = seconds.ok_or(ConfigError::Malformed(name, "it is a number of seconds, 1 to 25"))?;
        Ok(Self {
            table,
            cell_timeout: Duration::from_secs(seconds),
            log_level: read("LOG_LEVEL").unwrap_or_else(|| "info".to_owned()),
            endpoint: read("AWS_ENDPOINT_URL"),
        })
    }
}

/// The endpoint of one AWS service, if it has its own. The SDK's own names.
pub fn endpoint_url_of(service: &str) -> Option<String> {
    read(&format!("AWS_ENDPOINT_URL_{}", service.to_uppercase().replace(' ', "_")))
}
