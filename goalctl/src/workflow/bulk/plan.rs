//! What a command for many would do, decided from lists and before anything is done.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anyhow::{Context, Result};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use goal_activity_client::api::{FoundWorkflow, WorkflowStatus, WorkflowSummary};
use goal_activity_core::execution::Status;
use goal_activity_core::operator::FIND;
use goal_activity_events::{ExecutionArn, GoalId, Timestamp, Usage, UserId};
use serde::Serialize;
use serde_json::Value;

use super::super::HISTORY_PAGE;
use super::condition::Conditions;
use crate::api::{Api, Resource};
use crate::client::{Listed, read};
use crate::failure::Failure;
use crate::text::{counted, facts, lines, printable, table};

/// How many workflows are looked at to estimate what a retry costs.
const SAMPLE: usize = 20;
/// How many workflows are read at once.
const READ_AT_ONCE: usize = 4;
/// How many workflows the text lists.
const SHOWN: usize = 20;

/// What is to be done with each workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Deed {
    Retry,
    Cancel,
}

impl Deed {
    /// The statuses that a workflow may have for it.
    fn possible(self) -> &'static [Status] {
        match self {
            Self::Retry => &[Status::PartiallySucceeded, Status::Failed, Status::TimedOut, Status::Aborted],
            Self::Cancel => &[Status::Pending, Status::Running],
        }
    }

    /// Those that are meant when none are named. A cancelled workflow is retried only by its name: somebody did not want it.
    fn meant(self) -> &'static [Status] {
        match self {
            Self::Retry => &[Status::PartiallySucceeded, Status::Failed, Status::TimedOut],
            Self::Cancel => self.possible(),
        }
    }

    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Cancel => "cancel",
        }
    }
}

/// A workflow of a list of the API. Only operators see whose it is. Part of the JSON output: names are never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Workflow {
    pub(super) execution_arn: ExecutionArn,
    pub(super) goal_id: GoalId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user_id: Option<UserId>,
    pub(super) status: Status,
    pub(super) start_date: Timestamp,
    total_actions: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_count: Option<u64>,
}

impl Workflow {
    /// Reads one of the items that such a caller is answered.
    fn read(item: &Value, is_operator: bool) -> Result<Self> {
        let (summary, user_id) = match is_operator {
            true => read(item).map(|FoundWorkflow { summary, user_id }| (summary, Some(user_id)))?,
            false => (read(item)?, None),
        };
        let WorkflowSummary { execution_arn, goal_id, status, start_date, total_actions, failed_count, .. } = summary;
        // What can be done with a workflow depends on it.
        let status = status.to_string().parse().with_context(|| format!("the API's answer about {execution_arn}"))?;
        let (total_actions, failed_count) = (total_actions.into(), failed_count.map(u64::from));
        Ok(Self { execution_arn, goal_id, user_id, status, start_date, total_actions, failed_count })
    }

    /// How many actions the deed is about.
    fn actions(&self, deed: Deed) -> u64 {
        match deed {
            Deed::Retry => self.failed_count.unwrap_or(self.total_actions),
            Deed::Cancel => self.total_actions,
        }
    }
}

/// What would be done. Part of the JSON output: names are never changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plan {
    pub(super) deed: Deed,
    /// Those for which it would be done, the oldest first.
    pub(super) workflows: Vec<Workflow>,
    /// How many actions that is about.
    pub(super) actions: u64,
    by_status: BTreeMap<String, usize>,
    /// How many met the conditions, but a newer workflow of their goal is there.
    pub(super) superseded: usize,
    /// What a retry may cost, in millionths of a US dollar. Missing when no price is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_cost_micro_usd: Option<u64>,
    /// All that was listed: an answer that names one of them is of an earlier run.
    #[serde(skip)]
    pub(super) known: BTreeSet<ExecutionArn>,
}

