//! The memory and CPU of the emulator and its functions, sampled during a run. Uses Linux's `/proc`; on other systems
//! nothing is measured.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::Duration;

use nix::unistd::Pid;

use crate::stats::median;

/// The sampling interval.
const EVERY: Duration = Duration::from_millis(500);
/// The emulator's name for the executable of a function.
const FUNCTION: &str = "bootstrap";

/// The resident memory at one point in time, in megabytes, and the CPU time used until then, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sample {
    /// The emulator itself, with everything that it stores.
    pub(crate) emulator: f64,
    /// The largest function.
    pub(crate) largest_function: f64,
    /// All functions together, and how many run.
    pub(crate) functions: f64,
    pub(crate) processes: f64,
    pub(crate) emulator_seconds: f64,
    pub(crate) function_seconds: f64,
}

/// Samples a process group until it is stopped.
pub(crate) fn watch<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    group: Pid,
    stop: &'scope AtomicBool,
) -> ScopedJoinHandle<'scope, Vec<Sample>> {
    scope.spawn(move || {
        let mut samples = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            samples.extend(sample(group));
            std::thread::sleep(EVERY);
        }
        samples
    })
}

/// The median of the first third and of the last third.
pub(crate) fn thirds(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> Option<(f64, f64)> {
    let third = samples.len().div_ceil(3);
    let of_some = |some: &[Sample]| median(&some.iter().map(&of).collect::<Vec<_>>());
    Some((of_some(samples.get(..third)?)?, of_some(samples.get(samples.len() - third..)?)?))
}

fn sample(group: Pid) -> Option<Sample> {
    let mut sample = Sample::default();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some(Process { name, group: its_group, ticks, pages }) = process(&stat) else { continue };
        if its_group != group.as_raw() {
            continue;
        }
        let (megabytes, seconds) = (pages * PAGE_BYTES / 1e6, ticks / TICKS_PER_SECOND);
        if name == FUNCTION {
            sample.function_seconds += seconds;
            sample.functions += megabytes;
            sample.processes += 1.0;
            sample.largest_function = sample.largest_function.max(megabytes);
        } else {
            sample.emulator += megabytes;
            sample.emulator_seconds += seconds;
        }
    }
    Some(sample)
}

/// Of every Linux on x86-64, and of most on arm64.
const PAGE_BYTES: f64 = 4096.0;
/// The unit of Linux's process times, on all current machines.
const TICKS_PER_SECOND: f64 = 100.0;

#[derive(Debug, PartialEq)]
struct Process<'a> {
    name: &'a str,
    group: i32,
    /// CPU time, in user and system mode.
    ticks: f64,
    /// Resident memory.
    pages: f64,
}

/// The fields 2, 5, 14, 15 and 24 of `/proc/<pid>/stat`.
fn process(stat: &str) -> Option<Process<'_>> {
    // A name may contain any characters, also spaces and parentheses.
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    Some(Process { name, group: fields.get(2)?.parse().ok()?, ticks: number(14)? + number(15)?, pages: number(24)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let rest = "S 1 964 964 0 -1 4194560 5 0 0 0 10 20 3 4 20 0 8 0 99 1000000 3100 18446744073709551615 1";
        let read = Process { name: "boot) strap", group: 964, ticks: 30.0, pages: 3100.0 };
        assert_eq!(process(&format!("12 (boot) strap) {rest}")), Some(read));
        assert_eq!(process("12 (cut"), None);
    }

    #[test]
    fn memory_is_compared_between_the_first_and_the_last_third() {
        let samples: Vec<Sample> = [1.0, 2.0, 3.0, 50.0, 60.0, 70.0, 7.0, 8.0, 9.0]
            .map(|emulator| Sample { emulator, ..Sample::default() })
            .to_vec();
        assert_eq!(thirds(&samples, |s| s.emulator), Some((2.0, 8.0)));
        assert_eq!(thirds(&[], |s: &Sample| s.emulator), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_memory_of_a_group_is_seen() {
        let seen = sample(nix::unistd::getpgrp()).unwrap();
        assert!(seen.emulator > 1.0, "{seen:?}");
    }
}
