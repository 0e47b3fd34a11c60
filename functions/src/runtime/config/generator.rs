//! The AI that generates the tasks, and how it is called. `docs/GENERATORS.md` has the variables in a table.

use std::fmt;
use std::net::IpAddr;

use goal_activity_core::price::Prices;

use super::ConfigError;

/// The default limit of an answer of the AI, in tokens: ten tasks of maximum size in Japanese are about 2,100 by the
/// tokenizer of OpenAI's models (docs/GENERATORS.md), and some models count more.
const MAX_TOKENS: u32 = 4_096;

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
    OpenAi(OpenAi),
}

/// Sampling settings of a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampling {
    /// The temperature, 0 to 2. If missing, the model's own default: some models accept no other.
    pub temperature: Option<f32>,
    /// The maximum length of its answer, in tokens. A longer one is cut off, and so not valid.
    pub max_tokens: u32,
}

/// A model on Amazon Bedrock.
#[derive(Debug, Clone, PartialEq)]
pub struct Bedrock {
    /// The id of a model or of an inference profile, or its ARN.
    pub model: String,
    /// The region where Bedrock is called. If missing, the function's own region.
    pub region: Option<String>,
    /// Its sampling settings.
    pub sampling: Sampling,
}

/// A Lambda function that generates the tasks of one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingFunction {
    /// Its name or ARN, also with an alias.
    pub function: String,
}

/// An endpoint for OpenAI's chat completions.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAi {
    /// The URL without `/chat/completions`.
    pub base_url: BaseUrl,
    /// Its name for the model.
    pub model: String,
    /// Where the key is. A server on this machine or in a private network needs none.
    pub key: Option<KeySource>,
    /// Its sampling settings.
    pub sampling: Sampling,
    /// Its name for the limit of an answer.
    pub token_limit: TokenLimit,
}

/// The store of a key. The key is never in the environment: every principal that may read the function's configuration
/// could read it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In Secrets Manager: the ARN or name of a secret that contains only the key.
    Secret(String),
    /// In Systems Manager: the ARN or name of a parameter.
    Parameter(String),
}

/// A server's name for the limit of an answer in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenLimit {
    /// OpenAI's current name.
    #[default]
    MaxCompletionTokens,
    /// The earlier name, the only one that some local servers support.
    MaxTokens,
}

impl TokenLimit {
    /// The name of the field in a request.
    pub fn name(self) -> &'static str {
        match self {
            Self::MaxCompletionTokens => "max_completion_tokens",
            Self::MaxTokens => "max_tokens",
        }
    }
}

