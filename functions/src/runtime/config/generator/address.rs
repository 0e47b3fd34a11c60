use std::fmt;
use std::net::IpAddr;

/// The path of chat completions below the address of an API. People often give both together.
const COMPLETIONS: &str = "/chat/completions";

/// An address over HTTP or HTTPS, without a slash at its end and without `/chat/completions`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Returns the address if it is valid.
    pub fn new(url: &str) -> Option<Self> {
        let url = url.trim_end_matches('/');
        let url = url.strip_suffix(COMPLETIONS).unwrap_or(url).trim_end_matches('/');
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        // With a user and a password, it would be a secret.
        let plain = |c: char| c.is_ascii_graphic() && !"?#@\"<>\\^`{|}".contains(c);
        (!rest.is_empty() && !rest.starts_with('/') && rest.chars().all(plain)).then(|| Self(url.to_owned()))
    }

    /// The address of chat completions.
    pub fn completions(&self) -> String {
        format!("{}{COMPLETIONS}", self.0)
    }

    /// Returns `true` if data that is sent there cannot be intercepted.
    pub fn is_private(&self) -> bool {
        let Some(rest) = self.0.strip_prefix("http://") else { return true };
        let authority = rest.split('/').next().unwrap_or_default();
        let host = match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
