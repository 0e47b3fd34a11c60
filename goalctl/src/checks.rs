//! What a check or a step has found, one line each, and why AWS refuses a call.

use std::error::Error;
use std::fmt::Debug;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use goal_activity_events::publisher::reason;
use serde::Serialize;

use crate::failure::{Failure, NO_ACCESS};
use crate::program;
use crate::text::printable;

/// How a check or a step came out. Part of the JSON output: names are never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Outcome {
    Ok,
    /// Nothing is broken, and something will not work as expected.
    Warning,
    Failed,
    /// It could not be found out, or not be done: the detail says why.
    NotDone,
}

/// One check or step. Part of the JSON output: names are never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) result: Outcome,
    pub(crate) detail: String,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "program::serialize")]
    pub(crate) to_do: Option<String>,
}

impl Line {
    pub(crate) fn new(what: &str, result: Outcome, detail: impl Into<String>) -> Self {
        Self { what: what.to_owned(), result, detail: detail.into(), to_do: None }
    }

    pub(crate) fn ok(what: &str, detail: impl Into<String>) -> Self {
        Self::new(what, Outcome::Ok, detail)
    }

    pub(crate) fn advising(self, to_do: impl Into<String>) -> Self {
        Self { to_do: Some(to_do.into()), ..self }
    }

    /// The same with what to do by hand, if it has failed.
    pub(crate) fn advising_if_failed(self, to_do: String) -> Self {
        if self.result != Outcome::Failed {
            return self;
        }
        let to_do = self.to_do.as_ref().map_or_else(|| to_do.clone(), |first| format!("{first}; {to_do}"));
        self.advising(to_do)
    }

    /// The line for an error.
    pub(crate) fn failed(what: &str, failure: Failure) -> Self {
        let Failure { title, detail, code, advice, .. } = failure;
        let code = code.map(|code| format!(" ({code})")).unwrap_or_default();
        let detail = detail.filter(|detail| !detail.is_empty()).map(|detail| format!(": {detail}")).unwrap_or_default();
        Self { to_do: advice, ..Self::new(what, Outcome::Failed, format!("{title}{code}{detail}")) }
    }

    /// The line as text. What comes from outside cannot break it.
    pub(crate) fn text(&self) -> String {
        let word = match self.result {
            Outcome::Ok => "ok",
            Outcome::Warning => "warn",
            Outcome::Failed => "FAILED",
            Outcome::NotDone => "not done",
        };
        let to_do =
            self.to_do.as_ref().map(|to_do| format!(". To do: {}", program::as_typed(to_do))).unwrap_or_default();
        let line = format!("{word:<8}  {}: {}{to_do}", self.what, self.detail);
        format!("{}\n", printable(&line.lines().map(str::trim).collect::<Vec<_>>().join(" ")))
    }
}

/// Returns `true` if AWS does not permit the call.
pub(crate) fn is_denied<E, R>(error: &SdkError<E, R>) -> bool
where
    E: Error + ProvideErrorMetadata + 'static,
{
    error.code().is_some_and(is_denial)
}

/// Returns `true` if that is a code with which an AWS service does not permit a call.
pub(crate) fn is_denial(code: &str) -> bool {
    ["AccessDenied", "AuthorizationError", "NotAuthorized"].iter().any(|denied| code.contains(denied))
}

/// The failure of a call that needs this permission.
pub(crate) fn refused<E, R>(what: &str, permission: &str, error: &SdkError<E, R>) -> Failure
where
    E: Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    match is_denied(error) {
        true => not_permitted(what, permission),
        false => Failure::unavailable(format!("cannot {what}"), reason(error)),
    }
}

/// The failure of a call that AWS does not permit.
pub(crate) fn not_permitted(what: &str, permission: &str) -> Failure {
    Failure {
        exit: NO_ACCESS,
        title: format!("cannot {what}: not permitted"),
        advice: Some(format!("allow {permission}; --help lists all permissions")),
        ..Failure::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_whatever_it_says() {
        let line = Line::new("run", Outcome::Failed, "a\u{1b}[2J\nb").advising("look\nat it");
        assert_eq!(line.text(), "FAILED    run: a\u{fffd}[2J b. To do: look at it\n");
        let failure = Failure { advice: Some("wait".into()), ..Failure::unavailable("no answer", "reset") };
        assert_eq!(Line::failed("start", failure).text(), "FAILED    start: no answer: reset. To do: wait\n");
    }

    #[test]
    fn a_call_that_is_not_permitted_names_its_permission() {
        assert!(is_denial("AccessDeniedException") && is_denial("AuthorizationErrorException"));
        assert!(is_denial("NotAuthorizedException") && !is_denial("ThrottlingException"));
        let failure = not_permitted("make a queue", "sqs:CreateQueue");
        assert!(failure.to_string().contains("sqs:CreateQueue"), "{failure}");
    }
}
