//! A value that is never printed.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use goal_activity_events::UserId;
use serde::{Deserialize, Serializer};

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Returns the value, for who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns it as a token, without the line end and the scheme with which it may have been copied; `None` if it is none.
    pub fn as_token(&self) -> Option<Self> {
        let text = self.0.trim();
        let token = match text.split_once(char::is_whitespace) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
            _ => text,
        };
        Self::from(token).is_token().then(|| token.into())
    }

    /// Returns `true` if a header can carry it as a bearer token: `b64token` (RFC 6750, section 2.1).
    pub fn is_token(&self) -> bool {
        let text = self.0.trim_end_matches('=');
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
    }

    /// Returns the user in a JWT. Its signature is not verified: the API does that.
    pub fn subject(&self) -> Option<UserId> {
        let payload = BASE64_URL_SAFE_NO_PAD.decode(self.0.split('.').nth(1)?).ok()?;
        let claims: serde_json::Value = serde_json::from_slice(&payload).ok()?;
        claims["sub"].as_str()?.parse().ok()
    }

    /// Serializes the value itself, for a field of a file that only its owner can read: `serialize_with`.
    pub fn revealed<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_be_given_as_it_was_copied() {
        for text in ["xyz", "xyz\n", "Bearer xyz", "bearer  xyz\r\n", " xyz "] {
            assert_eq!(Secret::from(text).as_token(), Some("xyz".into()), "{text:?}");
        }
        assert_eq!(Secret::from("bearer").as_token(), Some("bearer".into()));
        assert_eq!(Secret::from("aZ09-._~+/==\n").as_token(), Some("aZ09-._~+/==".into()));
    }

    #[test]
    fn the_user_of_a_token_is_its_subject() {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(r#"{"sub":"user-1"}"#);
        let of = |token: &str| Secret::from(token).subject().map(|user| user.to_string());
        assert_eq!(of(&format!("header.{payload}.signature")), Some("user-1".to_owned()));
        assert!(of("opaque").is_none() && of("a.%%%.c").is_none());
    }

    #[test]
    fn a_token_has_only_the_characters_of_one() {
        for text in ["", "\n", "=", "Basic xyz", "a b", "a\nb", "a=b", "a\u{1b}[2J", "a\u{202e}b", "é", "Bearer a\nb"]
        {
            assert_eq!(Secret::from(text).as_token(), None, "{text:?}");
        }
    }
}
