//! When a provider wants to be asked again. There is one standard for it, and nearly every provider has its own.

use std::time::Duration;

use aws_sdk_bedrockruntime::primitives::{DateTime, DateTimeFormat};
use aws_smithy_runtime_api::http::Headers;
use goal_activity_core::ports::Clock;
use serde_json::Value;

use goal_activity_adapters::clock::SystemClock;

/// The wait that the response asks for: by `Retry-After`, by its relatives, by the error's details, by its sentence, or by the
/// headers of an exhausted limit.
pub(super) fn asked(headers: &Headers, error: &Value, sentence: &str) -> Option<Duration> {
    retry_after(headers).or_else(|| detailed(error)).or_else(|| said(sentence)).or_else(|| exhausted(headers))
}

/// A number of seconds, or a date (RFC 9110, section 10.2.3), or a number of milliseconds in a header of its own.
pub(super) fn retry_after(headers: &Headers) -> Option<Duration> {
    if let Some(millis) = headers.get("retry-after-ms").or_else(|| headers.get("x-ms-retry-after-ms")) {
        return seconds(millis.trim().parse::<f64>().ok()? / 1_000.0);
    }
    let asked = headers.get("retry-after")?.trim();
    if let Ok(number) = asked.parse() {
        return seconds(number);
    }
    let moment = |text: &str| DateTime::from_str(text, DateTimeFormat::HttpDate).ok().map(|at| at.secs());
    let Some(until) = moment(asked) else { return duration(asked) };
    // By the clock of the server that sent it, if that is known.
    let now = headers.get("date").and_then(moment).unwrap_or_else(|| SystemClock.now().as_seconds());
    Some(Duration::from_secs(u64::try_from(until.saturating_sub(now)).unwrap_or(0)))
}

/// Google's `RetryInfo`, and a number of seconds beside the error.
fn detailed(error: &Value) -> Option<Duration> {
    let delays = error["details"].as_array().into_iter().flatten().filter_map(|detail| detail["retryDelay"].as_str());
    let number = [&error["retry_after"], &error["metadata"]["retry_after"], &error["metadata"]["retry_after_seconds"]];
    let number = number.into_iter().find_map(Value::as_f64);
    delays.filter_map(duration).max().or_else(|| seconds(number?))
}

/// `try again in 7.66s`, `retry in 38.5s`, `retry after 20 seconds`, as OpenAI, Groq, Gemini and Azure write.
fn said(sentence: &str) -> Option<Duration> {
    let sentence = sentence.to_lowercase();
    let after = ["try again in ", "retry in ", "retry after ", "try again after "];
    let rest = after.iter().find_map(|words| sentence.split_once(words).map(|(_, rest)| rest))?;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.').unwrap_or(rest.len());
    let (time, rest) = rest.split_at(end);
    let time = time.trim_end_matches('.');
    duration(time).or_else(|| {
        let unit = rest.trim_start();
        let scale = match unit {
            _ if unit.starts_with("millisecond") || unit.starts_with("ms") => 0.001,
            _ if unit.starts_with("second") || unit.starts_with("s ") || unit == "s" => 1.0,
            _ if unit.starts_with("minute") => 60.0,
            _ => return None,
        };
        seconds(time.parse::<f64>().ok()? * scale)
    })
}

/// When a limit that has nothing left is reset.
fn exhausted(headers: &Headers) -> Option<Duration> {
    let limits = ["requests", "tokens"].into_iter().filter_map(|what| {
        let left = headers.get(format!("x-ratelimit-remaining-{what}"))?;
        let reset = headers.get(format!("x-ratelimit-reset-{what}"))?;
        (left.trim() == "0").then(|| duration(reset.trim())).flatten()
    });
    limits.max()
}

/// A time such as `38s`, `1m30.5s` or `250ms`.
fn duration(text: &str) -> Option<Duration> {
    let (mut total, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, unit) = rest.split_at(digits);
        let length = unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len());
        let scale = match &unit[..length] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * scale;
        rest = &unit[length..];
    }
    if text.is_empty() { None } else { seconds(total) }
}

fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn headers(all: &[(&'static str, &'static str)]) -> Headers {
        let mut headers = Headers::new();
        for (name, value) in all {
            headers.insert(*name, *value);
        }
        headers
    }

    #[test]
    fn a_wait_is_read_in_every_form() {
        let none = Value::Null;
        let table = [
            (headers(&[("retry-after", "7")]), none.clone(), "", Some(7_000)),
            (headers(&[("retry-after", "0.5")]), none.clone(), "", Some(500)),
            (headers(&[("retry-after", "-1")]), none.clone(), "", None),
            (headers(&[("retry-after", "NaN")]), none.clone(), "", None),
            (headers(&[("retry-after", "1e30")]), none.clone(), "", None),
            (headers(&[("retry-after-ms", "1500"), ("retry-after", "2")]), none.clone(), "", Some(1_500)),
            (headers(&[]), json!({ "details": [{ "retryDelay": "38s" }] }), "", Some(38_000)),
            (headers(&[]), json!({ "details": [{ "retryDelay": "38.123456789s" }] }), "", Some(38_123)),
            (headers(&[]), none.clone(), "Please try again in 7.66s. Visit", Some(7_660)),
            (headers(&[]), none.clone(), "Please try again in 1m30s.", Some(90_000)),
            (headers(&[]), none.clone(), "Please retry after 20 seconds.", Some(20_000)),
            (headers(&[]), none.clone(), "try again in 250ms", Some(250)),
            (headers(&[]), none.clone(), "try again in a while", None),
            (headers(&[]), none.clone(), "Please try again in 目標", None),
            (
                headers(&[("x-ratelimit-remaining-tokens", "0"), ("x-ratelimit-reset-tokens", "6m0s")]),
                none.clone(),
                "",
                Some(360_000),
            ),
            (headers(&[("x-ratelimit-remaining-tokens", "9"), ("x-ratelimit-reset-tokens", "6m0s")]), none, "", None),
        ];
        for (headers, error, sentence, expected) in table {
            let found = asked(&headers, &error, sentence).map(|wait| wait.as_millis());
            assert_eq!(found, expected, "{headers:?} {error} {sentence}");
        }
    }

    fn by_header(seconds_or_date: &str, date: Option<&str>) -> Option<u64> {
        let mut headers = Headers::new();
        headers.insert("retry-after", seconds_or_date.to_owned());
        if let Some(date) = date {
            headers.insert("date", date.to_owned());
        }
        retry_after(&headers).map(|d| d.as_secs())
    }

    #[test]
    fn a_wait_is_given_in_seconds_or_as_a_moment() {
        assert_eq!(by_header("30", None), Some(30));
        let date = Some("Wed, 25 Nov 2026 10:00:00 GMT");
        assert_eq!(by_header("Wed, 25 Nov 2026 10:01:30 GMT", date), Some(90));
        assert_eq!(by_header("Wed, 25 Nov 2026 09:00:00 GMT", date), Some(0), "a moment that is over");
        assert_eq!(by_header("Thu, 01 Jan 2015 00:00:00 GMT", None), Some(0), "by this machine's clock");
        for neither in ["", "-1", "soon", "2026-11-25T10:01:30Z"] {
            assert_eq!(by_header(neither, date), None, "{neither:?}");
        }
        assert_eq!(retry_after(&Headers::new()), None);
    }
}
