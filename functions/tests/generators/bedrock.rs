use goal_activity_core::answer::{SchemaDialect, Tolerance, schema};
use goal_activity_core::ports::Tokens;
use goal_activity_events::FailureCode;
use goal_activity_functions::adapters::generators::Bedrock;
use goal_activity_functions::runtime::config::{self, GeneratorKind, Sampling, ToolChoice};
use goal_activity_testkit::stub::{Response, Stub};
use serde_json::{Value, json};

use crate::contract::Refusal;
use crate::wire::{self, Over, PRIVATE, Provider, TOKENS, ask, aws_at, failure, generator, good};

/// A model that uses its tool, as nearly all models with tools do.
pub(crate) struct WithTool;
/// A model that writes its answer as text nevertheless.
struct InText;

mod with_tool {
    use super::{Over, WithTool};

    keeps_the_contract!(Over(WithTool));
    bears_the_network!(WithTool);
}

mod in_text {
    use super::{InText, Over};

    keeps_the_contract!(Over(InText));
}

fn settings() -> config::Bedrock {
    config::Bedrock {
        model: "eu.anthropic.claude-haiku-4-5-20251001-v1:0".into(),
        region: Some("eu-north-1".into()),
        sampling: Sampling { temperature: Some(0.5), max_tokens: 3_000 },
        tool_choice: ToolChoice::Tool,
        tolerance: Tolerance::default(),
    }
}

/// A complete answer, as in the Bedrock API reference.
fn converse(stop_reason: &str, content: &Value, tokens: Tokens) -> Response {
    let body = json!({
        "metrics": { "latencyMs": 1275 },
        "output": { "message": { "role": "assistant", "content": content } },
        "stopReason": stop_reason,
        "usage": {
            "inputTokens": tokens.input, "outputTokens": tokens.output, "totalTokens": tokens.input + tokens.output,
        },
    });
    Response::new(200, body).header("content-type", "application/json").header("x-amzn-requestid", "4e3f7c5a")
}

/// An error in the format of the services behind an AWS endpoint.
fn error(status: u16, code: &str, message: &str) -> Response {
    Response::new(status, json!({ "message": message }))
        .header("content-type", "application/json")
        .header("x-amzn-errortype", format!("{code}:http://internal.amazon.com/coral/com.amazon.bedrock/"))
        .header("x-amzn-requestid", "4e3f7c5a")
}

fn throttled() -> Response {
    error(429, "ThrottlingException", &format!("Too many tokens about {PRIVATE}, please wait before trying again."))
}

fn refused(why: Refusal) -> Response {
    match why {
        Refusal::AccessDenied => error(403, "AccessDeniedException", "You don't have access to the model."),
        Refusal::BadRequest => error(400, "ValidationException", &format!("messages.0.content: {PRIVATE} is not")),
        Refusal::NotFound => error(404, "ResourceNotFoundException", "The model has reached the end of its life."),
    }
}

impl Provider for WithTool {
    fn settings(&self, _: &str) -> GeneratorKind {
        GeneratorKind::Bedrock(settings())
    }

    fn answer(&self, answer: &Value, tokens: Tokens) -> Response {
        let tool = json!({ "toolUse": { "toolUseId": "tooluse_x1", "name": "save_tasks", "input": answer } });
        converse("tool_use", &json!([{ "text": "I will save the tasks." }, tool]), tokens)
    }

    fn throttled(&self) -> Response {
        throttled()
    }

    fn broken(&self) -> Response {
        error(500, "InternalServerException", &format!("An internal server error about {PRIVATE}"))
    }

    fn refused(&self, why: Refusal) -> Response {
        refused(why)
    }
}

impl Provider for InText {
    fn settings(&self, url: &str) -> GeneratorKind {
        WithTool.settings(url)
    }

    fn answer(&self, answer: &Value, tokens: Tokens) -> Response {
        converse("end_turn", &json!([{ "text": answer.to_string() }]), tokens)
    }

    fn text(&self, text: &str, tokens: Tokens) -> Option<Response> {
        Some(converse("end_turn", &json!([{ "text": text }]), tokens))
    }

    fn throttled(&self) -> Response {
        throttled()
    }

    fn broken(&self) -> Response {
        WithTool.broken()
    }

    fn refused(&self, why: Refusal) -> Response {
        refused(why)
    }
}

/// As created for an application, to attribute its costs.
#[tokio::test]
async fn an_inference_profile_of_one_s_own_is_asked_by_its_arn() {
    let stub = Stub::answering(WithTool.answer(&good(), TOKENS)).await;
    let profile = "arn:aws:bedrock:eu-north-1:111122223333:application-inference-profile/a1b2c3d4e5f6";
    let settings = config::Bedrock { model: profile.into(), ..settings() };
    ask(&Bedrock::new(&aws_at(&stub.url()).await, settings)).await.unwrap();
    let in_path = "arn%3Aaws%3Abedrock%3Aeu-north-1%3A111122223333%3Aapplication-inference-profile%2Fa1b2c3d4e5f6";
    assert_eq!(stub.one().line, format!("POST /model/{in_path}/converse"));
}

