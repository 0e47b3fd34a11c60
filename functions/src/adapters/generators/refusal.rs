//! What a provider says when it refuses: its names are understood and reported, its sentences are not repeated, because they may
//! repeat what was sent.

use std::time::Duration;

use aws_smithy_runtime_api::http::Headers;
use goal_activity_core::ports::GenerationError;
use goal_activity_events::FailureCode;
use serde_json::Value;

use super::waits;

/// The headers in which providers name a request, the most specific ones first.
const REQUEST_IDS: [&str; 6] =
    ["x-amzn-requestid", "x-request-id", "request-id", "apim-request-id", "x-goog-request-id", "cf-ray"];

/// A provider's refusal of one request.
#[derive(Debug, Default)]
pub(super) struct Refusal {
    /// The HTTP status; in an answer of status 200 that contains an error, the error's own, if it has one.
    pub(super) status: u16,
    /// The provider's name of the error; empty if it has none.
    pub(super) code: String,
    /// The provider's number of the error, where that is not a status.
    pub(super) number: Option<u64>,
    /// The field of the request that it is about; empty if it says none.
    pub(super) param: String,
    /// The provider's name of the request.
    pub(super) request_id: String,
    /// When it may be asked again.
    pub(super) wait: Option<Duration>,
    /// The status that the model itself had, where the service names it.
    pub(super) original: Option<u64>,
    /// What the deployer can change.
    pub(super) hint: &'static str,
}

impl Refusal {
    /// Reads a response that is an error.
    pub(super) fn read(status: u16, headers: &Headers, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let error = inner(&body);
        let name = |of: &Value, field: &str| of[field].as_str().filter(|name| is_name(name)).map(ToOwned::to_owned);
        // Some repeat the status as a code, which says nothing; then the type does.
        let code = ["code", "status", "type"].iter().find_map(|field| name(error, field));
        let code = code.or_else(|| name(&body, "code")).or_else(|| name(&body, "type"));
        let code = code.or_else(|| name(&body, "error")).or_else(|| name(&body, "__type")).unwrap_or_default();
        // A status of success does not say what has failed.
        let own = || own_status(error).or_else(|| status_of(&code)).unwrap_or(500);
        let status = if (200..300).contains(&status) { own() } else { status };
        let param = name(error, "param").or_else(|| located(&body)).unwrap_or_default();
        let sentence = sentence(error, &body);
        Self {
            hint: hint(status, &code, &param, &sentence.to_lowercase()),
            original: body["originalStatusCode"].as_u64(),
            wait: waits::asked(headers, error, &sentence),
            request_id: request_id(headers),
            number: number(error).filter(|number| !(400..600).contains(number)),
            status,
            code,
            param,
        }
    }

    /// Classifies it, and logs it once, for the operators. `who` names the callee, as in `the model`, and `provider` is where the
    /// operators find it: an address, a model, a function.
    pub(super) fn of(self, who: &str, provider: &str) -> GenerationError {
        let error = self.by_name(who).unwrap_or_else(|| by_status(who, self.status, &self.named()));
        let Self { status, code, number, param, request_id, wait, hint, .. } = self;
        if error.transient {
            tracing::warn!(provider, status, code, number, param, requestId = request_id, hint, "{who} did not answer");
        } else {
            tracing::error!(
                provider,
                status,
                code,
                number,
                param,
                requestId = request_id,
                hint,
                "{who} refuses the request"
            );
        }
        GenerationError { retry_after: wait, hint: Some(hint), ..error }
    }

    /// Errors whose HTTP status does not identify them.
    fn by_name(&self, who: &str) -> Option<GenerationError> {
        let (status, code) = (self.status, &self.code);
        let named = self.named();
        let transient =
            |kind, what: &str| Some(GenerationError::transient(kind, format!("{who} {what}: {status} {named}")));
        let refused = || {
            let message = format!("{who} refuses the request: {status} {named}");
            Some(GenerationError::permanent(FailureCode::AiRejected, message))
        };
        match code.as_str() {
            "ThrottlingException"
            | "TooManyRequestsException"
            | "EC2ThrottledException"
            | "ServiceQuotaExceededException"
            | "RESOURCE_EXHAUSTED" => transient(FailureCode::AiThrottled, "is too busy"),
            "ModelNotReadyException" => transient(FailureCode::AiUnavailable, "is not ready"),
            "ModelErrorException" if self.original == Some(408) => transient(FailureCode::AiTimeout, "took too long"),
            "ModelErrorException" => transient(FailureCode::AiUnavailable, "failed"),
            "ModelTimeoutException" => transient(FailureCode::AiTimeout, "took too long"),
            // Groq's names for an answer of the model that is not in the form of the request.
            "json_validate_failed" | "tool_use_failed" => {
                transient(FailureCode::AiInvalidAnswer, "has not kept to the form of the answer")
            }
            // Also a 429, but waiting does not restore it.
            "insufficient_quota"
            | "insufficient_balance"
            | "billing_hard_limit_reached"
            | "billing_not_active"
            | "budget_exceeded"
            | "exceeded_current_quota_error" => refused(),
            // Lambda returns 502 when a function's own role or key prevents the invocation.
            code if code.contains("AccessDenied") => refused(),
            _ => None,
        }
    }

