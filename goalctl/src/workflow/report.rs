//! API responses as text.

use std::collections::BTreeMap;

use anyhow::Result;
use comfy_table::Table;
use goal_activity_client::api::{
    self, Cancellation, Open, OperatorRequest, Status, Task, TimelineEvent, TimelineItem, WorkflowActions,
    WorkflowStatus, WorkflowSummary,
};
use goal_activity_core::limits::{ACTIONS_PER_BATCH, WAITING_COUNTED, batch_count};
use goal_activity_events::{ActionId, Timestamp, Usage};
use serde_json::Value;

use crate::client::read;
use crate::program;
use crate::text::{NOTHING, counted, facts, lines, printable, status, table};

/// For whoever operates the pipeline.
const AI_FAILED: &str = "
For operators: the worker's log has the provider's reason of every refusal; `goalctl ai check` tries the worker's AI.
";

/// The progress of a workflow.
#[derive(Debug, Clone)]
pub(super) struct Followed(pub(super) WorkflowStatus);

impl Followed {
    pub(super) fn read(answer: &Value) -> Result<Self> {
        read(answer).map(Self)
    }

    pub(super) fn has_succeeded(&self) -> bool {
        self.0.status == Status::Succeeded
    }

    /// Returns the numbers of finished batches and failures.
    pub(super) fn counts(&self) -> String {
        let done = self.0.batches.iter().filter(|b| b.processed_actions >= b.total_actions).count();
        let all = batch_count(self.0.total_actions as usize);
        let failed = match self.0.failed_actions.len() {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        format!("{done}/{all} batches{failed}")
    }

    /// Returns the same with the time left.
    pub(super) fn note(&self) -> String {
        let left = self.0.estimated_seconds_remaining.filter(|left| *left > 0 && !self.0.has_ended());
        self.counts() + &left.map(|left| format!(", about {left} s left")).unwrap_or_default()
    }

    /// Returns how long it has waited for its turn, and its place. Nothing if it does not wait.
    fn waits(&self, now: Timestamp) -> Option<String> {
        let Self(workflow) = self;
        if workflow.status != Status::Pending || workflow.admitted_at.is_some() || workflow.cancellation.is_some() {
            return None;
        }
        let place = workflow.waiting_before.map(|before| match before {
            0 => ", and is the next".to_owned(),
            1 => ", and 1 workflow is launched before it".to_owned(),
            all if all >= u32::from(WAITING_COUNTED) => format!(", and {all} workflows or more are launched before it"),
            some => format!(", and {some} workflows are launched before it"),
        });
        Some(format!("for its turn, for {}{}", between(workflow.start_date, now), place.unwrap_or_default()))
    }

    /// Returns the batches of a running workflow that are not finished, with what is known of each.
    fn missing(&self, now: Timestamp) -> Option<String> {
        let Self(workflow) = self;
        if workflow.status != Status::Running {
            return None;
        }
        let total = workflow.total_actions as usize;
        let missing = (0..batch_count(total)).filter_map(|index| {
            let Some(batch) = workflow.batches.iter().find(|batch| batch.batch_index == index) else {
                let before = (index as usize).saturating_mul(ACTIONS_PER_BATCH);
                let actions = total.saturating_sub(before).min(ACTIONS_PER_BATCH);
                return Some(format!("batch {index} (0 of {actions}, no report yet)"));
            };
            let (done, total) = (batch.processed_actions, batch.total_actions);
            let ago = batch.updated_at.map(|at| format!(", reported {} ago", between(at, now))).unwrap_or_default();
            (done < total).then(|| format!("batch {index} ({done} of {total}{ago})"))
        });
        let missing: Vec<_> = missing.collect();
        (!missing.is_empty()).then(|| missing.join(", "))
    }

    /// Formats the whole status at that moment.
    /// Returns all of it. `titles` are those of actions, as far as they are known.
    pub(super) fn text(&self, titles: &BTreeMap<ActionId, String>, colours: bool, now: Timestamp) -> String {
        let Self(workflow) = self;
        let mut text = format!("{}: {}\n\n", status(&workflow.status.to_string(), colours), self.outcome());
        let mut rows = vec![
            ("Workflow", printable(workflow.execution_arn.as_str())),
            ("Goal", printable(workflow.goal_id.as_str())),
            ("Started", workflow.start_date.to_string()),
        ];
        rows.extend(workflow.stop_date.map(|at| ("Ended", at.to_string())));
        rows.extend(self.waits(now).map(|waits| ("Waits", waits)));
        rows.push(("Progress", format!("{} %, {}", workflow.progress_percentage, self.note())));
        rows.extend(self.missing(now).map(|missing| ("Missing", missing)));
        rows.extend(workflow.operator.as_ref().map(|operator| ("Requested", requested(operator))));
        rows.extend(Some(&workflow.usage).filter(|usage| usage.attempts > 0).map(|usage| ("AI", spent(usage))));
        rows.extend(workflow.paused.as_ref().map(|pause| ("Paused", paused(pause))));
        rows.extend(workflow.cancellation.as_ref().map(|cancellation| ("Cancelled", cancelled(cancellation))));
        if let Some(e) = &workflow.error {
            let (program, arn) = (program::name(), workflow.execution_arn.as_str());
            rows.push(("Error", printable(&format!("{} ({})", e.message, e.code))));
            rows.push(("Why", printable(&format!("`{program} actions {arn} --state failed`"))));
        }
        text.push_str(&facts(rows));
        let tables = [self.batches_under_way(), self.failures(titles)];
        for table in tables.into_iter().flatten() {
            text.push('\n');
            text.push_str(&lines(&table));
        }
        if workflow.failed_actions.iter().any(|action| action.code.to_string().starts_with("AI_")) {
            text.push_str(&program::as_typed(AI_FAILED));
        }
        text
    }

    fn batches_under_way(&self) -> Option<Table> {
        if self.0.has_ended() || self.0.batches.is_empty() {
            return None;
        }
        let mut batches = table(&["BATCH", "ACTIONS", "DONE", "FAILED"]);
        for batch in &self.0.batches {
            let failed = batch.processed_actions.saturating_sub(batch.succeeded_actions);
            let numbers = [batch.batch_index, batch.total_actions, batch.processed_actions, failed];
            batches.add_row(numbers.map(|n| n.to_string()));
        }
        Some(batches)
    }

    fn failures(&self, titles: &BTreeMap<ActionId, String>) -> Option<Table> {
        let names: Vec<_> =
            ["FAILED ACTION"].into_iter().chain(title_head(titles)).chain(["CODE", "ATTEMPTS", "WHY"]).collect();
        let mut failures = table(&names);
        for action in &self.0.failed_actions {
            let title = title_of(titles, &action.action_id);
            let (code, attempts) = (action.code.to_string(), number(action.attempts));
            let rest = [&code, &attempts, action.message.as_str()];
            let row = [action.action_id.as_str()].into_iter().chain(title).chain(rest);
            failures.add_row(row.map(printable));
        }
        (!self.0.failed_actions.is_empty()).then_some(failures)
    }

    fn outcome(&self) -> String {
        let Self(workflow) = self;
        let took = workflow.stop_date.map(|stop| format!(", in {}", between(workflow.start_date, stop)));
        let (succeeded, total) = (workflow.succeeded_actions, workflow.total_actions);
        format!("{succeeded} of {total} actions got their tasks{}", took.unwrap_or_default())
    }
}

/// The head of the column of titles. There is none where no title is known.
fn title_head(titles: &BTreeMap<ActionId, String>) -> Option<&'static str> {
    (!titles.is_empty()).then_some("TITLE")
}

