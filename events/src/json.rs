//! Parses JSON from outside strictly, without ever repeating its content.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, DeserializeOwned, DeserializeSeed, IgnoredAny, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// Why a JSON text is not valid input. Never repeats any of the text, which may contain a user's text or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(String);

impl Unreadable {
    /// The same without the line and column at the end: for a text that was within another one which its sender never saw.
    pub(crate) fn without_column(self) -> Self {
        let place = |text: &str| text.chars().all(|c| c.is_ascii_digit() || " column".contains(c));
        match self.0.rsplit_once(" at line ") {
            Some((reason, at)) if place(at) => Self(reason.to_owned()),
            _ => self,
        }
    }
}

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

/// Reads a field that is written as an object.
pub(crate) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<T, D::Error> {
    Object::deserialize(field).map(|Object(value)| value)
}

/// Reads a text that is not empty.
pub(crate) fn some_text<'de, D: Deserializer<'de>>(field: D) -> Result<String, D::Error> {
    let text = String::deserialize(field)?;
    if text.is_empty() { Err(de::Error::custom("empty")) } else { Ok(text) }
}

/// Reads a list of values that are written as objects.
pub(crate) fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<Vec<T>, D::Error> {
    Ok(Vec::<Object<T>>::deserialize(field)?.into_iter().map(|Object(value)| value).collect())
}

/// Reads a list of values that are written as objects, or nothing.
pub fn optional_objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<Option<Vec<T>>, D::Error> {
    let read = Option::<Vec<Object<T>>>::deserialize(field)?;
    Ok(read.map(|list| list.into_iter().map(|Object(value)| value).collect()))
}

/// Reads a field that is written as an object, or counts as its default.
pub(crate) fn object_or_default<'de, D, T>(field: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(optional_object(field)?.unwrap_or_default())
}

/// Reads a whole number that is not negative, also one that is written as `1.0` or `1e3`: JSON knows only one kind of
/// numbers.
pub(crate) fn number<'de, D: Deserializer<'de>, T: TryFrom<u64>>(field: D) -> Result<T, D::Error> {
    Ok(Number::deserialize(field)?.0)
}

/// Reads a field that may be missing, and is a whole number otherwise.
pub(crate) fn optional_number<'de, D: Deserializer<'de>, T: TryFrom<u64>>(field: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Number<T>>::deserialize(field)?.map(|Number(value)| value))
}

/// Reads a field that is a whole number, or counts as 0.
pub(crate) fn number_or_zero<'de, D, T>(field: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<u64> + Default,
{
    Ok(optional_number(field)?.unwrap_or_default())
}

/// A whole number that is not negative, in any of its forms.
struct Number<T>(T);

impl<'de, T: TryFrom<u64>> Deserialize<'de> for Number<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(NumberVisitor(PhantomData)).map(Self)
    }
}

struct NumberVisitor<T>(PhantomData<T>);

/// One more than the largest `u64`.
const BEYOND: f64 = 18_446_744_073_709_551_616.0;

impl<T: TryFrom<u64>> Visitor<'_> for NumberVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::any::type_name::<T>())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<T, E> {
        T::try_from(value).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<T, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(value), &self)),
        }
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<T, E> {
        if (0.0..BEYOND).contains(&value) && value.fract() == 0.0 {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked just before")]
            return self.visit_u64(value as u64);
        }
        Err(E::invalid_value(Unexpected::Float(value), &self))
    }
}

/// Reads what only informs: anything but a valid `T` counts as missing, because it must not make a message fail.
pub(crate) fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(field: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(field)?).ok())
}

/// The value at that place in nested objects, if the text is one. Everything else may be as strange as [`read_json`] lets
/// unknown fields be. Of a field that is there twice, the last one.
pub(crate) fn pick(text: &str, path: &[&str]) -> Option<Value> {
    Pick(path).deserialize(&mut serde_json::Deserializer::from_str(text)).ok()?
}

struct Pick<'a>(&'a [&'a str]);

impl<'de> DeserializeSeed<'de> for Pick<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Value>, D::Error> {
        match self.0 {
            [] => Value::deserialize(deserializer).map(Some),
            _ => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Option<Value>, A::Error> {
        let mut found = None;
        while let Some(name) = fields.next_key::<String>()? {
            match self.0 {
                [wanted, rest @ ..] if name == *wanted => found = fields.next_value_seed(Pick(rest))?,
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }
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
        let unreadable = read_json::<Sample>(r#"{"goal": "some words"}"#).unwrap_err();
        assert_eq!(Some(unreadable.without_column().to_string().as_str()), rule.strip_suffix(" at line 1 column 22"));
    }

    #[test]
    fn one_value_is_found_whatever_else_there_is() {
        let deep = "[".repeat(1_000) + &"]".repeat(1_000);
        let text = format!(r#"{{"a": {deep}, "detail": {{"x": "\ud83d", "y": 1e999, "z": {deep}, "eventId": "e"}}}}"#);
        assert_eq!(pick(&text, &["detail", "eventId"]), Some("e".into()));
        assert_eq!(pick(&text, &["detail", "x"]), None);
        assert_eq!(pick(&text, &["detail", "eventId", "x"]), None);
        assert_eq!(pick("[]", &["detail"]), None);
    }

    #[test]
    fn unknown_fields_are_ignored_however_strange_they_are() {
        let deep = format!(r#"{{"deep": {}{}, "goal": "g"}}"#, "[".repeat(50_000), "]".repeat(50_000));
        for text in [r#"{"x": 1, "x": 2, "goal": "g"}"#, r#"{"x": 1e999, "goal": "g"}"#, &deep] {
            assert!(read_json::<Sample>(text).is_ok_and(|s| s.goal.is_some() && s.counts.is_empty()));
        }
    }
}