#[tokio::test]
async fn the_model_is_asked_in_its_region_and_made_to_use_the_tool_of_the_answer_s_form() {
    let stub = Stub::answering(WithTool.answer(&good(), TOKENS)).await;
    ask(&generator(&WithTool, &stub).await).await.unwrap();
    let seen = stub.one();
    assert_eq!(seen.line, "POST /model/eu.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse");
    let signed = seen.header("authorization").unwrap();
    assert!(signed.contains("/eu-north-1/bedrock/aws4_request"), "{signed}");
    let prompt = wire::prompt();
    let expected = json!({
        "system": [{ "text": prompt.system }],
        "messages": [{ "role": "user", "content": [{ "text": prompt.user }] }],
        "inferenceConfig": { "maxTokens": 3_000, "temperature": 0.5 },
        "toolConfig": {
            "tools": [{ "toolSpec": {
                "name": "save_tasks",
                "description": "Saves the tasks of the action",
                "inputSchema": { "json": schema(SchemaDialect::Plain) },
            } }],
            "toolChoice": { "tool": { "name": "save_tasks" } },
        },
    });
    assert_eq!(seen.body, expected);
}

#[tokio::test]
async fn what_is_not_configured_is_left_to_the_model_and_to_the_function_s_region() {
    let stub = Stub::answering(WithTool.answer(&good(), TOKENS)).await;
    let sampling = Sampling { temperature: None, max_tokens: 100 };
    let settings = config::Bedrock { model: "amazon.nova-lite-v1:0".into(), region: None, sampling, ..settings() };
    ask(&Bedrock::new(&aws_at(&stub.url()).await, settings)).await.unwrap();
    let seen = stub.one();
    assert_eq!(seen.body["inferenceConfig"], json!({ "maxTokens": 100 }));
    assert!(seen.header("authorization").unwrap().contains("/eu-west-1/bedrock/"));
}

#[tokio::test]
async fn each_of_bedrock_s_errors_is_transient_or_not() {
    let table = [
        (429, "ThrottlingException", FailureCode::AiThrottled, true),
        (400, "ThrottlingException", FailureCode::AiThrottled, true),
        (400, "ServiceQuotaExceededException", FailureCode::AiThrottled, true),
        (408, "ModelTimeoutException", FailureCode::AiTimeout, true),
        (429, "ModelNotReadyException", FailureCode::AiUnavailable, true),
        (424, "ModelErrorException", FailureCode::AiUnavailable, true),
        (500, "InternalServerException", FailureCode::AiUnavailable, true),
        (503, "ServiceUnavailableException", FailureCode::AiUnavailable, true),
        (502, "SomethingNewException", FailureCode::AiUnavailable, true),
        (403, "AccessDeniedException", FailureCode::AiRejected, false),
        (403, "UnrecognizedClientException", FailureCode::AiRejected, false),
        (400, "ValidationException", FailureCode::AiRejected, false),
        (404, "ResourceNotFoundException", FailureCode::AiRejected, false),
        (418, "SomethingNewException", FailureCode::AiRejected, false),
    ];
    for (status, name, code, transient) in table {
        let failed = failure(&WithTool, error(status, name, PRIVATE)).await;
        assert_eq!((failed.code, failed.transient), (code, transient), "{status} {name}");
        assert!(failed.message.contains(name), "{failed}");
    }
}

#[tokio::test]
async fn a_model_that_stopped_early_has_given_no_answer() {
    let table = [
        ("max_tokens", FailureCode::AiInvalidAnswer, false),
        ("model_context_window_exceeded", FailureCode::AiInvalidAnswer, false),
        ("malformed_tool_use", FailureCode::AiInvalidAnswer, true),
        ("malformed_model_output", FailureCode::AiInvalidAnswer, true),
        ("content_filtered", FailureCode::AiRejected, false),
        ("guardrail_intervened", FailureCode::AiRejected, false),
    ];
    // Even if the partial answer could be valid.
    let content = json!([{ "toolUse": { "toolUseId": "t", "name": "save_tasks", "input": good() } }]);
    for (reason, code, transient) in table {
        let failed = failure(&WithTool, converse(reason, &content, TOKENS)).await;
        assert_eq!((failed.code, failed.transient, failed.tokens), (code, transient, TOKENS), "{reason}");
    }
}

#[tokio::test]
async fn a_model_that_says_nothing_has_given_no_answer() {
    for content in [json!([]), json!([{ "reasoningContent": { "reasoningText": { "text": "Hm." } } }])] {
        let failed = failure(&WithTool, converse("end_turn", &content, TOKENS)).await;
        assert_eq!((failed.code, failed.tokens), (FailureCode::AiInvalidAnswer, TOKENS), "{content}");
    }
}

