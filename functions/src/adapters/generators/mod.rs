//! The adapters for the AI. `docs/GENERATORS.md` describes how each is chosen, and how another is added.

mod bedrock;
mod key;
mod lambda;
mod openai;
pub mod prompt;
mod refusal;
mod waits;
mod wire;

use std::fmt;

use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest};
use serde_json::Value;

pub use bedrock::Bedrock;
pub use goal_activity_adapters::offline::Offline;
pub use lambda::ExistingFunction;
pub use openai::OpenAi;

use crate::adapters::aws::Connection;
use crate::runtime::config::{GeneratorKind, Generators};
use prompt::Prompt;

/// The generator that the configuration names.
#[derive(Debug, Clone)]
pub enum Generator {
    /// Deterministic tasks without an AI.
    Offline(Offline),
    /// A model on Amazon Bedrock.
    Bedrock(Bedrock),
    /// An existing Lambda function.
    Lambda(ExistingFunction),
    /// An endpoint for OpenAI's chat completions.
    OpenAi(OpenAi),
}

impl Generator {
    /// Creates the generator of that kind, once per process: its connections are reused for later actions.
    pub fn new(aws: &Connection, kind: GeneratorKind) -> Self {
        match kind {
            GeneratorKind::Offline => Self::Offline(Offline),
            GeneratorKind::Bedrock(settings) => Self::Bedrock(Bedrock::new(aws, settings)),
            GeneratorKind::Lambda(settings) => Self::Lambda(ExistingFunction::new(aws, settings)),
            GeneratorKind::OpenAi(settings) => Self::OpenAi(OpenAi::new(aws, *settings)),
        }
    }
}

impl GenerateTasks for Generator {
    async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        match self {
            Self::Offline(offline) => offline.generate(request).await,
            Self::Bedrock(bedrock) => bedrock.generate(request).await,
            Self::Lambda(function) => function.generate(request).await,
            Self::OpenAi(endpoint) => endpoint.generate(request).await,
        }
    }
}

/// What an AI is sent, without its key. For tools that show it.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// Nothing: there is no AI.
    Nothing,
    /// A prompt to a model on Bedrock.
    Converse(Prompt),
    /// A call of an endpoint for OpenAI's chat completions.
    Completion {
        /// The address.
        url: String,
        /// The body, with the prompt in `messages`.
        body: Value,
    },
    /// The payload of a function.
    Payload(Value),
}

/// With the prompt as it is written rather than as JSON.
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => Ok(()),
            Self::Converse(Prompt { system, user }) => {
                write!(f, "Converse\n\n## system\n\n{}\n\n## user\n\n{}", system.trim(), user.trim())
            }
            Self::Payload(payload) => write!(f, "Invoke\n\n{payload:#}"),
            Self::Completion { url, body } => {
                let mut body = body.clone();
                let messages = body["messages"].take();
                body["messages"] = "below".into();
                write!(f, "POST {url}\n\n{body:#}")?;
                messages.as_array().into_iter().flatten().try_for_each(|message| {
                    let said = |field: &str| message[field].as_str().unwrap_or_default().trim();
                    write!(f, "\n\n## {}\n\n{}", said("role"), said("content"))
                })
            }
        }
    }
}

impl Generator {
    /// Returns what the AI is sent for this request.
    pub fn question(&self, request: &GenerationRequest<'_>) -> Question {
        match self {
            Self::Offline(_) => Question::Nothing,
            Self::Bedrock(_) => Question::Converse(Prompt::of(request)),
            Self::Lambda(_) => Question::Payload(lambda::payload(request)),
            Self::OpenAi(endpoint) => endpoint.question(request),
        }
    }
}

/// The generator of a deployment, and the one that takes over when it is not available.
#[derive(Debug, Clone)]
pub struct Chain {
    first: Named,
    fallback: Option<Named>,
}

#[derive(Debug, Clone)]
struct Named {
    name: String,
    generator: Generator,
}

impl Named {
    fn new(aws: &Connection, kind: GeneratorKind) -> Self {
        let (generator, model) = kind.names();
        // An ARN has the account's number, which users are not shown.
        let resource = || model.splitn(6, ':').nth(5).map(|resource| resource.trim_start_matches("function:"));
        let model = if model.starts_with("arn:") { resource().unwrap_or(model) } else { model };
        let model = model.split_once('/').filter(|_| generator == "bedrock").map_or(model, |(_, id)| id);
        Self { name: format!("{generator}/{model}"), generator: Generator::new(aws, kind) }
    }
}

impl Chain {
    /// Creates the generators that the configuration names.
    pub fn new(aws: &Connection, Generators { first, fallback }: Generators) -> Self {
        Self { first: Named::new(aws, first.kind), fallback: fallback.map(|second| Named::new(aws, second.kind)) }
    }

    fn asked(&self, fallback: bool) -> &Named {
        self.fallback.as_ref().filter(|_| fallback).unwrap_or(&self.first)
    }
}

impl GenerateTasks for Chain {
    fn has_fallback(&self) -> bool {
        self.fallback.is_some()
    }

    fn name(&self, fallback: bool) -> Option<String> {
        Some(self.asked(fallback).name.clone())
    }

    fn describe(&self, request: &GenerationRequest<'_>) -> Option<String> {
        match self.asked(request.fallback).generator.question(request) {
            Question::Nothing => None,
            question => Some(question.to_string()),
        }
    }

    async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        self.asked(request.fallback).generator.generate(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_prompt_is_shown_as_it_is_written() {
        let body = json!({
            "model": "m",
            "messages": [{ "role": "system", "content": "Plan\ntasks." }, { "role": "user", "content": "{\"a\": 1}" }],
        });
        let shown = Question::Completion { url: "http://h/v1/chat/completions".into(), body }.to_string();
        let rest = "{\n  \"messages\": \"below\",\n  \"model\": \"m\"\n}";
        let messages = "## system\n\nPlan\ntasks.\n\n## user\n\n{\"a\": 1}";
        assert_eq!(shown, format!("POST http://h/v1/chat/completions\n\n{rest}\n\n{messages}"));
    }
}
