//! `goalctl smoke`: runs a goal through a deployed stack as a user would, checks each step, and cleans up.

mod proof;
mod report;
mod scene;
mod tables;

use std::time::Duration;

use anyhow::{Result, anyhow};
use clap::Args;
use goal_activity_core::limits::BATCH_SECONDS;
use serde_json::Value;

use crate::checks::{Outcome, refused};
use crate::deployment::Deployment;
use crate::failure::{DONE, Failure, NOT_DONE};
use crate::interrupt::Interrupt;
use crate::preflight;
use crate::settings::Settings;
use crate::shell::Shell;
use crate::stack::Stack;
use proof::prove;
use report::Output;
use scene::Scene;

pub(crate) const ABOUT: &str = "\
Run a goal through the deployed stack, check every step, and clean up

Creates a user and a goal with 8 actions, starts it over HTTP with the user's token, and waits for its end. Checks the AI, the tasks,
the events on the bus, that the operators are notified of a failure and of nothing else, the record in the archive, and the
metrics. Removes what it has created, also after a failure and on Ctrl-C. It calls the deployed AI for 9 actions, which costs what
they cost. First it checks the credentials and the account's concurrency; `goalctl preflight` does that before a deployment.

Everything that it creates begins with smoke- (user, goal) or goalctl-smoke- (queue, rule). The workflow's rows, which expire after 90
days, and its record in the archive stay: they contain ids and numbers, no texts. Where the tables are those of another program
(goalsTable, tasksTable), it writes there only with --existing-tables.

With another issuer (oidcIssuer) it creates no user: it uses --token, GOAL_ACTIVITY_TOKEN or the sign-in of `goalctl login`.

On an emulator it checks no metrics: that has none of them.";
pub(crate) const AFTER: &str = "\
Needs these permissions; one that is missing is named by its step:
  the stack           cloudformation:DescribeStacks, GetTemplate; lambda:GetAccountSettings
  the user pool       cognito-idp:AdminCreateUser, AdminSetUserPassword, AdminInitiateAuth, AdminDeleteUser
  the worker          lambda:InvokeFunction
  the Goals table     dynamodb:BatchWriteItem, GetItem
  the Tasks table     dynamodb:Query, BatchWriteItem
  the executions      dynamodb:GetItem, DeleteItem
  queue and rule      sqs:CreateQueue, GetQueueAttributes, SetQueueAttributes, ReceiveMessage, DeleteMessage, DeleteQueue;
                      events:PutRule, PutTargets, RemoveTargets, DeleteRule
  the bus             events:PutEvents
  the alerts          sns:Subscribe; sns:Unsubscribe on *
  the archive         s3:GetObject
  the metrics         cloudwatch:GetMetricStatistics
With kmsKey also kms:Decrypt and GenerateDataKey on the key. To name the cause when a workflow does not end, also those of
`goalctl doctor`.

Examples:
  goalctl smoke --stack goal-activity
  goalctl smoke --stack goal-activity --json | jq -r '.steps[] | select(.result == \"failed\")'

Exit codes:
  0  every step is ok, or a warning, or cannot be done on this stack (its line says so)
  1  a step has failed, something was not removed, or it was interrupted
  2  nothing was begun; 4 and 5 as in `goalctl --help`";

/// Where the permissions are listed.
const HELP: &str = "`goalctl smoke --help` lists all permissions";

#[derive(Debug, Args)]
pub(crate) struct Smoke {
    /// How long the workflow may take
    #[arg(long, value_name = "SECONDS", default_value_t = (BATCH_SECONDS + 60).into(), value_parser = clap::value_parser!(u64).range(1..))]
    timeout: u64,
    /// Write to the Goals and Tasks tables although they are those of another program
    #[arg(long)]
    existing_tables: bool,
}

/// Runs all steps and returns the exit code.
pub(crate) async fn run(args: Smoke, settings: Settings, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let mut deployment = Deployment::find(&settings.place).await?;
    let url = deployment.url.clone();
    let stack = deployment.open_stack(&settings.place).await?;
    let stack = stack.ok_or_else(|| Failure::usage("only a URL is named", "name the stack as well: --stack"))?;
    let mut template = template(stack).await?;
    let tables = foreign_tables(&template);
    let in_force = settings_in_force(&mut template);
    if !tables.is_empty() && !args.existing_tables {
        let title = format!("{} of this stack belong to another program", tables.join(" and "));
        let advice = "with --existing-tables the smoke test writes one goal there, and removes it";
        return Err(Failure::usage(title, advice).into());
    }
    // Before anything is created, so that nothing is left behind.
    let interrupt = Interrupt::listen()?;
    let mut scene = Scene::new(stack, url, settings)?;
    let mut out = Output::new(stack.label.clone(), scene.goal.clone(), json, shell);
    out.preflight(preflight::deployed(stack, &in_force).await?);
    prove(&mut scene, Duration::from_secs(args.timeout), &tables, &interrupt, &mut out).await;
    scene.clean(&mut out).await;
    let report = out.finish()?;
    let failed = report.lines().any(|line| line.result == Outcome::Failed);
    Ok(if failed || interrupt.is_asked() { NOT_DONE } else { DONE })
}

/// The template that the stack was deployed with.
async fn template(stack: &Stack) -> Result<Value> {
    let template = stack.template().await;
    let template = template.map_err(|e| refused("read the stack's template", "cloudformation:GetTemplate", &e))?;
    serde_json::from_str(&template).map_err(|error| anyhow!("the template of {} is not JSON: {error}", stack.label))
}

/// The settings that were given when the stack was deployed, as texts (`infra/lib/in-force.ts`). Those at their default are missing;
/// all are where a former version has noted them in another form.
fn settings_in_force(template: &mut Value) -> Value {
    template["Metadata"]["GoalActivity::Settings"]["context"].take()
}

/// The tables that are not among the stack's resources: not by the settings, which not every version has noted.
fn foreign_tables(template: &Value) -> Vec<String> {
    let foreign = ["GoalsTableName", "TasksTableName"].into_iter().filter_map(|output| {
        let value = &template["Outputs"][output]["Value"];
        let is_own = value["Ref"].as_str().is_some_and(|id| template["Resources"][id].is_object());
        (!is_own).then(|| format!("the table {}", value.as_str().unwrap_or(output)))
    });
    foreign.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn tables_of_other_programs_are_known_whatever_the_stack_has_noted() {
        let own = json!({ "Ref": "StorageGoals" });
        let template = |goals: &Value, tasks: &Value| {
            json!({
                "Resources": { "StorageGoals": { "Type": "AWS::DynamoDB::Table" } },
                "Outputs": { "GoalsTableName": { "Value": goals }, "TasksTableName": { "Value": tasks } },
            })
        };
        assert_eq!(foreign_tables(&template(&own, &own)), [""; 0]);
        let both = foreign_tables(&template(&json!("app-goals"), &json!("app-tasks")));
        assert_eq!(both, ["the table app-goals", "the table app-tasks"]);
        assert_eq!(foreign_tables(&template(&own, &json!("app-tasks"))), ["the table app-tasks"]);
        assert_eq!(foreign_tables(&template(&json!({ "Ref": "Parameter" }), &own)), ["the table GoalsTableName"]);
        assert_eq!(foreign_tables(&json!({})).len(), 2, "nothing is written where that is not known");
    }
}
