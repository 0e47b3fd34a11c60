//! The output for operators: text, or JSON for programs. Field names of the JSON are never changed.

use std::collections::BTreeMap;
use std::time::Duration;

use goal_activity_events::{ExecutionArn, GoalId, StateMachineArn, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::decide::Plan;
use super::letter::{Contents, Dlq};
use super::queue::Received;
use super::retry::Outcome;
use crate::text::{NOTHING, counted, facts, lines, printable, table};

/// The attribute in which `EventBridge` gives the reason why it could not deliver an event.
const ERROR_CODE: &str = "ERROR_CODE";

/// A dead letter in a list: ids only, no texts and no secrets.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Summary {
    pub(crate) queue: Dlq,
    pub(crate) message_id: String,
    pub(crate) kind: &'static str,
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) age_seconds: Option<u64>,
    pub(crate) receive_count: u32,
    pub(crate) goal_id: Option<GoalId>,
    pub(crate) execution_arn: Option<ExecutionArn>,
    pub(crate) batch_index: Option<u32>,
    /// Why it cannot be read, or is not for this stack.
    pub(crate) problem: Option<String>,
    /// Why `EventBridge` could not deliver it.
    pub(crate) error_code: Option<String>,
}

/// The contents of one dead-letter queue.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueueList {
    pub(crate) queue: Dlq,
    pub(crate) approximate_messages: u64,
    /// The oldest of the messages that were found, at most the requested number.
    pub(crate) messages: Vec<Summary>,
}

/// All dead letters.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct List {
    pub(crate) stack: String,
    pub(crate) queues: Vec<QueueList>,
}

/// One dead letter in full.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Full {
    #[serde(flatten)]
    pub(crate) summary: Summary,
    /// Why it may be here.
    pub(crate) hint: String,
    /// What a retry would do now.
    pub(crate) retry: Intent,
    /// The attributes that `EventBridge` added.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Without task tokens.
    pub(crate) body: Value,
}

/// A plan as text.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Intent {
    pub(crate) action: &'static str,
    pub(crate) text: String,
}

/// The outcomes of several dead letters.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) stack: String,
    pub(crate) queue: Dlq,
    pub(crate) results: Vec<Handled>,
}

/// The outcome of one.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Handled {
    pub(crate) message_id: String,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

impl Summary {
    pub(crate) fn of(queue: Dlq, letter: &Received, machine: &StateMachineArn, now: Timestamp) -> Self {
        let contents = Contents::read(queue, &letter.body, machine);
        Self {
            queue,
            message_id: letter.message_id.clone(),
            kind: contents.kind(),
            sent_at: letter.sent_at,
            age_seconds: letter.sent_at.map(|t| now.since(t).as_secs()),
            receive_count: letter.receives,
            goal_id: contents.goal_id().cloned(),
            execution_arn: contents.execution_arn().cloned(),
            batch_index: contents.batch_index(),
            problem: contents.problem().map(str::to_owned),
            error_code: letter.attributes.get(ERROR_CODE).cloned(),
        }
    }

    /// What is wrong, in a list.
    fn note(&self) -> String {
        let parts = [self.error_code.as_deref(), self.problem.as_deref()].into_iter().flatten();
        parts.map(printable).collect::<Vec<_>>().join("; ")
    }
}

impl Intent {
    pub(crate) fn of(plan: &Plan) -> Self {
        let (action, text) = match plan {
            Plan::SendTo(queue) => ("send", format!("sends it to the {} queue again", queue.name())),
            Plan::Request(request) => {
                let actions = request.action_ids.as_deref().unwrap_or_default();
                ("request", format!("requests {} of goal {} anew", counted(actions.len(), "action"), request.goal_id))
            }
            Plan::Remove(reason) => ("remove", format!("only removes it: {reason}")),
            Plan::Refuse(reason) => ("refuse", format!("leaves it here: {reason}")),
        };
        Self { action, text }
    }
}

