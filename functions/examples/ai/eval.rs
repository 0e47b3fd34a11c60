//! `ai eval`: all actions of `actions.json`.

use futures_util::StreamExt;
use futures_util::stream;
use goal_activity_core::trial::tasks;
use goal_activity_functions::runtime::config::Generators;
use serde_json::Value;

use crate::Wrong;
use crate::actions::{self, Sample};
use crate::ask::Ai;
use crate::report::{Report, Row};

/// How many actions are asked about at once.
const CONCURRENCY: usize = 4;

/// Asks about each action, and prints the table. Returns `true` if all have tasks.
pub(crate) async fn run(generators: Generators) -> Result<(bool, Value), Wrong> {
    let samples = actions::samples()?;
    let ai = &Ai::new(generators).await?;
    let count = samples.len();
    let mut asked = stream::iter(
        samples
            .into_iter()
            .enumerate()
            .map(|(number, sample)| async move { (number, ai.ask(&sample.subject).await, sample) }),
    )
    .buffer_unordered(CONCURRENCY);
    let mut rows = Vec::new();
    while let Some((number, trial, Sample { name, language, subject })) = asked.next().await {
        let result = match &trial.failure {
            None => tasks(trial.tasks.len()),
            Some(failure) => failure.code.clone(),
        };
        eprintln!("  {} of {count}: {name}: {result}", rows.len() + 1);
        rows.push((number, Row { name, language, kind: subject.action.kind, trial }));
    }
    rows.sort_by_key(|(number, _)| *number);
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    let report = Report::of(ai.names(), &rows);
    println!("{}", report.table());
    Ok((report.accepted.total == report.actions, report.json(&rows)))
}
