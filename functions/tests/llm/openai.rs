use futures_util::future::join_all;
use goal_activity_core::answer::{self, SchemaDialect};
use goal_activity_core::limits::ACTIONS_PER_BATCH;
use goal_activity_events::FailureCode;
use goal_activity_testkit::stub::nobody;
use serde_json::json;

use crate::given::{Server, Setting, ask, assert_within_limits};

#[tokio::test]
async fn an_answer_is_accepted_within_the_limits_and_counted() {
    Server::CHATML.accepts(&[]).await;
}

#[tokio::test]
async fn the_limit_of_tokens_is_known_by_both_its_names_and_not_needed() {
    for name in ["max_completion_tokens", "max_tokens", "none"] {
        Server::CHATML.accepts(&[("OPENAI_TOKEN_LIMIT", name)]).await;
    }
}

#[tokio::test]
async fn an_answer_at_the_limit_of_tokens_names_the_setting_and_is_not_asked_for_again() {
    for name in ["max_completion_tokens", "max_tokens"] {
        let settings = [("AI_MAX_TOKENS", "20"), ("OPENAI_TOKEN_LIMIT", name)];
        let failed = Server::CHATML.fails(&settings, FailureCode::AiInvalidAnswer, false).await;
        assert!(failed.message.contains("aiMaxTokens"), "{failed}");
        // The server has been told the limit: it wrote just as much.
        assert_eq!(failed.tokens.output, 20, "{name}");
    }
}

/// The model begins every number with a minus where it may, and the server's grammar has only the limits of the schema.
#[tokio::test]
async fn the_limits_in_the_schema_are_what_keeps_the_model_to_them() {
    let without = [("OPENAI_SCHEMA_LIMITS", "false")];
    let failed = Server::CHATML.fails(&without, FailureCode::AiInvalidAnswer, true).await;
    assert!(failed.message.contains("task 1") && failed.message.contains("estimate"), "{failed}");
    assert!(failed.tokens.input > 1_000 && failed.tokens.output > 0, "an unusable answer is billed: {failed:?}");
    Server::CHATML.accepts(&[("OPENAI_SCHEMA_LIMITS", "true")]).await;
}

#[tokio::test]
async fn json_of_any_form_is_no_answer_and_the_server_s_own_field_for_the_form_makes_it_one() {
    let any = ("OPENAI_RESPONSE_FORMAT", "json_object");
    let failed = Server::CHATML.fails(&[any], FailureCode::AiInvalidAnswer, true).await;
    // It was an object, and not a text that the limit of tokens has cut off.
    assert!(failed.message.contains("`tasks`"), "{failed}");
    let form = json!({ "response_format": { "type": "json_object", "schema": answer::schema(SchemaDialect::StrictWithLimits) } }).to_string();
    Server::CHATML.accepts(&[any, ("OPENAI_EXTRA_BODY", &form)]).await;
}

#[tokio::test]
async fn without_a_form_the_model_rambles_and_the_server_s_own_field_for_the_form_ends_that() {
    let none = ("OPENAI_RESPONSE_FORMAT", "none");
    let failed = Server::CHATML.fails(&[none, ("AI_MAX_TOKENS", "64")], FailureCode::AiInvalidAnswer, false).await;
    assert_eq!(failed.tokens.output, 64, "{failed:?}");
    let form = json!({ "json_schema": answer::schema(SchemaDialect::StrictWithLimits) }).to_string();
    Server::CHATML.accepts(&[none, ("OPENAI_EXTRA_BODY", &form)]).await;
}

#[tokio::test]
async fn a_temperature_and_a_seed_reach_the_model() {
    let plain = Server::CHATML.accepts(&[]).await;
    let others: [Setting<'_>; 2] = [("AI_TEMPERATURE", "0.3"), ("OPENAI_EXTRA_BODY", r#"{"seed": 7}"#)];
    for other in others {
        assert_ne!(Server::CHATML.accepts(&[other]).await.drafts, plain.drafts, "{other:?}");
    }
}

#[tokio::test]
async fn a_developer_s_message_and_a_user_s_are_accepted_like_a_system_s() {
    for role in ["system", "developer", "user"] {
        Server::CHATML.accepts(&[("OPENAI_INSTRUCTIONS", role)]).await;
    }
}

/// llama.cpp notices that the template refuses a system message, and writes its text before the user's.
#[tokio::test]
async fn a_server_that_moves_the_instructions_itself_needs_no_setting() {
    let moved = Server::NO_SYSTEM.accepts(&[]).await;
    let by_setting = Server::NO_SYSTEM.accepts(&[("OPENAI_INSTRUCTIONS", "user")]).await;
    let in_a_message = Server::CHATML.accepts(&[]).await;
    // Without the marks around a message of its own.
    assert!(moved.tokens.input < in_a_message.tokens.input, "{moved:?} {in_a_message:?}");
    assert!(moved.tokens.input.abs_diff(by_setting.tokens.input) <= 16, "{moved:?} {by_setting:?}");
}

#[tokio::test]
async fn a_model_without_a_system_role_is_refused_for_good_until_the_setting_says_so() {
    for role in ["system", "developer"] {
        let failed = Server::STRICT.fails(&[("OPENAI_INSTRUCTIONS", role)], FailureCode::AiRejected, false).await;
        // Its code is the status again, so the type is its name. The prompt is in the server's own message.
        assert!(failed.message.contains("400") && failed.message.contains("invalid_request_error"), "{failed}");
        assert!(!failed.message.contains("raise_exception"), "{failed}");
    }
    Server::STRICT.accepts(&[("OPENAI_INSTRUCTIONS", "user")]).await;
}

#[tokio::test]
async fn thoughts_are_no_part_of_the_answer_and_count_against_the_limit() {
    Server::THINK.accepts(&[]).await;
    // Fewer than the thoughts have: the content is empty.
    let failed = Server::THINK.fails(&[("AI_MAX_TOKENS", "3")], FailureCode::AiInvalidAnswer, false).await;
    assert!(failed.message.contains("aiMaxTokens"), "{failed}");
    assert_eq!(failed.tokens.output, 3, "{failed:?}");
}

#[tokio::test]
async fn a_context_that_is_too_small_is_refused_by_name() {
    let failed = Server::SMALL.fails(&[], FailureCode::AiRejected, false).await;
    assert!(failed.message.contains("exceed_context_size_error"), "{failed}");
}

#[tokio::test]
async fn an_address_that_is_not_there_is_refused_by_name() {
    let elsewhere = format!("{}/v2", Server::CHATML.url());
    let failed = Server::CHATML.fails(&[("OPENAI_BASE_URL", &elsewhere)], FailureCode::AiRejected, false).await;
    assert!(failed.message.contains("404") && failed.message.contains("not_found_error"), "{failed}");
}

/// More than the server answers at once: the others wait, with their connections open.
#[tokio::test]
async fn the_actions_of_a_batch_are_asked_about_at_once() {
    let generator = Server::CHATML.generator(&nobody(), &[]).await;
    let answers = join_all((0..ACTIONS_PER_BATCH).map(|_| ask(&generator))).await;
    for answer in answers {
        assert_within_limits(&answer.unwrap());
    }
}