impl List {
    pub(crate) fn text(&self) -> String {
        let title = format!("Dead letters of {}\n\n", self.stack);
        let mut queues = table(&["QUEUE", "MESSAGES"]);
        for queue in &self.queues {
            queues.add_row([queue.queue.name().to_owned(), queue.approximate_messages.to_string()]);
        }
        let letters: Vec<&Summary> = self.queues.iter().flat_map(|q| &q.messages).collect();
        if letters.is_empty() {
            return title + &lines(&queues);
        }
        let mut messages =
            table(&["QUEUE", "MESSAGE", "AGE", "RECEIVED", "KIND", "GOAL", "BATCH", "EXECUTION", "NOTE"]);
        for letter in letters {
            let or_nothing = |text: Option<String>| text.unwrap_or_else(|| NOTHING.to_owned());
            messages.add_row([
                letter.queue.name().to_owned(),
                printable(&letter.message_id),
                or_nothing(letter.age_seconds.map(age)),
                letter.receive_count.to_string(),
                letter.kind.to_owned(),
                or_nothing(letter.goal_id.as_ref().map(ToString::to_string)),
                or_nothing(letter.batch_index.map(|i| i.to_string())),
                or_nothing(letter.execution_arn.as_ref().map(ToString::to_string)),
                letter.note(),
            ]);
        }
        format!("{title}{}\n{}", lines(&queues), lines(&messages))
    }
}

impl Full {
    pub(crate) fn text(&self) -> String {
        let Self { summary, hint, retry, attributes, body } = self;
        let sent = match (summary.sent_at, summary.age_seconds) {
            (Some(at), Some(seconds)) => format!("{at} ({} ago)", age(seconds)),
            _ => NOTHING.to_owned(),
        };
        let mut rows = vec![
            ("Message", summary.message_id.clone()),
            ("Queue", summary.queue.name().to_owned()),
            ("Kind", summary.kind.to_owned()),
            ("Sent", sent),
            ("Received", counted(summary.receive_count as usize, "time")),
        ];
        rows.extend(summary.goal_id.as_ref().map(|g| ("Goal", g.to_string())));
        rows.extend(summary.execution_arn.as_ref().map(|a| ("Execution", a.to_string())));
        rows.extend(summary.batch_index.map(|b| ("Batch", b.to_string())));
        rows.push(("Why", hint.clone()));
        rows.push(("Retry", retry.text.clone()));
        let rows = rows.into_iter().map(|(name, value)| (name.to_owned(), printable(&value)));
        let attributes = attributes.iter().map(|(name, value)| (printable(name), printable(value)));
        let facts = facts(rows.chain(attributes));
        // JSON escapes most control characters, but not all.
        let body = serde_json::to_string_pretty(body).unwrap_or_default();
        let body: Vec<_> = body.lines().map(printable).collect();
        format!("{facts}\n{}\n", body.join("\n"))
    }
}

impl Handled {
    /// One line.
    pub(crate) fn text(&self) -> String {
        let outcome = match &self.outcome {
            Outcome::Sent { queue } => format!("sent to the {} queue", queue.name()),
            Outcome::Requested { event_id, goal_id, action_ids } => {
                let count = counted(action_ids.len(), "action");
                format!("requested: {count} of goal {goal_id} anew, as event {event_id}")
            }
            Outcome::Removed { reason: None } => "removed".to_owned(),
            Outcome::Removed { reason: Some(reason) } => format!("removed: {reason}"),
            Outcome::Refused { reason } => format!("refused: {reason}"),
            Outcome::Failed { reason } => format!("failed: {reason}"),
            Outcome::NotFound { reason } => reason.clone(),
        };
        printable(&format!("{}  {outcome}", self.message_id))
    }
}

impl Report {
    pub(crate) fn all_done(&self) -> bool {
        self.results.iter().all(|r| r.outcome.is_done())
    }

    /// The last line, after one for each.
    pub(crate) fn closing(&self) -> String {
        let done = self.results.iter().filter(|r| r.outcome.is_done()).count();
        let place = format!("{} dead-letter queue of {}", self.queue.name(), self.stack);
        match (done, self.results.len() - done) {
            (0, 0) => format!("Nothing to do ({place})."),
            (done, 0) => format!("{} done ({place}).", counted(done, "message")),
            (done, left) => format!("{} done, {left} not ({place}).", counted(done, "message")),
        }
    }
}

