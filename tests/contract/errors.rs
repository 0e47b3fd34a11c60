//! The error messages of adapters: they never contain a user's text or a task token, whatever the service answers.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use goal_activity_adapters::aws::TableNames;
use goal_activity_core::archive::Record;
use goal_activity_core::execution::{BatchReports, BatchState, Cancellation, Execution, Mark};
use goal_activity_core::notice::notice;
use goal_activity_core::ports::HideMessage;
use goal_activity_core::ports::{
    AnswerBatch, ArchiveExecution, CancelExecution, CommitGroup, EndExecution, Event, ExecutionInput, Notify,
    PortResult, PublishEvent, RecordProgress, StartExecution, WorkLedger,
};
use goal_activity_events::{
    BatchAnswer, EventId, FinalStatus, GoalActivityRejected, RejectionReason, TaskToken, Version,
};
use goal_activity_functions::adapters::aws::{Archive, Bus, Connection, Queue, StepFunctions, Tables, Topic};
use goal_activity_testkit::stub::{Reply, Response, Seen, Stub};
use serde_json::json;

use crate::backend::sdk;
use crate::given::{at, batch_state, ending, execution, failed_action, goal, record, report, success, tasks};

const SECRET: &str = "SECRET-WORDS";

fn names() -> TableNames {
    TableNames { goals: "goals".into(), tasks: "tasks".into(), executions: "executions".into() }
}

/// The behaviour of the service.
#[derive(Debug, Clone, Copy)]
enum Answer {
    /// Its message repeats the request, as AWS does with invalid values.
    Repeats,
    /// It echoes the request, which is not a valid response.
    Echoes,
    /// It closes the connection.
    Nothing,
}

#[tokio::test]
async fn a_service_that_repeats_what_it_was_sent_is_not_quoted() {
    all_fail_silently(Answer::Repeats).await;
}

#[tokio::test]
async fn a_service_that_answers_nonsense_is_not_quoted() {
    all_fail_silently(Answer::Echoes).await;
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_named_and_nothing_else() {
    all_fail_silently(Answer::Nothing).await;
}

#[tokio::test]
async fn a_message_of_a_service_is_repeated_as_far_as_it_repeats_nothing() {
    let aws = Connection::from(hostile(Answer::Repeats).await);
    let (tables, execution) = (Tables::new(&aws, names()), execution(&goal(1), 1));
    let error = tables.mark_reported(&execution.execution_arn, Mark::Both, at(0)).await.unwrap_err().to_string();
    assert!(error.contains("ValidationException: 1 validation error detected: "), "{error}");
    assert!(error.ends_with(" at 'field' failed to satisfy constraint: Member must be shorter"), "{error}");
}

/// Calls everything that receives texts or tokens.
async fn all_fail_silently(answer: Answer) {
    let sdk = hostile(answer).await;
    let aws = Connection::from(sdk);
    let goal = goal(1);
    let execution = execution(&goal, 1);
    let arn = &execution.execution_arn;
    let tables = Tables::new(&aws, names());
    let reason = Cancellation::by_user("user-1".parse().unwrap(), at(0), Some(SECRET));
    fails(answer, tables.record_cancellation(arn, &reason).await);
    let record = Record { cancellation: Some(reason), ..record(&execution, FinalStatus::Aborted) };
    fails(answer, Archive::new(&aws, "archive").archive_execution(&record).await);
    let mut end = ending(&execution, FinalStatus::Failed);
    end.tally.failed[0].message = SECRET.into();
    fails(answer, tables.end_execution(&execution, &end).await);
    let mut failed = failed_action("a-1-1");
    failed.message = SECRET.into();
    let state = BatchState { failed: vec![failed], ..batch_state(1, 1, &[]) };
    let reports = BatchReports::of([report("event-1", 0, &state)]).unwrap();
    fails(answer, Tables::new(&aws, names()).record_batches(arn, &reports).await);
    let mut made = tasks(&execution, &goal.actions[0], 10);
    made[0].title = SECRET.into();
    let ledger = Tables::new(&aws, names());
    let group = CommitGroup::of(success(&execution, &goal.actions[0], made));
    fails(answer, ledger.commit_group(&group).await);

    let token = TaskToken::new(format!("{SECRET}-token"));
    let callbacks = StepFunctions::new(&aws);
    fails(answer, callbacks.answer(&token, &BatchAnswer { batch_index: 0, succeeded: 1, failed: 0 }).await);
    fails(answer, callbacks.heartbeat(&token).await);
    let mut input = ExecutionInput::from(&execution);
    input.action_ids = vec![SECRET.parse().unwrap()];
    fails(answer, StepFunctions::new(&aws).start_execution(&input).await);
    let ended = Execution { end: Some(end), ..execution.clone() };
    let topic = Topic::new(&aws, "arn:aws:sns:us-east-1:000000000000:topic", "docs/OPERATIONS.md");
    fails(answer, topic.notify(&ended, &notice(&ended).unwrap()).await);
    let rejected = GoalActivityRejected {
        version: Version::V1,
        event_id: EventId::random(),
        occurred_at: at(0),
        request_event_id: EventId::random(),
        request: None,
        correlation_id: None,
        execution_arn: None,
        goal_id: None,
        user_id: None,
        reason: RejectionReason::Invalid,
        message: SECRET.to_owned(),
        retryable: None,
        traceparent: None,
    };
    fails(answer, Bus::new(&aws, "bus").publish(Event::Rejected(rejected)).await);
    fails(answer, Queue::new(&aws, "http://localhost/queue").hide(SECRET, Duration::from_secs(1)).await);
}

fn fails<T: std::fmt::Debug>(answer: Answer, result: PortResult<T>) {
    let error = result.expect_err("it fails");
    assert!(!format!("{error} {error:?}").contains(SECRET), "{answer:?}: {error}");
}

/// The settings of clients of such a service.
async fn hostile(answer: Answer) -> SdkConfig {
    let reply = move |request: &Seen| match answer {
        Answer::Repeats => Reply::Whole(Response::new(400, repeated(request))),
        Answer::Echoes => Reply::Whole(Response::new(400, &request.text)),
        Answer::Nothing => Reply::HangUp,
    };
    let sdk = sdk(&Stub::with(reply).await.url()).await;
    sdk.into_builder().retry_config(RetryConfig::disabled()).build()
}

/// What AWS says of a request with an invalid value, in the protocol of the request.
fn repeated(request: &Seen) -> String {
    let message = format!(
        "1 validation error detected: Value '{}' at 'field' failed to satisfy constraint: Member must be shorter",
        request.text
    );
    if request.header("content-type").is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        let message = message.replace('&', "&amp;").replace('<', "&lt;");
        let error = format!("<Error><Code>ValidationError</Code><Message>{message}</Message></Error>");
        return format!("<ErrorResponse>{error}</ErrorResponse>");
    }
    json!({ "__type": "ValidationException", "message": message }).to_string()
}
