//! API responses as text. Their fields are not guaranteed: another version of the API may have sent them.

use anyhow::Result;
use comfy_table::Table;
use goal_activity_core::limits::{ACTIONS_PER_BATCH, WAITING_COUNTED, batch_count};
use goal_activity_events::{Timestamp, Usage};
use serde::Deserialize;
use serde_json::Value;

use crate::client::read;
use crate::text::{NOTHING, counted, facts, lines, printable, status, table};

/// For whoever operates the pipeline.
const AI_FAILED: &str = "
For operators: the worker's log has the provider's reason of every refusal; `goalctl ai check` tries the worker's AI.
";

/// The progress of a workflow.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Followed {
    execution_arn: String,
    goal_id: String,
    pub(super) status: String,
    start_date: Timestamp,
    admitted_at: Option<Timestamp>,
    stop_date: Option<Timestamp>,
    progress_percentage: u64,
    pub(super) processed_actions: u64,
    pub(super) total_actions: u64,
    succeeded_actions: u64,
    #[serde(default)]
    failed_actions: Vec<FailedAction>,
    #[serde(default)]
    batches: Vec<BatchView>,
    usage: Option<Usage>,
    estimated_seconds_remaining: Option<u64>,
    waiting_before: Option<u64>,
    operator: Option<OperatorView>,
    paused: Option<Pause>,
    cancellation: Option<Cancellation>,
    error: Option<WorkflowError>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FailedAction {
    action_id: String,
    code: String,
    message: String,
    attempts: Option<u64>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchView {
    batch_index: u64,
    total_actions: u64,
    processed_actions: u64,
    succeeded_actions: u64,
    updated_at: Option<String>,
}

/// The operator who has requested a workflow.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OperatorView {
    by: String,
    reason: String,
    retry_of: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Cancellation {
    by: Option<String>,
    operator: Option<String>,
    at: Timestamp,
    reason: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Pause {
    since: Timestamp,
    reason: String,
}

#[derive(Debug, Clone, Deserialize)]
struct WorkflowError {
    code: String,
    message: String,
}

impl Followed {
    pub(super) fn read(answer: &Value) -> Result<Self> {
        read(answer)
    }

    /// Returns `true` if the workflow has ended.
    pub(super) fn is_over(&self) -> bool {
        !matches!(self.status.as_str(), "PENDING" | "RUNNING")
    }

    /// Returns the numbers of finished batches and failures.
    pub(super) fn counts(&self) -> String {
        let done = self.batches.iter().filter(|b| b.processed_actions >= b.total_actions).count();
        let all = batch_count(usize::try_from(self.total_actions).unwrap_or_default());
        let failed = match self.failed_actions.len() {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        format!("{done}/{all} batches{failed}")
    }

    /// Returns the same with the time left.
    pub(super) fn note(&self) -> String {
        let left = self.estimated_seconds_remaining.filter(|left| *left > 0 && !self.is_over());
        self.counts() + &left.map(|left| format!(", about {left} s left")).unwrap_or_default()
    }

    /// Returns how long it has waited for its turn, and its place. Nothing if it does not wait.
    fn waits(&self, now: Timestamp) -> Option<String> {
        if self.status != "PENDING" || self.admitted_at.is_some() || self.cancellation.is_some() {
            return None;
        }
        let place = self.waiting_before.map(|before| match before {
            0 => ", and is the next".to_owned(),
            1 => ", and 1 workflow is launched before it".to_owned(),
            all if all >= u64::from(WAITING_COUNTED) => format!(", and {all} workflows or more are launched before it"),
            some => format!(", and {some} workflows are launched before it"),
        });
        Some(format!("for its turn, for {}{}", between(self.start_date, now), place.unwrap_or_default()))
    }

    /// Returns the batches of a running workflow that are not finished, with what is known of each.
    fn missing(&self, now: Timestamp) -> Option<String> {
        if self.status != "RUNNING" {
            return None;
        }
        let all = batch_count(usize::try_from(self.total_actions).unwrap_or_default());
        let missing = (0..u64::from(all)).filter_map(|index| {
            let Some(batch) = self.batches.iter().find(|batch| batch.batch_index == index) else {
                let size = ACTIONS_PER_BATCH as u64;
                let actions = self.total_actions.saturating_sub(index.saturating_mul(size)).min(size);
                return Some(format!("batch {index} (0 of {actions}, no report yet)"));
            };
            let (done, total) = (batch.processed_actions, batch.total_actions);
            let updated = batch.updated_at.as_deref().and_then(|at| at.parse().ok());
            let ago = updated.map(|at| format!(", reported {} ago", between(at, now))).unwrap_or_default();
            (done < total).then(|| format!("batch {index} ({done} of {total}{ago})"))
        });
        let missing: Vec<_> = missing.collect();
        (!missing.is_empty()).then(|| missing.join(", "))
    }

    /// Formats the whole status at that moment.
    pub(super) fn text(&self, colours: bool, now: Timestamp) -> String {
        let mut text = format!("{}: {}\n\n", status(&self.status, colours), self.outcome());
        let mut rows = vec![("Workflow", printable(&self.execution_arn)), ("Goal", printable(&self.goal_id))];
        rows.push(("Started", self.start_date.to_string()));
        rows.extend(self.stop_date.map(|at| ("Ended", at.to_string())));
        rows.extend(self.waits(now).map(|waits| ("Waits", waits)));
        rows.push(("Progress", format!("{} %, {}", self.progress_percentage, self.note())));
        rows.extend(self.missing(now).map(|missing| ("Missing", missing)));
        rows.extend(self.operator.as_ref().map(|o| ("Requested", o.text())));
        rows.extend(self.usage.filter(|usage| usage.attempts > 0).map(|usage| ("AI", spent(&usage))));
        rows.extend(self.paused.as_ref().map(|pause| ("Paused", pause.text())));
        rows.extend(self.cancellation.as_ref().map(|c| ("Cancelled", c.text())));
        rows.extend(self.error.as_ref().map(|e| ("Error", printable(&format!("{} ({})", e.message, e.code)))));
        text.push_str(&facts(rows));
        let tables = [self.batches_under_way(), self.failures()];
        for table in tables.into_iter().flatten() {
            text.push('\n');
            text.push_str(&lines(&table));
        }
        if self.failed_actions.iter().any(|action| action.code.starts_with("AI_")) {
            text.push_str(AI_FAILED);
        }
        text
    }

    fn batches_under_way(&self) -> Option<Table> {
        if self.is_over() || self.batches.is_empty() {
            return None;
        }
        let mut batches = table(&["BATCH", "ACTIONS", "DONE", "FAILED"]);
        for batch in &self.batches {
            let failed = batch.processed_actions.saturating_sub(batch.succeeded_actions);
            let numbers = [batch.batch_index, batch.total_actions, batch.processed_actions, failed];
            batches.add_row(numbers.map(|n| n.to_string()));
        }
        Some(batches)
    }

    fn failures(&self) -> Option<Table> {
        let mut failures = table(&["FAILED ACTION", "CODE", "ATTEMPTS", "WHY"]);
        for action in &self.failed_actions {
            let attempts = action.attempts.map_or_else(|| NOTHING.to_owned(), |n| n.to_string());
            failures.add_row([&action.action_id, &action.code, &attempts, &action.message].map(|t| printable(t)));
        }
        (!self.failed_actions.is_empty()).then_some(failures)
    }

    fn outcome(&self) -> String {
        let took = self.stop_date.map(|stop| format!(", in {}", between(self.start_date, stop)));
        let (succeeded, total) = (self.succeeded_actions, self.total_actions);
        format!("{succeeded} of {total} actions got their tasks{}", took.unwrap_or_default())
    }
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

impl Pause {
    fn text(&self) -> String {
        printable(&format!("nothing is launched since {}: {}", self.since, self.reason))
    }
}

impl Cancellation {
    fn text(&self) -> String {
        let operator = self.operator.as_ref().map(|by| format!(" by operator {by}"));
        let who = operator.or_else(|| self.by.as_ref().map(|by| format!(" by {by}"))).unwrap_or_default();
        let why = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        printable(&format!("{}{who}{why}", self.at))
    }
}

impl OperatorView {
    fn text(&self) -> String {
        let Self { by, reason, retry_of } = self;
        printable(&format!("by operator {by}: {reason}; retries {retry_of}"))
    }
}

/// A goal's workflows.
#[derive(Debug)]
pub(super) struct History(Vec<Summary>);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    execution_arn: String,
    status: String,
    start_date: Timestamp,
    stop_date: Option<Timestamp>,
    total_actions: u64,
    succeeded_actions: Option<u64>,
    failed_count: Option<u64>,
}

impl History {
    pub(super) fn read(items: &[Value]) -> Result<Self> {
        items.iter().map(read).collect::<Result<_>>().map(Self)
    }

    pub(super) fn text(&self) -> String {
        if self.0.is_empty() {
            return "No workflows.\n".to_owned();
        }
        let number = |n: Option<u64>| n.map_or_else(|| NOTHING.to_owned(), |n| n.to_string());
        let mut rows = table(&["STARTED", "TOOK", "STATUS", "ACTIONS", "WITH TASKS", "FAILED", "WORKFLOW"]);
        for workflow in &self.0 {
            let took = workflow.stop_date.map(|stop| between(workflow.start_date, stop));
            rows.add_row([
                workflow.start_date.to_string(),
                took.unwrap_or_else(|| NOTHING.to_owned()),
                printable(&workflow.status),
                workflow.total_actions.to_string(),
                number(workflow.succeeded_actions),
                number(workflow.failed_count),
                printable(&workflow.execution_arn),
            ]);
        }
        lines(&rows)
    }
}

/// The actions of a workflow.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Actions {
    execution_arn: String,
    status: String,
    items: Vec<ActionView>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ActionView {
    action_id: String,
    batch_index: u64,
    state: String,
    tasks: Option<u64>,
    attempts: Option<u64>,
    code: Option<String>,
    message: Option<String>,
}

impl Actions {
    pub(super) fn read(answer: &Value) -> Result<Self> {
        read(answer)
    }

    pub(super) fn text(&self, colours: bool) -> String {
        let number = |number: Option<u64>| number.map_or_else(|| NOTHING.to_owned(), |number| number.to_string());
        let mut rows = table(&["ACTION", "BATCH", "STATE", "TASKS", "ATTEMPTS", "WHY"]);
        for action in &self.items {
            let why = action.code.iter().chain(&action.message).map(|text| printable(text));
            rows.add_row([
                printable(&action.action_id),
                action.batch_index.to_string(),
                printable(&action.state),
                number(action.tasks),
                number(action.attempts),
                why.collect::<Vec<_>>().join(": "),
            ]);
        }
        let head = format!("{}: {}", status(&self.status, colours), printable(&self.execution_arn));
        if self.items.is_empty() {
            format!("{head}\n\nNo such actions.\n")
        } else {
            format!("{head}\n\n{}", lines(&rows))
        }
    }
}

/// The timeline of a workflow.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Timeline {
    execution_arn: String,
    status: String,
    items: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    at: Timestamp,
    what: String,
    status: Option<String>,
    batch_index: Option<u64>,
    succeeded: Option<u64>,
    failed: Option<u64>,
    operator: Option<String>,
    reason: Option<String>,
}

impl Timeline {
    pub(super) fn read(answer: &Value) -> Result<Self> {
        read(answer)
    }

    pub(super) fn text(&self, colours: bool) -> String {
        let first = self.items.first().map(|entry| entry.at);
        let mut rows = table(&["AT", "AFTER", "WHAT"]);
        for entry in &self.items {
            let after = first.map_or_else(String::new, |first| between(first, entry.at));
            rows.add_row([entry.at.to_string(), after, entry.text()]);
        }
        format!("{}: {}\n\n{}", status(&self.status, colours), printable(&self.execution_arn), lines(&rows))
    }
}

impl Entry {
    fn text(&self) -> String {
        let counts = || format!("{} with tasks, {} failed", self.succeeded.unwrap_or(0), self.failed.unwrap_or(0));
        let operator = self.operator.as_ref().map(|by| format!(" by operator {by}")).unwrap_or_default();
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        let what = match self.what.as_str() {
            "ACCEPTED" => "accepted".to_owned(),
            "STARTED" => "began to work".to_owned(),
            "BATCH_FINISHED" => format!("batch {} finished: {}", self.batch_index.unwrap_or(0), counts()),
            "CANCELLED" => "cancelled".to_owned(),
            "ENDED" => format!("ended: {}", self.status.as_deref().unwrap_or(NOTHING)),
            other => other.to_owned(),
        };
        printable(&format!("{what}{operator}{reason}"))
    }
}

/// A goal's tasks.
#[derive(Debug)]
pub(super) struct Tasks(Vec<Task>);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Task {
    position: String,
    action_id: String,
    title: String,
    estimated_minutes: u64,
    priority: String,
    status: String,
}

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
            let cells = [&task.position, &task.action_id, &minutes, &task.priority, &task.status, &task.title];
            rows.add_row(cells.map(|cell| printable(cell)));
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
                { "batchIndex": 0, "totalActions": 8, "processedActions": 8, "succeededActions": 7, "updatedAt": "x" },
                { "batchIndex": 1, "totalActions": 8, "processedActions": 1, "succeededActions": 1, "updatedAt": "x" },
            ],
            "estimatedSecondsRemaining": 12, "later": "something that a newer API tells",
        })
    }

    #[test]
    fn a_running_workflow_tells_its_batches_its_failures_and_the_time_left() {
        let progress = Followed::read(&running()).unwrap();
        assert!(!progress.is_over());
        assert_eq!(progress.note(), "1/2 batches, 1 failed, about 12 s left");
        let text = progress.text(false, now());
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
    fn what_the_ai_took_is_shown_as_far_as_it_is_known() {
        let ai = |told: Value| {
            let mut status = running();
            status["usage"] = json!({ "attempts": 0, "inputTokens": 0, "outputTokens": 0, "latencyMs": 0 });
            status["usage"].as_object_mut().unwrap().extend(told.as_object().unwrap().clone());
            let text = Followed::read(&status).unwrap().text(false, now());
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
        let text = Followed::read(&status).unwrap().text(false, now());
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
            let text = Followed::read(status).unwrap().text(false, now());
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
        let text = Followed::read(&status).unwrap().text(false, now());
        let said = "batch 1 (1 of 8, reported 20 s ago), batch 2 (0 of 3, no report yet)\n";
        assert!(text.contains(said), "{text}");
    }

    #[test]
    fn what_an_operator_did_is_told_with_who_and_why() {
        let mut status = running();
        status["operator"] = json!({ "by": "arn:aws:iam::1:user/op", "reason": "ticket\n7", "retryOf": ARN });
        status["cancellation"] =
            json!({ "operator": "arn:aws:iam::1:user/op", "at": "2026-11-24T09:30:01.000Z", "reason": "asked" });
        let text = Followed::read(&status).unwrap().text(false, now());
        assert!(
            text.contains(&format!("by operator arn:aws:iam::1:user/op: ticket\u{fffd}7; retries {ARN}\n")),
            "{text}"
        );
        assert!(text.contains("2026-11-24T09:30:01.000Z by operator arn:aws:iam::1:user/op: asked\n"), "{text}");
        let entry = json!({ "id": "1", "at": "2026-11-24T09:30:00.000Z", "what": "CANCELLED",
            "operator": "arn:aws:iam::1:user/op", "reason": "asked" });
        let timeline = json!({ "executionArn": ARN, "status": "ABORTED", "items": [entry] });
        let text = Timeline::read(&timeline).unwrap().text(false);
        assert!(text.ends_with("cancelled by operator arn:aws:iam::1:user/op: asked\n"), "{text}");
    }

    #[test]
    fn a_waiting_workflow_tells_that_nothing_is_launched_and_why() {
        let mut status = running();
        status["status"] = "PENDING".into();
        assert!(!Followed::read(&status).unwrap().text(false, now()).contains("Paused"));
        status["paused"] = json!({ "since": "2026-11-24T09:30:01.000Z", "reason": "the AI\nis replaced" });
        let text = Followed::read(&status).unwrap().text(false, now());
        assert!(
            text.contains("nothing is launched since 2026-11-24T09:30:01.000Z: the AI\u{fffd}is replaced\n"),
            "{text}"
        );
    }

    #[test]
    fn an_unknown_status_is_an_end_and_a_missing_field_is_said() {
        let mut status = running();
        status["status"] = "EXPIRED".into();
        assert!(Followed::read(&status).unwrap().is_over(), "nobody waits for ever");
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
        let open = json!({ "executionArn": ARN, "status": "RUNNING", "startDate": "2026-11-24T09:30:00.000Z",
            "totalActions": 9 });
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
