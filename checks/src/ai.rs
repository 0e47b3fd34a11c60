//! The part of the tests with a real server of a language model.

use std::path::Path;

use anyhow::{Result, ensure};
use goal_activity_core::limits::MAX_TASKS_PER_ACTION;
use goal_activity_local::ai::{self, Trial};
use goal_activity_local::deploy;
use goal_activity_local::local::RunFolder;
use goal_activity_local::process;
use goal_activity_local::project::Project;
use goal_activity_local::step::step;
use goal_activity_local::tools::{self, Purpose};
use serde_json::Value;

use crate::cargo::tests;
use crate::deployed::OnStack;
use crate::llm::{self, Servers};

/// The adapters alone, `cargo xtask ai`, and the deployed pipeline.
pub(crate) fn check(project: &Project) -> Result<()> {
    let python = tools::python(project, Purpose::Test)?;
    let folder = RunFolder::new(project, "llm")?;
    let servers = step("language models started", || Servers::start(project, &python, &folder.path))?;
    process::run(tests(project).args(["--test", "llm"]).envs(servers.variables()))?;
    let recorded = folder.path.join("converse.jsonl");
    process::run(tests(project).args(["--test", "generators", "bedrock"]).env("BEDROCK_REQUESTS", &recorded))?;
    llm::check_converse(project, &python, &recorded)?;
    let base_url = servers.base_url()?;
    let generator = [
        ("generator", "openai"),
        ("openaiBaseUrl", base_url.as_str()),
        ("openaiModel", "tiny"),
        ("openaiSchemaLimits", "true"),
        ("aiPrices", "0.15,0.60"),
    ];
    ai_from_a_terminal(project, &generator, &servers.keyed()?, &folder.path)?;
    let on = OnStack::deploy_before(project, "ai", &servers.behind_bedrock()?)?;
    let (endpoint, folder) = (on.local.emulator.endpoint(), on.folder.path.clone());
    deploy::change(project, &generator, &endpoint, &folder)?;
    on.test(&["--test", "ai", "openai"])?;
    let bedrock = [("generator", "bedrock"), ("bedrockModel", "amazon.nova-lite-v1:0"), ("aiPrices", "0.15,0.60")];
    deploy::change(project, &bedrock, &endpoint, &folder)?;
    on.test(&["--test", "ai", "bedrock"])?;
    // Nothing listens there.
    let gone = [
        ("generator", "openai"),
        ("openaiBaseUrl", "http://127.0.0.1:9/v1"),
        ("openaiModel", "tiny"),
        ("fallback", "offline"),
    ];
    deploy::change(project, &gone, &endpoint, &folder)?;
    on.test_last(&["--test", "fallback", "--test", "leftovers"])
}

/// `cargo xtask ai` with the same settings, and with ones that fail.
fn ai_from_a_terminal(
    project: &Project,
    generator: &[(&str, &str)],
    (keyed, key): &(String, &str),
    folder: &Path,
) -> Result<()> {
    let file = folder.join("ai.json");
    let trial = |more: &[(&str, &str)], key: Option<&str>| {
        let context: Vec<_> = generator.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Trial::new(&context, |name| key.filter(|_| name == "AI_CHECK_KEY").map(ToOwned::to_owned))
    };
    let read = || -> Result<Value> { Ok(serde_json::from_slice(&std::fs::read(&file)?)?) };
    let one = ai::subject(None, 1)?;

    trial(&[], None).check(project, &one, Some(&file))?;
    let result = read()?;
    let tasks = result["tasks"].as_array().map_or(0, Vec::len);
    ensure!((1..=MAX_TASKS_PER_ACTION).contains(&tasks) && result["usage"]["attempts"] == 1, "{result:#}");

    trial(&[("openaiBaseUrl", keyed)], Some(key)).check(project, &one, Some(&file))?;
    ensure!(!std::fs::read_to_string(&file)?.contains(key), "the key is in the result");

    let failed = trial(&[("aiMaxTokens", "20")], None).check(project, &one, Some(&file));
    let result = read()?;
    let failure = &result["failure"];
    ensure!(failed.is_err() && failure["code"] == "AI_INVALID_ANSWER", "{result:#}");
    ensure!(failure["toDo"].as_str().is_some_and(|to_do| to_do.contains("aiMaxTokens")), "{result:#}");

    // Nothing listens there.
    let gone = [("openaiBaseUrl", "http://127.0.0.1:9/v1"), ("fallback", "offline")];
    trial(&gone, None).check(project, &one, Some(&file))?;
    let result = read()?;
    let by = [0, 1].map(|attempt| result["attempts"][attempt]["generator"].as_str().unwrap_or_default().to_owned());
    ensure!(by == ["openai/tiny", "offline/offline"] && result["usage"]["fallbackAttempts"] == 1, "{result:#}");

    trial(&[], None).eval(project, Some(&file))?;
    let result = read()?;
    ensure!(result["actions"] == 24 && result["accepted"]["total"] == 24, "{result:#}");
    ensure!(result["results"].as_array().is_some_and(|all| all.len() == 24), "{result:#}");
    ensure!(
        result["usage"]["inputTokens"].as_u64() > Some(24_000) && result["usage"]["costMicroUsd"].is_u64(),
        "{result:#}"
    );
    Ok(())
}
