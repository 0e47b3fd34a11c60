//! The adapters for the AI.

mod offline;
pub mod prompt;

use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest};

pub use offline::Offline;

use crate::config::GeneratorKind;

/// The generator that the configuration names.
#[derive(Debug, Clone)]
pub enum Generator {
    /// Deterministic tasks without an AI.
    Offline(Offline),
}

impl Generator {
    /// The generator of that kind.
    pub fn new(kind: GeneratorKind) -> Self {
        match kind {
            GeneratorKind::Offline => Self::Offline(Offline),
        }
    }
}

impl GenerateTasks for Generator {
    async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        match self {
            Self::Offline(offline) => offline.generate(request).await,
        }
    }
}
