//! The promises P1 to P10 of ARCHITECTURE.md under a simulated clock and seeded faults: the real handlers on the
//! in-memory adapters, with a model of each AWS service between them.
//!
//! A seed decides everything: which actor does what, how long each call takes, what fails, which function dies where.
//! The same seed always runs in the same way, so every failure is reproducible: it prints the command that replays it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a failed expectation is how a test reports; which seeds are run is told by the environment"
)]

mod ai;
mod api;
mod app;
mod archive;
mod backlog;
mod bus;
mod capacity;
mod charts;
mod check;
mod flaw;
mod lambda;
mod later;
mod machine;
mod model;
mod overload;
mod people;
mod ports;
mod profile;
mod progress;
mod queues;
mod rest;
mod scale;
mod schedule;
mod world;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flaw::Flaw;
use schedule::{Report, run};
use world::Stats;

/// How many seeds are run when `SIM_SCHEDULES` does not say.
const SCHEDULES: u64 = 10_000;
/// Within how many seeds each flaw must be found.
const FLAW_SEEDS: u64 = 1_500;

fn setting<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok().map(|v| v.parse().unwrap_or_else(|_| panic!("{name}={v} is not what it should be")))
}

/// The flaw that `SIM_FLAW` names.
fn flaw_by_hand() -> Option<Flaw> {
    let name: String = setting("SIM_FLAW")?;
    let found = Flaw::ALL.iter().copied().find(|f| format!("{f:?}") == name);
    Some(found.unwrap_or_else(|| panic!("SIM_FLAW={name} is none of {:?}", Flaw::ALL)))
}

/// Runs seeds on all cores until one fails or all are run. Returns the lowest failed seed that was seen.
fn run_seeds(seeds: Range<u64>, flaw: Option<Flaw>, mut each: impl FnMut(&Report) + Send) -> Option<Report> {
    let (next, failed) = (AtomicU64::new(seeds.start), Mutex::new(None::<Report>));
    let each = Mutex::new(&mut each);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while failed.lock().unwrap().is_none() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let report = run(seed, flaw, false);
                    each.lock().unwrap()(&report);
                    // A flaw counts as found when it violates the promise whose protection it removes.
                    let breaks = |v: &String| flaw.is_none_or(|f| v.starts_with(&format!("{}:", f.promise())));
                    if report.violations.iter().any(breaks) {
                        let mut failed = failed.lock().unwrap();
                        if failed.as_ref().is_none_or(|f| f.seed > seed) {
                            *failed = Some(report);
                        }
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap()
}

/// Runs all seeds on all cores, whether they fail or not.
fn run_all(seeds: Range<u64>, flaw: Option<Flaw>, mut each: impl FnMut(&Report) + Send) {
    let (next, each) = (AtomicU64::new(seeds.start), Mutex::new(&mut each));
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let report = std::panic::catch_unwind(|| run(seed, flaw, false));
                    match report {
                        Ok(report) => each.lock().unwrap()(&report),
                        Err(_) => println!("seed {seed} panics"),
                    }
                }
            });
        }
    });
}

/// Runs a failed seed again, with its trace, and prints the command for it.
fn explain(seed: u64, flaw: Option<Flaw>) -> ! {
    let report = run(seed, flaw, true);
    println!("{}", report.trace.join("\n"));
    let flaw = flaw.map_or(String::new(), |f| format!(" SIM_FLAW={f:?}"));
    panic!(
        "seed {seed} ({}) breaks a promise:\n  {}\nreplay: SIM_SEED={seed}{flaw} cargo xtask test sim",
        report.profile,
        report.violations.join("\n  ")
    );
}

#[test]
fn every_schedule_keeps_the_promises() {
    let flaw = flaw_by_hand();
    if let Some(seed) = setting("SIM_SEED") {
        let report = run(seed, flaw, true);
        println!("{}", report.trace.join("\n"));
        assert!(report.violations.is_empty(), "seed {seed} ({}): {:#?}", report.profile, report.violations);
        return;
    }
    let schedules = setting("SIM_SCHEDULES").unwrap_or(SCHEDULES);
    let (begin, mut stats, mut simulated) = (Instant::now(), Stats::default(), Duration::ZERO);
    let failed = run_seeds(0..schedules, flaw, |report| {
        stats.add(&report.stats);
        stats.count(format!("profile {}", report.profile));
        simulated += report.simulated;
    });
    if let Some(report) = failed {
        explain(report.seed, flaw);
    }
    let (seconds, hours) = (begin.elapsed().as_secs_f64(), simulated.as_secs() / 3600);
    for (what, count) in &stats.counts {
        println!("{count:>9}  {what}");
    }
    for (what, amount) in &stats.longest {
        println!("{amount:>9}  at most {what}");
    }
    println!("{schedules} schedules, {hours} simulated hours, in {seconds:.1} s");
}

/// The kind of a violation: its text without the parts that differ from seed to seed.
fn kind(violation: &str) -> String {
    let words = violation.split(' ').map(|w| if w.contains(|c: char| c.is_ascii_digit()) { "*" } else { w });
    words.take(12).collect::<Vec<_>>().join(" ")
}

/// Every kind of violation, with its first seeds: an overview of the violations. Only by hand, with `SIM_SURVEY=1`.
#[test]
fn survey() {
    if setting::<u64>("SIM_SURVEY").is_none() {
        return;
    }
    let (from, to) = (setting("SIM_FROM").unwrap_or(0), setting("SIM_SCHEDULES").unwrap_or(SCHEDULES));
    let mut kinds = BTreeMap::<String, (u64, Vec<String>)>::new();
    run_all(from..to, flaw_by_hand(), |report| {
        for first in &report.violations {
            let (times, seen) = kinds.entry(kind(first)).or_default();
            *times += 1;
            if seen.len() < 3 {
                seen.push(format!("seed {} ({}): {first}", report.seed, report.profile));
            }
        }
    });
    for (times, seen) in kinds.values() {
        println!("{times} times:\n    {}", seen.join("\n    "));
    }
}

#[test]
fn the_same_seed_runs_in_the_same_way() {
    for seed in 0..36 {
        let [one, two] = [(); 2].map(|()| run(seed, None, true).trace);
        let differs = one.iter().zip(&two).find(|(a, b)| a != b);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(one.len(), two.len(), "seed {seed}");
    }
}

#[test]
fn every_flaw_is_found() {
    if setting::<u64>("SIM_SEED").is_some() || flaw_by_hand().is_some() {
        return;
    }
    let mut missed = Vec::new();
    for flaw in Flaw::ALL {
        match run_seeds(0..FLAW_SEEDS, Some(*flaw), |_| {}) {
            Some(Report { seed, violations, .. }) => {
                let promise = format!("{}:", flaw.promise());
                let found = violations.iter().find(|v| v.starts_with(&promise)).expect("what it breaks");
                println!("{flaw:?}: seed {seed}: {found}");
            }
            None => missed.push(flaw),
        }
    }
    assert!(missed.is_empty(), "not found within {FLAW_SEEDS} seeds: {missed:?}");
}
