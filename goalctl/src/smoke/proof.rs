//! The steps of a smoke test.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use goal_activity_adapters::aws::{Archive, Connection};
use goal_activity_adapters::clock::SystemClock;
use goal_activity_client::api::{FailedAction, StartRequest, Started, Task, WorkflowStatus};
use goal_activity_core::execution::Status;
use goal_activity_core::limits::{BATCH_SECONDS, NOTICE_WITHIN};
use goal_activity_core::ports::{Clock, FindArchived, ReadArchive};
use goal_activity_events::{EventId, ExecutionArn, FailureCode, Timestamp};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::report::{Output, Patience, step};
use super::scene::Scene;
use super::tables::{ACTIONS, unavailable};
use crate::ai;
use crate::api::{Api, Resource};
use crate::checks::{Line, Outcome};
use crate::client::read;
use crate::cloudwatch;
use crate::doctor;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::tap::Tap;
use crate::text::{counted, printable};

/// How long a step may take that calls AWS a few times.
const CALLS: (Patience, Duration) = (Patience::UntilDone, Duration::from_secs(90));
/// How long the AI may take, with the worker's start.
const AI: (Patience, Duration) = (Patience::Interruptible, Duration::from_secs((BATCH_SECONDS + 20) as u64));
/// How long a new rule may take until it delivers, and until that is heard.
const BUS: (Patience, Duration) = (Patience::Interruptible, Duration::from_secs(150));
/// How long after the end of a workflow its events may arrive.
const EVENTS: Duration = Duration::from_secs(60);
/// How long a workflow may take to be archived: the reconciler does it in its next run where it has failed.
const ARCHIVED: Duration = Duration::from_secs(150);
/// How long CloudWatch may take to extract a metric from a log. Usually a minute or two.
const EXTRACTED: Duration = Duration::from_secs(300);
/// How long a notice that should not be there is waited for, where others arrive meanwhile.
const LATE: Duration = Duration::from_secs(15);
/// What a step may take beyond its own deadline, which names what is missing.
const GRACE: Duration = Duration::from_secs(45);
/// The largest page of tasks.
const TASKS_PAGE: usize = 1000;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How the workflow has ended.
struct Ended {
    arn: ExecutionArn,
    status: Status,
}

/// Does all steps, until one fails without which the others make no sense.
pub(super) async fn prove(
    scene: &mut Scene<'_>,
    time: Duration,
    foreign: &[String],
    interrupt: &Interrupt,
    out: &mut Output<'_, '_>,
) {
    let from = SystemClock.now();
    let Some(ended) = up_to_the_end(scene, time, foreign, interrupt, out).await else {
        let why = match (interrupt.is_asked(), out.report.failed_step()) {
            (true, _) => "interrupted".to_owned(),
            (false, Some(step)) => format!("{step} has failed"),
            (false, None) => "an earlier step was not done".to_owned(),
        };
        return out.give_up(&why);
    };
    after_the_end(scene, &ended, from, interrupt, out).await;
    if interrupt.is_asked() {
        out.give_up("interrupted");
    }
}

async fn up_to_the_end(
    scene: &mut Scene<'_>,
    time: Duration,
    foreign: &[String],
    interrupt: &Interrupt,
    out: &mut Output<'_, '_>,
) -> Option<Ended> {
    step(out, interrupt, "ai", AI, try_ai(scene)).await?;
    let user = step(out, interrupt, "user", CALLS, Box::pin(scene.create_user())).await?;
    step(out, interrupt, "sign-in", CALLS, Box::pin(scene.sign_in())).await?;
    step(out, interrupt, "goal", CALLS, scene.store_goal(&user, foreign)).await?;
    step(out, interrupt, "listen", CALLS, scene.listen()).await?;
    step(out, interrupt, "bus", BUS, hears(scene)).await?;
    let arn = step(out, interrupt, "start", CALLS, start(scene)).await?;
    out.report.execution_arn = Some(arn.to_string());
    let patience = (Patience::Interruptible, time + GRACE);
    step(out, interrupt, "run", patience, end_of(scene, &arn, time)).await;
    // Also a workflow that has failed has ended, and what belongs to that can be checked.
    Some(Ended { arn, status: scene.ended? })
}

