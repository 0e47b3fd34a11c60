use std::fmt;
use std::iter;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use jiff::civil;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

/// A moment in UTC, to the millisecond, in the years 0 to 9999. As text always `2026-11-24T09:30:00.000Z`, so that texts
/// sort as moments do (they are sort keys).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(jiff::Timestamp);

/// The first moment whose text sorts: 0000-01-01T00:00:00.000Z.
const FIRST: i64 = -62_167_219_200_000;
/// The last one that can be represented in every time zone: 9999-12-30T21:59:59.999Z.
const LAST: i64 = 253_402_207_199_999;

/// A text that is not an RFC 3339 moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 timestamp with an offset, such as 2026-11-24T09:30:00Z")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// The moment that many milliseconds after 1970-01-01T00:00:00Z; the nearest representable one where that is out of range.
    pub fn from_millis(millis: i64) -> Self {
        Self(jiff::Timestamp::from_millisecond(millis.clamp(FIRST, LAST)).unwrap_or_default())
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn as_millis(self) -> i64 {
        self.0.as_millisecond()
    }

    /// Whole seconds since 1970-01-01T00:00:00Z: what a DynamoDB TTL attribute holds.
    pub fn as_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// How long after `earlier` this is; zero when it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.as_millis().saturating_sub(earlier.as_millis())).unwrap_or(0))
    }

    /// This moment moved by `span` into the future.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.as_millis().saturating_add(millis))
    }

    /// This moment moved by `span` into the past.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.as_millis().saturating_sub(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        rfc3339(text).ok_or(InvalidTimestamp)
    }
}

/// Reads exactly RFC 3339's `date-time`, as JSON Schema's format is defined; jiff alone accepts many more forms. A moment
/// before the first or after the last one that can be represented is that one.
fn rfc3339(text: &str) -> Option<Timestamp> {
    let (local, rest) = text.split_at_checked("2026-11-24T09:30:00".len())?;
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at_checked(rest.bytes().take_while(u8::is_ascii_digit).count())?,
        None => ("0", rest),
    };
    if !has_form(local, "0000-00-00T00:00:00") || fraction.is_empty() {
        return None;
    }
    let nanoseconds =
        fraction.bytes().chain(iter::repeat(b'0')).take(9).fold(0, |sum, b| sum * 10 + i32::from(b - b'0'));
    let local = local.parse::<civil::DateTime>().ok()?.with().subsec_nanosecond(nanoseconds).build().ok()?;
    let ahead = match offset {
        "Z" | "z" => 0,
        _ if has_form(offset, "+00:00") => {
            let (hours, minutes) = (offset.get(1..3)?.parse::<i64>().ok()?, offset.get(4..6)?.parse::<i64>().ok()?);
            let ahead = (hours < 24 && minutes < 60).then_some((hours * 60 + minutes) * 60_000)?;
            if offset.starts_with('-') { -ahead } else { ahead }
        }
        _ => return None,
    };
    // A local time has four digits for the year: only at the end of the last one can it be too late.
    let millis = Offset::UTC.to_timestamp(local).map_or(i64::MAX, jiff::Timestamp::as_millisecond);
    Some(Timestamp::from_millis(millis.saturating_sub(ahead)))
}

/// Returns `true` if the text is like this one, with any digits, in either case, and with either sign.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| match form {
        b'0' => byte.is_ascii_digit(),
        b'+' => byte == b'+' || byte == b'-',
        _ => byte.eq_ignore_ascii_case(&form),
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let epoch = Self::from_millis(0);
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => epoch.plus(after),
            Err(before) => epoch.minus(before.duration()),
        }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(text: String) -> Result<Self, InvalidTimestamp> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> String {
        timestamp.to_string()
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "An RFC 3339 moment. The pipeline always writes it in UTC, to the millisecond.",
            "type": "string",
            "format": "date-time",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_text_always_has_milliseconds() {
        assert_eq!(Timestamp::from_millis(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(
            "2026-11-24T05:00:59.1239-04:30".parse::<Timestamp>().unwrap().to_string(),
            "2026-11-24T09:30:59.123Z"
        );
        assert_eq!("2026-12-31T23:59:60.5Z".parse::<Timestamp>().unwrap().to_string(), "2026-12-31T23:59:59.500Z");
        assert_eq!("2026-11-24T18:30:00+09:00".parse::<Timestamp>().unwrap().to_string(), "2026-11-24T09:30:00.000Z");
    }

    #[test]
    fn the_ends_of_time_are_moments_like_others() {
        let ends = [i64::MIN, i64::MAX].map(|millis| Timestamp::from_millis(millis).to_string());
        assert_eq!(ends, ["0000-01-01T00:00:00.000Z", "9999-12-30T21:59:59.999Z"]);
        assert!(ends.iter().all(|end| end.parse::<Timestamp>().is_ok_and(|t| t.to_string() == *end)));
        let beyond =
            ["0000-01-01T00:00:00+00:01", "9999-12-31T23:59:59Z"].map(|text| text.parse::<Timestamp>().unwrap());
        assert_eq!(beyond.map(|end| end.to_string()), ends, "the nearest that can be represented");
        assert!("-000001-12-31T23:59:59Z".parse::<Timestamp>().is_err());
    }

    #[test]
    fn the_clocks_time_is_cut_to_milliseconds() {
        let after = SystemTime::UNIX_EPOCH + Duration::from_micros(1_999);
        let before = SystemTime::UNIX_EPOCH - Duration::from_millis(2);
        assert_eq!([after, before].map(|t| Timestamp::from(t).as_millis()), [1, -2]);
    }

    proptest! {
        #[test]
        fn texts_sort_as_moments_and_read_back(a: i64, b: i64) {
            let (x, y) = (Timestamp::from_millis(a), Timestamp::from_millis(b));
            prop_assert_eq!(x.to_string().cmp(&y.to_string()), x.cmp(&y));
            prop_assert_eq!(x.to_string().parse::<Timestamp>().unwrap(), x);
        }
    }
}
