//! The monthly cost of the deployed pipeline without any workflow: from its template, and from runs of the reconciler.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use goal_activity_core::limits::RECONCILE_EVERY;
use goal_activity_local::billing::calls::{self, Caller};
use goal_activity_local::billing::logs;
use goal_activity_local::billing::{self, BY_THE_CLOCK};
use goal_activity_local::project::Project;
use serde_json::{Value, json};

use crate::price::{self, Price};
use crate::report::{Figure, Section};
use crate::stage::{Stage, now};
use crate::stats::whole;

const COMMAND: &str = "cargo xtask bench units";
/// AWS counts 730 hours for a month.
const MONTH_SECONDS: f64 = 730.0 * 3600.0;
/// The minimum number of Lambda's pollers for a queue, and how long each waits for a message (Lambda's developer guide,
/// "Using Lambda with Amazon SQS").
const POLLERS: f64 = 5.0;
const POLL_SECONDS: f64 = 20.0;
/// The number of reconciler runs to measure the cost of a run.
const RUNS: usize = 5;

/// Runs the reconciler several times, with nothing to do for it, and reads the template.
pub(crate) fn measure(project: &Project, stage: &Stage) -> Result<Section> {
    let template = template(project)?;
    let mut section = Section::new("Fixed cost of a month", COMMAND, ["units", "USD"]);
    let mut total = 0.0;
    let mut row = |what: &str, price: Price, units: f64| {
        let usd = price.of(units);
        total += usd;
        section.row(what, [Some(Figure::new(units.round(), "")), Some(Figure::new(usd, "USD"))]);
    };
    row("alarms", price::ALARM, count(&template, "AWS::CloudWatch::Alarm"));
    // The emulator has none, so the template that is read here does not either.
    row("alarms of alarms, on AWS", price::COMPOSITE_ALARM, 1.0);
    row("dashboards", price::DASHBOARD, count(&template, "AWS::CloudWatch::Dashboard"));
    row("KMS keys", price::KEY, count(&template, "AWS::KMS::Key"));
    let queues = count(&template, "AWS::Lambda::EventSourceMapping");
    row("receives of idle pollers", price::QUEUE_REQUEST, queues * POLLERS * MONTH_SECONDS / POLL_SECONDS);

    let runs = MONTH_SECONDS / RECONCILE_EVERY.as_secs_f64();
    let (of_run, invocations, metrics) = reconciler(stage)?;
    let idle = whole(metrics.len() as u64);
    row("custom metrics that have data", price::METRIC, idle);
    let each = |units: f64| runs * units / invocations;
    let used = of_run.functions.get(BY_THE_CLOCK).copied().unwrap_or_default();
    row("reconciler: invocations", price::INVOCATION, runs);
    row("reconciler: GB-seconds", price::GB_SECOND, each(whole(used.megabyte_ms) / 1024.0 / 1000.0));
    row("reconciler: read units", price::READ_UNIT, each(of_run.units().read));
    row("reconciler: log bytes", price::LOG_BYTE, each(whole(used.log_bytes)));
    // Every second run is triggered through a queue: a tick's copy is sent, received and deleted.
    row("reconciler: ticks in a queue", price::QUEUE_REQUEST, runs / 2.0 * 3.0);
    row("reconciler: traces, at most", price::TRACE, runs);
    section.row("all", [None, Some(Figure::new(total, "USD"))]);
    let others = series(project)? - idle;
    let figure = |value: f64, unit| Some(Figure::new(value, unit));
    section.row(
        "the other custom metrics, in a month with data in each hour",
        [figure(others, ""), figure(price::METRIC.of(others), "USD")],
    );
    section.note("Without storage, which grows with what is kept, and without free tiers, which are the account's.");
    Ok(section)
}

