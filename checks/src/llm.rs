//! The language models of the tests: `functions/tests/llm/README.md` describes them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use goal_activity_local::emulator::{Emulator, Kind};
use goal_activity_local::process;
use goal_activity_local::project::Project;

/// A server: the variable that tells its address to the tests, the template of its model, and its settings.
type Server = (&'static str, &'static str, &'static [&'static str]);

/// The model that the pipeline is tested with.
const PLAIN: &str = "LLM_CHATML_URL";
/// The one that needs a key.
const KEYED: &str = "LLM_KEYED_URL";
/// Its key.
const KEY: &str = "sk-of-the-tests";
/// The model behind the emulator's Bedrock.
const WITH_TOOLS: &str = "LLM_TOOLS_URL";

/// One for each kind of model, and for each way in which a server may refuse.
const SERVERS: [Server; 7] = [
    (PLAIN, "chatml", &[]),
    ("LLM_NO_SYSTEM_URL", "no_system", &[]),
    ("LLM_STRICT_URL", "strict", &[]),
    ("LLM_THINK_URL", "think", &[]),
    (KEYED, "chatml", &[r#"api_keys=["sk-of-the-tests"]"#]),
    // The prompt has more tokens.
    ("LLM_SMALL_URL", "chatml", &["n_ctx=2048", "n_parallel=1"]),
    (WITH_TOOLS, "tools", &[]),
];

/// The running servers. They end like an emulator: when this is dropped, and when this command ends in any other way.
#[derive(Debug)]
pub(crate) struct Servers {
    running: Vec<(&'static str, Emulator)>,
    /// The emulator whose Bedrock is the model with tools.
    bedrock: Emulator,
}

impl Servers {
    /// Starts all of them. Their files are written to folders in `folder`.
    pub(crate) fn start(project: &Project, python: &Path, folder: &Path) -> Result<Self> {
        let mut running = Vec::new();
        for (variable, template, settings) in SERVERS {
            let script = folder_of_tests(project).join("serve.py");
            // Without caches of the bytecode beside the sources.
            let program = [python.to_string_lossy(), "-B".into(), script.to_string_lossy(), template.into()];
            let arguments = settings.iter().map(|&setting| setting.into());
            let server = program.into_iter().chain(arguments).map(|word| word.into_owned()).collect();
            let started = Emulator::start(Kind::LanguageModel(server), python, &folder.join(variable));
            running.push((variable, started.with_context(|| format!("the language model `{template}`"))?));
        }
        let model = address(&running, WITH_TOOLS)?;
        let bedrock = Emulator::start_before(&model, python, &folder.join("bedrock"))?;
        Ok(Self { running, bedrock })
    }

    /// The variables that tell the tests where they are.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        let models = self.running.iter().map(|(variable, server)| (*variable, server.endpoint()));
        models.chain([("BEDROCK_URL", self.bedrock.endpoint())])
    }

    /// The address of the model that the pipeline is tested with, as its setting.
    pub(crate) fn base_url(&self) -> Result<String> {
        Ok(format!("{}/v1", address(&self.running, PLAIN)?))
    }

    /// The address of the model that is behind Bedrock.
    pub(crate) fn behind_bedrock(&self) -> Result<String> {
        address(&self.running, WITH_TOOLS)
    }

    /// The address of the server that needs a key, as its setting, and the key.
    pub(crate) fn keyed(&self) -> Result<(String, &'static str)> {
        Ok((format!("{}/v1", address(&self.running, KEYED)?), KEY))
    }
}

fn address(running: &[(&str, Emulator)], variable: &str) -> Result<String> {
    let found = running.iter().find(|(name, _)| *name == variable);
    Ok(found.with_context(|| format!("no server for {variable}"))?.1.endpoint())
}

/// Compares the requests to Bedrock that tests have recorded with botocore's description of the service. First it must find
/// what is wrong with the samples.
pub(crate) fn check_converse(project: &Project, python: &Path, recorded: &Path) -> Result<()> {
    let folder = folder_of_tests(project);
    let mut check = Command::new(python);
    check.arg("-B").arg(folder.join("check_converse.py")).arg(folder.join("converse_samples.jsonl")).arg(recorded);
    process::run(&mut check)
}

fn folder_of_tests(project: &Project) -> PathBuf {
    project.root.join("functions").join("tests").join("llm")
}
