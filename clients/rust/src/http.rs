//! HTTP as every caller of the pipeline speaks it.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::Agent;

/// How long one call may take. The gateway gives up after 30 s.
const TIMEOUT: Duration = Duration::from_secs(35);
const CONNECT: Duration = Duration::from_secs(5);

/// The characters to percent-encode: all except the unreserved ones (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes a part of a path or a query.
pub fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Returns `true` if the same request may be answered otherwise later: a time limit, throttling or a fault of the server.
pub fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..)
}

/// Returns `true` if a URL is one of this machine.
pub fn is_on_this_machine(url: &str) -> bool {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| is_this_machine(rest.split(['/', '?', '#']).next().unwrap_or_default()))
}

/// Returns `true` if a host of a URL, with its port if any, is this machine.
pub fn is_this_machine(host: &str) -> bool {
    let digits = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    let names = ["127.0.0.1", "localhost", "[::1]"];
    names.iter().any(|name| {
        host.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.strip_prefix(':').is_some_and(digits))
    })
}

/// Returns the client for a server. An error status is an answer. `name` is that of the program, for the server's log.
pub fn agent(url: &str, name: &str) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .timeout_connect(Some(CONNECT))
        .http_status_as_error(false)
        // A redirect must not carry the token to another host.
        .max_redirects(0)
        .user_agent(name);
    #[cfg(feature = "tls")]
    let config = {
        use ureq::tls::{RootCerts, TlsConfig};
        config.tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
    };
    // No proxy reaches this machine, whatever the environment says of others.
    let config = if is_on_this_machine(url) { config.proxy(None) } else { config };
    config.build().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_few_names() {
        for local in ["http://127.0.0.1:4566/_aws/execute-api/a", "https://localhost", "http://[::1]:80?x"] {
            assert!(is_on_this_machine(local), "{local}");
        }
        for other in ["https://a.example", "http://127.0.0.1@a.example", "http://127.0.0.1:1@a", "localhost", ""] {
            assert!(!is_on_this_machine(other), "{other}");
        }
    }

    #[test]
    fn ids_are_encoded_in_a_path() {
        assert_eq!(encode("arn:aws:a-1_b"), "arn%3Aaws%3Aa-1_b");
        assert_eq!(encode("a&b=目"), "a%26b%3D%E7%9B%AE");
    }
}
