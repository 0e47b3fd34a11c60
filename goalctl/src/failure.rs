//! Failures: what is printed about them, with advice on how to resolve them, and the exit codes for scripts.

use std::fmt;

use goal_activity_client::api::{GatewayProblem, Problem};
use serde::Serialize;

use crate::program;
use crate::text::{printable, printable_lines};

/// Everything was done.
pub(crate) const DONE: u8 = 0;
/// Some of it was refused or failed, or the workflow did not succeed completely; the output has the details.
pub(crate) const NOT_DONE: u8 = 1;
/// Nothing was done: wrong arguments, or no deployment is specified.
pub(crate) const USAGE: u8 = 2;
/// The API refused it: a conflict with the current state, or an invalid request.
pub(crate) const REFUSED: u8 = 3;
/// It does not exist, or is not allowed.
pub(crate) const NO_ACCESS: u8 = 4;
/// The deployment did not respond, or is temporarily unavailable: a retry may succeed.
pub(crate) const UNAVAILABLE: u8 = 5;

/// Ctrl-C ended the command, as shells say it of others.
pub(crate) const INTERRUPTED: u8 = 130;

/// The reason why a command failed. Part of the JSON output: names are never changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failure {
    #[serde(skip)]
    pub(crate) exit: u8,
    pub(crate) title: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
    /// The API's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<String>,
    /// The HTTP status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    /// Its workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) execution_arn: Option<String>,
    pub(crate) retryable: bool,
    /// What to do about it. Its commands are told as they are to be typed here.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "program::serialize")]
    pub(crate) advice: Option<String>,
}

impl Failure {
    /// Returns a failure that the caller must resolve first.
    pub(crate) fn usage(title: impl Into<String>, advice: &str) -> Self {
        Self { exit: USAGE, title: title.into(), advice: Some(advice.to_owned()), ..Self::default() }
    }

    /// Returns the failure for a command line that the parser rejects.
    pub(crate) fn misspelt(complaint: &str) -> Self {
        let complaint = complaint.trim().trim_start_matches("error: ");
        let (title, advice) = complaint.split_once("\n\n").unwrap_or((complaint, "see --help"));
        Self::usage(title, advice)
    }

    /// Returns a failure for what was tried and came out wrong.
    pub(crate) fn not_done(title: impl Into<String>) -> Self {
        Self { exit: NOT_DONE, title: title.into(), ..Self::default() }
    }

    /// Returns the same with what to do about it.
    pub(crate) fn advising(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// Returns a retryable failure for a service that did not respond.
    pub(crate) fn unavailable(title: impl Into<String>, detail: impl Into<String>) -> Self {
        let (title, detail) = (title.into(), Some(detail.into()));
        Self { exit: UNAVAILABLE, title, detail, retryable: true, ..Self::default() }
    }

    /// Returns the failure for an API response with an error status.
    pub(crate) fn answered(status: u16, body: &str) -> Self {
        let problem: Option<Problem> = serde_json::from_str(body).ok();
        let code = problem.as_ref().map(|problem| problem.code.to_string());
        // The gateway does not mark its own transient errors as retryable.
        let retryable = problem.as_ref().is_some_and(|problem| problem.retryable)
            || matches!((status, &code), (429 | 502..=504, None));
        let exit = match status {
            401 | 403 | 404 => NO_ACCESS,
            _ if retryable || status >= 500 => UNAVAILABLE,
            _ => REFUSED,
        };
        let (title, detail, execution_arn) = if let Some(problem) = problem {
            (problem.title, Some(problem.detail), problem.execution_arn)
        } else {
            let gateway: Option<GatewayProblem> = serde_json::from_str(body).ok();
            (String::new(), gateway.map(|gateway| gateway.message), None)
        };
        let title = if title.is_empty() { meaning(status).to_owned() } else { title };
        let detail = detail.filter(|detail| !detail.is_empty() && *detail != title);
        Self {
            exit,
            advice: advice(status, code.as_deref()).map(str::to_owned),
            title,
            detail,
            code,
            status: Some(status),
            execution_arn: execution_arn.map(|arn| arn.to_string()),
            retryable,
        }
    }

    /// Returns the failure for two things that failed: the first, with the other in its detail.
    pub(crate) fn and(self, other: Self) -> Self {
        let more = [Some(other.title), other.detail].into_iter().flatten().collect::<Vec<_>>().join(": ");
        let detail = self.detail.map_or_else(|| more.clone(), |detail| format!("{detail}\n{more}"));
        Self { detail: Some(detail), ..self }
    }

    /// Returns the failure for any error. An error of another type is a usage failure.
    pub(crate) fn of(error: &anyhow::Error) -> Self {
        let unknown = || Self { exit: USAGE, title: format!("{error:#}"), ..Self::default() };
        error.downcast_ref::<Self>().cloned().unwrap_or_else(unknown)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The line breaks are the tool's own; the content may come from outside.
        let lines = |text: &str| printable_lines(text.trim_end());
        f.write_str(&lines(&self.title))?;
        if let Some(code) = &self.code {
            write!(f, " ({})", printable(code))?;
        }
        if let Some(detail) = &self.detail {
            write!(f, "\n  {}", lines(detail))?;
        }
        if let Some(arn) = &self.execution_arn {
            write!(f, "\n  workflow: {}", printable(arn))?;
        }
        if let Some(advice) = &self.advice {
            write!(f, "\n  to do: {}", lines(&program::as_typed(advice)))?;
        }
        Ok(())
    }
}

/// Returns the title for a status without a problem document.
fn meaning(status: u16) -> &'static str {
    match status {
        401 => "The token is missing, expired or not for this deployment",
        403 => "This is not allowed",
        404 => "There is no such thing here",
        413 => "The request is too large",
        429 => "Too many requests",
        500.. => "The API could not answer",
        _ => "The API refused the request",
    }
}

