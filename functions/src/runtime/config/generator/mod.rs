//! The AI that generates the tasks, and how it is called. `docs/GENERATORS.md` has the variables in a table.

mod address;
mod openai;

use goal_activity_core::answer::Tolerance;
use goal_activity_core::price::{Prices, micro_usd};

use super::ConfigError;
use super::variables::Variables;

pub use address::BaseUrl;
pub use openai::{Instructions, KeySecret, OpenAi, ResponseFormat, TokenLimit};

/// The default limit of an answer of the AI, in tokens: ten tasks of maximum size in Japanese are about 2,100 by the
/// tokenizer of OpenAI's models (docs/GENERATORS.md), and some models count more.
const MAX_TOKENS: u32 = 4_096;

/// The prefix of the variables of the second generator.
const FALLBACK: &str = "FALLBACK_";

/// A generator and the price of its tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// Which.
    pub kind: GeneratorKind,
    /// The price, if known.
    pub prices: Option<Prices>,
}

/// The generator, and the one that takes over when it is not available.
#[derive(Debug, Clone, PartialEq)]
pub struct Generators {
    /// The one that is asked first.
    pub first: Chosen,
    /// The one that takes over.
    pub fallback: Option<Chosen>,
}

/// The AI that generates the tasks, and how it is called.
#[derive(Debug, Clone, PartialEq)]
pub enum GeneratorKind {
    /// None: deterministic tasks, for development and tests.
    Offline,
    /// A model on Amazon Bedrock.
    Bedrock(Bedrock),
    /// An existing Lambda function.
    Lambda(ExistingFunction),
    /// An endpoint for OpenAI's chat completions.
    OpenAi(Box<OpenAi>),
}

/// Sampling settings of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// The temperature, 0 to 2. If missing, the model's own default: some models accept no other.
    pub temperature: Option<f32>,
    /// The maximum length of its answer, in tokens. A longer one is cut off, and so not valid.
    pub max_tokens: u32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self { temperature: None, max_tokens: MAX_TOKENS }
    }
}

/// A model on Amazon Bedrock.
#[derive(Debug, Clone, PartialEq)]
pub struct Bedrock {
    /// The id of a model or of an inference profile, or an ARN.
    pub model: String,
    /// The region where Bedrock is called. If missing, the function's own region.
    pub region: Option<String>,
    /// Its sampling settings.
    pub sampling: Sampling,
    /// How it is made to use the tool.
    pub tool_choice: ToolChoice,
    /// How tolerant its answers are read.
    pub tolerance: Tolerance,
}

/// How a model is made to answer with the tool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// It must use this tool.
    #[default]
    Tool,
    /// It must use a tool, and there is only one.
    Any,
    /// It decides itself.
    Auto,
    /// There is no tool: it writes JSON, as the prompt says.
    None,
}

/// A Lambda function that generates the tasks of one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingFunction {
    /// Its name or ARN, also with an alias.
    pub function: String,
    /// How tolerant its answers are read.
    pub tolerance: Tolerance,
}

impl Generators {
    /// The generators that these variables describe, as they do in the worker's environment.
    ///
    /// # Errors
    /// A variable is missing or malformed.
    pub fn from_variables(variables: &[(&str, &str)]) -> Result<Self, ConfigError> {
        Self::read(Variables::new(&named(variables)))
    }

    /// From variables.
    pub(super) fn read(variables: Variables<'_>) -> Result<Self, ConfigError> {
        let second = variables.prefixed(FALLBACK);
        let fallback = second.get("GENERATOR").map(|_| Chosen::read(second)).transpose()?;
        Ok(Self { first: Chosen::read(variables)?, fallback })
    }
}

impl Chosen {
    fn read(variables: Variables<'_>) -> Result<Self, ConfigError> {
        let kind = GeneratorKind::read(variables)?;
        Ok(Self { prices: kind.prices(variables)?, kind })
    }
}

impl GeneratorKind {
    /// The generator that these variables describe, as they do in the worker's environment.
    ///
    /// # Errors
    /// A variable is missing or malformed.
    pub fn from_variables(variables: &[(&str, &str)]) -> Result<Self, ConfigError> {
        Self::read(Variables::new(&named(variables)))
    }