    /// Its names.
    fn named(&self) -> String {
        let number = self.number.map(|number| format!(" {number}")).unwrap_or_default();
        let param = if self.param.is_empty() { String::new() } else { format!(" ({})", self.param) };
        format!("{}{number}{param}", self.code).trim_start().to_owned()
    }
}

/// The provider's name of the request, if there is one.
pub(super) fn request_id(headers: &Headers) -> String {
    let found = REQUEST_IDS.iter().find_map(|name| headers.get(*name)).filter(|id| is_name(id));
    found.unwrap_or_default().to_owned()
}

/// The error within the body: an object, in some lists the first one, or the body itself.
fn inner(body: &Value) -> &Value {
    let body = body.as_array().and_then(|all| all.first()).unwrap_or(body);
    if body["error"].is_object() { &body["error"] } else { body }
}

/// A code that is a number.
fn number(error: &Value) -> Option<u64> {
    error["code"].as_u64().or_else(|| error["code"].as_str()?.parse().ok())
}

/// The status that an error within an answer has as its code, or beside it.
fn own_status(error: &Value) -> Option<u16> {
    let number = number(error).or_else(|| error["status"].as_u64())?;
    u16::try_from(number).ok().filter(|status| (400..600).contains(status))
}

/// The status that errors of this name have, in an answer that says nothing else.
fn status_of(code: &str) -> Option<u16> {
    const NAMES: [(u16, &[&str]); 5] = [
        (429, &["rate_limit", "too_many", "throttl", "resource_exhausted"]),
        (401, &["api_key", "authentication", "unauthorized", "unauthenticated"]),
        (403, &["permission", "forbidden"]),
        (404, &["not_found"]),
        (400, &["invalid_request", "invalid_argument", "context_length", "unsupported", "bad_request", "validation"]),
    ];
    let code = code.to_ascii_lowercase();
    NAMES.iter().find(|(_, words)| words.iter().any(|word| code.contains(word))).map(|(status, _)| *status)
}

/// Where `FastAPI` says that a request is wrong, by the names of fields.
fn located(body: &Value) -> Option<String> {
    let place = body["detail"][0]["loc"].as_array()?;
    let mut names = place.iter().rev().filter_map(Value::as_str).filter(|name| is_name(name) && *name != "body");
    names.next().map(ToOwned::to_owned)
}

/// What the provider says, for hints and waits only.
fn sentence(error: &Value, body: &Value) -> String {
    let said = [&error["message"], &body["message"], &body["error"], &body["detail"], &error["metadata"]["raw"]];
    said.iter().filter_map(|text| text.as_str()).collect::<Vec<_>>().join(" ")
}

/// Returns `true` if it is the name of an error, of a field or of a request, and not a sentence or anything else.
pub(super) fn is_name(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b"_-.:[]/".contains(&b);
    // A code that is only a number is the status once more.
    (1..=64).contains(&text.len()) && text.bytes().all(word) && text.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Words of a refusal, in lower case, and the setting that they are about (docs/GENERATORS.md). The first that is found counts.
const HINTS: [(&[&str], &str); 16] = [
    (&["inference profile", "on-demand throughput"], "give an inference profile as bedrockModel, such as us.…"),
    (&["toolchoice", "tool choice", "tool_choice"], "try bedrockToolChoice=any, auto or none"),
    (&["toolconfig", "tool use", "doesn't support tool"], "try bedrockToolChoice=none"),
    (&["model identifier"], "check bedrockModel and bedrockRegion"),
    (&["don't have access to the model", "model access"], "enable the model in the account, in its region"),
    (&["minitems", "maxitems", "'minimum'", "'maximum'"], "leave openaiSchemaLimits out"),
    (
        &["response_format", "json_schema", "json schema", "structured output"],
        "try openaiResponseFormat=json_object or none",
    ),
    (&["max_completion_tokens", "max_tokens", "maxtokens"], "check openaiTokenLimit and aiMaxTokens"),
    (
        &["context length", "context_length", "context size", "context window", "exceed_context"],
        "the model's context is too small for the prompt and aiMaxTokens: lower aiMaxTokens or raise its context",
    ),
    (&["temperature"], "leave aiTemperature out, or check it"),
    (&["system role", "system message", "developer instruction"], "try openaiInstructions=user"),
    (&["developer"], "try openaiInstructions=system"),
    (&["api-version", "api version"], "check openaiApiVersion"),
    (&["deployment"], "check openaiModel, and whether its deployment is finished"),
    (&["quota", "credit", "balance", "billing"], "check the provider's account: its balance, its plan"),
    (&["region"], "check whether the provider serves this region"),
];

fn hint(status: u16, code: &str, param: &str, sentence: &str) -> &'static str {
    let names = format!("{param} {code}").to_lowercase();
    let about = |said: &str| HINTS.iter().find(|(words, _)| words.iter().any(|word| said.contains(word)));
    if let Some((_, hint)) = about(&names).or_else(|| about(sentence)) {
        return hint;
    }
    match status {
        401 | 403 => "check the key and what it may do (openaiKeySecret), or the worker's permissions",
        402 => "check the provider's account: its balance, its plan",
        404 | 405 => {
            "check the address (openaiBaseUrl ends before /chat/completions, mostly with /v1) and the model's name"
        }
        300..=399 => "give the address that it redirects to: redirects are not followed",
        429 | 498 => "the provider's limits are reached: lower concurrentBatches, or have them raised",
        500.. => "see the provider's status page",
        _ => "compare the settings with the provider's guide",
    }
}

