use std::collections::HashSet;

use goal_activity_core::answer::{SchemaDialect, schema};
use goal_activity_core::ports::Tokens;
use goal_activity_events::FailureCode;
use goal_activity_functions::adapters::generators::{OpenAi, Question};
use goal_activity_functions::runtime::config::{
    self, BaseUrl, GeneratorKind, Instructions, KeySecret, ResponseFormat, Sampling, TokenLimit,
};
use goal_activity_testkit::stub::{Reply, Response, Stub};
use serde_json::{Value, json};

use crate::contract::Refusal;
use crate::logs::Logs;
use crate::wire::{self, Over, PRIVATE, Provider, TOKENS, ask, aws_at, failure, generator, goal, good, request};

/// A server without a key, as self-hosted ones are.
pub(crate) struct Server;

keeps_the_contract!(Over(Server));
bears_the_network!(Server);

fn settings(url: &str) -> config::OpenAi {
    let sampling = Sampling { temperature: Some(0.3), max_tokens: 3_000 };
    let base_url = BaseUrl::new(&format!("{url}/v1/")).unwrap();
    config::OpenAi { sampling, ..config::OpenAi::at(base_url, "gpt-4.1-mini") }
}

/// A complete answer, as in the OpenAI API reference.
fn completion(finish_reason: &str, message: &Value, tokens: Tokens) -> Response {
    let body = json!({
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1_741_569_952,
        "model": "gpt-4.1-mini-2025-04-14",
        "choices": [{ "index": 0, "message": message, "logprobs": null, "finish_reason": finish_reason }],
        "usage": {
            "prompt_tokens": tokens.input,
            "completion_tokens": tokens.output,
            "total_tokens": tokens.input + tokens.output,
            "prompt_tokens_details": { "cached_tokens": 0 },
        },
        "service_tier": "default",
        "system_fingerprint": "fp_6f2eabb9a5",
    });
    Response::new(200, body).header("content-type", "application/json").header("x-request-id", "req_1")
}

fn says(text: &str) -> Value {
    json!({ "role": "assistant", "content": text, "refusal": null, "annotations": [] })
}

fn error(status: u16, kind: &str, code: Option<&str>) -> Response {
    let message = format!("This is about {PRIVATE} and the key sk-pr***{PRIVATE}.");
    let body = json!({ "error": { "message": message, "type": kind, "param": null, "code": code } });
    Response::new(status, body).header("content-type", "application/json")
}

impl Provider for Server {
    fn settings(&self, url: &str) -> GeneratorKind {
        GeneratorKind::OpenAi(Box::new(settings(url)))
    }

    fn answer(&self, answer: &Value, tokens: Tokens) -> Response {
        completion("stop", &says(&answer.to_string()), tokens)
    }

    fn text(&self, text: &str, tokens: Tokens) -> Option<Response> {
        Some(completion("stop", &says(text), tokens))
    }

    fn throttled(&self) -> Response {
        error(429, "tokens", Some("rate_limit_exceeded"))
    }

    fn broken(&self) -> Response {
        error(500, "server_error", None)
    }

    fn refused(&self, why: Refusal) -> Response {
        match why {
            Refusal::AccessDenied => error(403, "invalid_request_error", Some("unsupported_country_region_territory")),
            Refusal::BadRequest => error(400, "invalid_request_error", Some("unsupported_parameter")),
            Refusal::NotFound => error(404, "invalid_request_error", Some("model_not_found")),
        }
    }
}

#[tokio::test]
async fn the_server_is_asked_for_an_answer_of_the_form_of_the_schema() {
    let stub = Stub::answering(Server.answer(&good(), TOKENS)).await;
    ask(&generator(&Server, &stub).await).await.unwrap();
    let seen = stub.one();
    assert_eq!((seen.line.as_str(), seen.header("authorization")), ("POST /v1/chat/completions", None));
    assert_eq!(seen.header("content-type"), Some("application/json"));
    let prompt = wire::prompt();
    let expected = json!({
        "model": "gpt-4.1-mini",
        "messages": [
            { "role": "system", "content": prompt.system },
            { "role": "user", "content": prompt.user },
        ],
        "response_format": {
            "type": "json_schema",
            "json_schema": { "name": "tasks", "strict": true, "schema": schema(SchemaDialect::Strict) },
        },
        "stream": false,
        "max_completion_tokens": 3_000,
        "temperature": 0.3,
    });
    assert_eq!(seen.body, expected);
}

