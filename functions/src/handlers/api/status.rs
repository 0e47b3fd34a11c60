use aws_lambda_events::http::header::{ETAG, RETRY_AFTER};
use futures_util::future::join;
use goal_activity_core::admission::Capacity;
use goal_activity_core::execution::{Cancellation, Execution, Status};
use goal_activity_core::limits::{POLL_PAUSED, POLL_RUNNING, POLL_WAITING};
use goal_activity_core::operator::OperatorRequest;
use goal_activity_core::pause::Pause;
use goal_activity_core::ports::{FindPause, ListWaiting, PortResult};
use goal_activity_events::{
    ActionId, CorrelationId, ExecutionArn, FailedAction, FinalStatus, GoalId, RequestRef, Timestamp, Usage,
};
use serde::Serialize;
use uuid::Uuid;

use super::Reply;
use super::input::Input;
use super::problem::Problem;
use crate::steps::admission::waiting_before;

/// The read model as people see it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "WorkflowStatus"))]
#[serde(rename_all = "camelCase")]
pub(super) struct StatusView<'a> {
    execution_arn: &'a ExecutionArn,
    goal_id: &'a GoalId,
    status: Status,
    start_date: Timestamp,
    /// When it was launched. It waits for its turn until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    admitted_at: Option<Timestamp>,
    /// Launching is paused, and it waits for more than its turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    paused: Option<PauseView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop_date: Option<Timestamp>,
    progress_percentage: u32,
    processed_actions: u32,
    total_actions: u32,
    succeeded_actions: u32,
    failed_actions: Vec<FailedAction>,
    /// What the AI took so far.
    usage: Usage,
    batches: Vec<BatchView>,
    /// What asked for it. Missing where that was not noted.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<RequestRef>,
    /// What the request said to recognise it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a CorrelationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimated_seconds_remaining: Option<u64>,
    /// While it waits for its turn: how many workflows are launched before it, counted up to 100. May be seconds behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_before: Option<u32>,
    /// The operator who has requested it in the place of its user. Missing where none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<&'a OperatorRequest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation: Option<&'a Cancellation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorView>,
}

/// Launching is paused: no workflow acquires capacity. Requests are accepted and wait, and what holds capacity goes on.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "Pause"))]
#[serde(rename_all = "camelCase")]
pub(super) struct PauseView {
    /// Since when.
    since: Timestamp,
    /// Why, for the users whose workflows wait: in an operator's words, or because the AI is not available, or because the
    /// amount that it may cost in a day is spent. At most 2,000 characters.
    reason: String,
}

impl PauseView {
    /// Of a pause that is not over.
    pub(super) fn of(pause: Option<Pause>, now: Timestamp) -> Option<Self> {
        pause.filter(|pause| !pause.is_over(now)).map(|Pause { since, reason, .. }| Self { since, reason })
    }
}

/// How far a batch is.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "BatchStatus"))]
#[serde(rename_all = "camelCase")]
struct BatchView {
    batch_index: u32,
    total_actions: u32,
    processed_actions: u32,
    succeeded_actions: u32,
    updated_at: Timestamp,
}

/// Why a workflow did not do what it should.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "WorkflowError"))]
struct ErrorView {
    code: ErrorCode,
    message: &'static str,
}

/// Why a workflow did not do what it should, for programs. Names are never reused or changed.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "WorkflowErrorCode", transform = goal_activity_events::schema::open_vocabulary)
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum ErrorCode {
    /// No action got tasks.
    NothingSucceeded,
    /// The workflow took too long.
    WorkflowTimedOut,
}

impl BatchView {
    fn new(execution: &Execution, index: u32, actions: &[ActionId]) -> Option<Self> {
        let batch = execution.batches.get(&index.to_string())?;
        // The last report may have been lost, and the tasks of a cancelled workflow are removed: the end knows better.
        let succeeded = if execution.has_ended() {
            let failed = |id: &&ActionId| execution.failed_actions().iter().any(|f| f.action_id == **id);
            u32::try_from(actions.iter().filter(|id| !failed(id)).count()).unwrap_or(u32::MAX)
        } else {
            batch.succeeded
        };
        let processed = match execution.end.as_ref().map(|end| end.status) {
            None | Some(FinalStatus::Aborted) => batch.processed(),
            Some(_) => batch.total,
        };
        Some(Self {
            batch_index: index,
            total_actions: batch.total,
            processed_actions: processed,
            succeeded_actions: succeeded,
            updated_at: batch.updated_at,
        })
    }
}

