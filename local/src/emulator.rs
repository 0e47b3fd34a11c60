//! Starts and ends the emulators, and other servers for tests.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::unistd::Pid;

use crate::aws;
use crate::interrupt::{self, Guard, Leftover};
use crate::prerequisites;
use crate::process;

/// How long an emulator may take until it responds. The first start after the installation compiles its code.
const START: Duration = Duration::from_secs(60);
/// The polling interval.
const PROBE: Duration = Duration::from_millis(25);
/// How many API calls are recorded to count the usage of a run.
const RECORDED_CALLS: &str = "200000";

/// The kind of emulator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The whole pipeline, with IAM enforced for its functions.
    MiniStack,
    /// The same without roles: an interpreter of state machines.
    BareMiniStack,
    /// A second interpreter of state machines.
    Moto,
    /// A second DynamoDB: this program.
    Dynoxide(PathBuf),
    /// The server of a language model: this program with its arguments, to which the port is added.
    LanguageModel(Vec<String>),
}

/// `MiniStack`'s variable with the address of the language model behind its Bedrock.
const BEDROCK: &str = "MINISTACK_BEDROCK_PROXY_URL";

/// A running emulator. It ends, with its functions, when this is dropped; and when this command ends in any other way,
/// because it watches its standard input.
#[derive(Debug)]
pub struct Emulator {
    port: u16,
    log: PathBuf,
    child: Child,
    guard: Option<Guard>,
}

impl Emulator {
    /// Starts one in `folder`, which contains all its files, and waits until it responds.
    pub fn start(kind: Kind, python: &Path, folder: &Path) -> Result<Self> {
        Self::launch(&kind, python, folder, &[], &[])?.ready(&kind)
    }

    /// Starts `MiniStack`; the functions on it print their spans.
    pub fn start_tracing(python: &Path, folder: &Path) -> Result<Self> {
        Self::launch(&Kind::MiniStack, python, folder, &[], &[("TRACING", "print")])?.ready(&Kind::MiniStack)
    }

    /// Starts `MiniStack` that keeps the batching windows of event source mappings.
    pub fn start_with_windows(python: &Path, folder: &Path) -> Result<Self> {
        let kind = Kind::MiniStack;
        Self::launch(&kind, python, folder, &[], &[("BATCHING_WINDOWS", "kept")])?.ready(&kind)
    }

    /// Starts `MiniStack` whose Bedrock passes calls on to the language model at that address, as [`Self::start_before`].
    pub fn start_tracing_before(model: &str, python: &Path, folder: &Path) -> Result<Self> {
        let more = [("TRACING", "print"), (BEDROCK, model)];
        Self::launch(&Kind::MiniStack, python, folder, &[], &more)?.ready(&Kind::MiniStack)
    }

    /// Starts `MiniStack` without roles, whose Bedrock passes calls on to the language model at that address. When the model does
    /// not answer, it gives an answer of its own.
    pub fn start_before(model: &str, python: &Path, folder: &Path) -> Result<Self> {
        let kind = Kind::BareMiniStack;
        Self::launch(&kind, python, folder, &[], &[(BEDROCK, model)])?.ready(&kind)
    }

    /// Starts `MiniStack` so that it can continue after this command: see `detach`.
    pub fn start_detachable(python: &Path, folder: &Path) -> Result<Self> {
        Self::launch(&Kind::MiniStack, python, folder, &["--detached"], &[])?.ready(&Kind::MiniStack)
    }

    fn launch(kind: &Kind, python: &Path, folder: &Path, options: &[&str], more: &[(&str, &str)]) -> Result<Self> {
        fs::create_dir_all(folder.join("tmp"))?;
        let log = folder.join("emulator.log");
        let port = free_port()?;
        let said = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = Command::new(python);
        // Its own process group: Ctrl-C in a terminal reaches this command first, which then ends the group.
        command.args(["-c", include_str!("emulator.py")]).args(options).args(arguments(kind, port)).process_group(0);
        command.env_clear().envs(environment(kind, port, folder)).envs(more.iter().copied()).current_dir(folder);
        let stdin = if options.is_empty() { Stdio::piped() } else { Stdio::null() };
        let child = command.stdin(stdin).stdout(said.try_clone()?).stderr(said).spawn().context("cannot run Python")?;
        let guard = Some(interrupt::guard(Leftover::Emulator(process::pid(&child))));
        Ok(Self { port, log, child, guard })
    }

    fn ready(mut self, kind: &Kind) -> Result<Self> {
        let probe = match kind {
            Kind::MiniStack | Kind::BareMiniStack => "/_ministack/ready",
            Kind::Moto => "/moto-api/",
            Kind::Dynoxide(_) => "/",
            Kind::LanguageModel(_) => "/health",
        };
        let url = format!("{}{probe}", self.endpoint());
        let deadline = Instant::now() + START;
        while !aws::agent().get(&url).call().is_ok_and(|answer| answer.status() == 200) {
            if let Some(status) = self.child.try_wait()? {
                bail!("the emulator ended at once ({status}):\n{}", self.last_words());
            }
            if Instant::now() > deadline {
                bail!("the emulator did not answer within {} s:\n{}", START.as_secs(), self.last_words());
            }
            std::thread::sleep(PROBE);
        }
        if *kind == Kind::Moto {
            // By default it only stores state machines.
            let run = serde_json::json!({"stepfunctions": {"execute_state_machine": true}});
            aws::agent().post(format!("{}/moto-api/config", self.endpoint())).send_json(run)?;
        }
        Ok(self)
    }

