use serde::{Deserialize, Deserializer, Serialize};

use crate::vocabulary::read_known;

/// How urgent a request is when more is requested than can be processed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PriorityClass {
    /// A user waits for the result.
    #[default]
    Interactive,
    /// Work in the background: what is interactive and comes within the next hour is launched first, and nothing that comes later.
    Bulk,
}

impl PriorityClass {
    /// Returns `true` for what a request is that does not say it.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl<'de> Deserialize<'de> for PriorityClass {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "SCREAMING_SNAKE_CASE")]
        enum Name {
            Interactive,
            Bulk,
        }
        Ok(match read_known(deserializer)? {
            Name::Interactive => Self::Interactive,
            Name::Bulk => Self::Bulk,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written_and_nothing_else_is() {
        for class in [PriorityClass::Interactive, PriorityClass::Bulk] {
            let text = serde_json::to_string(&class).unwrap();
            assert_eq!(serde_json::from_str::<PriorityClass>(&text).unwrap(), class);
        }
        for other in ["\"URGENT\"", "\"bulk\"", "1", "null", "{\"BULK\":null}"] {
            assert!(serde_json::from_str::<PriorityClass>(other).is_err(), "{other}");
        }
    }
}