async fn after_the_end(
    scene: &Scene<'_>,
    ended: &Ended,
    from: Timestamp,
    interrupt: &Interrupt,
    out: &mut Output<'_, '_>,
) {
    let waits = |time: Duration| (Patience::Interruptible, time + GRACE);
    if ended.status == Status::Succeeded {
        step(out, interrupt, "tasks", CALLS, tasks(scene, &ended.arn)).await;
    } else {
        out.step(Line::new("tasks", Outcome::NotDone, format!("the workflow is {}", ended.status)));
    }
    let mut heard = Vec::new();
    step(out, interrupt, "events", waits(EVENTS), events(scene, ended, &mut heard)).await;
    step(out, interrupt, "archive", waits(ARCHIVED), archived(scene, ended)).await;
    // Its place is after the archive: the operators are notified before that.
    step(out, interrupt, "notice", waits(NOTICE_WITHIN), notice(scene, ended, &mut heard)).await;
    if scene.stack.sdk.endpoint_url().is_some() {
        let gap =
            "this is an emulator, which extracts no metrics from logs; on AWS the metric WorkflowSucceeded is read";
        return out.step(Line::new("metrics", Outcome::NotDone, gap));
    }
    step(out, interrupt, "metrics", waits(EXTRACTED), metrics(scene, from)).await;
}

async fn try_ai(scene: &Scene<'_>) -> Result<((), String)> {
    let checked = ai::check(scene.stack, scene.stack.output("WorkerFunctionName")?, &ai::sample()?).await?;
    let trial = checked.trial;
    let generator = trial.attempts.last().map(|attempt| printable(&attempt.generator)).unwrap_or_default();
    if let Some(failure) = trial.failure {
        let title = format!("{generator} gave no tasks for a sample action");
        let (detail, code) = (Some(failure.message), Some(failure.code));
        let failure = Failure { detail, code, ..Failure::not_done(title).advising(failure.to_do) };
        return Err(failure.into());
    }
    Ok(((), format!("{generator}: {} for a sample action", counted(trial.tasks.len(), "task"))))
}

async fn hears(scene: &Scene<'_>) -> Result<((), String)> {
    let took = scene.tap.wait_until_it_hears(&scene.goal).await?.as_secs_f64();
    Ok(((), format!("an event of the test's own was heard {took:.1} s after the rule was made")))
}

fn api<'a>(scene: &'a Scene<'_>) -> Result<&'a Api> {
    scene.api.as_ref().context("the user has not signed in")
}

async fn start(scene: &mut Scene<'_>) -> Result<(ExecutionArn, String)> {
    // Before the call: a start that got no answer may have been one.
    scene.may_run = true;
    let started = api(scene)?.start(&scene.goal, &StartRequest::default(), EventId::random().as_str()).await?;
    let Started { execution_arn: arn, total_actions: total, .. } = read(&started)?;
    scene.arn = Some(arn.clone());
    if total != u32::from(ACTIONS) {
        let title = format!("{total} of {ACTIONS} actions were accepted");
        return Err(Failure::not_done(title).into());
    }
    Ok((arn.clone(), format!("accepted for {ACTIONS} actions: {arn}")))
}

