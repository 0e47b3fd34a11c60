//! What is kept of a workflow for good once it has ended: one line of JSON, which the API reads when the row has
//! expired and Athena reads for queries.
//!
//! It says what cannot change any more, and so leaves out when the end was reported: written twice, it is the same to the
//! byte.

use std::collections::BTreeSet;

use goal_activity_events::{
    ActionId, CorrelationId, EventId, ExecutionArn, GoalId, Timestamp, Traceparent, UserId, Version,
};
use serde::{Deserialize, Serialize};

use crate::admission::Shard;
use crate::execution::{BatchState, Cancellation, Ending, Execution, GoalBefore, TimelineEntry};
use crate::keys;
use crate::ledger::{ActionOutcome, BatchLedger, recorded};
use crate::limits::ACTIONS_PER_BATCH;
use crate::operator::OperatorRequest;

/// Under what a record is stored: `executions/date=<the day of the end>/<name of the execution>.json`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArchiveKey(String);

impl ArchiveKey {
    /// The key of a workflow that ended then.
    pub fn new(execution: &ExecutionArn, end: Timestamp) -> Self {
        // In UTC, as everything here: the text of a moment begins with its day.
        let day: String = end.to_string().chars().take_while(|c| *c != 'T').collect();
        Self(format!("{}date={day}/{}.json", keys::ARCHIVED_EXECUTIONS, execution.name()))
    }

    /// As S3 knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for ArchiveKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// All that is known of an ended workflow. Within a version only optional fields are added: what is stored stays as
/// it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// The shape of this record.
    pub version: Version,
    /// The workflow.
    pub execution_arn: ExecutionArn,
    /// Its goal.
    pub goal_id: GoalId,
    /// Its user.
    pub user_id: UserId,
    /// The request that it answers.
    pub request_id: EventId,
    /// The source of that request. Missing in records of before it was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_source: Option<String>,
    /// What the request said to recognise it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// The trace that it was done in, if there was one.
    #[serde(default, deserialize_with = "Traceparent::lenient", skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<Traceparent>,
    /// The operator who has requested it in the place of its user, and why. Missing where none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<OperatorRequest>,
    /// When it was requested.
    pub start_date: Timestamp,
    /// When it was launched, if it ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_at: Option<Timestamp>,
    /// How it ended.
    #[serde(flatten)]
    pub end: Ending,
    /// From the request to the end, in milliseconds.
    pub duration_ms: u64,
    /// `true` if it replaced existing tasks.
    pub regenerate: bool,
    /// How many actions it was to turn into tasks.
    pub total_actions: u32,
    /// The decision to stop it, if one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<Cancellation>,
    /// How the goal stood when it was claimed.
    pub goal_before: GoalBefore,
    /// Its batches in their order.
    pub batches: Vec<BatchRecord>,
    /// What happened, ordered by time.
    pub timeline: Vec<TimelineRecord>,
}

/// One batch, with what the sealed ledger says of each of its actions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchRecord {
    /// Which.
    pub batch_index: u32,
    /// Its actions in their order.
    pub actions: Vec<ActionRecord>,
    /// The last that its worker has reported. May be less than the ledger knows: reports can be lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported: Option<BatchState>,
}

/// One action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActionRecord {
    /// Which.
    pub action_id: ActionId,
    /// What a worker recorded. Nothing where none has finished it; what that counts as is in the failed actions. The
    /// tasks of a cancelled workflow were removed, though their action had succeeded.
    #[serde(default, flatten)]
    pub outcome: Option<ActionOutcome>,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TimelineRecord {
    /// By what it is known.
    pub id: String,
    /// When, and what.
    #[serde(flatten)]
    pub entry: TimelineEntry,
}