/// The reconciler's usage, its number of runs, and the metrics that it writes.
fn reconciler(stage: &Stage) -> Result<(billing::Usage, f64, BTreeSet<String>)> {
    let aws = &stage.local.aws;
    let path = format!("/2015-03-31/functions/{}/invocations", stage.local.stack.output("ReconcileFunctionName")?);
    let since = now();
    for _ in 0..RUNS {
        aws.rest("lambda", "POST", &path, &json!({}))?;
    }
    let mine = |by: &Caller| matches!(by, Caller::Function(name) if name == BY_THE_CLOCK);
    let calls: Vec<_> = calls::recorded(aws, Some(since))?.into_iter().filter(|call| mine(&call.by)).collect();
    let mut invocations = logs::invocations(aws, Some(since))?;
    invocations.retain(|one| one.function == BY_THE_CLOCK);
    ensure!(invocations.len() >= RUNS, "the reconciler's log has {} of {RUNS} runs", invocations.len());
    let metrics = invocations.iter().flat_map(|one| &one.lines).flat_map(written).collect();
    Ok((billing::of_functions(&calls, &invocations), whole(invocations.len() as u64), metrics))
}

/// The metrics of a line of a log in the embedded metric format, each with its dimensions.
fn written(line: &Value) -> Vec<String> {
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().into_iter().flatten();
    let each = |directive: &Value| {
        let names = directive["Metrics"].as_array().into_iter().flatten().map(|metric| metric["Name"].clone());
        let sets = directive["Dimensions"].as_array().cloned().unwrap_or_default();
        names.flat_map(|name| sets.iter().map(|set| format!("{name} {set}")).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    directives.flat_map(each).collect()
}

fn template(project: &Project) -> Result<Value> {
    let folder = project.state().join("cdk.out");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(".template.json") {
            return Ok(serde_json::from_slice(&std::fs::read(path)?)?);
        }
    }
    anyhow::bail!("there is no template in {}", folder.display())
}

fn count(template: &Value, kind: &str) -> f64 {
    let resources = template["Resources"].as_object().into_iter().flatten();
    whole(resources.filter(|(_, resource)| resource["Type"] == kind).count() as u64)
}

/// How many metrics the catalogue names, each once for every set of dimensions.
fn series(project: &Project) -> Result<f64> {
    let file = project.root.join("functions").join("metrics.json");
    let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(in_catalogue(&serde_json::from_str(&text)?))
}

fn in_catalogue(catalogue: &Value) -> f64 {
    let metrics = catalogue["metrics"].as_array().into_iter().flatten();
    whole(metrics.map(|metric| metric["dimensions"].as_array().map_or(0, Vec::len)).sum::<usize>() as u64)
}

#[cfg(test)]
#[allow(clippy::float_cmp, reason = "few whole numbers and halves add up exactly")]
mod tests {
    use super::*;

    #[test]
    fn resources_are_counted_by_their_type() {
        let alarm = || json!({"Type": "AWS::CloudWatch::Alarm"});
        let template = json!({"Resources": {"A": alarm(), "B": alarm(), "C": {"Type": "AWS::SQS::Queue"}}});
        assert_eq!(count(&template, "AWS::CloudWatch::Alarm"), 2.0);
        assert_eq!(count(&template, "AWS::KMS::Key"), 0.0);
    }

    #[test]
    fn the_metrics_of_a_line_are_counted_by_their_dimensions() {
        let directive = json!({ "Metrics": [{ "Name": "A" }, { "Name": "B" }], "Dimensions": [[], ["Code"]] });
        assert_eq!(written(&json!({ "_aws": { "CloudWatchMetrics": [directive] } })).len(), 4);
        assert!(written(&json!({ "RequestsRejected": 1 })).is_empty());
    }

    #[test]
    fn a_metric_counts_once_for_every_set_of_dimensions() {
        let catalogue = json!({"metrics": [{"dimensions": [[], ["Reason"]]}, {"dimensions": [[]]}]});
        assert_eq!(in_catalogue(&catalogue), 3.0);
    }
}