fn error(status: Status) -> Option<ErrorView> {
    let (code, message) = match status {
        Status::Failed => (ErrorCode::NothingSucceeded, "no action got tasks: each has its own reason"),
        Status::TimedOut => (ErrorCode::WorkflowTimedOut, "the workflow took too long; what was saved stays"),
        Status::Pending | Status::Running | Status::Succeeded | Status::PartiallySucceeded | Status::Aborted => {
            return None;
        }
    };
    Some(ErrorView { code, message })
}

fn view(execution: &Execution, waiting_before: Option<u32>, paused: Option<Pause>, now: Timestamp) -> StatusView<'_> {
    let progress = execution.progress();
    let batches = execution.batches_of_actions().filter_map(|(index, ids)| BatchView::new(execution, index, ids));
    let batches = batches.collect();
    StatusView {
        execution_arn: &execution.execution_arn,
        goal_id: &execution.goal_id,
        status: execution.status(),
        start_date: execution.start_date,
        admitted_at: execution.admitted_at,
        paused: PauseView::of(paused, now),
        stop_date: execution.stop_date(),
        progress_percentage: progress.percentage,
        processed_actions: progress.processed,
        total_actions: execution.total_actions,
        succeeded_actions: progress.succeeded,
        failed_actions: progress.failed,
        usage: progress.usage,
        batches,
        request: execution.request(),
        correlation_id: execution.correlation_id.as_ref(),
        estimated_seconds_remaining: execution.estimated_seconds_remaining(now),
        waiting_before,
        operator: execution.operator.as_ref(),
        cancellation: execution.cancellation.as_ref(),
        error: error(execution.status()),
    }
}

/// What was read beside the workflow. The rest of the status is known without it, and worth an answer.
fn known<T>(what: &str, execution: &ExecutionArn, read: PortResult<T>) -> Option<T> {
    read.inspect_err(|error| tracing::warn!(executionArn = %execution, %error, "{what} is not read")).ok()
}

/// How far a workflow is.
pub(super) async fn status(
    db: &(impl ListWaiting + FindPause),
    capacity: Capacity,
    execution: &Execution,
    input: &Input,
    now: Timestamp,
) -> Result<Reply, Problem> {
    let arn = &execution.execution_arn;
    let view = if execution.is_waiting() {
        let (waiting, paused) =
            join(waiting_before(db, capacity, execution), db.find_pause(&arn.state_machine())).await;
        view(execution, known("the waiting list", arn, waiting), known("the pause", arn, paused).flatten(), now)
    } else {
        view(execution, None, None, now)
    };
    let next = next_poll(execution, view.paused.is_some());
    let reply = unless_known(Reply::ok(view)?, input)?;
    Ok(match next {
        Some(seconds) => reply.with(RETRY_AFTER, seconds.to_string()),
        None => reply,
    })
}

/// After how many seconds it is worth asking again. A workflow that has ended never changes.
fn next_poll(execution: &Execution, is_paused: bool) -> Option<u64> {
    let time = match (execution.has_ended(), execution.is_waiting(), is_paused) {
        (true, ..) => return None,
        (false, false, _) => POLL_RUNNING,
        (false, true, false) => POLL_WAITING,
        (false, true, true) => POLL_PAUSED,
    };
    Some(time.as_secs())
}

/// The answer with its entity tag; without its body if the caller has it already (RFC 9110, section 13.1.2).
fn unless_known(reply: Reply, input: &Input) -> Result<Reply, Problem> {
    let tag = format!("\"{}\"", Uuid::new_v5(&Uuid::NAMESPACE_URL, reply.body.as_bytes()).simple());
    let known = input.header::<String>("if-none-match")?;
    let is_tag = |known: &str| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag;
    let is_known = known.is_some_and(|known| known.split(',').any(|known| is_tag(known.trim())));
    let reply = if is_known { Reply { status: 304, body: "".into(), ..reply } } else { reply };
    Ok(reply.with(ETAG, tag))
}
