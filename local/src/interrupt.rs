//! Resources that must be ended or removed, however this command ends.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::output;

/// The exit code of a command that was ended by Ctrl-C.
const INTERRUPTED: i32 = 130;
/// How long tools may clean up after Ctrl-C. Those of this project need less than a second.
const PATIENCE: Duration = Duration::from_secs(10);

static STOPPING: AtomicBool = AtomicBool::new(false);
static NEXT: AtomicU64 = AtomicU64::new(0);
static LEFTOVERS: Mutex<Vec<(u64, Leftover)>> = Mutex::new(Vec::new());

/// A resource that must not outlive this command.
#[derive(Debug)]
pub enum Leftover {
    /// A tool that this command waits for. It may clean up itself.
    Tool(Pid),
    /// An emulator with its functions, a process group. It has no state to keep, and on SIGTERM it can hang for as long
    /// as a task token is pending: so it is killed at once.
    Emulator(Pid),
    /// A folder for the duration of one run.
    Folder(PathBuf),
}

impl Leftover {
    fn clear(self) {
        // Any of these may be gone already, which is fine.
        match self {
            Self::Tool(pid) => drop(kill(pid, Signal::SIGTERM)),
            Self::Emulator(group) => {
                let _ = killpg(group, Signal::SIGKILL);
                let _ = waitpid(group, None);
            }
            Self::Folder(path) => drop(std::fs::remove_dir_all(path)),
        }
    }
}

/// Clears what it guards when it is dropped, or on Ctrl-C.
#[derive(Debug)]
pub struct Guard(u64);

/// Registers a resource to clear.
pub fn guard(leftover: Leftover) -> Guard {
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    leftovers().push((id, leftover));
    Guard(id)
}

impl Guard {
    fn take(&self) -> Option<Leftover> {
        let mut all = leftovers();
        let at = all.iter().position(|(id, _)| *id == self.0)?;
        Some(all.remove(at).1)
    }

    /// Unregisters the resource.
    pub fn disarm(self) {
        drop(self.take());
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(leftover) = self.take() {
            leftover.clear();
        }
    }
}

/// Makes Ctrl-C, SIGTERM and SIGHUP clear what is guarded, the newest first.
pub fn install() -> Result<()> {
    ctrlc::set_handler(|| {
        if STOPPING.swap(true, Ordering::SeqCst) {
            return;
        }
        output::aside("\ninterrupted, cleaning up");
        let mut tools = Vec::new();
        loop {
            let newest = leftovers().pop();
            let Some((_, leftover)) = newest else { break };
            if let Leftover::Tool(pid) = leftover {
                tools.push(pid);
            }
            leftover.clear();
        }
        // What they print belongs before the prompt of the shell.
        wait_for(&tools);
        std::process::exit(INTERRUPTED);
    })
    .context("cannot listen for Ctrl-C")
}

/// Ends the tools that run side by side, because one of them has failed. Whoever waits for them gets an error.
pub fn end_tools() {
    for (_, leftover) in leftovers().iter() {
        if let Leftover::Tool(pid) = leftover {
            // It may be gone already.
            let _ = kill(*pid, Signal::SIGTERM);
        }
    }
}

/// Waits until these tools have ended, whose ends other threads receive.
fn wait_for(tools: &[Pid]) {
    let deadline = Instant::now() + PATIENCE;
    while tools.iter().any(|pid| kill(*pid, None).is_ok()) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// After Ctrl-C everything fails because it was ended: the handler decides the exit code, not those failures.
pub fn leave_it_to_the_handler() {
    while STOPPING.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn leftovers() -> std::sync::MutexGuard<'static, Vec<(u64, Leftover)>> {
    LEFTOVERS.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
