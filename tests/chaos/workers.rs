//! The processes in which the emulator runs the function `worker`.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::sleep;

/// A process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Worker(i32);

/// The processes of a function that the emulator at this endpoint has started, and no others: their environment has its
/// endpoint, and their parent listens there.
pub(crate) fn of(function: &str, endpoint: &str) -> Vec<Worker> {
    let port = endpoint.rsplit(':').next().unwrap();
    let says = |environment: &HashMap<String, String>, name: &str, value: &str| {
        environment.get(name).is_some_and(|found| found == value)
    };
    let is_ours = |process: &Worker| {
        let own = process.environment();
        says(&own, "AWS_LAMBDA_FUNCTION_NAME", function)
            && says(&own, "AWS_ENDPOINT_URL", endpoint)
            && process.parent().is_some_and(|parent| says(&parent.environment(), "GATEWAY_PORT", port))
    };
    let mut found: Vec<_> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok().map(Worker))
        .filter(is_ours)
        .collect();
    found.sort_unstable();
    found
}

/// Returns the target of a process's file descriptor for the connection between these ports of this machine.
pub(crate) fn socket(from: u16, to: u16) -> Option<String> {
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let ends = [format!(":{from:04X}"), format!(":{to:04X}")];
    table.lines().find_map(|line| {
        // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode
        let fields: Vec<_> = line.split_whitespace().collect();
        let is_it = fields.len() > 9 && fields[1].ends_with(&ends[0]) && fields[2].ends_with(&ends[1]);
        is_it.then(|| format!("socket:[{}]", fields[9]))
    })
}

impl Worker {
    /// Its environment; empty if there is no such process, or if it belongs to another user.
    fn environment(self) -> HashMap<String, String> {
        let bytes = fs::read(format!("/proc/{}/environ", self.0)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        text.split('\0').filter_map(|v| v.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }

    fn status(self, name: &str) -> Option<String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).ok()?;
        status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(|value| value.trim().to_owned())
    }

    fn parent(self) -> Option<Self> {
        self.status("PPid")?.parse().ok().map(Self)
    }

    /// Returns `true` if the process has this open.
    pub(crate) fn has(self, file: &str) -> bool {
        let open = fs::read_dir(format!("/proc/{}/fd", self.0)).into_iter().flatten().flatten();
        open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|link| link.as_os_str() == file)
    }

    /// Kills it without warning, like a crash. It may have ended by itself.
    pub(crate) fn crash(self) {
        let _ = kill(Pid::from_raw(self.0), Signal::SIGKILL);
    }

    /// Halts it. Returns `true` if it is halted: it may have ended by itself.
    pub(crate) async fn stop(self) -> bool {
        let _ = kill(Pid::from_raw(self.0), Signal::SIGSTOP);
        loop {
            match self.status("State").and_then(|state| state.chars().next()) {
                Some('T') => return true,
                None | Some('Z' | 'X') => return false,
                Some(_) => sleep(Duration::from_millis(1)).await,
            }
        }
    }

    /// Continues it where it was halted.
    pub(crate) fn go_on(self) {
        let _ = kill(Pid::from_raw(self.0), Signal::SIGCONT);
    }
}
