//! From a complaint to the workflow: what only operators can ask.

use anyhow::{Context, Result};
use clap::Args;
use goal_activity_client::api::{FoundWorkflow, WaitingList};
use goal_activity_core::execution::Status as WorkflowStatus;
use goal_activity_core::operator::{FIND, WAITING};
use goal_activity_events::{GoalId, Timestamp, UserId};
use serde_json::Value;

use super::report::between;
use super::{HISTORY_PAGE, read_status, read_time, wanted};
use crate::client::{Listed, read};
use crate::failure::DONE;
use crate::operator::Operator;
use crate::shell::Shell;
use crate::text::{NOTHING, counted, facts, lines, printable, table};

#[derive(Debug, Args)]
#[command(
    long_about = "\
Find workflows of any user

By user or by goal an index is read, the newest first. Without both every workflow of the last 90 days is looked at, in no
order, up to 4,000 at a time: the output says how many, and whether there are more. --all goes on to the end.

Works as an operator, with AWS credentials. Needs lambda:InvokeFunction on the function ApiFunctionName; on AWS
cloudformation:DescribeStacks.",
    after_help = "\
Examples:
  goalctl find --user user-1 --stack goal-activity
  goalctl find --goal learn-piano --status failed --since 2026-11-24
  goalctl find --status timed-out --since 2026-11-24 --all --json | jq -r '.items[].executionArn'",
    group = clap::ArgGroup::new("which").args(["user", "goal", "status", "since"]).required(true).multiple(true)
)]
pub(crate) struct Find {
    /// Only those of this user
    #[arg(long, value_name = "ID", conflicts_with = "goal")]
    user: Option<UserId>,
    /// Only those of this goal
    #[arg(long, value_name = "ID")]
    goal: Option<GoalId>,
    /// Only those in this status, such as FAILED or running
    #[arg(long, value_parser = read_status)]
    status: Option<WorkflowStatus>,
    /// Only those requested at this time or later: 2026-11-24 or 2026-11-24T09:30:00Z
    #[arg(long, value_name = "TIME", value_parser = read_time)]
    since: Option<Timestamp>,
    /// The maximum number shown
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Show all
    #[arg(long, conflicts_with = "limit")]
    all: bool,
}

#[derive(Debug, Args)]
#[command(
    long_about = "\
Show the waiting list, and which workflows hold the capacity

Works as an operator, with AWS credentials. Needs lambda:InvokeFunction on the function ApiFunctionName; on AWS
cloudformation:DescribeStacks.",
    after_help = "Example:\n  goalctl waiting --stack goal-activity"
)]
pub(crate) struct WaitingArgs {
    /// The maximum number of waiting workflows shown
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    limit: u16,
}

/// Finds workflows of any user.
pub(crate) async fn find(args: Find, operator: &Operator, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let everywhere = args.user.is_none() && args.goal.is_none();
    let filters = [
        args.user.map(|user| ("user", user.to_string())),
        args.goal.map(|goal| ("goal", goal.to_string())),
        args.status.map(|status| ("status", status.to_string())),
        args.since.map(|since| ("from", since.to_string())),
    ];
    let filters: Vec<_> = filters.into_iter().flatten().collect();
    let found = if args.all || !everywhere {
        operator.items(FIND, &filters, wanted(args.limit, args.all), HISTORY_PAGE).await?
    } else {
        // One page: what is looked at without an index is bounded, even where little is found.
        let limit = usize::try_from(args.limit).unwrap_or(usize::MAX).min(HISTORY_PAGE);
        let query = [("limit", limit.to_string())].into_iter().chain(filters).collect();
        first_page(operator.read(FIND, query).await?)?
    };
    shell.show(json, &found, |_| String::new())?;
    if !json {
        write!(shell.out, "{}", table_of(&found)?)?;
        let looked_at = found.looked_at.filter(|_| everywhere).and_then(|n| usize::try_from(n).ok());
        let looked_at =
            looked_at.map(|n| format!("Looked at {}, in no order. ", counted(n, "workflow"))).unwrap_or_default();
        let more = if found.more { "There may be more: --limit N, or --all." } else { "These are all." };
        writeln!(shell.err, "{looked_at}{more}")?;
    }
    Ok(DONE)
}

fn first_page(mut page: Value) -> Result<Listed> {
    let items = page["items"].as_array_mut().map(std::mem::take).context("a page without items")?;
    Ok(Listed { items, more: page["nextCursor"].is_string(), looked_at: page["lookedAt"].as_u64() })
}