/// An address over HTTP or HTTPS, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Returns the address if it is valid.
    pub fn new(url: &str) -> Option<Self> {
        let url = url.trim_end_matches('/');
        let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"))?;
        // With a user and a password, it would be a secret.
        let plain = |c: char| c.is_ascii_graphic() && !"?#@\"<>\\^`{|}".contains(c);
        (!rest.is_empty() && !rest.starts_with('/') && rest.chars().all(plain)).then(|| Self(url.to_owned()))
    }

    /// Returns `true` if data that is sent there cannot be intercepted.
    pub fn is_private(&self) -> bool {
        let Some(rest) = self.0.strip_prefix("http://") else { return true };
        let authority = rest.split('/').next().unwrap_or_default();
        let host = match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or_default(),
            None => authority.split(':').next().unwrap_or_default(),
        };
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads a required variable.
type Var<'a> = &'a dyn Fn(&'static str) -> Result<String, ConfigError>;

impl GeneratorKind {
    /// From variables.
    pub(super) fn read(var: Var<'_>) -> Result<Self, ConfigError> {
        let name = "GENERATOR";
        match var(name)?.as_str() {
            "offline" => Ok(Self::Offline),
            "bedrock" => Ok(Self::Bedrock(Bedrock {
                model: var("BEDROCK_MODEL")?,
                region: var("BEDROCK_REGION").ok(),
                sampling: Sampling::read(var)?,
            })),
            "lambda" => Ok(Self::Lambda(ExistingFunction { function: var("GENERATOR_FUNCTION")? })),
            "openai" => Ok(Self::OpenAi(OpenAi::read(var)?)),
            other => {
                Err(malformed(name, format!("{other:?} is not a generator; use offline, bedrock, lambda or openai")))
            }
        }
    }

    /// The price of its tokens, from variables: US dollars for a million tokens.
    pub(super) fn prices(&self, var: Var<'_>) -> Result<Option<Prices>, ConfigError> {
        match self {
            Self::Offline => Ok(Some(Prices::default())),
            // It does not report its usage.
            Self::Lambda(_) => Ok(None),
            Self::Bedrock(_) | Self::OpenAi(_) => {
                let names = ["AI_INPUT_PRICE", "AI_OUTPUT_PRICE"];
                match names.map(var) {
                    [Err(_), Err(_)] => Ok(None),
                    [input, output] => {
                        Ok(Some(Prices { input: price(names[0], &input?)?, output: price(names[1], &output?)? }))
                    }
                }
            }
        }
    }
}

impl Sampling {
    fn read(var: Var<'_>) -> Result<Self, ConfigError> {
        let (temperature, max_tokens) = ("AI_TEMPERATURE", "AI_MAX_TOKENS");
        Ok(Self {
            temperature: optional(var, temperature, "a number from 0 to 2", |text| {
                text.parse().ok().filter(|t| (0.0..=2.0).contains(t))
            })?,
            max_tokens: optional(var, max_tokens, "a whole number from 1", |text| {
                text.parse().ok().filter(|n| *n > 0)
            })?
            .unwrap_or(MAX_TOKENS),
        })
    }
}

impl OpenAi {
    fn read(var: Var<'_>) -> Result<Self, ConfigError> {
        let (url, secret, parameter) = ("OPENAI_BASE_URL", "OPENAI_KEY_SECRET", "OPENAI_KEY_PARAMETER");
        let text = var(url)?;
        let base_url = BaseUrl::new(&text).ok_or_else(|| malformed(url, "it is no plain http or https address"))?;
        let key = match (var(secret).ok(), var(parameter).ok()) {
            (Some(_), Some(_)) => {
                return Err(malformed(secret, format!("{parameter} is set as well: use one of them")));
            }
            (Some(secret), None) => Some(KeySource::Secret(secret)),
            (None, parameter) => parameter.map(KeySource::Parameter),
        };
        if key.is_some() && !base_url.is_private() {
            return Err(malformed(url, "a key may not travel over plain http to another machine; use https"));
        }
        let limits = [TokenLimit::MaxCompletionTokens, TokenLimit::MaxTokens];
        let named = |text: &str| limits.into_iter().find(|limit| limit.name() == text);
        let token_limit = optional(var, "OPENAI_TOKEN_LIMIT", "max_completion_tokens or max_tokens", named)?;
        Ok(Self {
            base_url,
            model: var("OPENAI_MODEL")?,
            key,
            sampling: Sampling::read(var)?,
            token_limit: token_limit.unwrap_or_default(),
        })
    }
}

fn malformed(name: &'static str, reason: impl Into<String>) -> ConfigError {
    ConfigError::Malformed { name, reason: reason.into() }
}

/// Reads an optional variable; an invalid value is an error.
fn optional<T>(
    var: Var<'_>,
    name: &'static str,
    shape: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, ConfigError> {
    let Ok(text) = var(name) else { return Ok(None) };
    parse(&text).map(Some).ok_or_else(|| malformed(name, format!("{text:?} is not {shape}")))
}

/// US dollars for a million tokens, as millionths.
fn price(name: &'static str, text: &str) -> Result<u64, ConfigError> {
    let wrong = || malformed(name, format!("{text:?} is no price in US dollars such as 0.25"));
    let (dollars, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.len() <= 6 && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(dollars) || !digits(fraction) {
        return Err(wrong());
    }
    format!("{dollars}{fraction:0<6}").parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn from(set: &[(&'static str, &str)]) -> Result<(GeneratorKind, Option<Prices>), String> {
        let set: HashMap<_, _> = set.iter().copied().collect();
        let var = |name| set.get(name).map(|value| (*value).to_owned()).ok_or(ConfigError::Missing(name));
        let kind = GeneratorKind::read(&var).map_err(|e| e.to_string())?;
        let prices = kind.prices(&var).map_err(|e| e.to_string())?;
        Ok((kind, prices))
    }

    fn refused(set: &[(&'static str, &str)], words: &str) {
        let error = from(set).expect_err(words);
        assert!(error.contains(words), "{error}");
    }

    const LOCAL: [(&str, &str); 3] =
        [("GENERATOR", "openai"), ("OPENAI_BASE_URL", "http://localhost:11434/v1/"), ("OPENAI_MODEL", "llama")];

    #[test]
    fn without_an_ai_nothing_else_is_needed_and_nothing_costs_anything() {
        assert_eq!(from(&[("GENERATOR", "offline")]), Ok((GeneratorKind::Offline, Some(Prices::default()))));
        refused(&[], "GENERATOR is not set");
        refused(&[("GENERATOR", "oracle")], "\"oracle\" is not a generator; use offline, bedrock, lambda or openai");
    }

    #[test]
    fn bedrock_needs_a_model() {
        refused(&[("GENERATOR", "bedrock")], "BEDROCK_MODEL is not set");
        let set = [("GENERATOR", "bedrock"), ("BEDROCK_MODEL", "m")];
        let plain = Sampling { temperature: None, max_tokens: 4_096 };
        let bedrock = Bedrock { model: "m".into(), region: None, sampling: plain };
        assert_eq!(from(&set), Ok((GeneratorKind::Bedrock(bedrock.clone()), None)));
        let chosen = [("BEDROCK_REGION", "eu-west-1"), ("AI_TEMPERATURE", "0.3"), ("AI_MAX_TOKENS", "900")];
        let sampling = Sampling { temperature: Some(0.3), max_tokens: 900 };
        let bedrock = Bedrock { region: Some("eu-west-1".into()), sampling, ..bedrock };
        assert_eq!(from(&[&set[..], &chosen].concat()), Ok((GeneratorKind::Bedrock(bedrock), None)));
        for wrong in [("AI_TEMPERATURE", "hot"), ("AI_TEMPERATURE", "-0.1"), ("AI_TEMPERATURE", "NaN")] {
            refused(&[&set[..], &[wrong]].concat(), "AI_TEMPERATURE is malformed");
        }
        for wrong in ["0", "-1", "1.5", "many"] {
            refused(&[&set[..], &[("AI_MAX_TOKENS", wrong)]].concat(), "is not a whole number from 1");
        }
    }

    #[test]
    fn an_existing_function_has_a_name_and_no_price() {
        refused(&[("GENERATOR", "lambda")], "GENERATOR_FUNCTION is not set");
        let set =
            [("GENERATOR", "lambda"), ("GENERATOR_FUNCTION", "f"), ("AI_INPUT_PRICE", "3"), ("AI_OUTPUT_PRICE", "15")];
        assert_eq!(from(&set), Ok((GeneratorKind::Lambda(ExistingFunction { function: "f".into() }), None)));
    }

    #[test]
    fn a_server_of_ones_own_needs_no_key() {
        let Ok((GeneratorKind::OpenAi(local), None)) = from(&LOCAL) else { panic!("an OpenAI-compatible server") };
        assert_eq!((local.base_url.to_string().as_str(), local.key), ("http://localhost:11434/v1", None));
        assert_eq!(local.token_limit, TokenLimit::MaxCompletionTokens);
        let old = from(&[&LOCAL[..], &[("OPENAI_TOKEN_LIMIT", "max_tokens")]].concat());
        let Ok((GeneratorKind::OpenAi(old), None)) = old else { panic!("{old:?}") };
        assert_eq!(old.token_limit, TokenLimit::MaxTokens);
        refused(&[&LOCAL[..], &[("OPENAI_TOKEN_LIMIT", "tokens")]].concat(), "max_completion_tokens or max_tokens");
        refused(&LOCAL[..2], "OPENAI_MODEL is not set");
    }

    #[test]
    fn a_key_comes_from_one_place() {
        let (secret, parameter) = (("OPENAI_KEY_SECRET", "arn:secret"), ("OPENAI_KEY_PARAMETER", "/ai/key"));
        let key = |set: &[_]| match from(&[&LOCAL[..], set].concat()) {
            Ok((GeneratorKind::OpenAi(openai), _)) => openai.key,
            other => panic!("{other:?}"),
        };
        assert_eq!(key(&[secret]), Some(KeySource::Secret("arn:secret".into())));
        assert_eq!(key(&[parameter]), Some(KeySource::Parameter("/ai/key".into())));
        refused(&[&LOCAL[..], &[secret, parameter]].concat(), "use one of them");
    }

    #[test]
    fn a_key_never_travels_in_the_clear() {
        let with = |url| [("GENERATOR", "openai"), ("OPENAI_BASE_URL", url), ("OPENAI_MODEL", "m")];
        let key = [("OPENAI_KEY_SECRET", "s")];
        for url in ["https://ai.example/v1", "http://127.0.0.1:1/v1", "http://[::1]:8080", "http://localhost"] {
            assert!(from(&[&with(url)[..], &key].concat()).is_ok(), "{url}");
        }
        for url in
            ["http://ai.example/v1", "http://10.0.0.7:8000/v1", "http://localhost.example", "http://127.0.0.1.example"]
        {
            assert!(from(&with(url)).is_ok(), "{url} without a key");
            refused(&[&with(url)[..], &key].concat(), "a key may not travel over plain http");
        }
    }

    #[test]
    fn an_address_is_a_plain_one() {
        for url in [
            "ai.example",
            "ftp://ai.example",
            "https://",
            "https:///v1",
            "https://user:secret@ai.example",
            "https://a b",
            "https://a?k=v",
        ] {
            assert_eq!(BaseUrl::new(url), None, "{url}");
        }
    }

    #[test]
    fn prices_are_dollars_for_a_million_tokens_and_come_together() {
        let with =
            |input, output| from(&[&LOCAL[..], &[("AI_INPUT_PRICE", input), ("AI_OUTPUT_PRICE", output)]].concat());
        let prices = |input, output| with(input, output).map(|(_, prices)| prices);
        assert_eq!(prices("3", "15"), Ok(Some(Prices { input: 3_000_000, output: 15_000_000 })));
        assert_eq!(prices("0.035", "0.14"), Ok(Some(Prices { input: 35_000, output: 140_000 })));
        assert_eq!(prices("0", "0.000001"), Ok(Some(Prices { input: 0, output: 1 })));
        for wrong in ["-1", "1,5", "1e3", ".5", "1.", "0.0000001", "1234567", "three"] {
            assert!(with(wrong, "1").is_err(), "{wrong}");
        }
        refused(&[&LOCAL[..], &[("AI_INPUT_PRICE", "3")]].concat(), "AI_OUTPUT_PRICE is not set");
    }
}
