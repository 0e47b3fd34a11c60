use std::fmt;
use std::str::FromStr;

use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, Serialize};

/// The trace and the step of it to which a message belongs: a `traceparent` of W3C Trace Context, version 00
/// (<https://www.w3.org/TR/trace-context/#traceparent-header>). Read it with [`Traceparent::lenient`]: tracing must not
/// make a message fail.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Traceparent(String);

/// A text that is not a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a traceparent: 00-<32 hex digits>-<16 hex digits>-<2 hex digits>, in lower case, no id all zeros")]
pub struct InvalidTraceparent;

/// Exactly this number of bytes: no other limit is needed.
const LENGTH: usize = 55;
#[cfg(feature = "schema")]
const PATTERN: &str = "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$";

impl Traceparent {
    /// The whole as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The trace: 32 hex digits.
    pub fn trace_id(&self) -> &str {
        self.0.get(3..35).unwrap_or_default()
    }

    /// The parent of the next steps: 16 hex digits.
    pub fn span_id(&self) -> &str {
        self.0.get(36..52).unwrap_or_default()
    }

    /// Returns `true` if the trace is recorded: the service that begins a trace decides, and all later services follow.
    pub fn is_sampled(&self) -> bool {
        self.0.get(53..).and_then(|flags| u8::from_str_radix(flags, 16).ok()).is_some_and(|flags| flags & 1 == 1)
    }

    /// Reads a field of a message. Anything that is not a `traceparent`, of any type, counts as none.
    pub fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(Lenient)
    }
}

impl FromStr for Traceparent {
    type Err = InvalidTraceparent;

    fn from_str(text: &str) -> Result<Self, InvalidTraceparent> {
        let hex = |part: &str, length: usize| {
            part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        };
        let id = |part: &str, length| hex(part, length) && part.bytes().any(|b| b != b'0');
        if text.len() != LENGTH {
            return Err(InvalidTraceparent);
        }
        let mut parts = text.split('-');
        let parts = [(); 4].map(|()| parts.next().unwrap_or_default());
        match parts {
            ["00", trace, span, flags] if id(trace, 32) && id(span, 16) && hex(flags, 2) => Ok(Self(text.to_owned())),
            _ => Err(InvalidTraceparent),
        }
    }
}

impl fmt::Display for Traceparent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Traceparent {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Traceparent".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "traceparent of W3C Trace Context; one that is malformed is ignored",
            "type": "string", "pattern": PATTERN, "minLength": LENGTH, "maxLength": LENGTH,
        })
    }
}

/// Accepts any value.
struct Lenient;

impl<'de> Visitor<'de> for Lenient {
    type Value = Option<Traceparent>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(text.parse().ok())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_json;
    use proptest::prelude::*;
    use serde::Deserialize;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[serde(default, deserialize_with = "Traceparent::lenient")]
        traceparent: Option<Traceparent>,
    }

    fn read(field: &str) -> Option<Traceparent> {
        read_json::<Sample>(&format!("{{{field}}}")).expect("nothing that is there is refused").traceparent
    }

    #[test]
    fn a_traceparent_has_a_trace_a_span_and_a_flag() {
        let parsed: Traceparent = GOOD.parse().unwrap();
        assert_eq!(parsed.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((parsed.span_id(), parsed.is_sampled()), ("00f067aa0ba902b7", true));
        assert!(!GOOD.replace("-01", "-02").parse::<Traceparent>().unwrap().is_sampled());
        assert_eq!(serde_json::to_string(&parsed).unwrap(), format!("\"{GOOD}\""));
    }

    #[test]
    fn whatever_is_not_exactly_one_is_refused() {
        for text in [
            "",
            "00",
            &GOOD.to_uppercase(),
            &GOOD.replace("00-4", "01-4"),
            &GOOD.replace("00-4", "ff-4"),
            &GOOD.replace("-01", "-0g"),
            &format!("{GOOD}-"),
            &format!("{GOOD}0"),
            &GOOD[1..],
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            "00-4bf92f3577b34da6a3ce929d0e0e47360-0f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-あ",
        ] {
            assert_eq!(text.parse::<Traceparent>(), Err(InvalidTraceparent), "{text:?}");
        }
    }

    #[test]
    fn a_field_of_any_other_shape_counts_as_none() {
        assert!(read(&format!(r#""traceparent": "{GOOD}""#)).is_some());
        let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
        for value in
            [r#""""#, r#""words""#, "null", "true", "-1", "1", "1.5", "[]", r#"[{"a": 1}]"#, r#"{"a": [1]}"#, &deep]
        {
            assert_eq!(read(&format!(r#""traceparent": {value}"#)), None, "{value:.20}");
        }
        assert_eq!(read(""), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(00-)?[0-9a-f-]{0,60}|.*") {
            if let Ok(parsed) = text.parse::<Traceparent>() {
                prop_assert_eq!((parsed.as_str(), parsed.trace_id().len(), parsed.span_id().len()), (text.as_str(), 32, 16));
            }
        }
    }
}
