//! The errors that the router answers itself, in the form of the API's own (RFC 9457).

use serde_json::{Value, json};

/// After how many seconds a request may be repeated that was not possible.
const RETRY_AFTER: u64 = 5;

/// An error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The token names no user.
    Unauthenticated,
    /// There is no such route.
    NotFound,
    /// The request cannot be sent on as it is.
    Malformed(&'static str),
    /// The user is moved to another cell, and what would change something has to wait.
    Moving,
    /// The user's cell does not answer.
    Down,
    /// What the cell answered is too large, or broke off.
    Unreadable,
    /// The router cannot tell where the user is.
    Unknown,
    /// No cell takes new users.
    Full,
}

impl Problem {
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::Unauthenticated => 401,
            Self::NotFound => 404,
            Self::Moving | Self::Down | Self::Unreadable | Self::Unknown | Self::Full => 503,
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Malformed(_) => "INVALID_REQUEST",
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::NotFound => "NOT_FOUND",
            _ => "UNAVAILABLE",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Malformed(_) => "The request is malformed",
            Self::Unauthenticated => "A valid token is needed",
            Self::NotFound => "There is no such route",
            _ => "Not possible right now, try again",
        }
    }

    /// What it is, for the log and for people.
    pub(crate) fn detail(self) -> &'static str {
        match self {
            Self::Malformed(why) => why,
            Self::Unauthenticated => "the token names no user: its sub claim is missing or malformed",
            Self::NotFound => "there is no such route",
            Self::Moving => "your goals are being moved: they can be read, and be changed again in a few minutes",
            Self::Down => "the part of the service that has your goals does not answer",
            Self::Unreadable => "the part of the service that has your goals gave no answer that can be passed on",
            Self::Unknown => "it cannot be told where your goals are",
            Self::Full => "no part of the service takes new users at the moment",
        }
    }

    /// The answer for the gateway (payload format 2.0).
    pub(crate) fn answer(self) -> Value {
        let status = self.status();
        let retryable = status == 503;
        let body = json!({
            "type": "about:blank", "title": self.title(), "status": status, "detail": self.detail(), "code": self.code(),
            "retryable": retryable,
        });
        let mut headers = json!({ "content-type": "application/problem+json", "cache-control": "no-store" });
        if retryable {
            headers["retry-after"] = RETRY_AFTER.to_string().into();
        }
        json!({ "statusCode": status, "headers": headers, "body": body.to_string() })
    }
}
