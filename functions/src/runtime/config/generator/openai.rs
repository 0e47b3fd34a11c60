use goal_activity_core::answer::Tolerance;
use serde_json::{Map, Value};

use super::address::BaseUrl;
use super::{Sampling, tolerance};
use crate::runtime::config::ConfigError;
use crate::runtime::config::variables::Variables;

/// An endpoint for OpenAI's chat completions.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenAi {
    /// The URL without `/chat/completions`.
    pub base_url: BaseUrl,
    /// The version of its API, where the address must have one, as Azure's.
    pub api_version: Option<String>,
    /// Its name for the model.
    pub model: String,
    /// Where the key is. A server on this machine or in a private network needs none.
    pub key: Option<KeySecret>,
    /// The header for the bare key. If missing, it is a bearer token.
    pub key_header: Option<String>,
    /// Its sampling settings.
    pub sampling: Sampling,
    /// Its name for the limit of an answer.
    pub token_limit: TokenLimit,
    /// How it is made to answer with JSON.
    pub response_format: ResponseFormat,
    /// Whether the schema has the limits of numbers and lists.
    pub schema_limits: bool,
    /// The role in which it gets the instructions.
    pub instructions: Instructions,
    /// Fields that are added to a request's body, or replace ours.
    pub extra_body: Map<String, Value>,
    /// Headers that are added to a request.
    pub extra_headers: Vec<(String, String)>,
    /// How tolerant its answers are read.
    pub tolerance: Tolerance,
}

/// The ARN or name of a secret in Secrets Manager that contains only a key. The key is never in the environment: every
/// principal that may read the function's configuration could read it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySecret(pub String);

/// A server's name for the limit of an answer in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenLimit {
    /// OpenAI's current name.
    #[default]
    MaxCompletionTokens,
    /// The earlier name, the only one that some servers support.
    MaxTokens,
    /// None is sent.
    None,
}

impl TokenLimit {
    /// The name of the field in a request, if there is one.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::MaxCompletionTokens => Some("max_completion_tokens"),
            Self::MaxTokens => Some("max_tokens"),
            Self::None => None,
        }
    }
}

/// How a server is made to answer with JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ResponseFormat {
    /// By the schema of the answer.
    #[default]
    JsonSchema,
    /// By being told that it is an object.
    JsonObject,
    /// By the prompt only.
    None,
}

/// The role in which a model gets the instructions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Instructions {
    /// In a message of the system.
    #[default]
    System,
    /// In a message of the developer, OpenAI's newer name.
    Developer,
    /// In the user's message, before the data.
    User,
}

impl OpenAi {
    /// An endpoint without a key, with the default of every setting.
    pub fn at(base_url: BaseUrl, model: impl Into<String>) -> Self {
        Self {
            base_url,
            api_version: None,
            model: model.into(),
            key: None,
            key_header: None,
            sampling: Sampling::default(),
            token_limit: TokenLimit::default(),
            response_format: ResponseFormat::default(),
            schema_limits: false,
            instructions: Instructions::default(),
            extra_body: Map::new(),
            extra_headers: Vec::new(),
            tolerance: Tolerance::default(),
        }
    }

    pub(super) fn read(variables: Variables<'_>) -> Result<Self, ConfigError> {
        let url = "OPENAI_BASE_URL";
        let text = variables.required(url)?;
        let base_url =
            BaseUrl::new(&text).ok_or_else(|| variables.malformed(url, "it is no plain http or https address"))?;
        let key = variables.get("OPENAI_KEY_SECRET").map(KeySecret);
        if key.is_some() && !base_url.is_private() {
            let reason = "a key may not travel over plain http to another machine; use https";
            return Err(variables.malformed(url, reason));
        }
        let limits = [
            ("max_completion_tokens", TokenLimit::MaxCompletionTokens),
            ("max_tokens", TokenLimit::MaxTokens),
            ("none", TokenLimit::None),
        ];
        let formats = [
            ("json_schema", ResponseFormat::JsonSchema),
            ("json_object", ResponseFormat::JsonObject),
            ("none", ResponseFormat::None),
        ];
        let roles =
            [("system", Instructions::System), ("developer", Instructions::Developer), ("user", Instructions::User)];
        let key_header = variables.optional("OPENAI_KEY_HEADER", "the name of a header", |name| {
            header(name).filter(|name| !RESERVED.contains(&name.as_str()))
        })?;
        let extra_headers = extra_headers(variables, key_header.as_deref())?;
        Ok(Self {
            base_url,
            api_version: variables.optional("OPENAI_API_VERSION", "a version such as 2024-10-21", version)?,
            model: variables.required("OPENAI_MODEL")?,
            key,
            key_header,
            sampling: Sampling::read(variables)?,
            token_limit: variables.one_of("OPENAI_TOKEN_LIMIT", &limits)?,
            response_format: variables.one_of("OPENAI_RESPONSE_FORMAT", &formats)?,
            schema_limits: variables.one_of("OPENAI_SCHEMA_LIMITS", &[("false", false), ("true", true)])?,
            instructions: variables.one_of("OPENAI_INSTRUCTIONS", &roles)?,
            extra_body: extra_body(variables)?,
            extra_headers,
            tolerance: tolerance(variables)?,
        })
    }
}

/// Fields of the body that are not a setting: without them it would be another request, or another protocol.
const OURS: [&str; 5] = ["messages", "stream", "model", "max_tokens", "max_completion_tokens"];

fn extra_body(variables: Variables<'_>) -> Result<Map<String, Value>, ConfigError> {
    let name = "OPENAI_EXTRA_BODY";
    let read = variables.optional(name, "a JSON object", |text| serde_json::from_str(text).ok())?;
    let fields: Map<String, Value> = read.unwrap_or_default();
    match OURS.iter().find(|field| fields.contains_key(**field)) {
        Some(field) => Err(variables.malformed(name, format!("{field} cannot be replaced"))),
        None => Ok(fields),
    }
}

fn extra_headers(variables: Variables<'_>, key_header: Option<&str>) -> Result<Vec<(String, String)>, ConfigError> {
    let name = "OPENAI_EXTRA_HEADERS";
    let read = variables.optional(name, "a JSON object of texts", |text| serde_json::from_str(text).ok())?;
    let headers: std::collections::BTreeMap<String, String> = read.unwrap_or_default();
    let checked = headers.into_iter().map(|(field, value)| match header(&field) {
        Some(field) if is_of_a_key(&field) || Some(field.as_str()) == key_header => {
            Err(variables.malformed(name, "a key belongs into a store: see OPENAI_KEY_SECRET"))
        }
        Some(field) if value.bytes().all(|b| b.is_ascii_graphic() || b == b' ') => Ok((field, value)),
        _ => Err(variables.malformed(name, "a name or a value of it cannot be in a header")),
    });
    checked.collect()
}

/// Headers that the adapter sets itself.
const RESERVED: [&str; 5] = ["authorization", "content-length", "content-type", "host", "user-agent"];

/// Returns `true` if a header of this name is likely to have a key.
fn is_of_a_key(name: &str) -> bool {
    let words = ["auth", "authorization", "token", "key", "apikey", "secret", "cookie", "password"];
    name.split(['-', '_']).any(|word| words.contains(&word))
}

/// The name of a header, in lower case.
fn header(name: &str) -> Option<String> {
    let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (!name.is_empty() && name.bytes().all(valid)).then(|| name.to_ascii_lowercase())
}

fn version(text: &str) -> Option<String> {
    let valid = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    (!text.is_empty() && text.bytes().all(valid)).then(|| text.to_owned())
}