fn table_of(found: &Listed) -> Result<String> {
    if found.items.is_empty() {
        return Ok("No workflows.\n".to_owned());
    }
    let mut rows = table(&["STARTED", "STATUS", "FAILED", "USER", "GOAL", "WORKFLOW"]);
    for item in &found.items {
        let FoundWorkflow { summary, user_id } = read(item)?;
        rows.add_row([
            summary.start_date.to_string(),
            printable(&summary.status.to_string()),
            summary.failed_count.map_or_else(|| NOTHING.to_owned(), |n| n.to_string()),
            printable(user_id.as_str()),
            printable(summary.goal_id.as_str()),
            printable(summary.execution_arn.as_str()),
        ]);
    }
    Ok(lines(&rows))
}

/// Shows the waiting list.
pub(crate) async fn waiting(
    args: WaitingArgs,
    operator: &Operator,
    now: Timestamp,
    json: bool,
    shell: &mut Shell<'_>,
) -> Result<u8> {
    let answer = operator.read(WAITING, vec![("limit", args.limit.to_string())]).await?;
    let list: WaitingList = read(&answer)?;
    shell.show(json, &answer, |_| text_of(&list, now))?;
    Ok(DONE)
}

fn text_of(list: &WaitingList, now: Timestamp) -> String {
    let more = if list.more { " or more" } else { "" };
    let mut known = vec![
        ("Capacity", format!("{} of {} batches in use", list.in_use, list.capacity)),
        ("Waiting", format!("{}{more}", counted(list.waiting.len(), "workflow"))),
    ];
    let paused = list.paused.as_ref();
    known.extend(paused.map(|p| ("Paused", format!("since {}: {}", p.since, printable(&p.reason)))));
    known.extend(list.ai_quota_used_until.map(|until| ("AI's quota", format!("used up until {until}"))));
    let mut text = facts(known);
    if !list.holders.is_empty() {
        let mut rows = table(&["BATCHES", "FOR", "HELD BY"]);
        for holder in &list.holders {
            let (batches, held) = (holder.batches.to_string(), between(holder.since, now));
            rows.add_row([batches, held, printable(holder.execution_arn.as_str())]);
        }
        text.push('\n');
        text.push_str(&lines(&rows));
    }
    if !list.waiting.is_empty() {
        let mut rows = table(&["PLACE", "WAITS FOR", "ACTIONS", "USER", "WORKFLOW"]);
        let or = |told: Option<String>| told.unwrap_or_else(|| NOTHING.to_owned());
        for place in &list.waiting {
            rows.add_row([
                place.waiting_before.saturating_add(1).to_string(),
                or(place.start_date.map(|since| between(since, now))),
                or(place.total_actions.map(|n| n.to_string())),
                or(place.user_id.as_ref().map(|user| printable(user.as_str()))),
                printable(place.execution_arn.as_str()),
            ]);
        }
        text.push('\n');
        text.push_str(&lines(&rows));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_waiting_list_shows_places_and_capacity() {
        let arn = |name: &str| format!("arn:aws:states:us-east-1:000000000000:execution:goal-activity:{name}");
        let line = json!({
            "capacity": 8, "inUse": 8, "more": false, "aiQuotaUsedUntil": "2026-11-24T09:33:05.000Z",
            "paused": { "since": "2026-11-24T09:32:00.000Z", "reason": "the AI\nis down" },
            "holders": [{ "executionArn": arn("held"), "batches": 8, "since": "2026-11-24T09:30:00.000Z" }],
            "waiting": [
                { "waitingBefore": 0, "executionArn": arn("next"), "turn": "2026-11-24T09:31:00.000Z", "userId": "u",
                  "goalId": "g", "startDate": "2026-11-24T09:31:00.000Z", "totalActions": 64 },
                { "waitingBefore": 1, "executionArn": arn("gone"), "turn": "2026-11-24T09:32:00.000Z" },
            ],
        });
        let now = "2026-11-24T09:33:00.000Z".parse().unwrap();
        let text = text_of(&read(&line).unwrap(), now).replace(&arn(""), "arn:");
        let squeezed: Vec<_> = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(
            squeezed,
            [
                "Capacity 8 of 8 batches in use",
                "Waiting 2 workflows",
                "Paused since 2026-11-24T09:32:00.000Z: the AI\u{fffd}is down",
                "AI's quota used up until 2026-11-24T09:33:05.000Z",
                "",
                "BATCHES FOR HELD BY",
                "8 3 min 0 s arn:held",
                "",
                "PLACE WAITS FOR ACTIONS USER WORKFLOW",
                "1 2 min 0 s 64 u arn:next",
                "2 - - - arn:gone",
            ]
        );
    }
}