#[tokio::test]
async fn what_is_shown_of_a_request_is_what_the_server_gets() {
    let stub = Stub::answering(Server.answer(&good(), TOKENS)).await;
    let generator = generator(&Server, &stub).await;
    let shown = generator.question(&request(&goal()));
    ask(&generator).await.unwrap();
    let url = format!("{}/v1/chat/completions", stub.url());
    assert_eq!(shown, Question::Completion { url, body: stub.one().body });
}

#[tokio::test]
async fn a_server_gets_the_limit_under_its_own_name_and_no_temperature_unless_one_is_set() {
    let stub = Stub::answering(Server.answer(&good(), TOKENS)).await;
    let sampling = Sampling { temperature: None, max_tokens: 100 };
    let settings = config::OpenAi { sampling, token_limit: TokenLimit::MaxTokens, ..settings(&stub.url()) };
    ask(&OpenAi::new(&aws_at(&stub.url()).await, settings)).await.unwrap();
    let body = stub.one().body;
    let fields: HashSet<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, HashSet::from(["model", "messages", "stream", "response_format", "max_tokens"]));
    assert_eq!(body["max_tokens"], 100);
}

#[tokio::test]
async fn a_server_is_asked_as_it_is_configured() {
    let all = json!({ "seed": 1, "temperature": 0.9 }).as_object().unwrap().clone();
    let url = Stub::answering(Server.answer(&good(), TOKENS)).await;
    let settings = config::OpenAi {
        response_format: ResponseFormat::JsonObject,
        instructions: Instructions::User,
        token_limit: TokenLimit::None,
        api_version: Some("2024-10-21".into()),
        extra_body: all,
        extra_headers: vec![("x-title".into(), "goals".into())],
        ..settings(&url.url())
    };
    ask(&OpenAi::new(&aws_at(&url.url()).await, settings)).await.unwrap();
    let seen = url.one();
    assert_eq!(seen.line, "POST /v1/chat/completions?api-version=2024-10-21");
    assert_eq!(seen.header("x-title"), Some("goals"));
    let prompt = wire::prompt();
    let whole = format!("{}\n\n{}", prompt.system, prompt.user);
    let expected = json!({
        "model": "gpt-4.1-mini", "messages": [{ "role": "user", "content": whole }], "stream": false,
        "response_format": { "type": "json_object" }, "temperature": 0.9, "seed": 1,
    });
    assert_eq!(seen.body, expected);
}

#[tokio::test]
async fn a_key_goes_into_the_header_that_the_server_reads() {
    let ai = Stub::answering(Server.answer(&good(), TOKENS)).await;
    let keeper = Stub::start([secret(OLD)]).await;
    let (key, key_header) = (Some(in_secrets_manager()), Some("api-key".to_owned()));
    let settings = config::OpenAi { key, key_header, ..settings(&ai.url()) };
    ask(&OpenAi::new(&aws_at(&keeper.url()).await, settings)).await.unwrap();
    let seen = ai.one();
    assert_eq!((seen.header("api-key"), seen.header("authorization")), (Some(OLD), None));
}

#[tokio::test]
async fn a_refusal_is_logged_with_all_that_its_operator_needs() {
    let logs = Logs::collect();
    let body = json!({ "error": {
        "message": format!("{PRIVATE}: Only the default is possible."), "type": "invalid_request_error",
        "param": "temperature", "code": "unsupported_value",
    } });
    let response = Response::new(400, body).header("x-request-id", "req_123");
    let failed = failure(&Server, response).await;
    assert_eq!(failed.message, "the AI refuses the request: 400 unsupported_value (temperature)");
    let lines = logs.lines();
    let refusals = lines.lines().filter(|line| line.contains("refuses the request")).count();
    assert_eq!(refusals, 1, "{lines}");
    for word in ["\"status\":400", "unsupported_value", "temperature", "req_123", "leave aiTemperature out"] {
        assert!(lines.contains(word), "{word} is not in {lines}");
    }
    assert!(!lines.contains(PRIVATE), "{lines}");
}