impl Record {
    /// The record of a workflow and its ledger. Nothing before the end; the ledger must be sealed.
    pub fn of(execution: &Execution, ledgers: &[BatchLedger]) -> Option<Self> {
        let end = execution.end.clone()?;
        let timeline = execution.timeline.iter().map(|(id, entry)| TimelineRecord { id: id.clone(), entry: *entry });
        let mut timeline: Vec<_> = timeline.collect();
        // Stable: at one moment by id.
        timeline.sort_by_key(|t| t.entry.at);
        let actions = execution.action_ids.chunks(ACTIONS_PER_BATCH);
        Some(Self {
            version: Version::V1,
            execution_arn: execution.execution_arn.clone(),
            goal_id: execution.goal_id.clone(),
            user_id: execution.user_id.clone(),
            request_id: execution.request_id.clone(),
            request_source: execution.request_source.clone(),
            correlation_id: execution.correlation_id.clone(),
            traceparent: execution.traceparent.clone(),
            operator: execution.operator.clone(),
            start_date: execution.start_date,
            admitted_at: execution.admitted_at,
            duration_ms: u64::try_from(end.stop_date.since(execution.start_date).as_millis()).unwrap_or(u64::MAX),
            regenerate: execution.regenerate,
            total_actions: execution.total_actions,
            end,
            cancellation: execution.cancellation.clone(),
            goal_before: execution.goal_before,
            batches: actions.zip(0..).map(|(ids, index)| BatchRecord::of(execution, ids, index, ledgers)).collect(),
            timeline,
        })
    }

    /// Where it is stored.
    pub fn key(&self) -> ArchiveKey {
        ArchiveKey::new(&self.execution_arn, self.end.stop_date)
    }

    /// As it is stored: one line, as Athena wants it.
    pub fn to_line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self).map(|json| json + "\n")
    }

    /// From how it is stored.
    pub fn from_line(line: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(line)
    }

    /// What its ledger said: one for each batch, in their order.
    pub fn ledgers(&self) -> Vec<BatchLedger> {
        let outcome = |action: &ActionRecord| Some((action.action_id.clone(), action.outcome.clone()?));
        let outcomes = |batch: &BatchRecord| batch.actions.iter().filter_map(outcome).collect();
        let ledger = |batch| BatchLedger { sealed: true, sequence: 0, outcomes: outcomes(batch) };
        self.batches.iter().map(ledger).collect()
    }

    /// The workflow as its row was, without the moments at which it began to run and its end was reported.
    pub fn into_execution(self) -> Execution {
        let reported = |b: &BatchRecord| Some((b.batch_index.to_string(), b.reported.clone()?));
        Execution {
            batches: self.batches.iter().filter_map(reported).collect(),
            action_ids: self.batches.into_iter().flat_map(|b| b.actions).map(|a| a.action_id).collect(),
            execution_arn: self.execution_arn,
            goal_id: self.goal_id,
            user_id: self.user_id,
            request_id: self.request_id,
            request_source: self.request_source,
            correlation_id: self.correlation_id,
            traceparent: self.traceparent,
            operator: self.operator,
            start_date: self.start_date,
            // It has had its turn.
            turn: self.start_date,
            shard: Shard::FIRST,
            admitted_at: self.admitted_at,
            started_at: None,
            total_actions: self.total_actions,
            regenerate: self.regenerate,
            goal_before: self.goal_before,
            gone_actions: BTreeSet::new(),
            end: Some(self.end),
            timeline: self.timeline.into_iter().map(|t| (t.id, t.entry)).collect(),
            cancellation: self.cancellation,
            published_at: None,
            notified_at: None,
            archived_at: None,
        }
    }
}

impl BatchRecord {
    fn of(execution: &Execution, actions: &[ActionId], batch_index: u32, ledgers: &[BatchLedger]) -> Self {
        let outcome = |id| recorded(ledgers, id).cloned();
        let actions = actions.iter().map(|id| ActionRecord { action_id: id.clone(), outcome: outcome(id) });
        let reported = execution.batches.get(&batch_index.to_string()).cloned();
        Self { batch_index, actions: actions.collect(), reported }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use goal_activity_events::{FailureCode, FinalStatus, Repair, Usage};
    use serde_json::{Value, json};

    use super::*;
    use crate::execution::TimelineEvent;
    use crate::ledger::{Failure, Tally};
    use crate::limits::MAX_REASON;
    use crate::samples::{self, failures};

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(samples::START_MILLIS).plus(Duration::from_secs(seconds))
    }

    fn usage() -> Usage {
        Usage {
            attempts: 2,
            input_tokens: 30,
            output_tokens: 40,
            latency_ms: 500,
            cost_micro_usd: Some(6),
            fallback_attempts: 1,
            repairs: Repair::ALL.iter().copied().collect(),
        }
    }