impl Plan {
    /// Looks for what meets the conditions.
    ///
    /// # Errors
    /// A condition is not possible for this command or for this caller, or the API does not answer.
    pub(super) async fn make(deed: Deed, conditions: &Conditions, api: &Api) -> Result<Self> {
        let is_operator = matches!(api, Api::Operator(_));
        check(deed, conditions, is_operator)?;
        let listed = list(deed, conditions, api).await?;
        let all = listed.items.iter().map(|item| Workflow::read(item, is_operator)).collect::<Result<Vec<_>>>()?;
        let known = all.iter().map(|workflow| workflow.execution_arn.clone()).collect();
        let (mut workflows, superseded) = chosen(deed, conditions, all);
        if let Some(source) = &conditions.source {
            workflows = requested_by(source, workflows, api).await?;
        }
        let actions = workflows.iter().map(|workflow| workflow.actions(deed)).sum();
        let estimated_cost_micro_usd = match deed {
            Deed::Retry => estimate(&workflows, actions, api).await?,
            Deed::Cancel => None,
        };
        let mut by_status = BTreeMap::new();
        for workflow in &workflows {
            *by_status.entry(workflow.status.to_string()).or_default() += 1;
        }
        Ok(Self { deed, workflows, actions, by_status, superseded, estimated_cost_micro_usd, known })
    }

    /// Formats it for people.
    pub(super) fn text(&self, rate: u32) -> String {
        let verb = self.deed.verb();
        let count = |n: u64, what: &str| counted(usize::try_from(n).unwrap_or(usize::MAX), what);
        let what = format!("{} of {}", count(self.actions, "action"), counted(self.workflows.len(), "workflow"));
        let statuses = self.by_status.iter().map(|(status, number)| format!("{number} {status}"));
        let mut rows = vec![(format!("To {verb}"), what)];
        if !self.workflows.is_empty() {
            rows.push(("Status".to_owned(), statuses.collect::<Vec<_>>().join(", ")));
        }
        if self.superseded > 0 {
            let left = format!("{}: a newer one of the goal is there", counted(self.superseded, "workflow"));
            rows.push(("Left out".to_owned(), left));
        }
        if self.deed == Deed::Retry && !self.workflows.is_empty() {
            let cost = self.estimated_cost_micro_usd.map_or_else(
                || "not known".to_owned(),
                |cost| {
                    format!(
                        "about {}.{:02} USD, as such actions cost before",
                        cost / 1_000_000,
                        cost % 1_000_000 / 10_000
                    )
                },
            );
            rows.push(("AI".to_owned(), cost));
        }
        if !self.workflows.is_empty() {
            let seconds = self.workflows.len().div_ceil(usize::try_from(rate).unwrap_or(1).max(1));
            rows.push(("Takes".to_owned(), format!("{seconds} s or more, at {rate} a second")));
        }
        let mut text = facts(rows);
        if self.workflows.is_empty() {
            return text;
        }
        let mut listed = table(&["STARTED", "STATUS", "ACTIONS", "GOAL", "WORKFLOW"]);
        for workflow in self.workflows.iter().take(SHOWN) {
            listed.add_row([
                workflow.start_date.to_string(),
                workflow.status.to_string(),
                workflow.actions(self.deed).to_string(),
                printable(workflow.goal_id.as_str()),
                printable(workflow.execution_arn.as_str()),
            ]);
        }
        text.push('\n');
        text.push_str(&lines(&listed));
        let more = self.workflows.len().saturating_sub(SHOWN);
        if more > 0 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "and {more} more; --dry-run --json lists all");
        }
        text
    }
}

fn check(deed: Deed, conditions: &Conditions, is_operator: bool) -> Result<()> {
    let names = |statuses: &[Status]| statuses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let impossible: Vec<_> =
        conditions.statuses.iter().copied().filter(|status| !deed.possible().contains(status)).collect();
    if !impossible.is_empty() {
        let title = format!("there is nothing to {} in a workflow that is {}", deed.verb(), names(&impossible));
        return Err(Failure::usage(title, &format!("possible are {}", names(deed.possible()))).into());
    }
    if conditions.user.is_some() && !is_operator {
        let advice =
            "leave out user=: your own workflows are meant; --operator, with AWS credentials, is for those of others";
        return Err(Failure::usage("a user has only workflows of their own", advice).into());
    }
    Ok(())
}

