//! The key of an AI, read from its store when it is first needed, and again when it has been changed.

use std::fmt;

use aws_sdk_bedrockruntime::error::ProvideErrorMetadata;
use goal_activity_core::ports::GenerationError;
use goal_activity_events::FailureCode;
use tokio::sync::Mutex;

use super::wire::region_of;
use crate::adapters::aws::Connection;
use crate::runtime::config::KeySource;

/// A key. Only [`reveal`](Self::reveal) shows it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ApiKey(String);

impl ApiKey {
    /// The key itself, for the request that needs it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(...)")
    }
}

/// The store of the key, and the key once it was read.
#[derive(Debug)]
pub(super) struct Key {
    kept: Kept,
    /// Locked while the key is read: actions that need it at the same time read it once.
    known: Mutex<Option<ApiKey>>,
}

#[derive(Debug)]
enum Kept {
    Secret(aws_sdk_secretsmanager::Client, String),
    Parameter(aws_sdk_ssm::Client, String),
}

impl Key {
    /// Creates a key in that store.
    pub(super) fn new(aws: &Connection, source: KeySource) -> Self {
        let kept = match source {
            KeySource::Secret(id) => {
                let sdk = aws.sdk().to_builder().region(region_of(&id, aws.sdk())).build();
                Kept::Secret(aws_sdk_secretsmanager::Client::new(&sdk), id)
            }
            KeySource::Parameter(name) => Kept::Parameter(aws_sdk_ssm::Client::new(aws.sdk()), name),
        };
        Self { kept, known: Mutex::default() }
    }

    /// The key.
    pub(super) async fn get(&self) -> Result<ApiKey, GenerationError> {
        let mut known = self.known.lock().await;
        if let Some(key) = &*known {
            return Ok(key.clone());
        }
        let key = self.kept.read().await?;
        Ok(known.insert(key).clone())
    }

    /// Returns the key that has replaced a refused one, if any.
    pub(super) async fn after(&self, refused: &ApiKey) -> Result<Option<ApiKey>, GenerationError> {
        let mut known = self.known.lock().await;
        // Another action may have read the new key meanwhile.
        if known.as_ref().is_none_or(|key| key == refused) {
            *known = Some(self.kept.read().await?);
        }
        Ok(known.clone().filter(|key| key != refused))
    }
}

impl Kept {
    async fn read(&self) -> Result<ApiKey, GenerationError> {
        let key = match self {
            Self::Secret(client, id) => {
                let read = client.get_secret_value().secret_id(id).send().await;
                read.map_err(|e| not_read(e.code(), &goal_activity_events::publisher::reason(&e)))?.secret_string
            }
            Self::Parameter(client, name) => {
                let read = client.get_parameter().name(name).with_decryption(true).send().await;
                let read = read.map_err(|e| not_read(e.code(), &goal_activity_events::publisher::reason(&e)))?;
                read.parameter.and_then(|parameter| parameter.value)
            }
        };
        // A key that is not a valid header value would fail the request with a message that might repeat it.
        let key = key.map(|text| text.trim().to_owned());
        let key = key.filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()));
        key.map(ApiKey).ok_or_else(|| {
            GenerationError::permanent(FailureCode::AiRejected, "what is kept as the AI's key is not a key")
        })
    }
}

/// Returns `true` for AWS errors that another attempt does not resolve.
const FINAL: [&str; 9] = [
    "AccessDeniedException",
    "ResourceNotFoundException",
    "ParameterNotFound",
    "ParameterVersionNotFound",
    "InvalidKeyId",
    "InvalidParameterException",
    "InvalidRequestException",
    "ValidationException",
    "DecryptionFailure",
];

fn not_read(code: Option<&str>, reason: &str) -> GenerationError {
    // Contains names of the deployment, for its operators only.
    tracing::error!(reason, "the AI's key cannot be read");
    let message = format!("the AI's key cannot be read: {}", code.unwrap_or("no answer"));
    if code.is_some_and(|code| FINAL.contains(&code)) {
        return GenerationError::permanent(FailureCode::AiRejected, message);
    }
    GenerationError::transient(FailureCode::AiUnavailable, message)
}