#[tokio::test]
async fn an_error_is_known_by_its_status_and_its_name_alone() {
    let table = [
        (429, "requests", Some("rate_limit_exceeded"), FailureCode::AiThrottled, true),
        (429, "insufficient_quota", Some("insufficient_quota"), FailureCode::AiRejected, false),
        (408, "timeout", None, FailureCode::AiTimeout, true),
        (500, "server_error", None, FailureCode::AiUnavailable, true),
        (503, "overloaded_error", None, FailureCode::AiUnavailable, true),
        (401, "invalid_request_error", Some("invalid_api_key"), FailureCode::AiRejected, false),
        (422, "invalid_request_error", None, FailureCode::AiRejected, false),
        (307, "moved", None, FailureCode::AiRejected, false),
    ];
    for (status, kind, name, code, transient) in table {
        let failed = failure(&Server, error(status, kind, name)).await;
        assert_eq!((failed.code, failed.transient), (code, transient), "{status} {kind}");
        let words = [status.to_string(), name.unwrap_or(kind).to_owned()];
        assert!(words.iter().all(|w| failed.message.contains(w)) && !failed.message.contains(PRIVATE), "{failed}");
    }
    // Values that are not error names, and bodies of proxies in front of the server.
    let sentence = format!("{PRIVATE} is a part of a sentence");
    for response in [error(503, &sentence, Some("a sentence")), Response::new(503, format!("<h1>{PRIVATE}</h1>"))] {
        let failed = failure(&Server, response).await;
        assert_eq!(failed.code, FailureCode::AiUnavailable);
        assert!(!failed.message.contains(PRIVATE) && !failed.message.contains("sentence"), "{failed}");
    }
}

#[tokio::test]
async fn an_error_whose_body_never_ends_is_known_by_its_status() {
    let stub = Stub::start([Reply::Flood(error(429, "requests", None))]).await;
    let failed = ask(&generator(&Server, &stub).await).await.unwrap_err();
    assert_eq!((failed.code, failed.transient), (FailureCode::AiThrottled, true));
}

#[tokio::test]
async fn a_model_that_stopped_early_or_refuses_has_given_no_answer() {
    let (answer, refusal) =
        (says(&good().to_string()), json!({ "role": "assistant", "content": null, "refusal": PRIVATE }));
    let table = [
        ("length", &answer, FailureCode::AiInvalidAnswer, false),
        ("content_filter", &answer, FailureCode::AiRejected, false),
        ("stop", &refusal, FailureCode::AiRejected, false),
        ("stop", &says(""), FailureCode::AiInvalidAnswer, true),
        ("stop", &json!({ "role": "assistant", "content": null }), FailureCode::AiInvalidAnswer, true),
    ];
    for (reason, message, code, transient) in table {
        let failed = failure(&Server, completion(reason, message, TOKENS)).await;
        assert_eq!((failed.code, failed.transient, failed.tokens), (code, transient, TOKENS), "{reason} {message}");
        assert!(!failed.message.contains(PRIVATE), "{failed}");
    }
    assert_eq!(failure(&Server, Response::new(200, json!({ "choices": [] }))).await.code, FailureCode::AiInvalidAnswer);
}

#[tokio::test]
async fn a_server_that_counts_no_tokens_took_an_unknown_number() {
    let body = json!({ "choices": [{ "message": { "content": good().to_string() } }] });
    let stub = Stub::answering(Response::new(200, body)).await;
    assert_eq!(ask(&generator(&Server, &stub).await).await.unwrap().tokens, Tokens::default());
}

const OLD: &str = "sk-old-1";
const NEW: &str = "sk-new-2";

fn secret(key: &str) -> Reply {
    let body =
        json!({ "ARN": "arn:aws:secretsmanager:ap-northeast-1:1:secret:ai-AbCdEf", "Name": "ai", "SecretString": key });
    Reply::Whole(Response::new(200, body).header("content-type", "application/x-amz-json-1.1"))
}

async fn with_key(ai: &Stub, keeper: &Stub, secret: KeySecret) -> OpenAi {
    OpenAi::new(&aws_at(&keeper.url()).await, config::OpenAi { key: Some(secret), ..settings(&ai.url()) })
}

fn in_secrets_manager() -> KeySecret {
    KeySecret("arn:aws:secretsmanager:ap-northeast-1:1:secret:ai-AbCdEf".into())
}

