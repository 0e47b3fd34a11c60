//! A deployed pipeline, and its description for tests and users.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

/// The content of `stack.json`. The end-to-end tests get its path in the environment variable `GOAL_ACTIVITY_STACK`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stack {
    /// The endpoint of the emulator, for AWS SDKs: `http://127.0.0.1:<port>`.
    pub endpoint: String,
    /// The URL prefix of every path of the HTTP API, such as `/api/goals/{goalId}/tasks`.
    pub api_url: String,
    /// The stack's outputs, by name.
    pub outputs: BTreeMap<String, String>,
    /// A user who can sign in.
    pub user: Credentials,
}

/// The credentials of a user. They are valid only for an emulator on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// An e-mail address.
    pub username: String,
    /// As the user pool requires it.
    pub password: String,
}

impl Stack {
    /// The pipeline deployed at an endpoint.
    pub fn new(endpoint: &str, outputs: BTreeMap<String, String>) -> Result<Self> {
        let api = outputs.get("ApiId").context("the stack has no output ApiId")?;
        // By path: the emulator's host names do not resolve everywhere.
        let api_url = format!("{endpoint}/_aws/execute-api/{api}");
        let user = Credentials { username: "demo@example.com".to_owned(), password: "Demo-password-1".to_owned() };
        Ok(Self { endpoint: endpoint.to_owned(), api_url, outputs, user })
    }

    /// An output of the stack.
    pub fn output(&self, name: &str) -> Result<&str> {
        self.outputs.get(name).map(String::as_str).with_context(|| format!("the stack has no output {name}"))
    }

    /// Writes `stack.json`. Only its user can write to it, or `goalctl` would not use it where it is found.
    pub fn write(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).truncate(true).mode(0o600).open(file);
        let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
        written.with_context(|| format!("cannot write {}", file.display()))
    }

    /// Reads `stack.json`.
    pub fn read(file: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not a stack file", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_file_has_the_names_that_tests_read() {
        let outputs = BTreeMap::from([("ApiId".to_owned(), "a1b2".to_owned())]);
        let stack = Stack::new("http://127.0.0.1:4567", outputs).unwrap();
        let written = serde_json::to_value(&stack).unwrap();
        assert_eq!(written["endpoint"], "http://127.0.0.1:4567");
        assert_eq!(written["apiUrl"], "http://127.0.0.1:4567/_aws/execute-api/a1b2");
        assert_eq!(written["outputs"]["ApiId"], "a1b2");
        assert!(written["user"]["username"].is_string() && written["user"]["password"].is_string());
    }

    #[test]
    fn an_output_that_is_missing_is_named() {
        let error = Stack::new("http://127.0.0.1:4567", BTreeMap::new()).unwrap_err().to_string();
        assert_eq!(error, "the stack has no output ApiId");
    }
}