/// Lists the workflows among which to choose. Those after `to` as well for a retry: they show what was retried since.
async fn list(deed: Deed, conditions: &Conditions, api: &Api) -> Result<Listed> {
    let until = conditions.to.filter(|_| deed == Deed::Cancel);
    // The API filters by one status, and a retry has to see the newer workflows of a goal in any.
    let status = match (deed, conditions.statuses.as_slice()) {
        (Deed::Cancel, [one]) => Some(one),
        _ => None,
    };
    let mut filters: Vec<_> = [
        status.map(|status| ("status", status.to_string())),
        conditions.from.map(|from| ("from", from.to_string())),
        until.map(|to| ("to", to.to_string())),
    ]
    .into_iter()
    .flatten()
    .collect();
    match (api, &conditions.goal) {
        (Api::User(_), Some(goal)) => api.items(&Resource::Goal(goal, "workflows"), &filters, None, HISTORY_PAGE).await,
        (Api::User(client), None) => client.items("/api/workflows", &filters, None, HISTORY_PAGE).await,
        (Api::Operator(operator), goal) => {
            let by_goal = goal.as_ref().map(|goal| ("goal", goal.to_string()));
            let by_user = conditions.user.as_ref().map(|user| ("user", user.to_string()));
            filters.extend(by_goal.or(by_user));
            operator.items(FIND, &filters, None, HISTORY_PAGE).await
        }
    }
}

/// Those that meet the conditions, the oldest first, and how many of them have a newer workflow of their goal.
fn chosen(deed: Deed, conditions: &Conditions, all: Vec<Workflow>) -> (Vec<Workflow>, usize) {
    let mut newest: BTreeMap<GoalId, Timestamp> = BTreeMap::new();
    for workflow in &all {
        let at = newest.entry(workflow.goal_id.clone()).or_insert(workflow.start_date);
        *at = workflow.start_date.max(*at);
    }
    let statuses = if conditions.statuses.is_empty() { deed.meant() } else { conditions.statuses.as_slice() };
    let meets = |workflow: &Workflow| {
        statuses.contains(&workflow.status)
            && conditions.goal.as_ref().is_none_or(|goal| workflow.goal_id == *goal)
            && conditions.user.as_ref().is_none_or(|user| workflow.user_id.as_ref() == Some(user))
            && conditions.from.is_none_or(|from| workflow.start_date >= from)
            && conditions.to.is_none_or(|to| workflow.start_date < to)
    };
    let met: Vec<_> = all.into_iter().filter(meets).collect();
    let number = met.len();
    let is_newest = |workflow: &Workflow| newest.get(&workflow.goal_id) == Some(&workflow.start_date);
    let mut chosen: Vec<_> = met.into_iter().filter(|w| deed == Deed::Cancel || is_newest(w)).collect();
    chosen.sort_by(|a, b| (a.start_date, &a.execution_arn).cmp(&(b.start_date, &b.execution_arn)));
    chosen.dedup_by(|a, b| a.execution_arn == b.execution_arn);
    let superseded = number.saturating_sub(chosen.len());
    (chosen, superseded)
}

/// Those that this source has requested. No list says that: each is read.
async fn requested_by(source: &str, workflows: Vec<Workflow>, api: &Api) -> Result<Vec<Workflow>> {
    let read = stream::iter(workflows).map(async |workflow| {
        // One that cannot be read must not be left out as if another had requested it.
        let status: WorkflowStatus = read(&status(&workflow, api).await?)?;
        let is_of = status.request.is_some_and(|request| request.source == source);
        anyhow::Ok(is_of.then_some(workflow))
    });
    let read: Vec<_> = read.buffered(READ_AT_ONCE).try_collect().await?;
    Ok(read.into_iter().flatten().collect())
}

async fn status(workflow: &Workflow, api: &Api) -> Result<Value> {
    api.get(&Resource::Workflow(&workflow.execution_arn, "status")).await
}

