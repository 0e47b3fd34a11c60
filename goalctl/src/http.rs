//! HTTP as the tool speaks it: to the API, and to those that issue its tokens.

use std::net::IpAddr;

use anyhow::Result;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::{Builder, Connector, tls};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use goal_activity_client::http::{self, is_this_machine};
pub(crate) use goal_activity_client::http::{encode, is_on_this_machine, is_passing};
use ureq::Agent;

use crate::failure::Failure;

/// The name of this program, for servers.
const NAME: &str = concat!("goalctl/", env!("CARGO_PKG_VERSION"));

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

/// Returns the client for a server.
pub(crate) fn agent(url: &str) -> Agent {
    http::agent(url, NAME)
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
}