/// What stands in that column for an action.
fn title_of<'a>(titles: &'a BTreeMap<ActionId, String>, action: &ActionId) -> Option<&'a str> {
    title_head(titles).map(|_| titles.get(action).map_or(NOTHING, String::as_str))
}

/// Formats the AI's usage.
fn spent(usage: &Usage) -> String {
    let calls = counted(usize::try_from(usage.attempts).unwrap_or(usize::MAX), "call");
    let tokens = match (usage.input_tokens, usage.output_tokens) {
        (0, 0) => String::new(),
        (input, output) => format!(", {input} tokens in, {output} out"),
    };
    // Four digits: the calls for one action cost a few tenths of a cent.
    let price = |cost: u64| format!(", about {}.{:04} USD", cost / 1_000_000, cost % 1_000_000 / 100);
    let price = usage.cost_micro_usd.filter(|cost| *cost > 0).map(price);
    format!("{calls}{tokens}{}", price.unwrap_or_default())
}

fn paused(pause: &api::Pause) -> String {
    printable(&format!("nothing is launched since {}: {}", pause.since, pause.reason))
}

fn cancelled(cancellation: &Cancellation) -> String {
    let Cancellation { by, operator, at, reason } = cancellation;
    let operator = operator.as_ref().map(|by| format!(" by operator {by}"));
    let who = operator.or_else(|| by.as_ref().map(|by| format!(" by {by}"))).unwrap_or_default();
    let why = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    printable(&format!("{at}{who}{why}"))
}