    /// Its address.
    pub fn endpoint(&self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// Its process, and the group of all its child processes.
    pub fn pid(&self) -> Pid {
        process::pid(&self.child)
    }

    /// Keeps it running.
    pub fn detach(mut self) {
        if let Some(guard) = self.guard.take() {
            guard.disarm();
        }
    }

    /// The end of its log.
    pub fn last_words(&self) -> String {
        process::last_lines(&fs::read_to_string(&self.log).unwrap_or_default())
    }
}

fn arguments(kind: &Kind, port: u16) -> Vec<String> {
    match kind {
        Kind::MiniStack | Kind::BareMiniStack => vec!["ministack".to_owned()],
        Kind::Moto => ["moto.server", "-H", "127.0.0.1", "-p", &port.to_string()].map(str::to_owned).to_vec(),
        Kind::Dynoxide(program) => {
            let options = ["--host", "127.0.0.1", "--port", &port.to_string(), "--log", "quiet"];
            let program = program.to_string_lossy().into_owned();
            std::iter::once(program).chain(options.map(str::to_owned)).collect()
        }
        Kind::LanguageModel(server) => server.iter().cloned().chain(["--port".to_owned(), port.to_string()]).collect(),
    }
}

/// The whole environment: functions inherit the emulator's, so it must not contain variables of this machine.
fn environment(kind: &Kind, port: u16, folder: &Path) -> Vec<(&'static str, String)> {
    let path = |p: PathBuf| p.to_string_lossy().into_owned();
    let mut variables = vec![
        ("HOME", path(folder.to_owned())),
        ("TMPDIR", path(folder.join("tmp"))),
        ("LANG", "C.UTF-8".to_owned()),
        ("PATH", paths()),
        ("PYTHONUNBUFFERED", "1".to_owned()),
    ];
    if matches!(kind, Kind::MiniStack | Kind::BareMiniStack) {
        variables.extend([
            ("GATEWAY_PORT", port.to_string()),
            ("BIND_HOST", "127.0.0.1".to_owned()),
            ("MINISTACK_HOST", "127.0.0.1".to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
            ("STATE_DIR", path(folder.join("state"))),
            ("LOG_LEVEL", "WARNING".to_owned()),
            // Otherwise it listens on every interface, on port 8883.
            ("IOT_MTLS_ENABLED", "0".to_owned()),
            ("CLOUDTRAIL_MAX_EVENTS", RECORDED_CALLS.to_owned()),
            // Enforce IAM.
            ("AUTH", (*kind == Kind::MiniStack).to_string()),
        ]);
    }
    variables
}

/// The system's programs, and Node.js for functions that are written for it.
fn paths() -> String {
    let node = prerequisites::node_folder().map(|folder| format!(":{}", folder.display()));
    format!("/usr/local/bin:/usr/bin:/bin{}", node.unwrap_or_default())
}

/// A port of 127.0.0.1 on which no server listens.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_in_the_emulator_is_described() {
        let described = include_str!("../../docs/LOCAL.md");
        let functions =
            include_str!("emulator.py").lines().filter_map(|line| line.strip_prefix("def ")?.split_once('('));
        let changes: Vec<_> = functions.map(|(name, _)| name).filter(|name| *name != "end_with_starter").collect();
        assert!(changes.len() >= 4, "{changes:?}");
        for change in changes {
            assert!(described.contains(&format!("| `{change}` |")), "docs/LOCAL.md does not describe {change}");
        }
    }

    #[test]
    fn an_emulator_gets_nothing_of_this_machine_listens_on_loopback_only_and_enforces_roles() {
        let variables = environment(&Kind::MiniStack, 4567, Path::new("/somewhere"));
        let value = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
        assert_eq!(value("BIND_HOST"), Some("127.0.0.1"));
        assert_eq!(value("IOT_MTLS_ENABLED"), Some("0"));
        assert_eq!(value("AWS_ENDPOINT_URL"), Some("http://127.0.0.1:4567"));
        assert_eq!(value("AUTH"), Some("true"), "roles are enforced");
        assert!(value("TMPDIR").is_some_and(|d| d.starts_with("/somewhere/")));
    }

    #[test]
    fn an_emulator_that_cannot_start_says_why() {
        let folder = std::env::temp_dir().join(format!("local-emulator-{}", std::process::id()));
        let not_python = Path::new("/bin/ls");
        let started = Instant::now();
        let error = Emulator::start(Kind::MiniStack, not_python, &folder).unwrap_err().to_string();
        assert!(error.starts_with("the emulator ended at once"), "{error}");
        assert!(started.elapsed() < START);
        fs::remove_dir_all(&folder).unwrap();
    }
}
