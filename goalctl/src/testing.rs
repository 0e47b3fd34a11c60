//! Runs of the tool on a stack that a stub stands for.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::environment::Environment;
use crate::shell::Shell;
use crate::terminal::Terminal;

/// Runs the command line on the stack with these outputs, whose AWS services are at that address. Returns the exit code and what is
/// printed. The name is one that no other run has at that moment.
pub(crate) async fn ran_on(
    name: &str,
    (endpoint, outputs): (&str, Value),
    environment: Environment,
    arguments: &[&str],
) -> (u8, String, String) {
    let file: PathBuf = std::env::temp_dir().join(format!("goalctl-{name}-{}.json", std::process::id()));
    std::fs::write(&file, json!({ "endpoint": endpoint, "outputs": outputs }).to_string()).unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let shell = Shell {
        out: &mut out,
        err: &mut err,
        keyboard: None,
        piped: None,
        terminal: Terminal::default(),
        environment: Environment { stack_file: Some(file.clone()), ..environment },
    };
    let code = crate::run(["goalctl"].iter().chain(arguments), shell).await;
    std::fs::remove_file(file).unwrap();
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}
