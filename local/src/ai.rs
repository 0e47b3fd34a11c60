//! `cargo xtask ai`: tries an AI with the settings that a deployment would have, without one.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::goal_file::{self, derived};
use crate::local::RunFolder;
use crate::output;
use crate::prerequisites;
use crate::process;
use crate::project::{Project, cargo};
use crate::sample::{Experiment, Language};
use crate::step::step;
use crate::tools;

/// The variable with a key, for an endpoint whose key is not in AWS. It is passed on in the environment only.
const KEY: &str = "AI_CHECK_KEY";
/// The variable with the address of an OpenAI-compatible endpoint.
const URL: &str = "AI_CHECK_URL";
/// The variable with the name of its model.
const MODEL: &str = "AI_CHECK_MODEL";
/// The model when only an address is given: OpenAI has it, and servers with one model take any name.
const USUAL_MODEL: &str = "gpt-4.1-mini";

/// A secret for the settings to be complete. It is never read.
const NO_SECRET: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:ai-check-AbCdEf";

const SHORT_FORM: &str = "\
Short form for an OpenAI-compatible endpoint, by variables: AI_CHECK_URL is openaiBaseUrl, AI_CHECK_MODEL is openaiModel.
AI_CHECK_KEY is a key that is used instead of the one in AWS.";

/// Try an AI with the settings of the CDK app
#[derive(Debug, Subcommand)]
pub enum AiCommand {
    /// Ask for the tasks of one action; shows what is sent, what comes back, and what to change when it fails
    #[command(after_help = SHORT_FORM)]
    Check(CheckArgs),
    /// Ask for the tasks of 24 actions, and count what comes back
    #[command(after_help = SHORT_FORM)]
    Eval(EvalArgs),
}

/// The action to ask about.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    settings: Settings,
    /// Your own goal instead of the sample; chart/README.md describes the file
    #[arg(long, value_name = "FILE")]
    goal_file: Option<PathBuf>,
    /// The number of the action in the goal, from 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    action: usize,
}

/// The evaluation.
#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(flatten)]
    settings: Settings,
}

#[derive(Debug, Args)]
struct Settings {
    /// A setting as in `cdk deploy -c`; docs/GENERATORS.md has all
    #[arg(short, long = "context", value_name = "KEY=VALUE", value_parser = setting)]
    context: Vec<(String, String)>,
    /// Write the result to this file as well
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("not KEY=VALUE")?;
    if key.is_empty() { Err("not KEY=VALUE".to_owned()) } else { Ok((key.to_owned(), value.to_owned())) }
}

/// Runs the command.
pub fn run(project: &Project, command: &AiCommand) -> Result<()> {
    let (settings, subject) = match command {
        AiCommand::Check(CheckArgs { settings, goal_file, action }) => {
            (settings, Some(subject(goal_file.as_deref(), *action)?))
        }
        AiCommand::Eval(EvalArgs { settings }) => (settings, None),
    };
    let trial = Trial::new(&settings.context, |name| {
        std::env::var_os(name).and_then(|value| value.into_string().ok()).filter(|value| !value.is_empty())
    });
    match subject {
        Some(subject) => trial.check(project, &subject, settings.json.as_deref())?,
        None => trial.eval(project, settings.json.as_deref())?,
    }
    output::result(&format!("\nThe same settings for a deployment, in infra:\n  {}", trial.deployment()));
    Ok(())
}

/// The action of that number, with what belongs to it.
pub fn subject(goal_file: Option<&Path>, number: usize) -> Result<Value> {
    let chart = match goal_file {
        Some(file) => goal_file::read(file)?,
        None => Experiment::sample(Language::of_terminal())?,
    };
    let goal = goal_file::goal(chart, derived("goal of ai check").parse()?, derived("user of ai check").parse()?)?;
    let action = number.checked_sub(1).and_then(|index| goal.actions.get(index));
    let action = action.with_context(|| format!("there is no action {number}: the goal has {}", goal.actions.len()))?;
    Ok(json!({ "goal": goal.head, "subGoal": goal.sub_goal_of(action), "action": action }))
}

/// The settings to try.
#[derive(Debug, Clone)]
pub struct Trial {
    context: Vec<(String, String)>,
    key: Option<String>,
}

impl Trial {
    /// Completes settings by the variables of the short form. A setting that is given is kept.
    pub fn new(context: &[(String, String)], variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut trial = Self { context: context.to_vec(), key: variable(KEY) };
        if let Some(url) = variable(URL) {
            if !trial.has("aiPreset") {
                trial.complete("generator", "openai");
            }
            trial.complete("openaiBaseUrl", &url);
            trial.complete("openaiModel", variable(MODEL).as_deref().unwrap_or(USUAL_MODEL));
        }
        if trial.key.is_some() && trial.is_endpoint() && !trial.has("openaiKeySecret") {
            trial.complete("openaiKeySecret", NO_SECRET);
        }
        trial
    }

    /// Returns `true` if the generator is an OpenAI-compatible endpoint.
    fn is_endpoint(&self) -> bool {
        self.has("aiPreset") || self.context.iter().any(|(key, value)| key == "generator" && value == "openai")
    }

    fn has(&self, key: &str) -> bool {
        self.context.iter().any(|(other, _)| other == key)
    }

