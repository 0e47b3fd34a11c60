use aws_sdk_dynamodb::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use reqwest::{RequestBuilder, Response};

use crate::stack::REGION;

/// Sends a request to an AWS service, signed with `credentials`.
#[allow(clippy::disallowed_methods, reason = "a signature is good for the present moment only")]
pub(crate) async fn send(service: &str, credentials: &Credentials, request: RequestBuilder) -> Response {
    let (client, request) = request.build_split();
    let mut request = request.expect("a request");
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name(service)
        .time(std::time::SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .expect("all parameters of a signature")
        .into();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text")));
    let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
    let signable =
        SignableRequest::new(request.method().as_str(), request.url().as_str(), headers, SignableBody::Bytes(body));
    let signed = sign(signable.expect("a request that can be signed"), &parameters).expect("a signature");
    for header in signed.into_parts().0.into_parts().0 {
        request.headers_mut().insert(header.name(), header.value().parse().expect("a header's value"));
    }
    client.execute(request).await.unwrap_or_else(|e| panic!("{service} answers: {e}"))
}
