//! The key of an AI, read where it is kept when it is first needed, and again when it has been changed.

use std::fmt;

use aws_sdk_bedrockruntime::error::ProvideErrorMetadata;
use goal_activity_core::ports::GenerationError;
use goal_activity_events::FailureCode;
use tokio::sync::Mutex;

use crate::adapters::aws::Connection;
use crate::runtime::config::KeySource;

/// A key. Shows itself nowhere but in [`reveal`](Self::reveal).
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

/// Where the key is kept, and the key once it was read.
#[derive(Debug)]
pub(super) struct Key {
    kept: Kept,
    /// Held while it is read: actions that need it at the same time read it once.
    known: Mutex<Option<ApiKey>>,
}

#[derive(Debug)]
enum Kept {
    Secret(aws_sdk_secretsmanager::Client, String),
    Parameter(aws_sdk_ssm::Client, String),
}

impl Key {
    /// A key that is kept there.
    pub(super) fn new(aws: &Connection, source: KeySource) -> Self {
        let kept = match source {
            KeySource::Secret(id) => Kept::Secret(aws_sdk_secretsmanager::Client::new(aws.sdk()), id),
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

    /// The key that has taken the place of one that was refused, if one has.
    pub(super) async fn after(&self, refused: &ApiKey) -> Result<Option<ApiKey>, GenerationError> {
        let mut known = self.known.lock().await;
        // Another action may have read the new one meanwhile.
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
        // What cannot stand in a header would fail the request with words that might repeat it.
        let key = key.map(|text| text.trim().to_owned());
        let key = key.filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()));
        key.map(ApiKey).ok_or_else(|| {
            GenerationError::permanent(FailureCode::AiRejected, "what is kept as the AI's key is not a key")
        })
    }
}

/// Those of AWS's errors that another attempt does not change.
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
    // Names of the deployment, for its operators only.
    tracing::error!(reason, "the AI's key cannot be read");
    let message = format!("the AI's key cannot be read: {}", code.unwrap_or("no answer"));
    if code.is_some_and(|code| FINAL.contains(&code)) {
        return GenerationError::permanent(FailureCode::AiRejected, message);
    }
    GenerationError::transient(FailureCode::AiUnavailable, message)
}
