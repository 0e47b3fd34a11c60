//! The processes in which the emulator runs the function `worker`.

use std::collections::HashMap;
use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The environment of a process; empty when there is no such process, or when it is somebody else's.
fn environment(pid: i32) -> HashMap<String, String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.split('\0').filter_map(|v| v.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
}

fn parent(pid: i32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

/// The processes of a function that the emulator at this endpoint has started, and no others: they are told its endpoint,
/// and their parent listens there.
pub(crate) fn of(function: &str, endpoint: &str) -> Vec<i32> {
    let port = endpoint.rsplit(':').next().unwrap();
    let says = |environment: &HashMap<String, String>, name: &str, value: &str| {
        environment.get(name).is_some_and(|found| found == value)
    };
    let is_ours = |pid: &i32| {
        let own = environment(*pid);
        says(&own, "AWS_LAMBDA_FUNCTION_NAME", function)
            && says(&own, "AWS_ENDPOINT_URL", endpoint)
            && parent(*pid).is_some_and(|parent| says(&environment(parent), "GATEWAY_PORT", port))
    };
    let mut pids: Vec<i32> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter(is_ours)
        .collect();
    pids.sort_unstable();
    pids
}

/// Ends a process without any warning, as a crash does. It may have ended by itself.
pub(crate) fn crash(pid: i32) {
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
}