    /// A workflow of 64 actions of which two have failed and one was never finished, and its ledger.
    fn ended() -> (Execution, Vec<BatchLedger>) {
        let mut execution = samples::execution();
        // Every optional field is there.
        execution.request_source = Some("com.example.planner".to_owned());
        execution.correlation_id = Some("plan-17".parse().unwrap());
        execution.traceparent = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap());
        execution.operator = Some(OperatorRequest {
            by: "arn:aws:iam::123456789012:user/op".parse().unwrap(),
            reason: "the AI was down".to_owned(),
            retry_of: execution.execution_arn.clone(),
        });
        execution.admitted_at = Some(at(1));
        let succeeded = ActionOutcome::Succeeded { tasks: 4, replaced: 2, usage: usage() };
        let failed = ActionOutcome::Failed(Failure::new(FailureCode::AiTimeout, "no answer within 120 s", usage()));
        let ledgers = execution.action_ids.chunks(ACTIONS_PER_BATCH).map(|ids| BatchLedger {
            sealed: true,
            sequence: 8,
            outcomes: ids.iter().map(|id| (id.clone(), succeeded.clone())).collect(),
        });
        let mut ledgers: Vec<_> = ledgers.collect();
        for id in &execution.action_ids[..2] {
            ledgers[0].outcomes.insert(id.clone(), failed.clone());
        }
        ledgers[7].outcomes.remove(&execution.action_ids[63]);
        let state =
            BatchState { sequence: 8, total: 8, succeeded: 6, failed: failures(2), usage: usage(), updated_at: at(9) };
        let tally = Tally { succeeded: 61, failed: failures(3), usage: usage() };
        execution.end = Some(Ending { status: FinalStatus::PartiallySucceeded, stop_date: at(61), tally });
        execution.batches = BTreeMap::from([("0".to_owned(), state)]);
        // Not both in reality: one of them asked for it.
        let operator = Some("arn:aws:iam::123456789012:user/op".parse().unwrap());
        let cancellation = Cancellation::by_user("u".parse().unwrap(), at(60), Some("wrong\ngoal"));
        execution.cancellation = Some(Cancellation { operator, ..cancellation });
        let entry = |seconds, what| TimelineEntry { at: at(seconds), what };
        execution.timeline = BTreeMap::from([
            ("a".to_owned(), entry(61, TimelineEvent::Ended { status: FinalStatus::PartiallySucceeded })),
            ("b".to_owned(), entry(0, TimelineEvent::Accepted)),
            ("c".to_owned(), entry(9, TimelineEvent::BatchFinished { batch_index: 0, succeeded: 6, failed: 2 })),
        ]);
        (execution, ledgers)
    }

    #[test]
    fn a_workflow_comes_back_from_the_archive_as_it_was() {
        let (execution, ledgers) = ended();
        let line = Record::of(&execution, &ledgers).unwrap().to_line().unwrap();
        let record = Record::from_line(line.as_bytes()).unwrap();
        assert_eq!(record.to_line().unwrap(), line);
        assert_eq!(record.into_execution(), execution);
    }

    #[test]
    fn the_record_is_the_same_before_and_after_the_end_is_reported() {
        let (execution, ledgers) = ended();
        let before = Record::of(&execution, &ledgers);
        let (reported, archived) = (Some(at(70)), Some(at(71)));
        let marked = Execution { published_at: reported, notified_at: reported, archived_at: archived, ..execution };
        assert_eq!(Record::of(&marked, &ledgers), before);
    }

    #[test]
    fn a_workflow_that_has_not_ended_has_no_record() {
        assert_eq!(Record::of(&samples::execution(), &[]), None);
    }

    #[test]
    fn the_record_is_one_line_with_the_names_of_the_api() {
        let (execution, ledgers) = ended();
        let line = Record::of(&execution, &ledgers).unwrap().to_line().unwrap();
        assert_eq!(line.matches('\n').count(), 1, "the reason's line end is escaped");
        let record: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&record["version"], &record["status"]), (&json!("1"), &json!("PARTIALLY_SUCCEEDED")));
        assert_eq!((&record["durationMs"], &record["stopDate"]), (&json!(61_000), &json!("1970-01-01T00:01:01.000Z")));
        assert_eq!(
            record["batches"][0]["actions"][0],
            json!({
                "actionId": "action-0", "result": "failed", "code": "AI_TIMEOUT", "message": "no answer within 120 s",
                "attempts": 2, "inputTokens": 30, "outputTokens": 40, "latencyMs": 500, "costMicroUsd": 6,
                "fallbackAttempts": 1, "repairs": usage().repairs,
            })
        );
        assert_eq!(record["batches"][0]["actions"][2]["tasks"], 4);
        assert_eq!(record["batches"][7]["actions"][7], json!({ "actionId": "action-63" }));
        let story: Vec<_> = record["timeline"].as_array().unwrap().iter().map(|t| &t["what"]).collect();
        assert_eq!(story, ["ACCEPTED", "BATCH_FINISHED", "ENDED"]);
    }

    #[test]
    fn a_record_is_found_under_the_day_of_its_end() {
        let arn = samples::execution().execution_arn;
        let last = "2026-11-25T08:59:59.999+09:00".parse().unwrap();
        assert_eq!(ArchiveKey::new(&arn, last).as_str(), "executions/date=2026-11-24/goal-1-1.json");
    }

    #[test]
    fn p10_a_record_is_bounded() {
        let (mut execution, mut ledgers) = ended();
        let message = "あ".repeat(1_000);
        let longest = || Failure::new(FailureCode::AiUnavailable, &message, usage());
        for (ids, ledger) in execution.action_ids.chunks(ACTIONS_PER_BATCH).zip(&mut ledgers) {
            ledger.outcomes = ids.iter().map(|id| (id.clone(), ActionOutcome::Failed(longest()))).collect();
        }
        let mut failed = failures(64);
        for action in &mut failed {
            action.message = longest().message;
        }
        if let Some(end) = &mut execution.end {
            end.tally.failed = failed;
        }
        let reason = "あ".repeat(MAX_REASON);
        execution.cancellation = Some(Cancellation::by_user("u".parse().unwrap(), at(60), Some(&reason)));
        let line = Record::of(&execution, &ledgers).unwrap().to_line().unwrap();
        assert!(line.len() < 256 * 1024, "{} bytes", line.len());
    }

    /// The names of a value's fields, each with its path, in lower case as a catalog has them.
    fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields_of) => fields_of.iter().for_each(|(name, value)| {
                let path = format!("{path}/{}", name.to_lowercase());
                fields(value, &path, found);
                found.insert(path);
            }),
            Value::Array(items) => items.iter().for_each(|item| fields(item, path, found)),
            _ => {}
        }
    }

    /// The same of a Hive type such as `array<struct<a:int,b:string>>`. Answers what follows it.
    fn columns<'a>(hive: &'a str, path: &str, found: &mut BTreeSet<String>) -> &'a str {
        if let Some(of) = hive.strip_prefix("array<") {
            return columns(of, path, found).strip_prefix('>').expect("the end of an array");
        }
        let Some(mut rest) = hive.strip_prefix("struct<") else {
            return hive.trim_start_matches(|c: char| c.is_ascii_lowercase());
        };
        loop {
            let (name, of) = rest.split_once(':').expect("a field");
            let path = format!("{path}/{name}");
            rest = columns(of, &path, found);
            found.insert(path);
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => return rest.strip_prefix('>').expect("the end of a struct"),
            }
        }
    }

    #[test]
    fn athena_knows_every_field_of_a_record_and_no_other() {
        let (execution, ledgers) = ended();
        let (mut stored, mut known) = (BTreeSet::new(), BTreeSet::new());
        fields(&json!(Record::of(&execution, &ledgers)), "", &mut stored);
        let template: Value = serde_json::from_str(include_str!("../../../infra/test/snapshots/aws.json")).unwrap();
        let resources = template["Resources"].as_object().unwrap().values();
        let [table] = resources.filter(|r| r["Type"] == "AWS::Glue::Table").collect::<Vec<_>>()[..] else { panic!() };
        for column in table["Properties"]["TableInput"]["StorageDescriptor"]["Columns"].as_array().unwrap() {
            let (name, hive) = (column["Name"].as_str().unwrap(), column["Type"].as_str().unwrap());
            assert_eq!(columns(hive, &format!("/{name}"), &mut known), "");
            known.insert(format!("/{name}"));
        }
        assert_eq!(known, stored);
    }
}
