//! A model on Amazon Bedrock, through the Converse API: one interface for the models of all providers.
//!
//! The model gets one tool, whose input is the answer, and is forced to use it: so the answer has the form of the
//! tool's schema, and no free text has to be parsed. Not all models can be forced, and some know no tools: then the answer is in
//! the text.

use aws_config::Region;
use aws_sdk_bedrockruntime::Client;
use aws_sdk_bedrockruntime::config::Builder;
use aws_sdk_bedrockruntime::error::BuildError;
use aws_sdk_bedrockruntime::operation::converse::ConverseOutput;
use aws_sdk_bedrockruntime::types::{
    AnyToolChoice, AutoToolChoice, ContentBlock, ConversationRole, InferenceConfiguration, Message, SpecificToolChoice,
    StopReason, SystemContentBlock, TokenUsage, Tool, ToolChoice, ToolConfiguration, ToolInputSchema,
    ToolSpecification,
};
use aws_smithy_types::{Document, Number};
use goal_activity_core::answer::{self, Answer, SchemaDialect, Tolerance};
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest, Tokens};
use goal_activity_events::FailureCode;
use serde_json::Value;

use super::prompt::Prompt;
use super::wire::{Bounded, cut_off, declined, failed, patient, unusable};
use crate::adapters::aws::Connection;
use crate::runtime::config;

/// Its name in failures.
const WHO: &str = "the model";
/// The tool whose input is the answer.
const TOOL: &str = "save_tasks";

/// A model on Bedrock.
#[derive(Debug, Clone)]
pub struct Bedrock {
    client: Client,
    settings: config::Bedrock,
}

impl Bedrock {
    /// Creates the model that the settings name.
    pub fn new(aws: &Connection, settings: config::Bedrock) -> Self {
        let mut config = Builder::from(&patient(aws.sdk())).interceptor(Bounded);
        config.set_region(settings.region.clone().map(Region::new).or_else(|| aws.sdk().region().cloned()));
        Self { client: Client::from_conf(config.build()), settings }
    }
}

impl GenerateTasks for Bedrock {
    async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        let prompt = Prompt::of(&request);
        let sampling = self.settings.sampling;
        let limits = InferenceConfiguration::builder()
            .max_tokens(i32::try_from(sampling.max_tokens).unwrap_or(i32::MAX))
            .set_temperature(sampling.temperature);
        let answered = self
            .client
            .converse()
            .model_id(&self.settings.model)
            .system(SystemContentBlock::Text(prompt.system.to_owned()))
            .messages(from_user(prompt.user).map_err(not_asked)?)
            .inference_config(limits.build())
            .set_tool_config(the_one_tool(self.settings.tool_choice).map_err(not_asked)?)
            .send()
            .await
            .map_err(|e| failed(WHO, &self.settings.model, &e))?;
        let tokens = answered.usage().map(tokens).unwrap_or_default();
        let answer = read(&answered, sampling.max_tokens, self.settings.tolerance);
        Ok(Generation { tokens, ..answer.map_err(|e| e.with_tokens(tokens))?.into() })
    }
}

fn from_user(text: String) -> Result<Message, BuildError> {
    Message::builder().role(ConversationRole::User).content(ContentBlock::Text(text)).build()
}

/// The tool, unless the model gets none. Its schema has only keywords that all models take: Nova, for one, refuses any other
/// than `type`, `properties` and `required` at its top (Amazon Nova user guide, "Tool use").
fn the_one_tool(choice: config::ToolChoice) -> Result<Option<ToolConfiguration>, BuildError> {
    let choice = match choice {
        config::ToolChoice::Tool => ToolChoice::Tool(SpecificToolChoice::builder().name(TOOL).build()?),
        config::ToolChoice::Any => ToolChoice::Any(AnyToolChoice::builder().build()),
        config::ToolChoice::Auto => ToolChoice::Auto(AutoToolChoice::builder().build()),
        config::ToolChoice::None => return Ok(None),
    };
    let tool = ToolSpecification::builder()
        .name(TOOL)
        .description("Saves the tasks of the action")
        .input_schema(ToolInputSchema::Json(document(answer::schema(SchemaDialect::Plain))))
        .build()?;
    ToolConfiguration::builder().tools(Tool::ToolSpec(tool)).tool_choice(choice).build().map(Some)
}

