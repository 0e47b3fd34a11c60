//! The key of an AI, read from its store when it is first needed, and again when it has been changed.

use std::fmt;

use aws_sdk_bedrockruntime::error::ProvideErrorMetadata;
use goal_activity_core::ports::GenerationError;
use goal_activity_events::FailureCode;
use tokio::sync::Mutex;

use super::wire::region_of;
use crate::adapters::aws::Connection;
use crate::runtime::config::KeySecret;

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

/// The secret with the key, and the key once it was read.
#[derive(Debug)]
pub(super) struct Key {
    client: aws_sdk_secretsmanager::Client,
    secret: KeySecret,
    /// Locked while the key is read: actions that need it at the same time read it once.
    known: Mutex<Option<ApiKey>>,
}

impl Key {
    /// The key in that secret.
    pub(super) fn new(aws: &Connection, secret: KeySecret) -> Self {
        let sdk = aws.sdk().to_builder().region(region_of(&secret.0, aws.sdk())).build();
        Self { client: aws_sdk_secretsmanager::Client::new(&sdk), secret, known: Mutex::default() }
    }

    /// The key.
    pub(super) async fn get(&self) -> Result<ApiKey, GenerationError> {
        let mut known = self.known.lock().await;
        if let Some(key) = &*known {
            return Ok(key.clone());
        }
        let key = self.read().await?;
        Ok(known.insert(key).clone())
    }

    /// Returns the key that has replaced a refused one, if any.
    pub(super) async fn after(&self, refused: &ApiKey) -> Result<Option<ApiKey>, GenerationError> {
        let mut known = self.known.lock().await;
        // Another action may have read the new key meanwhile.
        if known.as_ref().is_none_or(|key| key == refused) {
            *known = Some(self.read().await?);
        }
        Ok(known.clone().filter(|key| key != refused))
    }

    async fn read(&self) -> Result<ApiKey, GenerationError> {
        let read = self.client.get_secret_value().secret_id(&self.secret.0).send().await;
        let read = read.map_err(|e| not_read(e.code(), &goal_activity_events::publisher::reason(&e)))?;
        // A key that is not a valid header value would fail the request with a message that might repeat it.
        let key = read.secret_string.map(|text| text.trim().to_owned());
        let key = key.filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()));
        key.map(ApiKey).ok_or_else(|| {
            GenerationError::permanent(FailureCode::AiRejected, "what is kept as the AI's key is not a key")
        })
    }
}

/// Returns `true` for AWS errors that another attempt does not resolve.
const FINAL: [&str; 6] = [
    "AccessDeniedException",
    "ResourceNotFoundException",
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