#[tokio::test]
async fn what_a_model_reads_from_its_cache_was_read() {
    let mut body: Value = json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": good().to_string() }] } },
        "metrics": { "latencyMs": 1 },
        "stopReason": "end_turn",
        "usage": { "inputTokens": 100, "outputTokens": 20, "totalTokens": 1_020 },
    });
    body["usage"]["cacheReadInputTokens"] = 700.into();
    body["usage"]["cacheWriteInputTokens"] = 200.into();
    let stub = Stub::answering(Response::new(200, body)).await;
    let generation = ask(&generator(&WithTool, &stub).await).await.unwrap();
    assert_eq!(generation.tokens, Tokens { input: 1_000, output: 20 });
}

#[tokio::test]
async fn a_limit_that_cut_the_answer_is_named_by_its_setting() {
    for (output, words) in
        [(3_000, "reached the limit of 3000 tokens"), (345, "after 345 tokens, below the limit of 3000")]
    {
        let tokens = Tokens { output, ..TOKENS };
        let failed = failure(&WithTool, converse("max_tokens", &json!([]), tokens)).await;
        assert!(failed.message.contains(words) && failed.message.contains("aiMaxTokens"), "{failed}");
    }
}

#[tokio::test]
async fn a_model_is_made_to_use_the_tool_as_configured() {
    for (choice, expected) in [
        (ToolChoice::Any, json!({ "any": {} })),
        (ToolChoice::Auto, json!({ "auto": {} })),
        (ToolChoice::Tool, json!({ "tool": { "name": "save_tasks" } })),
    ] {
        let stub = Stub::answering(WithTool.answer(&good(), TOKENS)).await;
        let settings = config::Bedrock { tool_choice: choice, ..settings() };
        ask(&Bedrock::new(&aws_at(&stub.url()).await, settings)).await.unwrap();
        assert_eq!(stub.one().body["toolConfig"]["toolChoice"], expected);
    }
    let stub = Stub::answering(InText.answer(&good(), TOKENS)).await;
    let settings = config::Bedrock { tool_choice: ToolChoice::None, ..settings() };
    ask(&Bedrock::new(&aws_at(&stub.url()).await, settings)).await.unwrap();
    assert_eq!(stub.one().body.get("toolConfig"), None);
}

#[tokio::test]
async fn all_tools_of_an_answer_count() {
    let tool = |title: &str| {
        let mut input = good();
        input["tasks"][0]["title"] = title.into();
        json!({ "toolUse": { "toolUseId": title, "name": "save_tasks", "input": input } })
    };
    let stub = Stub::answering(converse("tool_use", &json!([tool("a"), { "text": "and" }, tool("b")]), TOKENS)).await;
    assert_eq!(ask(&generator(&WithTool, &stub).await).await.unwrap().drafts.count(), 2);
}

/// `cargo xtask test ai` has botocore's model of the service check them.
#[tokio::test]
#[allow(clippy::disallowed_methods, reason = "the switch of `cargo xtask test ai`")]
async fn every_request_that_can_be_configured_is_recorded() {
    let Some(file) = std::env::var_os("BEDROCK_REQUESTS") else { return };
    let models = [
        "amazon.nova-lite-v1:0",
        "global.anthropic.claude-haiku-4-5-20251001-v1:0",
        "arn:aws:bedrock:eu-north-1:111122223333:application-inference-profile/a1b2c3d4e5f6",
        "arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.amazon.nova-lite-v1:0",
        "arn:aws:bedrock:us-east-1:111122223333:provisioned-model/a1b2c3d4e5f6",
        "arn:aws:bedrock:us-east-1:111122223333:imported-model/a1b2c3d4e5f6",
        "arn:aws:bedrock:us-east-1:111122223333:custom-model-deployment/a1b2c3d4e5f6",
        "arn:aws:bedrock:us-east-1:111122223333:default-prompt-router/anthropic.claude:1",
    ];
    let mut requests = Vec::new();
    for model in models {
        for tool_choice in [ToolChoice::Tool, ToolChoice::Any, ToolChoice::Auto, ToolChoice::None] {
            for temperature in [None, Some(0.3)] {
                let stub = Stub::answering(WithTool.answer(&good(), TOKENS)).await;
                let sampling = Sampling { temperature, max_tokens: 3_000 };
                let settings = config::Bedrock { model: model.into(), sampling, tool_choice, ..settings() };
                ask(&Bedrock::new(&aws_at(&stub.url()).await, settings)).await.unwrap();
                let seen = stub.one();
                requests.push(json!({ "line": seen.line, "body": seen.body }).to_string());
            }
        }
    }
    std::fs::write(file, requests.join("\n") + "\n").unwrap();
}
