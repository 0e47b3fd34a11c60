//! Asks an AI as the worker does, with its adapters and its rules, and shows what comes of it: `cargo xtask ai` runs this, with
//! the settings that the CDK app makes of its context.
//!
//! `ai check INPUT [RESULT]` asks for the tasks of one action, `ai eval INPUT [RESULT]` for those of all in `actions.json`. INPUT is
//! JSON: `variables`, which are the worker's, and for `check` the `action`. RESULT is written as JSON.

mod actions;
mod ask;
mod check;
mod eval;
mod figures;
mod lines;
mod report;

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;

use goal_activity_core::trial::Subject;
use goal_activity_functions::runtime::config::Generators;
use serde::Deserialize;
use serde_json::Value;

use lines::Lines;

/// A key of an OpenAI-compatible endpoint, instead of the one in the store that the settings name.
const KEY: &str = "AI_CHECK_KEY";

/// What is wrong, for people.
type Wrong = Box<dyn Error + Send + Sync>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Input {
    variables: BTreeMap<String, String>,
    action: Option<Subject>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns `true` if the AI gave tasks for all actions.
async fn run(arguments: &[String]) -> Result<bool, Wrong> {
    let lines = Lines::collect();
    let (command, input, result) = match arguments {
        [command, input] => (command, input, None),
        [command, input, result] => (command, input, Some(result)),
        _ => return Err("usage: ai check|eval INPUT [RESULT]".into()),
    };
    let input: Input = serde_json::from_slice(&std::fs::read(input)?)?;
    let variables: Vec<_> = input.variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let generators = Generators::from_variables(&variables)?;
    let (succeeded, json): (bool, Value) = match (command.as_str(), input.action) {
        ("check", Some(subject)) => check::run(&input.variables, generators, &subject, &lines).await?,
        ("eval", None) => eval::run(generators).await?,
        _ => return Err("usage: ai check|eval INPUT [RESULT]".into()),
    };
    if let Some(file) = result {
        std::fs::write(file, format!("{json:#}\n"))?;
    }
    Ok(succeeded)
}

#[allow(clippy::disallowed_methods, reason = "the key is nowhere but in the environment")]
fn key() -> Option<String> {
    std::env::var(KEY).ok().filter(|key| !key.trim().is_empty())
}