/// What the actions may cost, by what a call cost in some of the workflows. Nothing if that is not known of any.
async fn estimate(workflows: &[Workflow], actions: u64, api: &Api) -> Result<Option<u64>> {
    let sample = stream::iter(workflows.iter().rev().take(SAMPLE)).map(|workflow| status(workflow, api));
    let sample: Vec<_> = sample.buffer_unordered(READ_AT_ONCE).try_collect().await?;
    let (mut attempts, mut cost) = (0_u64, 0_u64);
    // What cannot be read says nothing of the cost: another version of the API may have sent it.
    let sample = sample.iter().filter_map(|status| read::<WorkflowStatus>(status).ok());
    for Usage { attempts: calls, cost_micro_usd, .. } in sample.map(|status| status.usage) {
        if let Some(price) = cost_micro_usd.filter(|price| *price > 0) {
            attempts = attempts.saturating_add(calls.into());
            cost = cost.saturating_add(price);
        }
    }
    Ok(cost.saturating_mul(actions).checked_div(attempts))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workflow(goal: &str, n: u32, status: Status) -> Workflow {
        Workflow {
            execution_arn: format!("arn:aws:states:us-east-1:000000000000:execution:goal-activity:{goal}-{n}")
                .parse()
                .unwrap(),
            goal_id: goal.parse().unwrap(),
            user_id: None,
            status,
            start_date: format!("2026-11-24T09:{n:02}:00Z").parse().unwrap(),
            total_actions: 8,
            failed_count: Some(3),
        }
    }

    fn names((chosen, superseded): (Vec<Workflow>, usize)) -> (Vec<String>, usize) {
        (chosen.iter().map(|w| w.execution_arn.name().to_owned()).collect(), superseded)
    }

    #[test]
    fn only_the_newest_workflow_of_a_goal_is_retried() {
        let all = || {
            vec![
                workflow("b", 5, Status::Failed),
                workflow("a", 3, Status::Failed),
                workflow("a", 1, Status::Failed),
                workflow("c", 2, Status::PartiallySucceeded),
                workflow("c", 4, Status::Succeeded),
                workflow("d", 6, Status::Aborted),
                workflow("e", 7, Status::Running),
            ]
        };
        let some = |conditions: &[&str]| {
            let conditions = Conditions::of(conditions.iter().map(|c| c.parse().unwrap()).collect(), None).unwrap();
            names(chosen(Deed::Retry, &conditions, all()))
        };
        assert_eq!(some(&[]), (vec!["a-3".to_owned(), "b-5".to_owned()], 2));
        assert_eq!(some(&["status=ABORTED"]), (vec!["d-6".to_owned()], 0));
        assert_eq!(some(&["goal=a"]), (vec!["a-3".to_owned()], 1));
        // What was retried after the end of the time that is asked for is not retried again.
        assert_eq!(some(&["to=2026-11-24T09:03:00Z"]), (vec![], 2));
        assert_eq!(some(&["from=2026-11-24T09:04:00Z"]), (vec!["b-5".to_owned()], 0));
        let open = names(chosen(Deed::Cancel, &Conditions::default(), all()));
        assert_eq!(open, (vec!["e-7".to_owned()], 0));
    }

    #[test]
    fn what_cannot_be_done_is_refused_before_anything_is_listed() {
        let said = |deed, condition: &str, is_operator| {
            let conditions = Conditions::of(vec![condition.parse().unwrap()], None).unwrap();
            check(deed, &conditions, is_operator).map_err(|e| Failure::of(&e).to_string())
        };
        let said_of = |deed, condition| said(deed, condition, false).unwrap_err();
        assert!(
            said_of(Deed::Retry, "status=FAILED,RUNNING").contains("nothing to retry in a workflow that is RUNNING")
        );
        assert!(said_of(Deed::Cancel, "status=FAILED").contains("possible are PENDING, RUNNING"));
        assert!(said_of(Deed::Cancel, "user=u").contains("leave out user="));
        assert_eq!(said(Deed::Cancel, "user=u", true), Ok(()));
    }
}
