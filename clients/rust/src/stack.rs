//! `stack.json`, in which `cargo xtask` describes a pipeline on this machine to `goalctl`, to tests and to people.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// The content of `stack.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StackFile {
    /// The endpoint of the emulated AWS, for AWS SDKs: `http://127.0.0.1:<port>`.
    pub endpoint: String,
    /// The URL prefix of every path of the HTTP API, such as `/api/goals/{goalId}/tasks`.
    #[serde(skip_serializing_if = "Option::is_none")]
    api_url: Option<String>,
    /// The stack's outputs, by name.
    pub outputs: BTreeMap<String, String>,
    /// A user who can sign in.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Credentials>,
}

/// The credentials of a user. Those of a stack file are valid only for the emulator on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// An e-mail address.
    pub username: String,
    /// As the user pool requires it.
    #[serde(serialize_with = "Secret::revealed")]
    pub password: Secret,
}

/// Why a stack file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// It cannot be read.
    #[error("cannot read {}", path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {}", path.display())]
    Unwritten {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is something else.
    #[error("this is not a stack file: {0}")]
    NoStackFile(String),
    /// An output is missing.
    #[error("the stack has no output {0}")]
    NoOutput(String),
    /// The API is missing.
    #[error("the stack file names no apiUrl")]
    NoApi,
    /// The user is missing.
    #[error("the stack file names no user")]
    NoUser,
}

impl StackFile {
    /// Describes a pipeline that is deployed at an endpoint.
    ///
    /// # Errors
    /// The outputs have no API.
    pub fn new(endpoint: &str, outputs: BTreeMap<String, String>, user: Credentials) -> Result<Self, StackError> {
        let api = outputs.get("ApiId").ok_or_else(|| StackError::NoOutput("ApiId".to_owned()))?;
        // By path: the emulator's host names do not resolve everywhere.
        let api_url = Some(format!("{endpoint}/_aws/execute-api/{api}"));
        Ok(Self { endpoint: endpoint.to_owned(), api_url, outputs, user: Some(user) })
    }

    /// Reads the text of a `stack.json`.
    pub fn parse(text: &str) -> Result<Self, StackError> {
        serde_json::from_str(text).map_err(|e| StackError::NoStackFile(e.to_string()))
    }

    /// Reads a `stack.json`.
    pub fn read(path: &Path) -> Result<Self, StackError> {
        let text = std::fs::read_to_string(path);
        Self::parse(&text.map_err(|source| StackError::Unread { path: path.to_owned(), source })?)
    }

    /// Writes a `stack.json`. Only its user can write to it, or `goalctl` would not use it where it is found.
    pub fn write(&self, path: &Path) -> Result<(), StackError> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let write = || options.open(path)?.write_all(serde_json::to_string_pretty(self)?.as_bytes());
        write().map_err(|source| StackError::Unwritten { path: path.to_owned(), source })
    }

    /// Returns an output of the stack.
    pub fn output(&self, name: &str) -> Result<&str, StackError> {
        self.outputs.get(name).map(String::as_str).ok_or_else(|| StackError::NoOutput(name.to_owned()))
    }

    /// Returns the URL prefix of every path of the HTTP API.
    pub fn api_url(&self) -> Result<&str, StackError> {
        self.api_url.as_deref().ok_or(StackError::NoApi)
    }

    /// Returns a user who can sign in.
    pub fn user(&self) -> Result<&Credentials, StackError> {
        self.user.as_ref().ok_or(StackError::NoUser)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> Credentials {
        Credentials { username: "demo@example.com".to_owned(), password: "Demo-password-1".into() }
    }

    #[test]
    fn a_stack_file_is_what_other_programs_read() {
        let outputs = BTreeMap::from([("ApiId".to_owned(), "a1b2".to_owned())]);
        let stack = StackFile::new("http://127.0.0.1:4567", outputs, user()).unwrap();
        let file = std::env::temp_dir().join(format!("client-stack-{}", std::process::id()));
        stack.write(&file).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let read = StackFile::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let written: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(written["endpoint"], "http://127.0.0.1:4567");
        assert_eq!(written["apiUrl"], "http://127.0.0.1:4567/_aws/execute-api/a1b2");
        assert_eq!(written["outputs"]["ApiId"], "a1b2");
        assert_eq!(written["user"], serde_json::json!({"username": "demo@example.com", "password": "Demo-password-1"}));
        assert_eq!(read.user().unwrap(), &user());
        assert!(!format!("{read:?}").contains("Demo-password-1"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = StackFile::new("http://127.0.0.1:4567", BTreeMap::new(), user()).unwrap_err().to_string();
        assert_eq!(error, "the stack has no output ApiId");
        let bare = StackFile::parse(r#"{ "endpoint": "http://127.0.0.1:1", "outputs": {} }"#).unwrap();
        assert_eq!(bare.api_url().unwrap_err().to_string(), "the stack file names no apiUrl");
        assert_eq!(bare.user().unwrap_err().to_string(), "the stack file names no user");
        assert_eq!(
            StackFile::read(Path::new("/nowhere/stack.json")).unwrap_err().to_string(),
            "cannot read /nowhere/stack.json"
        );
        assert!(StackFile::parse("[]").unwrap_err().to_string().starts_with("this is not a stack file: "));
    }
}
