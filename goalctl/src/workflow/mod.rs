//! The commands for workflows: start, status, cancel, retry, history, actions, timeline and tasks.

mod bulk;
mod find;
mod report;
mod watch;

use std::collections::BTreeMap;
use std::str::FromStr;

use anyhow::Result;
use clap::{Args, ValueEnum};
use goal_activity_adapters::clock::SystemClock;
use goal_activity_client::api::{Aborted, Goal, StartRequest, Started, WorkflowSummary};
use goal_activity_core::execution::{InvalidStatus, Status as WorkflowStatus};
use goal_activity_core::history::moment;
use goal_activity_core::ports::Clock;
use goal_activity_events::{ActionId, EventId, ExecutionArn, GoalId, InvalidId, Timestamp};
use serde_json::Value;

use crate::api::{Api, Resource};
use crate::client::read;
use crate::failure::{DONE, Failure, NO_ACCESS, NOT_DONE};
use crate::goals;
use crate::program;
use crate::shell::Shell;
use crate::text::counted;
use crate::urgency::Urgency;
pub(crate) use find::{Find, WaitingArgs, find, waiting};
use report::{Actions, Followed, History, Tasks, Timeline};

/// The largest page sizes of the API.
const HISTORY_PAGE: usize = 100;
const TASKS_PAGE: usize = 1000;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  goalctl start learn-piano --wait
  goalctl start learn-piano --action a-1-1,a-1-2 --regenerate --bulk
  goalctl start learn-piano --idempotency-key monday --json | jq -r .executionArn")]
pub(crate) struct Start {
    /// The goal
    goal: GoalId,
    /// Only these actions, instead of all [repeat it, or separate them by commas]
    #[arg(long = "action", value_name = "ID", value_delimiter = ',')]
    actions: Vec<ActionId>,
    /// Replace the tasks of actions that have some, instead of leaving these actions out
    #[arg(long)]
    regenerate: bool,
    #[command(flatten)]
    begin: Begin,
}

#[derive(Debug, Args)]
#[command(
    long_about = "\
Start a new workflow for the failed actions of an ended one, or of many

With --failed or --where it first shows which workflows, how many actions, and what they may cost; without a yes nothing is done. Of
each goal only the newest workflow is retried. It can be interrupted and run again: what was retried is not retried twice, as each
workflow has an idempotency key of its own. A user has at most ten open workflows; the others wait for room.",
    after_help = "\
Examples:
  goalctl retry learn-piano --wait
  goalctl retry --failed --since 2026-11-24 --dry-run
  goalctl --stack goal-activity retry learn-piano --reason 'the AI was down, ticket 17'
  goalctl --stack goal-activity retry --failed --since 2026-11-24T09:00:00Z --reason 'the AI was down, ticket 17' --rate 1
  goalctl --stack goal-activity retry --where 'status=TIMED_OUT;user=user-1' --reason 'ticket 18' --yes

Exit codes of many:
  0  all are done, or need nothing any more
  1  some failed or were not begun, or you said no: run it again
  2  nothing was done: wrong arguments, or nobody to ask and no --yes",
    group = clap::ArgGroup::new("many").args(["failed", "conditions"]).multiple(true)
)]
pub(crate) struct Retry {
    /// The workflow's ARN, or a goal: then its newest workflow
    #[arg(value_name = "WORKFLOW", required_unless_present = "many", conflicts_with = "many")]
    workflow: Option<Workflow>,
    /// All workflows that failed, as a whole or in part, or took too long
    #[arg(long, help_heading = "Many workflows")]
    failed: bool,
    #[command(flatten)]
    many: bulk::Many,
    /// Of an operator, required: the reason, recorded with the operator's ARN; at most 2,000 characters are kept
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    begin: Begin,
}

/// How a new workflow is started.
#[derive(Debug, Args)]
struct Begin {
    /// Show its progress until it has ended; the exit code is 0 only if every action got its tasks
    #[arg(long)]
    wait: bool,
    /// The same key again is the same request, for 90 days [default: a new one]
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    #[command(flatten)]
    urgency: Urgency,
}

