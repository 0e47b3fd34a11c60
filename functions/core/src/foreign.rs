//! How attributes are read that other programs write, too.

use std::borrow::Cow;

use goal_activity_events::{ClaimSequence, without_values};
use serde::de::value::StrDeserializer;
use serde::de::{Error, IntoDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::goal::Revision;
use crate::limits::MAX_CLAIMS;

/// A text. `NULL` is the empty one.
pub(crate) fn text<'de, D: Deserializer<'de>>(attribute: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(attribute)?.unwrap_or_default())
}

/// A name of a vocabulary, in any letter case.
pub(crate) fn any_case<'de, D: Deserializer<'de>, T: Deserialize<'de>>(attribute: D) -> Result<T, D::Error> {
    named(&Cow::<str>::deserialize(attribute)?)
}

/// A name of a vocabulary, in any letter case. `NULL` is the usual one.
pub(crate) fn any_case_or_usual<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    attribute: D,
) -> Result<T, D::Error> {
    Option::<Cow<'_, str>>::deserialize(attribute)?.map_or(Ok(T::default()), |name| named(&name))
}

fn named<'de, T: Deserialize<'de>, E: Error>(name: &str) -> Result<T, E> {
    let name = name.to_ascii_lowercase();
    let name: StrDeserializer<'_, serde::de::value::Error> = name.as_str().into_deserializer();
    T::deserialize(name).map_err(|e| E::custom(without_values(&e)))
}

/// What a text says. Anything else says nothing.
pub(crate) fn text_only<'de, D: Deserializer<'de>, T: From<String>>(attribute: D) -> Result<Option<T>, D::Error> {
    Ok(match Value::deserialize(attribute)? {
        Value::String(text) => Some(text.into()),
        _ => None,
    })
}

/// How often a goal was claimed. What cannot be such a number is 0: names that are taken by then are skipped. So is what is
/// greater than [`MAX_CLAIMS`], of which no name of an execution could be made.
pub(crate) fn claims<'de, D: Deserializer<'de>>(attribute: D) -> Result<ClaimSequence, D::Error> {
    Ok(ClaimSequence(count(&Value::deserialize(attribute)?)))
}

/// Which revision of a chart it is, read as [`claims`] reads a count.
pub(crate) fn revision<'de, D: Deserializer<'de>>(attribute: D) -> Result<Revision, D::Error> {
    Ok(Revision(count(&Value::deserialize(attribute)?)))
}

fn count(attribute: &Value) -> u64 {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "floored, not negative, and saturating")]
    let fraction = || attribute.as_f64().filter(|count| *count >= 0.0).map(|count| count.floor() as u64);
    attribute.as_u64().or_else(fraction).filter(|count| *count <= MAX_CLAIMS).unwrap_or(0)
}