/// A duration in its largest unit: sufficient to distinguish an old message from a new one.
fn age(seconds: u64) -> String {
    let units = [(Duration::from_secs(86_400), 'd'), (Duration::from_secs(3_600), 'h'), (Duration::from_secs(60), 'm')];
    let unit = units.iter().find(|(unit, _)| seconds >= unit.as_secs());
    unit.map_or_else(|| format!("{seconds}s"), |(unit, name)| format!("{}{name}", seconds / unit.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ARN: &str = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:g-1";

    fn summary(kind: &'static str) -> Summary {
        Summary {
            queue: Dlq::Batch,
            message_id: "m-1".into(),
            kind,
            sent_at: Some("2026-11-24T09:30:00.000Z".parse().unwrap()),
            age_seconds: Some(125),
            receive_count: 4,
            goal_id: Some("g".parse().unwrap()),
            execution_arn: Some(ARN.parse().unwrap()),
            batch_index: Some(0),
            problem: None,
            error_code: None,
        }
    }

    fn list(messages: Vec<Summary>) -> List {
        let queue = QueueList { queue: Dlq::Batch, approximate_messages: messages.len() as u64, messages };
        List { stack: "a stack".into(), queues: vec![queue] }
    }

    #[test]
    fn a_list_is_aligned_and_has_nothing_for_what_is_not_known() {
        let unknown = Summary {
            age_seconds: None,
            goal_id: None,
            execution_arn: None,
            batch_index: None,
            problem: Some("not a batch".into()),
            message_id: "m-22".into(),
            ..summary("malformed")
        };
        let text = list(vec![summary("batch"), unknown]).text();
        let expected = format!(
            "\
Dead letters of a stack

QUEUE  MESSAGES
batch  2

QUEUE  MESSAGE  AGE  RECEIVED  KIND       GOAL  BATCH  {:<width$}  NOTE
batch  m-1      2m   4         batch      g     0      {ARN}
batch  m-22     -    4         malformed  -     -      {:<width$}  not a batch
",
            "EXECUTION",
            "-",
            width = ARN.len()
        );
        assert_eq!(text, expected);
        assert_eq!(list(vec![]).text(), "Dead letters of a stack\n\nQUEUE  MESSAGES\nbatch  0\n");
    }

    #[test]
    fn the_json_of_a_list_keeps_its_names() {
        let json = serde_json::to_value(list(vec![summary("batch")])).unwrap();
        let message = json!({
            "queue": "batch", "messageId": "m-1", "kind": "batch", "sentAt": "2026-11-24T09:30:00.000Z",
            "ageSeconds": 125, "receiveCount": 4, "goalId": "g", "executionArn": ARN, "batchIndex": 0,
            "problem": null, "errorCode": null,
        });
        let queue = json!({ "queue": "batch", "approximateMessages": 1, "messages": [message] });
        assert_eq!(json, json!({ "stack": "a stack", "queues": [queue] }));
    }

    #[test]
    fn the_json_of_results_keeps_its_names() {
        let outcomes = [
            Outcome::Sent { queue: super::super::letter::MainQueue::Launch },
            Outcome::Requested {
                event_id: "e".parse().unwrap(),
                goal_id: "g".parse().unwrap(),
                action_ids: vec!["a".parse().unwrap()],
            },
            Outcome::Removed { reason: None },
            Outcome::Refused { reason: "no".into() },
            Outcome::NotFound { reason: "gone".into() },
        ];
        let results: Vec<_> = outcomes.map(|outcome| Handled { message_id: "m".into(), outcome }).into();
        let expected = json!([
            { "messageId": "m", "result": "sent", "queue": "launch" },
            { "messageId": "m", "result": "requested", "eventId": "e", "goalId": "g", "actionIds": ["a"] },
            { "messageId": "m", "result": "removed" },
            { "messageId": "m", "result": "refused", "reason": "no" },
            { "messageId": "m", "result": "notFound", "reason": "gone" },
        ]);
        assert_eq!(serde_json::to_value(&results).unwrap(), expected);
        let results = Report { stack: "a stack".into(), queue: Dlq::Launch, results };
        assert!(!results.all_done());
        assert_eq!(results.closing(), "3 messages done, 2 not (launch dead-letter queue of a stack).");
    }

    #[test]
    fn a_message_in_full_cannot_act_on_a_terminal() {
        let full = Full {
            summary: summary("malformed"),
            hint: "why".into(),
            retry: Intent { action: "refuse", text: "no".into() },
            attributes: BTreeMap::from([("ERROR_MESSAGE".to_owned(), "\u{1b}[2J".to_owned())]),
            body: json!("a\u{1b}[2Jb\u{9b}2J"),
        };
        let text = full.text();
        assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
        assert!(text.contains("Received       4 times") && text.contains("(2m ago)"), "{text}");
    }

    #[test]
    fn ages_are_shown_in_their_largest_unit() {
        assert_eq!([0, 59, 60, 7_199, 7_200, 86_400 * 14].map(age), ["0s", "59s", "1m", "1h", "2h", "14d"]);
    }
}
