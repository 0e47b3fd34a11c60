//! A Lambda function behind a queue that is subscribed to `WorkflowCompleted`. It keeps the last outcome of every goal in
//! a DynamoDB table with the key `id`, whose name is in `TABLE`; the event source needs `ReportBatchItemFailures`.
//!
//! The outcome and the event's id are written in one transaction, on the condition that the id does not exist yet. So
//! an event has its effect once, despite crashes and repeated deliveries.

use std::convert::Infallible;
use std::error::Error;

use aws_config::BehaviorVersion;
use aws_lambda_events::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue as Value, Put, TransactWriteItem, Update};
use aws_smithy_http_client::{Builder, tls};
use goal_activity_events::{Envelope, WorkflowCompleted};
use lambda_runtime::{LambdaEvent, service_fn};

/// How long an event id is stored: longer than a queue and a dead-letter queue together keep the event.
const REMEMBERED_SECONDS: i64 = 30 * 86_400;

#[tokio::main(flavor = "current_thread")]
#[allow(clippy::disallowed_methods, reason = "the environment is how a function is told its table")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let table = std::env::var("TABLE")?;
    let http = Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https();
    let aws = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    let (table, dynamodb) = (&table, &Client::new(&aws));
    lambda_runtime::run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        Ok::<_, Infallible>(handle_batch(dynamodb, table, event.payload).await)
    }))
    .await
}

/// Handles each message separately: only those that failed are delivered again.
async fn handle_batch(dynamodb: &Client, table: &str, event: SqsEvent) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let id = message.message_id.unwrap_or_default();
        match handle(dynamodb, table, message.body.as_deref().unwrap_or_default()).await {
            Ok(said) => println!("{said}"),
            Err(error) => {
                eprintln!("{id}: {error}");
                let mut failure = BatchItemFailure::default();
                failure.item_identifier = id;
                response.batch_item_failures.push(failure);
            }
        }
    }
    response
}

async fn handle(dynamodb: &Client, table: &str, body: &str) -> Result<String, Box<dyn Error>> {
    let completed: WorkflowCompleted = Envelope::parse(body)?.detail()?;
    let (goal, id) = (&completed.goal_id, &completed.event_id);
    let written = dynamodb
        .transact_write_items()
        .transact_items(TransactWriteItem::builder().put(mark(table, &completed)?).build())
        .transact_items(TransactWriteItem::builder().update(outcome(table, &completed)?).build())
        .send()
        .await;
    match written {
        Ok(_) => Ok(format!("{goal}: {:?}", completed.status)),
        Err(e) if e.as_service_error().is_some_and(was_there) => Ok(format!("{goal}: {id} again, nothing to do")),
        Err(e) => Err(e.into()),
    }
}

/// The event's id, once.
fn mark(table: &str, completed: &WorkflowCompleted) -> Result<Put, Box<dyn Error>> {
    let expires = completed.occurred_at.as_seconds().saturating_add(REMEMBERED_SECONDS);
    let put = Put::builder().table_name(table).item("id", Value::S(format!("event/{}", completed.event_id)));
    let put = put.item("expiresAt", Value::N(expires.to_string()));
    Ok(put.condition_expression("attribute_not_exists(id)").build()?)
}

/// The effect of the event: here, how the goal's workflow ended.
fn outcome(table: &str, completed: &WorkflowCompleted) -> Result<Update, Box<dyn Error>> {
    let update = Update::builder()
        .table_name(table)
        .key("id", Value::S(format!("goal/{}", completed.goal_id)))
        .update_expression("SET succeeded = :succeeded, endedAt = :ended ADD workflows :one")
        .expression_attribute_values(":succeeded", Value::N(completed.succeeded_actions.to_string()))
        .expression_attribute_values(":ended", Value::S(completed.stop_date.to_string()))
        .expression_attribute_values(":one", Value::N("1".to_owned()));
    Ok(update.build()?)
}

/// Returns `true` if the transaction failed because the first of its writes, the mark, already exists. Any other reason
/// may be transient.
fn was_there(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return false };
    cancelled.cancellation_reasons().first().and_then(|r| r.code()) == Some("ConditionalCheckFailed")
}