fn requested(request: &OperatorRequest) -> String {
    let OperatorRequest { by, reason, retry_of } = request;
    printable(&format!("by operator {by}: {reason}; retries {retry_of}"))
}

/// Formats a number, if there is one.
fn number(number: Option<u32>) -> String {
    number.map_or_else(|| NOTHING.to_owned(), |number| number.to_string())
}

/// A goal's workflows.
#[derive(Debug)]
pub(super) struct History(Vec<WorkflowSummary>);

impl History {
    pub(super) fn read(items: &[Value]) -> Result<Self> {
        items.iter().map(read).collect::<Result<_>>().map(Self)
    }

    pub(super) fn text(&self) -> String {
        if self.0.is_empty() {
            return "No workflows.\n".to_owned();
        }
        let mut rows = table(&["STARTED", "TOOK", "STATUS", "ACTIONS", "WITH TASKS", "FAILED", "WORKFLOW"]);
        for workflow in &self.0 {
            let took = workflow.stop_date.map(|stop| between(workflow.start_date, stop));
            rows.add_row([
                workflow.start_date.to_string(),
                took.unwrap_or_else(|| NOTHING.to_owned()),
                printable(&workflow.status.to_string()),
                workflow.total_actions.to_string(),
                number(workflow.succeeded_actions),
                number(workflow.failed_count),
                printable(workflow.execution_arn.as_str()),
            ]);
        }
        lines(&rows)
    }
}

/// The actions of a workflow.
#[derive(Debug)]
pub(super) struct Actions(pub(super) WorkflowActions);

impl Actions {
    pub(super) fn read(answer: &Value) -> Result<Self> {
        read(answer).map(Self)
    }

    /// Returns all of it. `titles` are those of actions, as far as they are known.
    pub(super) fn text(&self, titles: &BTreeMap<ActionId, String>, colours: bool) -> String {
        let Self(WorkflowActions { execution_arn, status: workflow, items, .. }) = self;
        let rest = ["BATCH", "STATE", "TASKS", "ATTEMPTS", "WHY"];
        let mut rows = table(&["ACTION"].into_iter().chain(title_head(titles)).chain(rest).collect::<Vec<_>>());
        for action in items {
            let code = action.code.as_ref().map(Open::to_string);
            let why = code.iter().chain(&action.message).map(|text| printable(text));
            let title = title_of(titles, &action.action_id).map(printable);
            let rest = [
                action.batch_index.to_string(),
                printable(&action.state.to_string()),
                number(action.tasks),
                number(action.attempts),
                why.collect::<Vec<_>>().join(": "),
            ];
            rows.add_row([printable(action.action_id.as_str())].into_iter().chain(title).chain(rest));
        }
        let head = format!("{}: {}", status(&workflow.to_string(), colours), printable(execution_arn.as_str()));
        if items.is_empty() { format!("{head}\n\nNo such actions.\n") } else { format!("{head}\n\n{}", lines(&rows)) }
    }
}

