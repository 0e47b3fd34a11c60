//! The protocol of claim, capacity, ledger, seal, end, cancel and reconcile as a model, explored completely: every order of
//! its steps, with every fault at every moment, for one goal of two batches of one action each and two workers. A simulation
//! takes some ways through a large world, this takes all ways through a small one.
//!
//! What is shared with the product: every decision. `view.rs` puts a state together as the core's own types and asks the
//! core's own functions: `start::decide`, `Capacity::share`, `in_use`, `Execution::is_waiting`, `is_reported`, `is_complete`,
//! `progress`, `Execution::apply`, `Tally::at_end` and `cancelled`, `outcome::ending`, `goal_status`, `completed_event`, `notice`, and the
//! reconciler's `is_quiet`, `repair`, `must_stop`, `is_unattended`, `Holder::of`, `repair_launch`.
//!
//! What is mirrored: the order of the calls of each handler, where it may stop between two of them, and the conditions of
//! the writes. Each file names what it mirrors. Not everything is a step of its own: a reading is part of the step after
//! which it comes, and calls that no other step can tell apart are one (`docs/RELIABILITY.md`, "Model checking").
//!
//! `MODEL_SCOPE` explores one scope of [`Scope::ALL`] or [`Scope::LARGE`], `MODEL_FLAW` shows how a flaw is found.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::trivially_copy_pass_by_ref,
    clippy::fn_params_excessive_bools,
    reason = "a failed expectation is how a test reports; what is explored is told by the environment"
)]

mod check;
mod end;
mod launch;
mod message;
mod outside;
mod people;
mod reconcile;
mod scope;
mod search;
mod state;
mod steps;
mod view;
mod work;

use std::fmt::Write;
use std::time::Instant;

use scope::{Flaw, Promise, Scope};
use stateright::{Checker, HasDiscoveries, Model};
use steps::{Protocol, Step};

/// A run that breaks a promise.
struct Found {
    promise: String,
    how: &'static str,
    steps: Vec<Step>,
}

impl Found {
    fn show(&self) -> String {
        let mut text = format!("{}: {}\n", self.promise, self.how);
        for (step, n) in self.steps.iter().zip(1..) {
            writeln!(text, "  {n:>3} {step:?}").unwrap();
        }
        text
    }
}

/// Explores all states, and looks for runs that never end.
fn explore(protocol: &Protocol, report: bool) -> Option<Found> {
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let checker = protocol.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    if report {
        println!(
            "{}: {} states, {} steps, depth {}, {:.1} s",
            protocol.scope.name,
            checker.unique_state_count(),
            checker.state_count(),
            checker.max_depth(),
            began.elapsed().as_secs_f64()
        );
    }
    let broken = checker.discoveries().into_iter().min_by_key(|(name, _)| *name);
    if let Some((name, path)) = broken {
        let how =
            path.last_state().breach.map_or("nothing happens any more, and something is left over", |(_, how)| how);
        return Some(Found { promise: name.to_owned(), how, steps: path.into_actions() });
    }
    if protocol.flaw.is_some_and(|flaw| flaw.breaks() != Promise::P7) {
        return None;
    }
    let began = Instant::now();
    let cycle = search::cycle(protocol);
    if report {
        println!("  no run without an end: {:.1} s", began.elapsed().as_secs_f64());
    }
    cycle.map(|steps| Found { promise: "P7".to_owned(), how: "it goes on for ever", steps })
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[test]
fn p1_p3_p4_p5_p6_p7_hold_in_every_order_of_steps() {
    let by_hand = setting("MODEL_SCOPE");
    let scopes = match &by_hand {
        Some(name) => Scope::ALL.into_iter().chain(Scope::LARGE).filter(|s| s.name == name).collect(),
        None => Scope::ALL.to_vec(),
    };
    assert!(!scopes.is_empty(), "MODEL_SCOPE names no scope");
    for scope in scopes {
        if let Some(found) = explore(&Protocol { scope, flaw: None }, true) {
            panic!("{}: {}", scope.name, found.show());
        }
    }
}

#[test]
fn every_flaw_is_found() {
    let by_hand = setting("MODEL_FLAW");
    let flaws = Flaw::ALL.iter().filter(|f| by_hand.as_ref().is_none_or(|name| *name == format!("{f:?}")));
    for flaw in flaws {
        let look =
            |scope: &Scope| explore(&Protocol { scope: *scope, flaw: Some(*flaw) }, false).map(|f| (f, scope.name));
        let (found, scope) = Scope::SMALL.iter().find_map(look).unwrap_or_else(|| panic!("{flaw:?} is not found"));
        println!("{flaw:?}: {}, {} steps, {scope}: {}", found.promise, found.steps.len(), found.how);
        if by_hand.is_some() {
            println!("{}", found.show());
        }
        assert_eq!(found.promise, format!("{:?}", flaw.breaks()), "{flaw:?} breaks another promise:\n{}", found.show());
    }
}
