use serde::{Deserialize, Serialize};

use crate::EventId;
use crate::json::some_text;

/// By what a request is known: its sender recognises what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RequestRef {
    /// The `source` of the request's event; `goal-activity` for a call of the API.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = crate::MAX_SOURCE)))]
    #[serde(deserialize_with = "some_text")]
    pub source: String,
    /// The `eventId` of the request; one of the pipeline's own for a call of the API.
    pub event_id: EventId,
}
