use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{EventId, Timestamp};

/// The `source` of every event that the pipeline itself emits.
pub const SOURCE: &str = "goal-activity";

/// The version of a message's shape. Within one, only optional fields are added; anything else is a new version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// The first and present shape.
    #[default]
    #[serde(rename = "1")]
    V1,
}

/// What the body of an event tells: the `detail` under its `detail-type`.
pub trait Detail: Serialize + DeserializeOwned {
    /// EventBridge's `detail-type`.
    const TYPE: &'static str;

    /// The id by which a receiver recognises the same event delivered again.
    fn event_id(&self) -> &EventId;
}

/// An event as EventBridge delivers it, its detail not yet read.
#[derive(Debug, Clone, Deserialize)]
pub struct Envelope {
    /// EventBridge's own id of this delivery, for logs.
    pub id: String,
    /// What the detail is.
    #[serde(rename = "detail-type")]
    pub detail_type: String,
    /// Who emitted it.
    pub source: String,
    /// When it was put on the bus.
    pub time: Timestamp,
    detail: serde_json::Value,
}

/// Why a received text is not the event it should be.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The text is not an EventBridge event at all.
    #[error("not an EventBridge event: {0}")]
    NotAnEvent(#[source] serde_json::Error),
    /// An event, but of another type.
    #[error("expected a {expected} event, got {found:?}")]
    OtherType {
        /// The type that was asked for.
        expected: &'static str,
        /// The type that came.
        found: String,
    },
    /// The right type, but its detail breaks the contract.
    #[error("the detail of this {detail_type} event is malformed: {reason}")]
    BadDetail {
        /// The event's type.
        detail_type: &'static str,
        /// What is wrong with the detail.
        #[source]
        reason: serde_json::Error,
    },
}

impl Envelope {
    /// Reads the envelope of an event from the JSON text of a queue message.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        serde_json::from_str(text).map_err(ReadError::NotAnEvent)
    }

    /// Reads the detail as a `D`, when the event is one.
    pub fn detail<D: Detail>(&self) -> Result<D, ReadError> {
        if self.detail_type != D::TYPE {
            return Err(ReadError::OtherType { expected: D::TYPE, found: self.detail_type.clone() });
        }
        self.detail_as(D::TYPE)
    }

    pub(crate) fn detail_as<T: DeserializeOwned>(&self, detail_type: &'static str) -> Result<T, ReadError> {
        T::deserialize(&self.detail).map_err(|reason| ReadError::BadDetail { detail_type, reason })
    }

    /// One field of the detail when it is a valid `T`: for answering an event whose detail as a whole cannot be read.
    pub fn field<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(self.detail.get(name)?).ok()
    }
}
