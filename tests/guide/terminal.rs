//! A terminal of an operator: a shell with the AWS CLI and `goalctl`, and with credentials of its own.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use goal_activity_tests::{Permission, Stack};
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// What was printed, and the exit code.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// An operator with these permissions, at a terminal.
#[derive(Debug)]
pub(crate) struct Terminal {
    variables: Vec<(String, String)>,
    folder: PathBuf,
}

#[allow(clippy::disallowed_methods, reason = "what only `cargo xtask` knows")]
fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test guide`"))
}

/// Actions that the emulator checks under another name than AWS does: for a batch of messages AWS checks that of one (SQS developer
/// guide, "API permissions"), and a mapping is not listed but got (Lambda's actions in the service authorization reference).
const OTHER_NAMES: [(&str, &str); 2] = [
    ("sqs:ChangeMessageVisibility", "sqs:ChangeMessageVisibilityBatch"),
    ("lambda:GetEventSourceMapping", "lambda:ListEventSourceMappings"),
];

fn as_the_emulator_names_them(permissions: &[Permission]) -> Vec<Permission> {
    let named = permissions.iter().map(|Permission { action, resource }| {
        let other = OTHER_NAMES.iter().find(|(name, _)| name == action).map(|(_, other)| (*other).to_owned());
        // The emulator puts the name of the default bus into the ARNs of its rules; AWS does not.
        let rule = resource.split_once(":rule/").filter(|(_, name)| !name.contains('/'));
        let rule = rule.map(|(account, name)| format!("{account}:rule/default/{name}"));
        let action = other.unwrap_or_else(|| action.clone());
        Permission { action, resource: rule.unwrap_or_else(|| resource.clone()) }
    });
    // It does not see which table is restored.
    let restores = permissions.iter().filter(|p| p.action.starts_with("dynamodb:Restore"));
    let restores = restores.map(|p| Permission { action: p.action.clone(), resource: "*".to_owned() });
    permissions.iter().cloned().chain(named).chain(restores).collect()
}

impl Terminal {
    pub(crate) async fn of(stack: &Stack, permissions: &[Permission]) -> Self {
        let operator = stack.operator(&as_the_emulator_names_them(permissions)).await;
        let session = stack.assume(&operator).await;
        let folder = std::env::temp_dir().join(format!("operator-{}", Uuid::new_v4()));
        let bin = folder.join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_goalctl-tested"), bin.join("goalctl")).unwrap();
        let path = format!("{}:{}:/usr/local/bin:/usr/bin:/bin", bin.display(), variable("GUIDE_PROGRAMS"));
        let mut variables = vec![
            ("PATH".to_owned(), path),
            ("HOME".to_owned(), folder.display().to_string()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ("AWS_REGION".to_owned(), "us-east-1".to_owned()),
            ("AWS_DEFAULT_REGION".to_owned(), "us-east-1".to_owned()),
            ("AWS_ENDPOINT_URL".to_owned(), stack.endpoint().to_owned()),
            ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
        ];
        variables.extend(session.environment().map(|(name, value)| (name.to_owned(), value)));
        // The page's commands for a deployment are run in the repository.
        let infra = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("infra");
        std::os::unix::fs::symlink(infra, folder.join("infra")).unwrap();
        Self { variables, folder }
    }

    /// Another variable of the environment.
    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs a script; it ends with the first command that fails.
    pub(crate) async fn run(&self, script: &str) -> Ran {
        let mut bash = Command::new("bash");
        bash.args(["-euo", "pipefail", "-c", script]).env_clear().envs(self.variables.iter().cloned());
        bash.current_dir(&self.folder).stdin(Stdio::null());
        spawn_blocking(move || bash.output()).await.unwrap().unwrap().into()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
