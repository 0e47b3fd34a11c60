//! The adapters for the AI. `docs/GENERATORS.md` describes how each is chosen, and how another is added.

mod bedrock;
mod key;
mod lambda;
mod openai;
pub mod prompt;
mod wire;

use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest};

pub use bedrock::Bedrock;
pub use goal_activity_adapters::offline::Offline;
pub use lambda::ExistingFunction;
pub use openai::OpenAi;

use crate::adapters::aws::Connection;
use crate::runtime::config::GeneratorKind;

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
            GeneratorKind::OpenAi(settings) => Self::OpenAi(OpenAi::new(aws, settings)),
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
