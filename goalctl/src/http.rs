//! HTTP as the tool speaks it: to the API, and to those that issue its tokens.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Builder, Connector, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use crate::failure::Failure;

/// How long one call may take. The gateway gives up after 30 s.
const TIMEOUT: Duration = Duration::from_secs(35);
const CONNECT: Duration = Duration::from_secs(5);

/// The characters to percent-encode: all except the unreserved ones (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes a part of a path or a query.
pub(crate) fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Returns the URL if a token may be sent to it: over TLS, or without TLS to this machine only.
pub(crate) fn checked(url: &str) -> Result<String> {
    let url = url.trim_end_matches('/');
    let host = url.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or_default());
    match host {
        None if url.starts_with("https://") => Ok(url.to_owned()),
        Some(host) if is_this_machine(host) => Ok(url.to_owned()),
        _ => Err(Failure::usage(
            format!("{url} is no address for a token"),
            "say https://…; http:// is for this machine only",
        )
        .into()),
    }
}

/// Returns `true` if the same request may be answered otherwise later: a time limit, throttling or a fault of the server.
pub(crate) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..)
}

/// Returns `true` if a URL is one of this machine.
pub(crate) fn is_on_this_machine(url: &str) -> bool {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    rest.is_some_and(|rest| is_this_machine(rest.split(['/', '?', '#']).next().unwrap_or_default()))
}

fn is_this_machine(host: &str) -> bool {
    let digits = |port: &str| port.bytes().all(|b| b.is_ascii_digit());
    let names = ["127.0.0.1", "localhost", "[::1]"];
    names.iter().any(|name| {
        host.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.strip_prefix(':').is_some_and(digits))
    })
}

pub(crate) fn agent(url: &str) -> Agent {
    let config = Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .timeout_connect(Some(CONNECT))
        .http_status_as_error(false)
        // A redirect must not carry the token to another host.
        .max_redirects(0)
        .user_agent(concat!("goalctl/", env!("CARGO_PKG_VERSION")))
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build());
    // No proxy reaches this machine, whatever the environment says of others.
    let config = if is_on_this_machine(url) { config.proxy(None) } else { config };
    config.build().into()
}

/// Returns the client for AWS's SDKs. As for [`agent`], the environment names a proxy, which is not for this machine.
pub(crate) fn aws_client() -> SharedHttpClient {
    let ring = || tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
    let direct = Builder::new().tls_provider(ring()).build_https();
    let proxied = Builder::new().build_with_connector_fn(move |settings, _| {
        let connector = Connector::builder().proxy_config(ProxyConfig::from_env());
        let connector = match settings {
            Some(settings) => connector.connector_settings(settings.clone()),
            None => connector,
        };
        connector.tls_provider(ring()).build()
    });
    http_client_fn(move |settings, components| {
        let (direct, proxied) = (&direct, &proxied);
        let of = |client: &SharedHttpClient| client.http_connector(settings, components);
        SharedHttpConnector::new(Ways { direct: of(direct), proxied: of(proxied) })
    })
}

/// The ways to a server.
#[derive(Debug)]
struct Ways {
    direct: SharedHttpConnector,
    proxied: SharedHttpConnector,
}

impl HttpConnector for Ways {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let near = is_near(request.uri());
        if near { self.direct.call(request) } else { self.proxied.call(request) }
    }
}

/// Returns `true` for this machine, and for what gives credentials to an instance or a container of AWS: addresses that only this
/// machine has.
fn is_near(url: &str) -> bool {
    let host = url.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let host = host.map(|host| match host.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    });
    let link_local = |address| match address {
        IpAddr::V4(address) => address.is_link_local(),
        // AWS's own: fd00:ec2::/32.
        IpAddr::V6(address) => address.segments()[..2] == [0xfd00, 0xec2],
    };
    is_on_this_machine(url) || host.and_then(|host| host.parse().ok()).is_some_and(link_local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_crosses_no_network_in_the_open() {
        assert_eq!(checked("https://a.example/").unwrap(), "https://a.example");
        for local in ["http://127.0.0.1:4566/x", "http://localhost", "http://[::1]:80"] {
            assert!(checked(local).is_ok(), "{local}");
        }
        for other in ["http://a.example", "http://127.0.0.1.example", "http://127.0.0.1:1@example", "ftp://a", "a", ""]
        {
            assert!(checked(other).is_err(), "{other}");
        }
    }

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
    fn what_gives_credentials_is_asked_without_a_proxy() {
        for near in [
            "http://169.254.169.254/latest/api/token",
            "http://[fd00:ec2::254]/x",
            "http://127.0.0.1:80",
            "http://169.254.170.2",
        ] {
            assert!(is_near(near), "{near}");
        }
        for far in
            ["https://sqs.us-east-1.amazonaws.com/", "https://169.254.169.254.example", "http://[fe80::1]@a", "a"]
        {
            assert!(!is_near(far), "{far}");
        }
    }

    #[test]
    fn ids_are_encoded_in_a_path() {
        assert_eq!(encode("arn:aws:a-1_b"), "arn%3Aaws%3Aa-1_b");
        assert_eq!(encode("a&b=目"), "a%26b%3D%E7%9B%AE");
    }
}
