//! `cargo xtask up` and `down`: the pipeline on this machine until it is stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args as ClapArgs;
use goal_activity_client::StackFile;
use goal_activity_events::{ClaimSequence, ExecutionArn, GoalId, StateMachineArn};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::api::{start_path, status_path, tasks_path};
use crate::aws::REGION;
use crate::functions::prebuilt::Prebuilt;
use crate::goal_file;
use crate::interrupt::{self, Leftover};
use crate::local::Local;
use crate::output;
use crate::page;
use crate::project::Project;
use crate::sample::{Experiment, Language};
use crate::step::step;
use crate::user;

/// How long an emulator may take to end.
const GONE: Duration = Duration::from_secs(10);
const GOAL: &str = "3f0c6a52-7d1b-4e8f-9b6a-2c5d8e71f043";

/// What to start.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Build nothing: a release's zip of functions or its URL, or the folder of `cargo xtask build`
    #[arg(long, value_name = "ZIP|URL|FOLDER")]
    functions: Option<Prebuilt>,
    /// Language of the sample goal [default: that of the terminal]
    #[arg(long, value_enum)]
    lang: Option<Language>,
}

/// The process of the emulator.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    pid: i32,
    /// The URL of the page.
    page: String,
}

/// Starts the pipeline, or finds it running, and prints how to use it.
pub fn up(project: &Project, args: &Args) -> Result<()> {
    let record = once(project, |folder| start(project, folder, args))?;
    explain(&folder(project), &record)
}

/// Starts it unless it runs. Of two at the same time the second one waits, and finds that of the first.
fn once(project: &Project, start: impl FnOnce(&Path) -> Result<()>) -> Result<Record> {
    let (folder, _lock) = (folder(project), project.lock_up()?);
    if let Some(record) = running(&folder) {
        output::result("It is up already.");
        return Ok(record);
    }
    start(&folder)?;
    running(&folder).context("the emulator has ended at once; its log is beside its files")
}

/// Ends the pipeline.
pub fn down(project: &Project) -> Result<()> {
    let (folder, _lock) = (folder(project), project.lock_up()?);
    let Some(record) = running(&folder) else {
        output::result("Nothing is up.");
        // An emulator that is gone may have left its files.
        let _ = fs::remove_dir_all(&folder);
        return Ok(());
    };
    let pid = Pid::from_raw(record.pid);
    killpg(pid, Signal::SIGKILL).with_context(|| format!("cannot end process {pid}"))?;
    let deadline = Instant::now() + GONE;
    while is_emulator(pid) {
        ensure!(Instant::now() < deadline, "process {pid} does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::remove_dir_all(&folder)?;
    output::result("Ended.");
    Ok(())
}

fn folder(project: &Project) -> PathBuf {
    project.state().join("up")
}

fn start(project: &Project, folder: &Path, args: &Args) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder)?;
    // Until it is up, Ctrl-C and failures clean up everything.
    let files = interrupt::guard(Leftover::Folder(folder.to_owned()));
    let local = Local::start_detachable(project, folder, args.functions.as_ref())?;
    step("sample goal stored", || {
        let owner = user::sign_in(&local.stack, local.stack.user()?)?;
        let goal = goal_file::goal(
            Experiment::sample(args.lang.unwrap_or_else(Language::of_terminal))?,
            GOAL.parse()?,
            owner.id,
        )?;
        local.seed(&[goal])
    })?;
    local.stack.write(&stack_file(folder))?;
    let page = page::serve(project, &local.emulator, &stack_file(folder))?;
    let record = Record { pid: local.emulator.pid().as_raw(), page };
    fs::write(record_file(folder), serde_json::to_string(&record)?).context("cannot note the emulator's process")?;
    local.emulator.detach();
    files.disarm();
    Ok(())
}