impl Begin {
    /// Refuses what is for one workflow only.
    fn of_many(&self) -> Result<()> {
        if self.wait || self.idempotency_key.is_some() {
            let advice = "leave out --wait and --idempotency-key; follow one with `goalctl status <workflow> --watch`";
            return Err(Failure::usage("many workflows are neither waited for nor named by one key", advice).into());
        }
        Ok(())
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  goalctl status learn-piano
  goalctl status learn-piano --watch
  goalctl status arn:aws:states:eu-west-1:123456789012:execution:goal-activity:learn-piano-1 --json | jq .status")]
pub(crate) struct Status {
    #[command(flatten)]
    workflow: Chosen,
    /// Show its progress until it has ended; the exit code is 0 only if every action got its tasks
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, Args)]
#[command(
    long_about = "\
Stop a workflow and remove its tasks, or stop many

With --where it first shows which workflows; without a yes nothing is done. It can be interrupted and run again: one that has ended
is skipped.",
    after_help = "\
Examples:
  goalctl cancel learn-piano --reason 'the wrong goal'
  goalctl cancel --where status=PENDING,RUNNING --reason 'started too many'
  goalctl --stack goal-activity cancel learn-piano --reason 'asked by mail, ticket 17'
  goalctl --stack goal-activity cancel --where 'source=com.example.planner;from=2026-11-24' --reason 'its loop, ticket 19'

Exit codes of many:
  0  all are done, or have ended by themselves
  1  some failed or were not begun, or you said no: run it again
  2  nothing was done: wrong arguments, or nobody to ask and no --yes",
    group = clap::ArgGroup::new("many").args(["conditions"])
)]
pub(crate) struct Cancel {
    /// The workflow's ARN, or a goal: then its newest workflow
    #[arg(value_name = "WORKFLOW", required_unless_present = "many", conflicts_with = "many")]
    workflow: Option<Workflow>,
    #[command(flatten)]
    many: bulk::Many,
    /// The reason, recorded with the cancellation; at most 2,000 characters are kept. Required of an operator
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  goalctl actions learn-piano
  goalctl actions learn-piano --state failed
  goalctl actions learn-piano --json | jq -r '.items[] | select(.state == \"failed\") | .actionId'")]
pub(crate) struct ActionsArgs {
    #[command(flatten)]
    workflow: Chosen,
    /// Only actions in this state [repeat it, or separate them by commas]
    #[arg(long, value_enum, value_delimiter = ',')]
    state: Vec<StateArg>,
}

/// Where an action is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StateArg {
    Waiting,
    Generating,
    Succeeded,
    Failed,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  goalctl timeline learn-piano")]
pub(crate) struct TimelineArgs {
    #[command(flatten)]
    workflow: Chosen,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  goalctl history learn-piano
  goalctl history learn-piano --status failed --from 2026-11-01
  goalctl history learn-piano --all --json | jq -r '.items[].executionArn'")]
pub(crate) struct HistoryArgs {
    /// The goal
    goal: GoalId,
    /// Only workflows in this status, such as SUCCEEDED or failed
    #[arg(long, value_parser = read_status)]
    status: Option<WorkflowStatus>,
    /// Only workflows requested at this time or later: 2026-11-24 or 2026-11-24T09:30:00Z
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    from: Option<Timestamp>,
    /// Only workflows requested before this time
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    to: Option<Timestamp>,
    /// The maximum number shown
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show all
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  goalctl tasks learn-piano
  goalctl tasks learn-piano --all --json | jq -r '.items[].title'")]
pub(crate) struct TasksArgs {
    /// The goal
    goal: GoalId,
    /// The maximum number shown
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show all
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

#[derive(Debug, Args)]
struct Chosen {
    /// The workflow's ARN, or a goal: then its newest workflow
    #[arg(value_name = "WORKFLOW")]
    workflow: Workflow,
}

/// How a workflow is named.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Workflow {
    Arn(ExecutionArn),
    NewestOf(GoalId),
}

impl FromStr for Workflow {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // A goal's id has no colon.
        if text.contains(':') { text.parse().map(Self::Arn) } else { text.parse().map(Self::NewestOf) }
    }
}

fn read_status(text: &str) -> Result<WorkflowStatus, String> {
    text.to_ascii_uppercase().replace('-', "_").parse().map_err(|e: InvalidStatus| e.to_string())
}

fn read_time(text: &str) -> Result<Timestamp, String> {
    moment(text).map_err(|e| e.to_string())
}

impl Api {
    async fn arn(&self, workflow: &Workflow) -> Result<ExecutionArn> {
        let goal = match workflow {
            Workflow::Arn(arn) => return Ok(arn.clone()),
            Workflow::NewestOf(goal) => goal,
        };
        let newest = self.items(&Resource::Goal(goal, "workflows"), &[], Some(1), HISTORY_PAGE).await?;
        let newest = newest.items.first().map(read::<WorkflowSummary>).transpose()?;
        let none = || Failure {
            exit: NO_ACCESS,
            title: format!("goal {goal} has had no workflow yet"),
            advice: Some(format!("start one with `goalctl start {goal}`")),
            ..Failure::default()
        };
        Ok(newest.ok_or_else(none)?.execution_arn)
    }
}

fn wanted(limit: u32, all: bool) -> Option<usize> {
    (!all).then_some(limit as usize)
}

pub(crate) async fn start(args: Start, api: &Api, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let Begin { wait, idempotency_key, urgency } = args.begin;
    let request =
        StartRequest { action_ids: args.actions, regenerate: args.regenerate, priority_class: Some(urgency.class()) };
    let started = api.start(&args.goal, &request, &key(idempotency_key)).await?;
    begun(api, &started, wait, json, shell).await
}

pub(crate) async fn retry(args: Retry, api: &Api, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let Some(workflow) = &args.workflow else {
        args.begin.of_many()?;
        return bulk::retry(args.many, args.failed, args.reason.as_deref(), api, json, shell).await;
    };
    let arn = api.arn(workflow).await?;
    let Begin { wait, idempotency_key, urgency } = args.begin;
    let started = api.retry(&arn, (&key(idempotency_key), urgency.class()), args.reason.as_deref()).await?;
    begun(api, &started, wait, json, shell).await
}

/// With a key, a request can be repeated whose response is lost.
fn key(given: Option<String>) -> String {
    given.unwrap_or_else(|| EventId::random().to_string())
}

async fn begun(api: &Api, started: &Value, wait: bool, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let Started { execution_arn: arn, total_actions, .. } = read(started)?;
    let text = format!("Started for {}: {arn}\n", counted(total_actions as usize, "action"));
    if wait {
        if !json {
            write!(shell.err, "{text}")?;
        }
        return follow(api, &arn, json, shell).await;
    }
    shell.show(json, started, |_| format!("{text}Follow it: {} status {arn} --watch\n", program::name()))?;
    Ok(DONE)
}

async fn follow(api: &Api, arn: &ExecutionArn, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let (answer, end) = watch::until_its_end(api, arn, json, shell).await?;
    show_status(api, &answer, &end, json, shell).await?;
    Ok(if end.has_succeeded() { DONE } else { NOT_DONE })
}

async fn show_status(api: &Api, answer: &Value, progress: &Followed, json: bool, shell: &mut Shell<'_>) -> Result<()> {
    let colours = shell.terminal.colours;
    let Followed(workflow) = progress;
    let is_needed = !json && !workflow.failed_actions.is_empty();
    let titles = if is_needed { titles(api, &workflow.goal_id).await } else { BTreeMap::new() };
    shell.show(json, answer, |_| progress.text(&titles, colours, SystemClock.now()))
}

/// The titles of a goal's actions by their ids. Nothing where its owner does not ask, or the goal cannot be read: what has become of them
/// is shown all the same.
async fn titles(api: &Api, goal: &GoalId) -> BTreeMap<ActionId, String> {
    let Api::User(client) = api else { return BTreeMap::new() };
    let goal = client.get(&goals::path(goal)).await.and_then(|answer| read::<Goal>(&answer));
    let sub_goals = goal.map(|goal| goal.sub_goals).unwrap_or_default();
    let actions = sub_goals.into_iter().flat_map(|sub_goal| sub_goal.actions);
    actions.map(|action| (action.action_id, action.title)).collect()
}

pub(crate) async fn status(args: Status, api: &Api, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let arn = api.arn(&args.workflow.workflow).await?;
    if args.watch {
        return follow(api, &arn, json, shell).await;
    }
    let answer = api.get(&Resource::Workflow(&arn, "status")).await?;
    show_status(api, &answer, &Followed::read(&answer)?, json, shell).await?;
    Ok(DONE)
}

pub(crate) async fn cancel(args: Cancel, api: &Api, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let Some(workflow) = &args.workflow else {
        return bulk::cancel(args.many, args.reason.as_deref(), api, json, shell).await;
    };
    let arn = api.arn(workflow).await?;
    let ended = api.cancel(&arn, args.reason.as_deref()).await?;
    let at = read::<Aborted>(&ended)?.stop_date.map_or_else(|| "now".to_owned(), |at| at.to_string());
    shell.show(json, &ended, |_| format!("Cancelled at {at}, and its tasks are removed: {arn}\n"))?;
    Ok(DONE)
}

pub(crate) async fn actions(args: ActionsArgs, api: &Api, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let arn = api.arn(&args.workflow.workflow).await?;
    let mut answer = api.get(&Resource::Workflow(&arn, "actions")).await?;
    let wanted: Vec<_> =
        args.state.iter().filter_map(|state| Some(state.to_possible_value()?.get_name().to_owned())).collect();
    if let Some(items) = answer["items"].as_array_mut().filter(|_| !wanted.is_empty()) {
        items.retain(|item| wanted.iter().any(|state| item["state"] == **state));
    }
    let text = Actions::read(&answer)?;
    let Actions(workflow) = &text;
    let titles = if json { BTreeMap::new() } else { titles(api, &workflow.goal_id).await };
    let colours = shell.terminal.colours;
    shell.show(json, &answer, |_| text.text(&titles, colours))?;
    Ok(DONE)
}

pub(crate) async fn timeline(args: TimelineArgs, api: &Api, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let arn = api.arn(&args.workflow.workflow).await?;
    let timeline = api.get(&Resource::Workflow(&arn, "timeline")).await?;
    let text = Timeline::read(&timeline)?;
    let colours = shell.terminal.colours;
    shell.show(json, &timeline, |_| text.text(colours))?;
    Ok(DONE)
}

pub(crate) async fn history(args: HistoryArgs, api: &Api, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let filters = [
        args.status.map(|status| ("status", status.to_string())),
        args.from.map(|from| ("from", from.to_string())),
        args.to.map(|to| ("to", to.to_string())),
    ];
    let filters: Vec<_> = filters.into_iter().flatten().collect();
    let (path, wanted) = (Resource::Goal(&args.goal, "workflows"), wanted(args.limit, args.all));
    let items = api.items(&path, &filters, wanted, HISTORY_PAGE).await?;
    let text = History::read(&items.items)?;
    shell.show(json, &items, |_| text.text())?;
    items.say_if_more(json, shell)?;
    Ok(DONE)
}

pub(crate) async fn tasks(args: TasksArgs, api: &Api, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let wanted = wanted(args.limit, args.all);
    let items = api.items(&Resource::Goal(&args.goal, "tasks"), &[], wanted, TASKS_PAGE).await?;
    let text = Tasks::read(&items.items)?;
    shell.show(json, &items, |_| text.text())?;
    items.say_if_more(json, shell)?;
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_is_named_by_its_arn_or_by_its_goal() {
        let arn = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1";
        assert_eq!(arn.parse(), Ok(Workflow::Arn(arn.parse().unwrap())));
        assert_eq!("g-1".parse(), Ok(Workflow::NewestOf("g-1".parse().unwrap())));
        assert!("arn:aws:s3:::bucket".parse::<Workflow>().is_err() && "a goal".parse::<Workflow>().is_err());
    }

    #[test]
    fn times_may_be_days_and_statuses_may_be_written_small() {
        assert_eq!(read_time("2026-11-24").unwrap().to_string(), "2026-11-24T00:00:00.000Z");
        assert_eq!(read_time("2026-11-24T10:00:00+09:00").unwrap().to_string(), "2026-11-24T01:00:00.000Z");
        assert!(read_time("yesterday").unwrap_err().contains("a day, 2026-11-24"));
        assert_eq!(read_status("timed-out"), Ok(WorkflowStatus::TimedOut));
        assert!(read_status("done").unwrap_err().contains("SUCCEEDED"));
    }
}