    fn complete(&mut self, key: &str, value: &str) {
        if !self.has(key) {
            self.context.push((key.to_owned(), value.to_owned()));
        }
    }

    /// Asks about one action. The result is an error as well if there are no tasks.
    pub fn check(&self, project: &Project, subject: &Value, json: Option<&Path>) -> Result<()> {
        self.run(project, "check", Some(subject), json)
    }

    /// Asks about all actions of the evaluation. The result is an error as well if one has no tasks.
    pub fn eval(&self, project: &Project, json: Option<&Path>) -> Result<()> {
        self.run(project, "eval", None, json)
    }

    fn run(&self, project: &Project, command: &str, subject: Option<&Value>, json: Option<&Path>) -> Result<()> {
        let variables = self.variables(project)?;
        let tool = built(project)?;
        let folder = RunFolder::new(project, "ai")?;
        let input = folder.path.join("input.json");
        std::fs::write(&input, json!({ "variables": variables, "action": subject }).to_string())?;
        let mut ask = Command::new(tool);
        ask.arg(command).arg(&input).args(json).env_remove(KEY);
        process::run(ask.envs(self.key.iter().map(|key| (KEY, key)))).context("not every action has tasks, see above")
    }

    /// The worker's variables, as the CDK app makes them.
    fn variables(&self, project: &Project) -> Result<Value> {
        prerequisites::node()?;
        tools::cdk_app(project)?;
        let infra = project.infra();
        let context: Map<String, Value> = self.context.iter().map(|(k, v)| (k.clone(), v.as_str().into())).collect();
        let mut variables = Command::new("node");
        variables.arg(format!("{}/bin/worker-variables.js", tools::CDK_BUILD)).current_dir(&infra).env_remove(KEY);
        let variables = process::quietly(variables.env("CDK_CONTEXT_JSON", Value::Object(context).to_string()))?;
        let variables: Value = serde_json::from_str(&variables).context("the worker's variables")?;
        ensure!(variables.is_object(), "the worker's variables are no object");
        Ok(variables)
    }

    /// The command that deploys these settings.
    fn deployment(&self) -> String {
        let setting = |(key, value): &(String, String)| match value.as_str() {
            NO_SECRET => format!(" -c {key}=<the ARN of the secret with the key>"),
            _ => format!(" -c {}", quoted(&format!("{key}={value}"))),
        };
        format!("npm run deploy --{}", self.context.iter().map(setting).collect::<String>())
    }
}

/// A word of a command line, as a shell reads it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=:/.,_-+@%".contains(c);
    if word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Builds the program that asks, with the same features as the tests: others would build the AWS SDK again.
fn built(project: &Project) -> Result<PathBuf> {
    step("functions/examples/ai built", || {
        let mut build = cargo();
        build.args(["build", "--workspace", "--all-features", "--example", "ai"]).current_dir(&project.root);
        process::quietly(build.env_remove(KEY))
    })?;
    Ok(project.target.join("debug").join("examples").join("ai"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(context: &[&str], variables: &[(&str, &str)]) -> Trial {
        let context: Vec<_> = context.iter().map(|text| setting(text).unwrap()).collect();
        let variables: Vec<_> = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Trial::new(&context, |name| variables.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()))
    }

    #[test]
    fn settings_without_variables_are_those_of_the_deployment() {
        let trial = trial(&["aiPreset=groq", "openaiModel=m", r#"openaiExtraBody={"a":"it's"}"#], &[]);
        let line = r#"npm run deploy -- -c aiPreset=groq -c openaiModel=m -c 'openaiExtraBody={"a":"it'\''s"}'"#;
        assert_eq!(trial.deployment(), line);
        assert!(setting("aiPreset").is_err() && setting("=x").is_err());
        assert_eq!(setting("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
    }

    #[test]
    fn an_address_and_a_key_are_settings_of_an_endpoint() {
        let short = trial(&[], &[(URL, "https://ai.example/v1"), (KEY, "sk-1")]);
        let line = "npm run deploy -- -c generator=openai -c openaiBaseUrl=https://ai.example/v1 -c openaiModel=gpt-4.1-mini \
                    -c openaiKeySecret=<the ARN of the secret with the key>";
        assert_eq!(short.deployment(), line);
        assert!(!short.deployment().contains("sk-1"));
        let given = trial(&["aiPreset=vllm", "openaiModel=m"], &[(URL, "http://10.0.0.7/v1"), (MODEL, "other")]);
        assert_eq!(
            given.deployment(),
            "npm run deploy -- -c aiPreset=vllm -c openaiModel=m -c openaiBaseUrl=http://10.0.0.7/v1"
        );
    }

    #[test]
    fn a_key_needs_no_secret_where_there_is_no_endpoint() {
        assert!(!trial(&["generator=bedrock"], &[(KEY, "sk-1")]).has("openaiKeySecret"));
    }

    #[test]
    fn an_action_is_chosen_by_its_number() {
        let first = subject(None, 1).unwrap();
        assert_eq!((&first["action"]["position"], &first["subGoal"]["position"]), (&json!("1#1"), &json!(1)));
        assert_eq!(subject(None, 64).unwrap()["action"]["position"], "8#8");
        assert!(subject(None, 0).is_err() && subject(None, 65).is_err());
    }
}