/// The timeline of a workflow.
#[derive(Debug)]
pub(super) struct Timeline(api::Timeline);

impl Timeline {
    pub(super) fn read(answer: &Value) -> Result<Self> {
        read(answer).map(Self)
    }

    pub(super) fn text(&self, colours: bool) -> String {
        let Self(api::Timeline { execution_arn, status: workflow, items, .. }) = self;
        let first = items.first().map(|item| item.at);
        let mut rows = table(&["AT", "AFTER", "WHAT"]);
        for item in items {
            let after = first.map_or_else(String::new, |first| between(first, item.at));
            rows.add_row([item.at.to_string(), after, happened(item)]);
        }
        let head = format!("{}: {}", status(&workflow.to_string(), colours), printable(execution_arn.as_str()));
        format!("{head}\n\n{}", lines(&rows))
    }
}

fn happened(item: &TimelineItem) -> String {
    let counts = || format!("{} with tasks, {} failed", item.succeeded.unwrap_or(0), item.failed.unwrap_or(0));
    let ended = || item.status.as_ref().map_or_else(|| NOTHING.to_owned(), Open::to_string);
    let operator = item.operator.as_ref().map(|by| format!(" by operator {by}")).unwrap_or_default();
    let reason = item.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let what = match &item.what {
        Open::Known(TimelineEvent::Accepted) => "accepted".to_owned(),
        Open::Known(TimelineEvent::Started) => "began to work".to_owned(),
        Open::Known(TimelineEvent::BatchFinished) => {
            format!("batch {} finished: {}", item.batch_index.unwrap_or(0), counts())
        }
        Open::Known(TimelineEvent::Cancelled) => "cancelled".to_owned(),
        Open::Known(TimelineEvent::Ended) => format!("ended: {}", ended()),
        Open::Other(other) => other.clone(),
    };
    printable(&format!("{what}{operator}{reason}"))
}

/// A goal's tasks.
#[derive(Debug)]
pub(super) struct Tasks(Vec<Task>);

impl Tasks {
    pub(super) fn read(items: &[Value]) -> Result<Self> {
        items.iter().map(read).collect::<Result<_>>().map(Self)
    }

    pub(super) fn text(&self) -> String {
        if self.0.is_empty() {
            return "No tasks.\n".to_owned();
        }
        let mut rows = table(&["POSITION", "ACTION", "MINUTES", "PRIORITY", "STATUS", "TASK"]);
        for task in &self.0 {
            let minutes = task.estimated_minutes.to_string();
            let (priority, status) = (task.priority.to_string(), task.status.to_string());
            let cells = [&task.position, task.action_id.as_str(), &minutes, &priority, &status, &task.title];
            rows.add_row(cells.map(printable));
        }
        format!("{}\n{}\n", lines(&rows), counted(self.0.len(), "task"))
    }
}

pub(crate) fn between(from: Timestamp, to: Timestamp) -> String {
    span(u64::try_from(to.since(from).as_millis()).unwrap_or(u64::MAX))
}

