use goal_activity_events::{FinalStatus, Timestamp};
use serde::de::IntoDeserializer;
use serde::de::value::StrDeserializer;
use serde::{Deserialize, Serialize};

/// Where a workflow is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Accepted, not yet seen running.
    Pending,
    /// At work.
    Running,
    /// Every action has its tasks.
    Succeeded,
    /// Some actions have their tasks.
    PartiallySucceeded,
    /// No action got tasks.
    Failed,
    /// It took too long.
    TimedOut,
    /// It was cancelled.
    Aborted,
}

impl Status {
    /// All statuses.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Running,
        Self::Succeeded,
        Self::PartiallySucceeded,
        Self::Failed,
        Self::TimedOut,
        Self::Aborted,
    ];

    /// The status of a workflow that was first seen running then and that ended like this, if it was and has.
    pub fn of(started: Option<Timestamp>, ended: Option<FinalStatus>) -> Self {
        match (started, ended) {
            (_, Some(end)) => end.into(),
            (Some(_), None) => Self::Running,
            (None, None) => Self::Pending,
        }
    }

    /// How it ended, when it has.
    pub fn ended(self) -> Option<FinalStatus> {
        match self {
            Self::Pending | Self::Running => None,
            Self::Succeeded => Some(FinalStatus::Succeeded),
            Self::PartiallySucceeded => Some(FinalStatus::PartiallySucceeded),
            Self::Failed => Some(FinalStatus::Failed),
            Self::TimedOut => Some(FinalStatus::TimedOut),
            Self::Aborted => Some(FinalStatus::Aborted),
        }
    }
}

impl std::fmt::Display for Status {
    /// As everywhere else outside: `SCREAMING_SNAKE_CASE`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}

/// A text that names no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a status of a workflow: PENDING, RUNNING, SUCCEEDED, PARTIALLY_SUCCEEDED, FAILED, TIMED_OUT, ABORTED")]
pub struct InvalidStatus;

impl std::str::FromStr for Status {
    type Err = InvalidStatus;

    fn from_str(text: &str) -> Result<Self, InvalidStatus> {
        let name: StrDeserializer<'_, serde::de::value::Error> = text.into_deserializer();
        Self::deserialize(name).map_err(|_| InvalidStatus)
    }
}

impl From<FinalStatus> for Status {
    fn from(end: FinalStatus) -> Self {
        match end {
            FinalStatus::Succeeded => Self::Succeeded,
            FinalStatus::PartiallySucceeded => Self::PartiallySucceeded,
            FinalStatus::Failed => Self::Failed,
            FinalStatus::TimedOut => Self::TimedOut,
            FinalStatus::Aborted => Self::Aborted,
        }
    }
}
