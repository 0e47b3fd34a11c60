//! The emulator translates Converse to a call of the model's server, and the answer back. When that fails it answers a text of
//! its own, silently, and counts a quarter of the characters as tokens: so these tests look at what only the model can have
//! said. The text is no JSON, and the model writes JSON nowhere but in a call of the tool.

use goal_activity_core::ports::Tokens;
use goal_activity_events::FailureCode;

use crate::given::Server;

/// Without a tool the model writes words without end. Returns what that took.
async fn without_a_tool(limit: &str) -> Tokens {
    let settings = [("BEDROCK_TOOL_CHOICE", "none"), ("AI_MAX_TOKENS", limit)];
    Server::BEDROCK.fails(&settings, FailureCode::AiInvalidAnswer, true).await.tokens
}

/// The model writes some words first, so the answer has a text and then the call.
#[tokio::test]
async fn the_tool_s_input_is_the_answer_whatever_makes_the_model_call_it() {
    let plain = without_a_tool("64").await;
    for choice in ["tool", "any", "auto"] {
        let generation = Server::BEDROCK.accepts(&[("BEDROCK_TOOL_CHOICE", choice)]).await;
        // The model's template writes the tool with its schema into the prompt.
        assert!(generation.tokens.input > plain.input + 200, "{choice}: {generation:?}, without a tool {plain:?}");
    }
}

#[tokio::test]
async fn the_limit_reaches_the_model_and_its_own_count_comes_back() {
    assert_eq!(without_a_tool("64").await.output, 64);
    // The emulator does not tell that the limit was reached, so it may be asked again.
    let failed = Server::BEDROCK.fails(&[("AI_MAX_TOKENS", "20")], FailureCode::AiInvalidAnswer, true).await;
    assert_eq!(failed.tokens.output, 20, "{failed:?}");
}
