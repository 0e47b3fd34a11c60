//! Commands for many workflows: `goalctl retry --failed`, `goalctl retry --where …` and `goalctl cancel --where …`.
//!
//! `condition` says which, `plan` finds them, `run` does it.

mod condition;
mod plan;
mod run;
#[cfg(test)]
mod tests;

use anyhow::Result;
use clap::Args;
use goal_activity_events::Timestamp;

use super::read_time;
use crate::api::Api;
use crate::failure::{DONE, Failure, NOT_DONE};
use crate::interrupt::Interrupt;
use crate::shell::Shell;
use crate::text::counted;
use condition::{Condition, Conditions};
use plan::{Deed, Plan};
use run::{Report, Run};

/// What all commands for many have in common.
#[derive(Debug, Args)]
#[command(next_help_heading = "Many workflows")]
pub(super) struct Many {
    /// All workflows that meet this: status=A,B goal=ID user=ID source=NAME from=TIME to=TIME [repeat it, or separate them by ;]
    #[arg(long = "where", value_name = "NAME=VALUE", value_delimiter = ';')]
    conditions: Vec<Condition>,
    /// Of many, only those requested at this time or later: 2026-11-24 or 2026-11-24T09:30:00Z
    #[arg(long, value_name = "TIME", value_parser = read_time, requires = "many")]
    since: Option<Timestamp>,
    /// Of many, at most so many a second
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
    rate: u32,
    /// Of many, only show what would be done
    #[arg(long, requires = "many", conflicts_with = "yes")]
    dry_run: bool,
    /// Of many, do not prompt for confirmation
    #[arg(long, requires = "many")]
    yes: bool,
}

/// How a command for many is confirmed and done.
struct Order<'a> {
    deed: Deed,
    many: Many,
    reason: Option<&'a str>,
}

/// Retries the workflows that failed. Returns the exit code.
pub(super) async fn retry(
    many: Many,
    failed: bool,
    reason: Option<&str>,
    api: &Api,
    json: bool,
    shell: &mut Shell<'_>,
) -> Result<u8> {
    if failed && many.conditions.iter().any(|condition| matches!(condition, Condition::Status(_))) {
        let advice = "--failed is PARTIALLY_SUCCEEDED, FAILED and TIMED_OUT: use one of them";
        return Err(Failure::usage("--failed and a status both say which", advice).into());
    }
    order(Order { deed: Deed::Retry, many, reason }, api, json, shell).await
}

/// Cancels the workflows that have not ended. Returns the exit code.
pub(super) async fn cancel(
    many: Many,
    reason: Option<&str>,
    api: &Api,
    json: bool,
    shell: &mut Shell<'_>,
) -> Result<u8> {
    order(Order { deed: Deed::Cancel, many, reason }, api, json, shell).await
}

async fn order(order: Order<'_>, api: &Api, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let Order { deed, many: Many { conditions, since, rate, dry_run, yes }, reason } = order;
    // Said before the lists are read, and not for each workflow.
    match (deed, api) {
        (Deed::Retry, Api::User(_)) if reason.is_some() => {
            return Err(Failure::usage("a retry of a user has no reason", "leave out --reason").into());
        }
        (_, Api::Operator(_)) => drop(crate::api::required(reason)?),
        _ => {}
    }
    let plan = Plan::make(deed, &Conditions::of(conditions, since)?, api).await?;
    if dry_run {
        shell.show(json, &plan, |plan| plan.text(rate))?;
        return Ok(DONE);
    }
    if plan.workflows.is_empty() {
        return finish(Report::of(plan, Vec::new(), false), json, shell);
    }
    if !json || !yes {
        write!(shell.err, "{}", plan.text(rate))?;
    }
    let question = format!("{} {}?", capital(deed.verb()), counted(plan.workflows.len(), "workflow"));
    if !yes && !shell.confirms(&question)? {
        writeln!(shell.err, "Nothing was done.")?;
        return Ok(NOT_DONE);
    }
    let interrupt = Interrupt::listen()?;
    let mut run = Run::new(&plan, reason, rate);
    let stopped = run.all(api, &interrupt, json, shell).await;
    let results = run.results();
    let code = finish(Report::of(plan, results, interrupt.is_asked()), json, shell)?;
    // What stopped it is said after what was done.
    stopped.map(|()| code)
}

fn finish(report: Report, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    shell.show(json, &report, Report::closing)?;
    Ok(if report.is_complete() { DONE } else { NOT_DONE })
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