/// Returns what to do about a status, or about a code that the API and the answers on the bus share.
pub(crate) fn advice(status: u16, code: Option<&str>) -> Option<&'static str> {
    Some(match (status, code) {
        (_, Some("ALREADY_RUNNING")) => {
            "follow it with `goalctl status <workflow> --watch`; start again when it has ended"
        }
        (_, Some("NOTHING_TO_DO")) => "see them with `goalctl tasks <goal>`; `start --regenerate` replaces them",
        (_, Some("ALREADY_ENDED")) => "see how with `goalctl status <workflow>`",
        (_, Some("NOT_ENDED")) => "wait with `goalctl status <workflow> --watch`, or cancel it",
        (_, Some("TOO_MANY_RUNNING")) => "wait until one of your workflows has ended",
        (_, Some("DAILY_LIMIT")) => "wait for the next day (UTC), or name fewer actions with --action",
        (_, Some("IDEMPOTENCY_KEY_REUSED")) => "use another --idempotency-key",
        (_, Some("UNREADABLE_GOAL")) => "mend that attribute in the Goals table; docs/API.md says what is read",
        (_, Some("NOT_OWNER")) => "sign in as its owner: the token is another user's",
        (_, Some("UNKNOWN_GOAL")) => "check the goal's id, and that this is the right deployment",
        (_, Some("UNKNOWN_EXECUTION")) => "list the workflows with `goalctl history <goal>`",
        (401, _) => {
            "sign in with `goalctl login`; or get a new token for --token, GOAL_ACTIVITY_TOKEN or the profile file"
        }
        (403, None) => "the API takes access tokens with its scope, and no ID token: sign in with `goalctl login`",
        (404, None) => "check the URL: it ends before /api",
        (429, None) => "slow down, and try again",
        (500.., _) => "try again in a moment",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_shown_as_people_read_it() {
        let failure = Failure::answered(
            409,
            r#"{"type": "about:blank", "title": "A workflow of this goal is running", "status": 409, "retryable": false,
                "detail": "goal g is taken", "code": "ALREADY_RUNNING",
                "executionArn": "arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1"}"#,
        );
        assert_eq!(failure.exit, REFUSED);
        assert_eq!(
            failure.to_string(),
            "A workflow of this goal is running (ALREADY_RUNNING)\n  goal g is taken\n  \
             workflow: arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1\n  \
             to do: follow it with `goalctl status <workflow> --watch`; start again when it has ended"
        );
    }

    #[test]
    fn every_answer_has_an_exit_code_for_scripts() {
        let exit = |status, body| Failure::answered(status, body).exit;
        assert_eq!([400, 409, 413, 422].map(|status| exit(status, "{}")), [REFUSED; 4]);
        assert_eq!([401, 403, 404].map(|status| exit(status, "not JSON")), [NO_ACCESS; 3]);
        assert_eq!([429, 500, 502, 503, 504].map(|status| exit(status, "<html>")), [UNAVAILABLE; 5]);
        assert_eq!(exit(429, r#"{"code": "TOO_MANY_RUNNING", "retryable": true}"#), UNAVAILABLE);
    }

    #[test]
    fn what_only_the_gateway_says_is_described_too() {
        let failure = Failure::answered(401, r#"{"message": "Unauthorized"}"#);
        assert!(failure.to_string().starts_with("The token is missing, expired"), "{failure}");
        assert!(failure.to_string().contains("GOAL_ACTIVITY_TOKEN"), "{failure}");
        assert!(Failure::answered(429, "{}").retryable && !Failure::answered(500, "{}").retryable);
    }

    #[test]
    fn an_answer_cannot_act_on_a_terminal() {
        let failure = Failure::answered(400, r#"{"title": "\u001b[2J", "detail": "\u001b[2J", "code": "\u001b"}"#);
        assert!(!failure.to_string().chars().any(|c| c.is_control() && c != '\n'), "{failure:?}");
    }
}
