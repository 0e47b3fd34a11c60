use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::json::{Object, pick};
use crate::{EventId, Timestamp, Unreadable, read_json};

/// The `source` of every event that the pipeline itself emits.
pub const SOURCE: &str = "goal-activity";

/// The most bytes of an event's source.
pub const MAX_SOURCE: usize = 256;

/// How the sources of AWS's own services begin. `EventBridge` refuses them from all others (API reference, `PutEventsRequestEntry`).
const AWS: &str = "aws.";

/// Returns `true` if the pipeline accepts requests of this source: it is recorded, logged and answered.
pub fn is_source(text: &str) -> bool {
    (1..=MAX_SOURCE).contains(&text.len()) && !text.chars().any(char::is_control) && !text.starts_with(AWS)
}

/// The version of a message's shape. Within one, only optional fields are added; anything else is a new version.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Version {
    /// The first and present shape.
    #[default]
    #[serde(rename = "1")]
    V1,
}

/// The body of an event: the `detail` under its `detail-type`.
pub trait Detail: Serialize + DeserializeOwned {
    /// EventBridge's `detail-type`.
    const TYPE: &'static str;

    /// The id by which a receiver recognises the same event delivered again.
    fn event_id(&self) -> &EventId;
}

/// An event as EventBridge delivers it, its detail not yet read.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// EventBridge's own id of this delivery, for logs.
    pub id: EventId,
    /// The type of the detail.
    pub detail_type: String,
    /// Who emitted it.
    pub source: String,
    /// When it was put on the bus.
    pub time: Timestamp,
    text: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Head {
    id: EventId,
    detail_type: String,
    source: String,
    time: Timestamp,
    #[serde(rename = "detail")]
    _detail: IgnoredAny,
}

/// The envelope again, its detail read as a `T`.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Body<T> {
    detail: Object<T>,
}

/// Why a received text is not the expected event. Repeats nothing of the text.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The text is not an EventBridge event at all.
    #[error("not an EventBridge event: {0}")]
    NotAnEvent(#[source] Unreadable),
    /// An event, but of another type.
    #[error("expected a {expected} event, got one of another type")]
    OtherType {
        /// The expected type.
        expected: &'static str,
        /// The received type. Can be any text: the sender chose it.
        found: String,
    },
    /// The right type, but its detail breaks the contract.
    #[error("this {detail_type} event is malformed: {reason}")]
    BadDetail {
        /// The event's type.
        detail_type: &'static str,
        /// What is wrong with the detail.
        #[source]
        reason: Unreadable,
    },
}

impl Envelope {
    /// Reads the envelope of an event from the JSON text of a queue message.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        let Head { id, detail_type, source, time, .. } = read_json(text).map_err(ReadError::NotAnEvent)?;
        Ok(Self { id, detail_type, source, time, text: text.to_owned() })
    }

    /// Reads the detail as a `D`, when the event is one.
    pub fn detail<D: Detail>(&self) -> Result<D, ReadError> {
        if self.detail_type != D::TYPE {
            return Err(ReadError::OtherType { expected: D::TYPE, found: self.detail_type.clone() });
        }
        self.detail_as(D::TYPE)
    }

    pub(crate) fn detail_as<T: DeserializeOwned>(&self, detail_type: &'static str) -> Result<T, ReadError> {
        let body = read_json::<Body<T>>(&self.text)
            .map_err(|reason| ReadError::BadDetail { detail_type, reason: reason.without_column() })?;
        Ok(body.detail.0)
    }

    /// Returns one field of the detail if it is a valid `T`: for answering an event whose detail as a whole cannot be
    /// read.
    pub fn field<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        T::deserialize(pick(&self.text, &["detail", name])?).ok()
    }
}
