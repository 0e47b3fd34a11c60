use std::borrow::Cow;
use std::fmt;

use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use serde::{Deserialize, Deserializer, Serialize};

/// A name of a vocabulary to which later versions of the API may add.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Open<T> {
    /// One that this version knows.
    Known(T),
    /// Another one, as it was sent.
    Other(String),
}

impl<T: Copy> Open<T> {
    /// Returns the name if this version knows it.
    pub fn known(&self) -> Option<T> {
        match self {
            Self::Known(name) => Some(*name),
            Self::Other(_) => None,
        }
    }
}

impl<T: PartialEq> PartialEq<T> for Open<T> {
    fn eq(&self, other: &T) -> bool {
        matches!(self, Self::Known(name) if name == other)
    }
}

impl<T> From<T> for Open<T> {
    fn from(name: T) -> Self {
        Self::Known(name)
    }
}

impl<T: Default> Default for Open<T> {
    fn default() -> Self {
        Self::Known(T::default())
    }
}

impl<T: Serialize> fmt::Display for Open<T> {
    /// Its name, as it is sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl<'de, T: for<'a> Deserialize<'a>> Deserialize<'de> for Open<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        let known: StrDeserializer<'_, Error> = (*name).into_deserializer();
        let known = T::deserialize(known).map(Self::Known);
        Ok(known.unwrap_or_else(|_| Self::Other(name.into_owned())))
    }
}

#[cfg(test)]
impl<T: schemars::JsonSchema> schemars::JsonSchema for Open<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Open{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<T>()
    }
}

#[cfg(test)]
mod tests {
    use goal_activity_events::FailureCode;

    use super::*;
    use crate::api::Status;

    #[test]
    fn a_name_is_read_and_written_whether_it_is_known_or_not() {
        let read = |text: &str| serde_json::from_value::<Open<Status>>(text.into()).unwrap();
        assert_eq!(read("TIMED_OUT"), Status::TimedOut);
        assert_eq!(read("EXPIRED"), Open::Other("EXPIRED".to_owned()));
        assert_eq!((read("TIMED_OUT").known(), read("EXPIRED").known()), (Some(Status::TimedOut), None));
        for name in ["TIMED_OUT", "EXPIRED"] {
            assert_eq!(
                (read(name).to_string(), serde_json::to_value(read(name)).unwrap()),
                (name.to_owned(), name.into())
            );
        }
        assert!(serde_json::from_str::<Open<Status>>(r#"{"FAILED":null}"#).is_err(), "only text is a name");
    }

    #[test]
    fn a_code_of_the_events_keeps_its_text_too() {
        let read = |text: &str| serde_json::from_value::<Open<FailureCode>>(text.into()).unwrap();
        assert_eq!(read("AI_TIMEOUT"), FailureCode::AiTimeout);
        assert_eq!(read("AI_TIRED").to_string(), "AI_TIRED");
        assert_eq!(read("OTHER"), Open::Other("OTHER".to_owned()), "that is the events' word for an unknown one");
    }
}
