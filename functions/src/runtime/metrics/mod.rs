//! Metrics: each counted fact becomes a line of CloudWatch's embedded metric format.

pub mod catalogue;
mod emf;
mod measured;

use std::sync::Arc;

use goal_activity_core::facts::CountFacts;

use crate::runtime::config::GeneratorKind;

pub use emf::Emf;

/// Counts facts. Shared by all parts of a function.
pub type Facts = Arc<dyn CountFacts>;

/// The AI that a deployment is configured for: the values of [`Dimension::Generator`] and [`Dimension::Model`].
///
/// [`Dimension::Generator`]: catalogue::Dimension::Generator
/// [`Dimension::Model`]: catalogue::Dimension::Model
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ai {
    /// Its kind.
    pub generator: &'static str,
    /// Its model, as the configuration names it.
    pub model: String,
}

impl From<&GeneratorKind> for Ai {
    fn from(kind: &GeneratorKind) -> Self {
        let (generator, model) = match kind {
            GeneratorKind::Offline => ("offline", "offline"),
            GeneratorKind::Bedrock(bedrock) => ("bedrock", bedrock.model.as_str()),
            GeneratorKind::Lambda(existing) => ("lambda", existing.function.as_str()),
            GeneratorKind::OpenAi(openai) => ("openai", openai.model.as_str()),
        };
        Self { generator, model: model.to_owned() }
    }
}
