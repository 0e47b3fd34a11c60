//! Parses JSON from outside strictly, without ever repeating its content.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Why a JSON text is not valid input. Never repeats any of the text, which may contain a user's text or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

/// Reads a JSON object. Unknown fields are ignored; a known field that occurs twice is refused, because it is
/// ambiguous.
pub fn read_json<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    let mut parser = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize::<_, Object<T>>(&mut parser);
    let Object(value) = read.map_err(|e| Unreadable(reason(&e)))?;
    parser.end().map_err(|e| Unreadable(without_values(&e)))?;
    Ok(value)
}

/// The reason with the location, if there is one. A syntax error has only its column: it can be in an unknown field,
/// whose name comes from the sender.
fn reason(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let (path, reason) = (error.path().to_string(), without_values(error.inner()));
    if error.inner().is_data() && path != "." { format!("{path}: {reason}") } else { reason }
}

/// A parser's message about a text, without the parts that repeat the text.
///
/// `serde` writes a found value only before `, expected`; what it expected, and every other reason, is determined by
/// the types.
pub fn without_values(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    match text.rsplit_once(", expected ") {
        Some((_, expected)) => format!("expected {expected}"),
        None => text,
    }
}

/// A `T` that is written as an object: `serde` alone would also accept an array of its fields' values.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

/// Reads a field that may be missing, and is written as an object otherwise.
pub(crate) fn optional_object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(field)?.map(|Object(value)| value))
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::GoalId;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[serde(default)]
        goal: Option<GoalId>,
        #[serde(default)]
        counts: Vec<u8>,
    }

    fn reason_of(text: &str) -> String {
        read_json::<Sample>(text).unwrap_err().to_string()
    }

    #[test]
    fn a_reason_says_what_and_where_but_repeats_nothing() {
        for (text, reason) in [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("\"words, expected words\"", "expected an object at line 1 column 23"),
            ("[null, []]", "expected an object at line 1 column 0"),
            ("{} words", "trailing characters at line 1 column 4"),
            (r#"{"words": words}"#, "expected value at line 1 column 11"),
            (r#"{"counts": [1, "words"]}"#, "counts[1]: expected u8 at line 1 column 22"),
            (r#"{"counts": [1, 256]}"#, "counts[1]: expected u8 at line 1 column 18"),
            (r#"{"goal": {"words": 1}}"#, "goal: expected a string at line 1 column 9"),
            (r#"{"goal": "g", "goal": "h"}"#, "duplicate field `goal` at line 1 column 20"),
        ] {
            assert_eq!(reason_of(text), reason, "{text}");
        }
        let rule = "goal: not a valid goal id: 1 to 64 letters, digits, '-' or '_' at line 1 column 22";
        assert_eq!(reason_of(r#"{"goal": "some words"}"#), rule);
    }

    #[test]
    fn unknown_fields_are_ignored_however_strange_they_are() {
        let deep = format!(r#"{{"deep": {}{}, "goal": "g"}}"#, "[".repeat(50_000), "]".repeat(50_000));
        for text in [r#"{"x": 1, "x": 2, "goal": "g"}"#, r#"{"x": 1e999, "goal": "g"}"#, &deep] {
            assert!(read_json::<Sample>(text).is_ok_and(|s| s.goal.is_some() && s.counts.is_empty()));
        }
    }
}
