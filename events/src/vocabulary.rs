use std::borrow::Cow;

use serde::de::value::{Error, StrDeserializer, StringDeserializer};
use serde::de::{Error as _, IntoDeserializer};
use serde::{Deserialize, Deserializer};

/// Names of an open vocabulary: others may be added within a version.
pub(crate) trait OpenVocabulary: for<'a> Deserialize<'a> {
    /// The value for every unknown name.
    const OTHER: Self;
}

/// Reads a name of a closed vocabulary. `serde` alone would also accept an object with that name as its only key.
pub(crate) fn read_known<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    let name = Cow::<str>::deserialize(deserializer)?;
    let name: StringDeserializer<Error> = name.into_owned().into_deserializer();
    T::deserialize(name).map_err(D::Error::custom)
}

/// Reads a field that may be left out: `null` is the same, as many serializers write it.
pub(crate) fn read_or_default<'de, D: Deserializer<'de>, T>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a name of a vocabulary, also an unknown one. Not `serde(other)`: that would accept an object as a name as
/// well, and repeat its keys in an error.
pub(crate) fn read_name<'de, D: Deserializer<'de>, T: OpenVocabulary>(deserializer: D) -> Result<T, D::Error> {
    let name = Cow::<str>::deserialize(deserializer)?;
    let known: StrDeserializer<'_, Error> = (*name).into_deserializer();
    Ok(T::deserialize(known).unwrap_or(T::OTHER))
}
