//! Metrics: each counted fact becomes a line of CloudWatch's embedded metric format.

pub mod catalogue;
mod emf;
mod measured;

use std::sync::Arc;

use goal_activity_core::facts::CountFacts;

use crate::runtime::config::{GeneratorKind, Generators};

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
        let (generator, model) = kind.names();
        Self { generator, model: model.to_owned() }
    }
}

/// The AI of a deployment, and the one that takes over when it is not available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ais {
    /// The one that is asked first.
    pub first: Ai,
    /// The one that takes over.
    pub fallback: Option<Ai>,
}

impl Ais {
    fn asked(&self, fallback: bool) -> &Ai {
        self.fallback.as_ref().filter(|_| fallback).unwrap_or(&self.first)
    }
}

impl From<&Generators> for Ais {
    fn from(Generators { first, fallback }: &Generators) -> Self {
        Self { first: Ai::from(&first.kind), fallback: fallback.as_ref().map(|second| Ai::from(&second.kind)) }
    }
}