/// Waits for the end. An end without all tasks is one, and a failure of the step.
async fn end_of(scene: &mut Scene<'_>, arn: &ExecutionArn, time: Duration) -> Result<((), String)> {
    let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
    loop {
        let shown: WorkflowStatus = read(&api(scene)?.get(&Resource::Workflow(arn, "status")).await?)?;
        let status: Status = shown.status.to_string().parse().context("the status of the workflow")?;
        if !matches!(status, Status::Pending | Status::Running) {
            scene.ended = Some(status);
            let succeeded = shown.succeeded_actions;
            let took = began.elapsed().as_secs_f64();
            let detail = format!("{status}, {succeeded} of {ACTIONS} actions got tasks, in {took:.1} s");
            return match status {
                Status::Succeeded => Ok(((), detail)),
                _ => Err(failed(scene, detail, &shown).await.into()),
            };
        }
        if began.elapsed() > time {
            return Err(overdue(scene, status, &shown, time).await.into());
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Why a workflow has failed: the codes of its actions.
async fn failed(scene: &Scene<'_>, title: String, shown: &WorkflowStatus) -> Failure {
    let failed = &shown.failed_actions;
    let why = |FailedAction { code, message, .. }: &FailedAction| format!("{code}: {message}");
    let reasons: BTreeSet<_> = failed.iter().map(why).collect();
    let lost = failed.iter().any(|action| action.code == FailureCode::NotProcessed);
    let cause = if lost { doctor::diagnosis(scene.stack).await } else { None };
    let detail = reasons.into_iter().chain(cause).collect::<Vec<_>>().join("; ");
    let advice = "see docs/OPERATIONS.md, \"A workflow failed\", and the worker's log";
    Failure { detail: Some(detail), ..Failure::not_done(title).advising(advice) }
}

/// Why a workflow has not ended, as far as can be known.
async fn overdue(scene: &Scene<'_>, status: Status, shown: &WorkflowStatus, time: Duration) -> Failure {
    let (seconds, processed) = (time.as_secs(), shown.processed_actions);
    let title =
        format!("not ended within {seconds} s: it is {status}, {processed} of {ACTIONS} actions have an outcome");
    let cause = doctor::diagnosis(scene.stack).await;
    let advice = match (&cause, status) {
        (Some(_), _) => "put that right, then run this again; `goalctl doctor` shows all checks",
        (None, Status::Pending) if shown.paused.is_some() => "launching is paused: `goalctl resume`",
        (None, Status::Pending) if shown.admitted_at.is_none() => {
            "it waits for its turn: `goalctl waiting` shows which workflows hold the capacity; is launch's log without errors?"
        }
        (None, Status::Pending) => "it is not running in Step Functions: see launch's log, and `goalctl dlq list`",
        (None, _) => {
            "the AI is slow, or the worker fails: see the worker's log, and `goalctl dlq list`; --timeout waits longer"
        }
    };
    Failure { detail: cause, advice: Some(advice.to_owned()), ..Failure::unavailable(title, "") }
}

async fn tasks(scene: &Scene<'_>, arn: &ExecutionArn) -> Result<((), String)> {
    let listed = api(scene)?.items(&Resource::Goal(&scene.goal, "tasks"), &[], None, TASKS_PAGE).await?;
    let tasks: Vec<Task> = listed.items.iter().map(read).collect::<Result<_>>()?;
    let actions: BTreeSet<_> = tasks.iter().map(|task| &task.action_id).collect();
    let is_good = |task: &Task| !task.title.is_empty() && task.execution_arn == *arn;
    let wrong =
        |title: String| Failure::not_done(title).advising("compare the rows of the Tasks table with docs/API.md");
    if actions.len() != usize::from(ACTIONS) {
        return Err(wrong(format!("the API lists tasks of {} of {ACTIONS} actions", actions.len())).into());
    }
    if !tasks.iter().all(is_good) {
        return Err(wrong("the API lists tasks without a title, or of another workflow".to_owned()).into());
    }
    Ok(((), format!("{} of {ACTIONS} actions", counted(tasks.len(), "task"))))
}

/// Waits for the report of the batch and for the end.
async fn events(scene: &Scene<'_>, ended: &Ended, heard: &mut Vec<Value>) -> Result<((), String)> {
    let began = Instant::now();
    loop {
        let of =
            |kind: &str| heard.iter().filter(|e| e["detail-type"] == kind).map(|e| &e["detail"]).collect::<Vec<_>>();
        let is_end = |detail: &Value| {
            detail["executionArn"] == json!(ended.arn) && detail["status"] == json!(ended.status.to_string())
        };
        let ends = of("WorkflowCompleted").into_iter().filter(|detail| is_end(detail)).count();
        let reports = of("BatchProgressed").len();
        if ends > 0 && (reports > 0 || ended.status != Status::Succeeded) {
            return Ok((
                (),
                format!(
                    "{} heard on the bus, WorkflowCompleted with {}",
                    counted(heard.iter().filter(|event| Tap::is_event(event)).count(), "event"),
                    ended.status
                ),
            ));
        }
        if began.elapsed() > EVENTS {
            let missing = if ends == 0 { "WorkflowCompleted" } else { "BatchProgressed" };
            let kinds: BTreeSet<_> =
                heard.iter().filter(|e| Tap::is_event(e)).filter_map(|e| e["detail-type"].as_str()).collect();
            let kinds =
                if kinds.is_empty() { "nothing".to_owned() } else { kinds.into_iter().collect::<Vec<_>>().join(", ") };
            return Err(Failure::not_done(format!(
                "no {missing} on the bus within {} s; heard: {kinds}",
                EVENTS.as_secs()
            ))
            .advising("see the log of projector and reconcile, and `goalctl doctor`: is a rule disabled?")
            .into());
        }
        hear(scene, heard).await?;
    }
}

/// Receives what has come since.
async fn hear(scene: &Scene<'_>, heard: &mut Vec<Value>) -> Result<usize> {
    let messages = scene.tap.receive().await?;
    let bodies = messages.iter().filter_map(|message| serde_json::from_str(message.body().unwrap_or_default()).ok());
    heard.extend(bodies);
    Ok(messages.len())
}

async fn archived(scene: &Scene<'_>, ended: &Ended) -> Result<((), String)> {
    let (began, mut pause) = (Instant::now(), FIRST_PAUSE);
    let (table, bucket) = (scene.stack.output("ExecutionsTableName")?, scene.stack.output("ArchiveBucketName")?);
    let key = loop {
        let found = scene.stack.tables()?.find_archived(&ended.arn).await;
        let permission = format!("dynamodb:GetItem on the table {table}");
        if let Some(key) = found.map_err(unavailable("look for the record", permission))? {
            break key;
        }
        if began.elapsed() > ARCHIVED {
            return Err(Failure::not_done(format!("not archived within {} s", ARCHIVED.as_secs()))
                .advising("see the log of projector and reconcile: `archiving … is unavailable` says why")
                .into());
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    };
    let archive = Archive::new(&Connection::from(scene.stack.sdk.clone()), bucket);
    let record = archive.read_archive(&key).await;
    let record = record.map_err(unavailable("read the record", format!("s3:GetObject on {bucket}/executions/*")))?;
    let status = Status::from(record.end.status);
    if record.execution_arn != ended.arn || status != ended.status {
        let title = format!("the record {key} says {status} of {}", record.execution_arn);
        return Err(Failure::not_done(title).into());
    }
    Ok(((), format!("{key} in the bucket {bucket}")))
}

/// Notices are sent of failures and of nothing else.
async fn notice(scene: &Scene<'_>, ended: &Ended, heard: &mut Vec<Value>) -> Result<((), String)> {
    let began = Instant::now();
    let expected = matches!(ended.status, Status::Failed | Status::PartiallySucceeded | Status::TimedOut);
    loop {
        // A notice has a severity, and events have none.
        let notice =
            heard.iter().find(|message| message["severity"].is_string() && message["goalId"] == json!(scene.goal));
        match (notice, expected) {
            (Some(notice), true) => {
                let severity = printable(notice["severity"].as_str().unwrap_or_default());
                return Ok(((), format!("the operators were notified: {severity}, {}", ended.status)));
            }
            (Some(_), false) => {
                let title = format!("the operators were notified although the workflow is {}", ended.status);
                return Err(Failure::not_done(title).into());
            }
            (None, true) if began.elapsed() > NOTICE_WITHIN => {
                return Err(Failure::not_done(format!(
                    "no notice of the failure within {} s",
                    NOTICE_WITHIN.as_secs()
                ))
                .advising("see the log of projector and reconcile, and the policy of the topic")
                .into());
            }
            (None, _) => {}
        }
        // The wait of one receive call is for a notice that is still on its way.
        let is_late = hear(scene, heard).await? == 0 || began.elapsed() > LATE;
        if is_late && !expected {
            return Ok(((), format!("none, as the workflow is {}", ended.status)));
        }
    }
}

async fn metrics(scene: &Scene<'_>, from: Timestamp) -> Result<((), String)> {
    const METRIC: &str = "WorkflowSucceeded";
    const PAUSE: Duration = Duration::from_secs(10);
    let (began, namespace) = (Instant::now(), scene.stack.output("StackName")?);
    loop {
        let values = cloudwatch::values(&scene.stack.sdk, namespace, METRIC, (from, SystemClock.now())).await?;
        if values >= 1.0 {
            return Ok(((), format!("{METRIC} in the namespace {namespace}")));
        }
        if began.elapsed() > EXTRACTED {
            return Err(Failure::not_done(format!(
                "no value of {METRIC} in the namespace {namespace} within {} s",
                EXTRACTED.as_secs()
            ))
            .advising("look for lines with _aws in projector's log; are metrics of this account delayed?")
            .into());
        }
        sleep(PAUSE).await;
    }
}