/// Classifies an HTTP status. `names` are the service's own names for it, without any text.
pub(super) fn by_status(who: &str, status: u16, names: &str) -> GenerationError {
    let names = format!("{status} {names}");
    let names = names.trim_end();
    let transient = |kind, what: &str| GenerationError::transient(kind, format!("{who} {what}: {names}"));
    match status {
        408 => transient(FailureCode::AiTimeout, "took too long"),
        // 498 is Groq's "no capacity for this tier".
        429 | 498 => transient(FailureCode::AiThrottled, "is too busy"),
        // 424: what the service itself depends on has failed. 499: the gateway gave the connection up.
        409 | 424 | 425 | 499 | 500.. => transient(FailureCode::AiUnavailable, "failed"),
        _ => GenerationError::permanent(FailureCode::AiRejected, format!("{who} refuses the request: {names}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(status: u16, body: &Value) -> Refusal {
        Refusal::read(status, &Headers::new(), body.to_string().as_bytes())
    }

    #[test]
    fn names_are_found_in_every_provider_s_form() {
        let table = [
            (json!({ "error": { "type": "t", "code": "c" } }), "c"),
            (json!({ "error": { "type": "invalid_request_error", "code": null } }), "invalid_request_error"),
            (json!({ "error": { "type": "BadRequestError", "code": 400 } }), "BadRequestError"),
            (json!({ "error": { "type": "BadRequestError", "code": "400" } }), "BadRequestError"),
            (json!([{ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED" } }]), "RESOURCE_EXHAUSTED"),
            (json!({ "object": "error", "type": "NotFoundError", "code": 404 }), "NotFoundError"),
            (json!({ "error": "model 'x' not found" }), ""),
            (json!({ "detail": "Not Found" }), ""),
            (json!("text"), ""),
            (Value::Null, ""),
        ];
        for (body, code) in table {
            assert_eq!(read(400, &body).code, code, "{body}");
        }
        let fast = json!({ "detail": [{ "loc": ["body", "max_completion_tokens"], "type": "extra_forbidden" }] });
        assert_eq!(read(422, &fast).param, "max_completion_tokens");
    }

    #[test]
    fn a_sentence_is_a_hint_and_is_not_repeated() {
        let body = json!({ "error": { "message": "Zeppelin: System role not supported", "code": "a sentence of it" } });
        let refusal = read(400, &body);
        assert_eq!(refusal.hint, "try openaiInstructions=user");
        let error = refusal.of("the AI", "https://ai.example/v1");
        assert_eq!(error.message, "the AI refuses the request: 400");
    }

    #[test]
    fn an_error_within_an_answer_has_its_own_status() {
        let body = json!({ "error": { "code": 429, "message": "busy" } });
        assert_eq!(read(200, &body).status, 429);
        assert_eq!(read(503, &body).status, 503);
        assert_eq!(read(200, &json!({ "error": "out of memory" })).status, 500);
        assert_eq!(read(200, &json!({ "error": { "code": "rate_limit_exceeded" } })).status, 429);
        assert_eq!(read(200, &json!({ "error": { "type": "invalid_api_key" } })).status, 401);
        let exhausted = read(200, &json!({ "error": { "code": 8, "status": "RESOURCE_EXHAUSTED" } })).of("x", "y");
        assert_eq!(exhausted.code, FailureCode::AiThrottled);
    }

    #[test]
    fn a_status_says_whether_the_same_request_may_succeed_later() {
        let transient = [408, 409, 425, 429, 500, 502, 503, 504, 529].map(|s| by_status("x", s, "").transient);
        assert_eq!(transient, [true; 9]);
        let permanent = [301, 400, 401, 403, 404, 405, 413, 422].map(|s| by_status("x", s, "").transient);
        assert_eq!(permanent, [false; 8]);
    }
}