fn explain(folder: &Path, record: &Record) -> Result<()> {
    let stack = StackFile::read(&stack_file(folder))?;
    let (user, api_url) = (stack.user()?, stack.api_url()?);
    let signed_in = user::sign_in(&stack, user)?;
    let goal: GoalId = GOAL.parse()?;
    let machine: StateMachineArn = stack.output("StateMachineArn")?.parse()?;
    let first = ExecutionArn::derive(&machine, &goal, ClaimSequence(1));
    let curl = |options: &str, path: &str| {
        let url = format!("{api_url}{path}");
        output::result(&format!("curl -sSw '\\n' {options}-H \"Authorization: Bearer $TOKEN\" '{url}'"));
    };
    let log = folder.join("emulator.log");
    output::result(&format!("\nPage   {}\nAPI    {}\nLog    {}", record.page, api_url, log.display()));
    output::result(&format!("Stack  {} (its endpoint, names and user)", stack_file(folder).display()));
    output::result(&format!("User   {}, whose id in events and tables is {}", user.username, signed_in.id));
    output::result(&format!("Bus    {}", stack.output("EventBusName")?));
    output::result("\nFor tools and SDKs of AWS:\n");
    output::result(&format!(
        "export AWS_ENDPOINT_URL={} AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION} \
         AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test",
        stack.endpoint
    ));
    output::result(&format!("\nA token of {}, then a start, how it gets on, and the tasks:\n", user.username));
    output::result(&format!("TOKEN='{}'", signed_in.token.reveal()));
    curl("-X POST ", &start_path(&goal));
    curl("", &status_path(&first));
    curl("", &tasks_path(&goal));
    output::result("\nThe same without a token, and more; `cargo goalctl --help`:\n");
    output::result(&format!("cargo goalctl start {goal} --wait\ncargo goalctl tasks {goal}\ncargo goalctl dlq list"));
    output::result("\nEnd it with: cargo xtask down");
    Ok(())
}

fn record_file(folder: &Path) -> PathBuf {
    folder.join("process.json")
}

fn stack_file(folder: &Path) -> PathBuf {
    folder.join("stack.json")
}

/// The emulator that an earlier `up` left, if it is still that process.
fn running(folder: &Path) -> Option<Record> {
    let record: Record = serde_json::from_str(&fs::read_to_string(record_file(folder)).ok()?).ok()?;
    is_emulator(Pid::from_raw(record.pid)).then_some(record)
}

/// Process ids are reused: only a process that was started as a detached emulator counts.
fn is_emulator(pid: Pid) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline"))
        .or_else(|_| Command::new("ps").args(["-o", "command=", "-p", &pid.to_string()]).output().map(|o| o.stdout))
        .unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    command.trim_end().ends_with("--detached ministack")
}

#[cfg(test)]
mod tests {
    use std::process::Child;
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_process_id_that_is_used_again_is_not_taken_for_the_emulator() {
        let mut other = Command::new("sleep").arg("30").spawn().unwrap();
        let pid = crate::process::pid(&other);
        assert!(!is_emulator(pid));
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(!is_emulator(pid), "nor is one that is gone");
    }

    /// Starts what looks like a detached emulator.
    fn stand_in() -> Child {
        let mut stand_in = Command::new("sh");
        // Waits for a line of its own input, which never arrives.
        stand_in.args(["-c", "read line", "--detached", "ministack"]).stdin(std::process::Stdio::piped());
        let emulator = stand_in.spawn().unwrap();
        let pid = crate::process::pid(&emulator);
        let deadline = Instant::now() + GONE;
        // A process that has just started has no arguments yet.
        while !is_emulator(pid) {
            assert!(Instant::now() < deadline, "process {pid} was not recognised");
            std::thread::yield_now();
        }
        emulator
    }

    #[test]
    fn of_two_at_once_one_starts_it_and_the_other_joins() {
        let target = std::env::temp_dir().join(format!("local-up-{}", std::process::id()));
        let project = Project { root: target.clone(), target: target.clone() };
        let started = Mutex::new(Vec::new());
        let up = || {
            once(&project, |folder| {
                let emulator = stand_in();
                let record = Record { pid: crate::process::pid(&emulator).as_raw(), page: String::new() };
                started.lock().unwrap().push(emulator);
                // The other one begins meanwhile, if it can.
                std::thread::yield_now();
                fs::create_dir_all(folder)?;
                Ok(fs::write(record_file(folder), serde_json::to_string(&record)?)?)
            })
            .unwrap()
            .pid
        };
        let pids = std::thread::scope(|scope| [0; 4].map(|_| scope.spawn(up)).map(|one| one.join().unwrap()));
        let mut started = started.into_inner().unwrap();
        assert_eq!(started.len(), 1);
        assert!(pids.iter().all(|pid| *pid == crate::process::pid(&started[0]).as_raw()), "{pids:?}");
        started[0].kill().unwrap();
        started[0].wait().unwrap();
        fs::remove_dir_all(target).unwrap();
    }

    #[test]
    fn a_detached_emulator_is_recognised() {
        let mut emulator = stand_in();
        emulator.kill().unwrap();
        emulator.wait().unwrap();
    }
}
