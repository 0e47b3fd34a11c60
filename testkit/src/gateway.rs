use serde_json::{Map, Value, json};

/// A call of the API as API Gateway hands it to a function: payload format 2.0, behind a JWT authorizer
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>). The gateway
/// leaves out what a call does not have, such as a body.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayRequest(Value);

impl GatewayRequest {
    /// Returns a call of a route, such as `GET /api/goals/{goalId}/tasks`, with a token of that user.
    pub fn new(route: &str, user: &str) -> Self {
        let method = route.split(' ').next().unwrap_or_default();
        Self(json!({
            "version": "2.0", "routeKey": route, "rawPath": "/", "rawQueryString": "", "headers": {},
            "requestContext": {
                "authorizer": { "jwt": { "claims": { "sub": user }, "scopes": null } },
                "http": { "method": method, "path": "/" },
            },
            "isBase64Encoded": false,
        }))
    }

    /// Returns the same call with these values for the placeholders of its route.
    #[must_use]
    pub fn path(self, parameters: Value) -> Self {
        self.with("pathParameters", parameters)
    }

    /// Returns the same call with these parameters behind the `?`.
    #[must_use]
    pub fn query(self, parameters: Value) -> Self {
        self.with("queryStringParameters", parameters)
    }

    /// Returns the same call with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.0["headers"][name] = value.into();
        self
    }

    /// Returns the same call with a body.
    #[must_use]
    pub fn body(self, text: &str) -> Self {
        self.with("body", text.into())
    }

    /// Returns the same call with these fields, whatever they are.
    #[must_use]
    pub fn fields(self, fields: Map<String, Value>) -> Self {
        fields.into_iter().fold(self, |request, (name, value)| request.with(&name, value))
    }

    fn with(mut self, field: &str, value: Value) -> Self {
        self.0[field] = value;
        self
    }
}

impl From<GatewayRequest> for Value {
    fn from(request: GatewayRequest) -> Self {
        request.0
    }
}
