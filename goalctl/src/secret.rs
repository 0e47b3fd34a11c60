//! A value that is never printed.

use std::fmt;

use serde::Deserialize;

/// A value that is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Returns it as a token, without the line end and the scheme with which it may have been copied.
    pub(crate) fn as_token(&self) -> Self {
        let text = self.0.trim();
        let token = match text.split_once(char::is_whitespace) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
            _ => text,
        };
        token.into()
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
            assert_eq!(Secret::from(text).as_token().reveal(), "xyz", "{text:?}");
        }
        assert_eq!(Secret::from("Basic xyz").as_token().reveal(), "Basic xyz");
        assert_eq!(Secret::from("bearer").as_token().reveal(), "bearer");
    }
}