fn not_asked(error: BuildError) -> GenerationError {
    GenerationError::permanent(FailureCode::AiRejected, format!("{WHO} could not be asked: {error}"))
}

/// All tokens that it has read, cached or not.
fn tokens(usage: &TokenUsage) -> Tokens {
    let count = |n: i32| u64::try_from(n).unwrap_or(0);
    let cached = [usage.cache_read_input_tokens(), usage.cache_write_input_tokens()];
    let input = count(usage.input_tokens()) + cached.into_iter().flatten().map(count).sum::<u64>();
    Tokens { input, output: count(usage.output_tokens()) }
}

fn read(answered: &ConverseOutput, max_tokens: u32, tolerance: Tolerance) -> Result<Answer, GenerationError> {
    match answered.stop_reason() {
        StopReason::MaxTokens => {
            return Err(cut_off(answered.usage().map_or(0, |usage| tokens(usage).output), Some(max_tokens)));
        }
        StopReason::ModelContextWindowExceeded => {
            // The same request would not fit again.
            let message =
                "the answer did not fit into the model's context; lower aiMaxTokens, or take a model with a larger one";
            return Err(GenerationError::permanent(FailureCode::AiInvalidAnswer, message));
        }
        StopReason::MalformedModelOutput | StopReason::MalformedToolUse => {
            return Err(unusable("the model has not kept to the form of the answer"));
        }
        StopReason::GuardrailIntervened | StopReason::ContentFiltered => return Err(declined(WHO)),
        // For any other stop reason, the answer itself shows whether it is valid.
        _ => {}
    }
    let message = answered.output().and_then(|output| output.as_message().ok());
    let content = message.map(Message::content).unwrap_or_default();
    let inputs: Vec<_> = content.iter().filter_map(|b| b.as_tool_use().ok()).map(|tool| json(tool.input())).collect();
    if !inputs.is_empty() {
        return Ok(answer::from_values(inputs, tolerance)?);
    }
    // A model that is not forced to use a tool may still have followed the prompt.
    let texts: Vec<_> = content.iter().filter_map(|block| block.as_text().ok()).map(String::as_str).collect();
    let text = texts.concat();
    if text.trim().is_empty() {
        return Err(unusable("the model gave no answer"));
    }
    Ok(answer::parse(&text, tolerance)?)
}

/// Converts JSON to the SDK's type.
fn document(json: Value) -> Document {
    match json {
        Value::Null => Document::Null,
        Value::Bool(yes) => Document::Bool(yes),
        Value::String(text) => Document::String(text),
        Value::Array(all) => Document::Array(all.into_iter().map(document).collect()),
        Value::Object(fields) => Document::Object(fields.into_iter().map(|(k, v)| (k, document(v))).collect()),
        Value::Number(n) => match (n.as_u64(), n.as_i64()) {
            (Some(n), _) => Document::Number(Number::PosInt(n)),
            (None, Some(n)) => Document::Number(Number::NegInt(n)),
            (None, None) => n.as_f64().map_or(Document::Null, |n| Document::Number(Number::Float(n))),
        },
    }
}

/// Converts the SDK's type to JSON.
fn json(document: &Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(yes) => (*yes).into(),
        Document::String(text) => text.as_str().into(),
        Document::Array(all) => all.iter().map(json).collect(),
        Document::Object(fields) => fields.iter().map(|(k, v)| (k.clone(), json(v))).collect(),
        Document::Number(Number::PosInt(n)) => (*n).into(),
        Document::Number(Number::NegInt(n)) => (*n).into(),
        Document::Number(Number::Float(n)) => (*n).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_survives_the_sdk() {
        let all = json!({"a": [null, true, "text", 1, -1, 0.5, u64::MAX, i64::MIN, [], {}], "b": {"c": ""}});
        assert_eq!(super::json(&document(all.clone())), all);
    }
}