fn bearers(ai: &Stub) -> Vec<String> {
    ai.seen().iter().map(|seen| seen.header("authorization").unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn the_key_is_read_once_where_it_is_kept_when_it_is_first_needed() {
    let ai = Stub::answering(Server.answer(&good(), TOKENS)).await;
    let keeper = Stub::start([secret("sk-old-1\n")]).await;
    let openai = with_key(&ai, &keeper, in_secrets_manager()).await;
    assert_eq!(keeper.connections(), 0);
    // As the actions of a batch do.
    let (one, other) = tokio::join!(ask(&openai), ask(&openai));
    assert!(one.is_ok() && other.is_ok() && ask(&openai).await.is_ok());
    assert_eq!(bearers(&ai), vec![format!("Bearer {OLD}"); 3]);
    let seen = keeper.one();
    assert_eq!(seen.header("x-amz-target"), Some("secretsmanager.GetSecretValue"));
    // In the region of its ARN.
    let by = seen.header("authorization").unwrap_or_default();
    assert!(by.contains("ap-northeast-1/secretsmanager"), "{seen:?}");
}

#[tokio::test]
async fn a_key_that_was_changed_is_read_again_within_the_attempt() {
    let refused = Reply::Whole(error(401, "invalid_request_error", Some("invalid_api_key")));
    let ai = Stub::start([refused, Reply::Whole(Server.answer(&good(), TOKENS))]).await;
    let keeper = Stub::start([secret(OLD), secret(NEW)]).await;
    let openai = with_key(&ai, &keeper, in_secrets_manager()).await;
    assert!(ask(&openai).await.is_ok());
    assert!(ask(&openai).await.is_ok());
    assert_eq!(bearers(&ai), [OLD, NEW, NEW].map(|key| format!("Bearer {key}")));
    assert_eq!(keeper.seen().len(), 2);
}

#[tokio::test]
async fn a_key_that_is_refused_and_was_not_changed_is_not_tried_again() {
    let ai = Stub::answering(error(401, "invalid_request_error", Some("invalid_api_key"))).await;
    let keeper = Stub::start([secret(OLD)]).await;
    let failed = ask(&with_key(&ai, &keeper, in_secrets_manager()).await).await.unwrap_err();
    assert_eq!((failed.code, failed.transient), (FailureCode::AiRejected, false), "{failed}");
    assert_eq!((ai.seen().len(), keeper.seen().len()), (1, 2));
}

#[tokio::test]
async fn without_the_key_the_ai_is_not_asked() {
    let denied = |code: &str, status| {
        let body = json!({ "__type": code, "Message": "User: arn:aws:sts::1:assumed-role/worker/x is not authorized" });
        Reply::Whole(Response::new(status, body).header("content-type", "application/x-amz-json-1.1"))
    };
    let table = [
        (denied("AccessDeniedException", 400), FailureCode::AiRejected),
        (denied("ResourceNotFoundException", 400), FailureCode::AiRejected),
        (secret(""), FailureCode::AiRejected),
        (secret(&format!("{{\"key\": \"{PRIVATE}\"}}")), FailureCode::AiRejected),
        (denied("InternalServiceError", 500), FailureCode::AiUnavailable),
        (Reply::HangUp, FailureCode::AiUnavailable),
    ];
    for (reply, code) in table {
        let ai = Stub::answering(Server.answer(&good(), TOKENS)).await;
        let keeper = Stub::start([reply.clone()]).await;
        let failed = ask(&with_key(&ai, &keeper, in_secrets_manager()).await).await.unwrap_err();
        assert_eq!((failed.code, failed.transient), (code, code == FailureCode::AiUnavailable), "{reply:?}");
        assert!(ai.seen().is_empty(), "{reply:?}");
        assert!(!failed.message.contains("arn:") && !failed.message.contains(PRIVATE), "{failed}");
    }
}

#[tokio::test]
async fn the_key_goes_to_the_ai_only() {
    let logs = Logs::collect();
    let replies = [error(401, "invalid_request_error", None), error(500, "server_error", None)];
    for response in replies.into_iter().chain([Server.answer(&good(), TOKENS)]) {
        let ai = Stub::answering(response).await;
        let keeper = Stub::start([secret(OLD)]).await;
        let openai = with_key(&ai, &keeper, in_secrets_manager()).await;
        let answer = ask(&openai).await;
        assert!(!format!("{answer:?} {openai:?}").contains(OLD));
    }
    logs.tell_nothing_of(OLD);
}
