//! `ai check`: one action.

use std::collections::BTreeMap;

use goal_activity_core::trial::Subject;
use goal_activity_functions::runtime::config::Generators;
use serde_json::Value;

use crate::Wrong;
use crate::ask::Ai;
use crate::lines::Lines;

/// Asks, and prints what is sent and what comes back. Returns `true` if there are tasks.
pub(crate) async fn run(
    variables: &BTreeMap<String, String>,
    generators: Generators,
    subject: &Subject,
    lines: &Lines,
) -> Result<(bool, Value), Wrong> {
    let ai = Ai::new(generators).await?;
    println!("# The worker's variables\n");
    for (name, value) in variables {
        println!("{name}={value}");
    }
    let trial = ai.ask(subject).await;
    println!("\n{trial}");
    let lines = lines.take();
    if !lines.is_empty() {
        println!("# The worker's log\n");
        for line in &lines {
            println!("{line}");
        }
    }
    let mut json = serde_json::to_value(&trial)?;
    json["log"] = serde_json::to_value(&lines)?;
    Ok((trial.failure.is_none(), json))
}