    fn read(variables: Variables<'_>) -> Result<Self, ConfigError> {
        let name = "GENERATOR";
        match variables.required(name)?.as_str() {
            "offline" => Ok(Self::Offline),
            "bedrock" => Ok(Self::Bedrock(Bedrock::read(variables)?)),
            "lambda" => Ok(Self::Lambda(ExistingFunction {
                function: variables.required("GENERATOR_FUNCTION")?,
                tolerance: tolerance(variables)?,
            })),
            "openai" => Ok(Self::OpenAi(Box::new(OpenAi::read(variables)?))),
            other => Err(variables
                .malformed(name, format!("{other:?} is not a generator; use offline, bedrock, lambda or openai"))),
        }
    }

    /// The price of its tokens, from variables: US dollars for a million tokens.
    fn prices(&self, variables: Variables<'_>) -> Result<Option<Prices>, ConfigError> {
        match self {
            Self::Offline => Ok(Some(Prices::default())),
            // It does not report its usage.
            Self::Lambda(_) => Ok(None),
            Self::Bedrock(_) | Self::OpenAi(_) => {
                let names = ["AI_INPUT_PRICE", "AI_OUTPUT_PRICE"];
                if names.iter().all(|name| variables.get(name).is_none()) {
                    return Ok(None);
                }
                let [input, output] = names.map(|name| price(variables, name));
                Ok(Some(Prices { input: input?, output: output? }))
            }
        }
    }

    /// Its kind and its model, as the configuration names them.
    pub fn names(&self) -> (&'static str, &str) {
        match self {
            Self::Offline => ("offline", "offline"),
            Self::Bedrock(bedrock) => ("bedrock", &bedrock.model),
            Self::Lambda(existing) => ("lambda", &existing.function),
            Self::OpenAi(openai) => ("openai", &openai.model),
        }
    }
}

/// Reads variables from a list.
fn named<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<String> + 'a {
    |name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned())
}

impl Bedrock {
    fn read(variables: Variables<'_>) -> Result<Self, ConfigError> {
        let choices = [
            ("tool", ToolChoice::Tool),
            ("any", ToolChoice::Any),
            ("auto", ToolChoice::Auto),
            ("none", ToolChoice::None),
        ];
        Ok(Self {
            model: variables.required("BEDROCK_MODEL")?,
            region: variables.get("BEDROCK_REGION"),
            sampling: Sampling::read(variables)?,
            tool_choice: variables.one_of("BEDROCK_TOOL_CHOICE", &choices)?,
            tolerance: tolerance(variables)?,
        })
    }
}

impl Sampling {
    fn read(variables: Variables<'_>) -> Result<Self, ConfigError> {
        let temperature = |text: &str| text.parse().ok().filter(|t| (0.0..=2.0).contains(t));
        let max_tokens = |text: &str| text.parse().ok().filter(|n| *n > 0);
        Ok(Self {
            temperature: variables.optional("AI_TEMPERATURE", "a number from 0 to 2", temperature)?,
            max_tokens: variables.optional("AI_MAX_TOKENS", "a whole number from 1", max_tokens)?.unwrap_or(MAX_TOKENS),
        })
    }
}

fn tolerance(variables: Variables<'_>) -> Result<Tolerance, ConfigError> {
    let percent = |text: &str| text.parse().ok().filter(|percent| *percent <= 100);
    let read = variables.optional("AI_OVERLENGTH", "a whole number of percent from 0 to 100", percent)?;
    Ok(read.map_or_else(Tolerance::default, |overlength| Tolerance { overlength }))
}

/// US dollars for a million tokens, as millionths.
fn price(variables: Variables<'_>, name: &str) -> Result<u64, ConfigError> {
    let text = variables.required(name)?;
    let wrong = || variables.malformed(name, format!("{text:?} is no price in US dollars such as 0.25"));
    micro_usd(&text).ok_or_else(wrong)
}

#[cfg(test)]
mod tests;