/// Formats a duration, with a precision that depends on its length.
fn span(millis: u64) -> String {
    match millis {
        0..10_000 => format!("{}.{} s", millis / 1000, millis % 1000 / 100),
        10_000..120_000 => format!("{} s", millis / 1000),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1";

    fn now() -> Timestamp {
        "2026-11-24T09:33:20.000Z".parse().unwrap()
    }

    fn running() -> Value {
        json!({
            "executionArn": ARN, "goalId": "g", "status": "RUNNING", "startDate": "2026-11-24T09:30:00.000Z",
            "progressPercentage": 56, "processedActions": 9, "totalActions": 16, "succeededActions": 8,
            "failedActions": [{ "actionId": "a-1-3", "code": "AI_REJECTED", "message": "no\u{1b}[2J", "attempts": 3 }],
            "batches": [
                { "batchIndex": 0, "totalActions": 8, "processedActions": 8, "succeededActions": 7 },
                { "batchIndex": 1, "totalActions": 8, "processedActions": 1, "succeededActions": 1 },
            ],
            "estimatedSecondsRemaining": 12, "later": "something that a newer API tells",
        })
    }

    #[test]
    fn actions_are_shown_with_their_titles_as_far_as_they_are_known() {
        let answer = json!({
            "executionArn": "arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1", "goalId": "g", "status": "FAILED",
            "items": [{ "actionId": "a-1-3", "batchIndex": 0, "state": "failed", "code": "AI_REJECTED", "attempts": 3 }],
        });
        let actions = Actions::read(&answer).unwrap();
        let titles = BTreeMap::from([("a-1-3".parse().unwrap(), "Buy\u{202e} shoes".to_owned())]);
        let text = actions.text(&titles, false);
        assert!(text.contains("ACTION  TITLE") && text.contains("Buy\u{fffd} shoes"), "{text}");
        let text = actions.text(&BTreeMap::new(), false);
        assert!(!text.contains("TITLE") && text.contains("a-1-3"), "{text}");
    }

    #[test]
    fn a_running_workflow_tells_its_batches_its_failures_and_the_time_left() {
        let progress = Followed::read(&running()).unwrap();
        assert!(!progress.0.has_ended());
        assert_eq!(progress.note(), "1/2 batches, 1 failed, about 12 s left");
        let text = progress.text(&BTreeMap::new(), false, now());
        let expected = format!(
            "\
RUNNING: 8 of 16 actions got their tasks

Workflow   {ARN}
Goal       g
Started    2026-11-24T09:30:00.000Z
Progress   56 %, 1/2 batches, 1 failed, about 12 s left
Missing    batch 1 (1 of 8)

BATCH  ACTIONS  DONE  FAILED
0      8        8     1
1      8        1     0

FAILED ACTION  CODE         ATTEMPTS  WHY
a-1-3          AI_REJECTED  3         no\u{fffd}[2J
{AI_FAILED}"
        );
        let squeezed = |text: &str| text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let (text, expected): (Vec<_>, Vec<_>) = (squeezed(&text), squeezed(&expected));
        assert_eq!(text, expected);
    }

    #[test]
    fn a_failed_action_is_shown_with_its_title_if_that_is_known() {
        let titles = BTreeMap::from([("a-1-3".parse().unwrap(), "Buy\u{202e} shoes".to_owned())]);
        let text = Followed::read(&running()).unwrap().text(&titles, false, now());
        let squeezed = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            squeezed.contains("FAILED ACTION TITLE CODE ATTEMPTS WHY a-1-3 Buy\u{fffd} shoes AI_REJECTED 3"),
            "{text}"
        );
        let others = BTreeMap::from([("another".parse().unwrap(), "Run".to_owned())]);
        let text = Followed::read(&running()).unwrap().text(&others, false, now());
        assert!(
            text.split_whitespace().collect::<Vec<_>>().join(" ").contains(&format!("a-1-3 {NOTHING} AI_REJECTED")),
            "{text}"
        );
    }

    #[test]
    fn a_failed_workflow_names_the_command_that_says_why() {
        let mut status = running();
        assert!(!Followed::read(&status).unwrap().text(&BTreeMap::new(), false, now()).contains("goalctl actions"));
        status["status"] = "FAILED".into();
        status["error"] = json!({ "code": "NOTHING_SUCCEEDED", "message": "no action got tasks" });
        let text = Followed::read(&status).unwrap().text(&BTreeMap::new(), false, now());
        let why = text.lines().find(|line| line.starts_with("Why ")).unwrap();
        assert!(why.ends_with(&format!(" `goalctl actions {ARN} --state failed`")), "{text}");
    }

    #[test]
    fn what_the_ai_took_is_shown_as_far_as_it_is_known() {
        let ai = |told: Value| {
            let mut status = running();
            status["usage"] = json!({ "attempts": 0, "inputTokens": 0, "outputTokens": 0, "latencyMs": 0 });
            status["usage"].as_object_mut().unwrap().extend(told.as_object().unwrap().clone());
            let text = Followed::read(&status).unwrap().text(&BTreeMap::new(), false, now());
            text.lines().find_map(|line| line.strip_prefix("AI ")).map(|told| told.trim().to_owned())
        };
        let all = json!({ "attempts": 9, "inputTokens": 7200, "outputTokens": 5400, "costMicroUsd": 1_102_640 });
        assert_eq!(ai(all).as_deref(), Some("9 calls, 7200 tokens in, 5400 out, about 1.1026 USD"));
        assert_eq!(ai(json!({ "attempts": 1, "costMicroUsd": 0 })).as_deref(), Some("1 call"));
        assert_eq!(ai(json!({ "attempts": 0 })), None);
    }

    #[test]
    fn a_cancelled_workflow_tells_who_and_why() {
        let mut status = running();
        status["status"] = "ABORTED".into();
        status["stopDate"] = "2026-11-24T09:30:01.250Z".into();
        status["cancellation"] =
            json!({ "by": "user-1", "at": "2026-11-24T09:30:01.000Z", "reason": "the wrong\ngoal" });
        let text = Followed::read(&status).unwrap().text(&BTreeMap::new(), false, now());
        assert!(text.starts_with("ABORTED: 8 of 16 actions got their tasks, in 1.2 s\n"), "{text}");
        assert!(text.contains("2026-11-24T09:30:01.000Z by user-1: the wrong\u{fffd}goal\n"), "{text}");
        assert!(!text.contains("left") && !text.contains("BATCH"), "{text}");
    }

    #[test]
    fn what_waits_says_for_how_long_and_at_which_place() {
        let mut status = running();
        status["status"] = "PENDING".into();
        status["batches"] = json!([]);
        let waits = |status: &Value| {
            let text = Followed::read(status).unwrap().text(&BTreeMap::new(), false, now());
            text.lines().find_map(|line| line.strip_prefix("Waits ")).map(|told| told.trim().to_owned())
        };
        assert_eq!(waits(&status).as_deref(), Some("for its turn, for 3 min 20 s"), "an API that knows no place");
        for (before, said) in [
            (0, ", and is the next"),
            (1, ", and 1 workflow is launched before it"),
            (7, ", and 7 workflows are launched before it"),
            (100, ", and 100 workflows or more are launched before it"),
        ] {
            status["waitingBefore"] = before.into();
            assert_eq!(waits(&status), Some(format!("for its turn, for 3 min 20 s{said}")));
        }
        status["admittedAt"] = "2026-11-24T09:31:00.000Z".into();
        assert_eq!(waits(&status), None);
    }

    #[test]
    fn a_running_workflow_says_which_batches_are_missing() {
        let mut status = running();
        status["totalActions"] = 19.into();
        status["batches"][1]["updatedAt"] = "2026-11-24T09:33:00.000Z".into();
        let text = Followed::read(&status).unwrap().text(&BTreeMap::new(), false, now());
        let said = "batch 1 (1 of 8, reported 20 s ago), batch 2 (0 of 3, no report yet)\n";
        assert!(text.contains(said), "{text}");
    }

    #[test]
    fn what_an_operator_did_is_told_with_who_and_why() {
        let mut status = running();
        status["operator"] = json!({ "by": "arn:aws:iam::1:user/op", "reason": "ticket\n7", "retryOf": ARN });
        status["cancellation"] =
            json!({ "operator": "arn:aws:iam::1:user/op", "at": "2026-11-24T09:30:01.000Z", "reason": "asked" });
        let text = Followed::read(&status).unwrap().text(&BTreeMap::new(), false, now());
        assert!(
            text.contains(&format!("by operator arn:aws:iam::1:user/op: ticket\u{fffd}7; retries {ARN}\n")),
            "{text}"
        );
        assert!(text.contains("2026-11-24T09:30:01.000Z by operator arn:aws:iam::1:user/op: asked\n"), "{text}");
        let entry = json!({ "id": "1", "at": "2026-11-24T09:30:00.000Z", "what": "CANCELLED",
            "operator": "arn:aws:iam::1:user/op", "reason": "asked" });
        let timeline = json!({ "executionArn": ARN, "goalId": "g", "status": "ABORTED", "items": [entry] });
        let text = Timeline::read(&timeline).unwrap().text(false);
        assert!(text.ends_with("cancelled by operator arn:aws:iam::1:user/op: asked\n"), "{text}");
    }

    #[test]
    fn a_waiting_workflow_tells_that_nothing_is_launched_and_why() {
        let mut status = running();
        status["status"] = "PENDING".into();
        assert!(!Followed::read(&status).unwrap().text(&BTreeMap::new(), false, now()).contains("Paused"));
        status["paused"] = json!({ "since": "2026-11-24T09:30:01.000Z", "reason": "the AI\nis replaced" });
        let text = Followed::read(&status).unwrap().text(&BTreeMap::new(), false, now());
        assert!(
            text.contains("nothing is launched since 2026-11-24T09:30:01.000Z: the AI\u{fffd}is replaced\n"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_status_is_an_end_and_a_missing_field_is_said() {
        let mut status = running();
        status["status"] = "EXPIRED".into();
        assert!(Followed::read(&status).unwrap().0.has_ended(), "nobody waits for ever");
        let error = Followed::read(&json!({ "status": "RUNNING" })).unwrap_err();
        assert!(format!("{error:#}").contains("missing field"), "{error:#}");
    }

    #[test]
    fn a_timeline_tells_a_story() {
        let at = |seconds: u32| format!("2026-11-24T09:30:{seconds:02}.000Z");
        let timeline = json!({ "executionArn": ARN, "goalId": "g", "status": "SUCCEEDED", "items": [
            { "id": "1", "at": at(0), "what": "ACCEPTED" }, { "id": "2", "at": at(1), "what": "STARTED" },
            { "id": "3", "at": at(2), "what": "BATCH_FINISHED", "batchIndex": 0, "succeeded": 7, "failed": 1 },
            { "id": "4", "at": at(3), "what": "ARCHIVED" },
            { "id": "5", "at": at(15), "what": "ENDED", "status": "SUCCEEDED" },
        ]});
        let text = Timeline::read(&timeline).unwrap().text(false);
        let story: Vec<_> = text.lines().skip(3).collect();
        assert_eq!(
            story,
            [
                "2026-11-24T09:30:00.000Z  0.0 s  accepted",
                "2026-11-24T09:30:01.000Z  1.0 s  began to work",
                "2026-11-24T09:30:02.000Z  2.0 s  batch 0 finished: 7 with tasks, 1 failed",
                "2026-11-24T09:30:03.000Z  3.0 s  ARCHIVED",
                "2026-11-24T09:30:15.000Z  15 s   ended: SUCCEEDED",
            ]
        );
    }

    #[test]
    fn lists_are_tables_and_empty_ones_say_so() {
        assert_eq!(History::read(&[]).unwrap().text(), "No workflows.\n");
        assert_eq!(Tasks::read(&[]).unwrap().text(), "No tasks.\n");
        let open = json!({ "executionArn": ARN, "goalId": "g", "status": "RUNNING",
            "startDate": "2026-11-24T09:30:00.000Z", "totalActions": 9 });
        let text = History::read(&[open]).unwrap().text();
        assert!(
            text.ends_with(&format!("2026-11-24T09:30:00.000Z  -     RUNNING  9        -           -       {ARN}\n")),
            "{text}"
        );
    }

    #[test]
    fn spans_are_as_precise_as_they_are_long() {
        assert_eq!([0, 1_250, 12_000, 119_999, 125_000].map(span), ["0.0 s", "1.2 s", "12 s", "119 s", "2 min 5 s"]);
    }
}
