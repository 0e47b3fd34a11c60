//! `goalctl dlq`: dead letters, the messages that could not be handled.
//!
//! What a message is (`letter`) and what a retry does with it (`decide`) is decided without AWS; `queue` and `retry` do
//! it.

mod decide;
mod letter;
mod queue;
mod redact;
mod report;
mod retry;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use futures_util::future::try_join_all;
use goal_activity_adapters::aws::Tables;
use goal_activity_adapters::clock::SystemClock;
use goal_activity_core::ports::Clock;
use goal_activity_events::StateMachineArn;
use goal_activity_events::publisher::{EventBridge, Publisher};

use crate::failure::{Failure, NOT_DONE};
use crate::shell::Shell;
use crate::stack::Stack;
use crate::text::printable;
use letter::{Contents, Dlq};
use queue::{LOOK, Mail, Received, Sqs, Taken, WORK, Wanted, take};
use report::{Full, Handled, Intent, List, QueueList, Report, Summary};
use retry::{Outcome, Retry};

/// The maximum number of messages of `--all` in one run: as many as can be handled while they are hidden.
const IN_ONE_RUN: usize = 1_000;

const EXAMPLES: &str = "\
Examples:
  goalctl dlq list
  goalctl dlq list batch --limit 10 --json
  goalctl dlq list --json | jq -r '.queues[].messages[] | select(.kind == \"malformed\") | .messageId'";
const RETRY_HELP: &str = "\
Examples:
  goalctl dlq retry launch --all
  goalctl dlq retry batch 5a4bd6fa-2f0e-4a6c-9e4b-0d6c1b1f6c11

Exit codes:
  0  all are retried, or need nothing any more
  1  some are refused, failed or not found: the output says which and why; they are still in the queue
  2  nothing was done";
const DROP_HELP: &str = "\
Examples:
  goalctl dlq drop batch 5a4bd6fa-2f0e-4a6c-9e4b-0d6c1b1f6c11
  goalctl dlq drop undelivered --all --yes

Exit codes:
  0  all are removed
  1  some could not be removed or found, or you said no
  2  nothing was done";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List dead-letter queues and their messages
    ///
    /// Shows ids only, never texts. Messages are received and returned; only their receive count grows.
    #[command(after_help = EXAMPLES)]
    List {
        /// Only these queues
        queues: Vec<Dlq>,
        /// The maximum number of messages shown of each queue
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Show one message in full, why it may be there, and what a retry would do
    ///
    /// Task tokens are left out.
    #[command(after_help = "Example:\n  goalctl dlq show batch 5a4bd6fa-2f0e-4a6c-9e4b-0d6c1b1f6c11")]
    Show {
        /// The queue that it is in
        queue: Dlq,
        /// Its id, from the list
        message_id: String,
    },
    /// Retry messages, each separately
    ///
    /// A message is sent to its function's queue unchanged, then removed from the dead-letter queue; doing it twice
    /// does no harm. A batch whose workflow has ended becomes a new request for those of its actions that failed; if
    /// its workflow was cancelled it is refused. A goal has one workflow at a time, so other batches of the same goal
    /// are refused until that has ended: run the command again then. A malformed message is refused, because it would
    /// only return; a status event of another state machine is refused, because it would be dropped. An interrupted run
    /// leaves unhandled messages hidden for up to 5 minutes.
    #[command(after_help = RETRY_HELP)]
    Retry {
        #[command(flatten)]
        chosen: Chosen,
        /// Send malformed messages too, unchanged: for use after their function can read them
        #[arg(long)]
        force: bool,
    },
    /// Remove messages permanently
    #[command(after_help = DROP_HELP)]
    Drop {
        #[command(flatten)]
        chosen: Chosen,
        /// Do not prompt for confirmation
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
// What is missing is then said with both ways: <MESSAGE_ID|--all>.
#[command(group = clap::ArgGroup::new("which").args(["message_ids", "all"]).required(true))]
pub(crate) struct Chosen {
    /// The queue that they are in
    queue: Dlq,
    /// Their ids, from the list
    #[arg(value_name = "MESSAGE_ID")]
    message_ids: Vec<String>,
    /// All messages in the queue, at most 1000 in one run
    #[arg(long)]
    all: bool,
}

type Retrying<'a> = Retry<'a, Sqs<'a>, Tables, EventBridge, SystemClock>;

/// Returns `true` if everything was done.
pub(crate) async fn run(command: Command, stack: &Stack, json: bool, shell: &mut Shell<'_>) -> Result<bool> {
    let mail = Sqs::new(stack);
    match command {
        Command::List { queues, limit } => {
            let (list, returned) = list(&mail, stack, &queues, limit.into()).await?;
            shell.show(json, &list, List::text)?;
            returned.map(|()| true).map_err(|error| not_returned(&error, LOOK))
        }
        Command::Show { queue, message_id } => {
            let (full, returned) = show(&mail, &retrying(&mail, stack)?, queue, message_id.clone()).await?;
            let Some(full) = full else {
                returned.map_err(|error| not_returned(&error, LOOK))?;
                let title = format!("message {} is {}", printable(&message_id), not_found(queue));
                return Err(Failure { exit: NOT_DONE, title, ..Failure::default() }.into());
            };
            shell.show(json, &full, Full::text)?;
            returned.map(|()| true).map_err(|error| not_returned(&error, LOOK))
        }
        Command::Retry { chosen, force } => {
            let retry = retrying(&mail, stack)?;
            let handle = async |letter: &Received| retry.retry(chosen.queue, letter, force).await;
            each(&mail, stack, &chosen, handle, json, shell).await
        }
        Command::Drop { chosen, yes } => {
            if !yes && !confirmed(&chosen, stack, shell)? {
                writeln!(shell.err, "Nothing was removed.")?;
                return Ok(false);
            }
            let handle = async |letter: &Received| match mail.remove(chosen.queue, letter).await {
                Ok(()) => Outcome::Removed { reason: None },
                Err(e) => Outcome::Failed { reason: format!("{e:#}") },
            };
            each(&mail, stack, &chosen, handle, json, shell).await
        }
    }
}

fn retrying<'a>(mail: &'a Sqs<'a>, stack: &Stack) -> Result<Retrying<'a>> {
    let bus = EventBridge::new(aws_sdk_eventbridge::Client::new(&stack.sdk), stack.output("EventBusName")?);
    Ok(Retry {
        mail,
        db: stack.tables()?,
        bus: Publisher::new(bus),
        clock: SystemClock,
        machine: machine(stack)?,
        requested: RefCell::default(),
    })
}

/// The stack's state machine. Status events of others are foreign.
fn machine(stack: &Stack) -> Result<StateMachineArn> {
    let arn = stack.output("StateMachineArn")?;
    arn.parse().with_context(|| format!("StateMachineArn of {} is not a state machine's ARN", stack.label))
}

async fn list(mail: &Sqs<'_>, stack: &Stack, queues: &[Dlq], limit: usize) -> Result<(List, Result<()>)> {
    let chosen = |queue: &Dlq| queues.is_empty() || queues.contains(queue);
    let machine = &machine(stack)?;
    let look = |queue: Dlq| async move {
        let approximate_messages = mail.count(queue).await?;
        let Taken { letters, returned } = take(mail, queue, Wanted::Any(limit), LOOK).await?;
        let returned = returned.and(mail.give_back(queue, &letters).await);
        let now = SystemClock.now();
        let messages = letters.iter().map(|letter| Summary::of(queue, letter, machine, now)).collect();
        anyhow::Ok((QueueList { queue, approximate_messages, messages }, returned))
    };
    let looked = try_join_all(Dlq::ALL.into_iter().filter(chosen).map(look)).await?;
    let (queues, returned): (_, Vec<_>) = looked.into_iter().unzip();
    Ok((List { stack: stack.label.clone(), queues }, returned.into_iter().collect()))
}

async fn show(
    mail: &Sqs<'_>,
    retry: &Retrying<'_>,
    queue: Dlq,
    message_id: String,
) -> Result<(Option<Full>, Result<()>)> {
    let Taken { letters, returned } = take(mail, queue, Wanted::These(&[message_id]), LOOK).await?;
    let returned = returned.and(mail.give_back(queue, &letters).await);
    let Some(letter) = letters.first() else { return Ok((None, returned)) };
    let contents = Contents::read(queue, &letter.body, &retry.machine);
    let execution = retry.execution(&contents).await?;
    let now = SystemClock.now();
    let plan = retry.checked(decide::plan(&contents, execution.as_ref(), false, now)).await?;
    let full = Full {
        summary: Summary::of(queue, letter, &retry.machine, now),
        hint: decide::hint(queue, &contents, execution.as_ref()),
        retry: Intent::of(&plan),
        attributes: letter.attributes.clone(),
        body: redact::body(&letter.body),
    };
    Ok((Some(full), returned))
}

/// Handles the chosen messages one after the other. Returns `true` if all were handled; the others are returned to the
/// queue.
async fn each(
    mail: &impl Mail,
    stack: &Stack,
    chosen: &Chosen,
    handle: impl AsyncFn(&Received) -> Outcome,
    json: bool,
    shell: &mut Shell<'_>,
) -> Result<bool> {
    let queue = chosen.queue;
    let wanted = if chosen.all { Wanted::Any(IN_ONE_RUN) } else { Wanted::These(&chosen.message_ids) };
    let Taken { letters, returned } = take(mail, queue, wanted, WORK).await?;
    let found: BTreeSet<_> = letters.iter().map(|l| l.message_id.clone()).collect();
    let (mut results, mut left) = (Vec::new(), Vec::new());
    let mut told = Ok(());
    for letter in letters {
        // Once the output is closed, no further message is handled.
        if told.is_err() {
            left.push(letter);
            continue;
        }
        let outcome = handle(&letter).await;
        let handled = Handled { message_id: letter.message_id.clone(), outcome };
        if !handled.outcome.is_done() {
            left.push(letter);
        }
        told = tell(shell, json, &handled);
        results.push(handled);
    }
    let returned = returned.and(mail.give_back(queue, &left).await);
    told?;
    let missing: BTreeSet<_> = chosen.message_ids.iter().filter(|id| !found.contains(*id)).collect();
    for id in missing {
        let outcome = Outcome::NotFound { reason: not_found(queue) };
        let handled = Handled { message_id: id.clone(), outcome };
        tell(shell, json, &handled)?;
        results.push(handled);
    }
    let results = Report { stack: stack.label.clone(), queue, results };
    shell.show(json, &results, |r| format!("{}\n", r.closing()))?;
    returned.map_err(|error| not_returned(&error, WORK))?;
    Ok(results.all_done())
}

/// Returns the failure for messages that stay hidden. What was done with others is done, and told before.
fn not_returned(error: &anyhow::Error, hidden: Duration) -> anyhow::Error {
    let advice = format!(
        "they come back by themselves within {} s; sqs:ChangeMessageVisibility is needed to return them at once",
        hidden.as_secs()
    );
    let title = "messages that were read are not back in their queue".to_owned();
    let (detail, advice) = (Some(format!("{error:#}")), Some(advice));
    Failure { exit: NOT_DONE, title, detail, advice, ..Failure::default() }.into()
}

/// Returns the reason for a message that was not found. SQS has no lookup by id, so the search cannot tell more.
fn not_found(queue: Dlq) -> String {
    format!("not in the {} dead-letter queue, or another receiver has it in flight", queue.name())
}

fn tell(shell: &mut Shell<'_>, json: bool, handled: &Handled) -> Result<()> {
    if !json {
        writeln!(shell.out, "{}", handled.text())?;
    }
    Ok(())
}

fn confirmed(chosen: &Chosen, stack: &Stack, shell: &mut Shell<'_>) -> Result<bool> {
    let what = match (chosen.all, chosen.message_ids.len()) {
        (true, _) => "all messages".to_owned(),
        (false, 1) => "1 message".to_owned(),
        (false, count) => format!("{count} messages"),
    };
    let queue = chosen.queue.name();
    shell.confirms(&format!("Remove {what} of the {queue} dead-letter queue of {} for good?", stack.label))
}

#[cfg(test)]
mod tests {

    use goal_activity_testkit::stub::{Reply, Response, Seen, Stub};
    use serde_json::{Value, json};

    use super::*;
    use crate::Environment;
    use crate::testing::ran_on;

    /// SQS with one malformed letter in the batch queue, which answers a return of messages like that.
    async fn sqs(give_back: Response) -> Stub {
        let received = std::sync::atomic::AtomicBool::new(false);
        Stub::with(move |seen: &Seen| {
            let target = seen.header("x-amz-target").unwrap_or_default();
            let answer = |body: Value| Response::new(200, body);
            Reply::Whole(match target.rsplit('.').next().unwrap_or_default() {
                "GetQueueAttributes" => answer(json!({ "Attributes": {
                    "ApproximateNumberOfMessages": "1", "ApproximateNumberOfMessagesNotVisible": "0" } })),
                "ReceiveMessage" if !received.swap(true, std::sync::atomic::Ordering::SeqCst) => {
                    answer(json!({ "Messages": [{ "MessageId": "m-1", "ReceiptHandle": "h-1", "Body": "nonsense" }] }))
                }
                "ChangeMessageVisibilityBatch" => give_back.clone(),
                _ => answer(json!({})),
            })
        })
        .await
    }

    async fn ran(name: &str, give_back: Response, arguments: &[&str]) -> (u8, String, String) {
        let sqs = sqs(give_back).await;
        let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:goal-activity";
        let outputs = json!({ "BatchDlqUrl": format!("{}/batch", sqs.url()), "StateMachineArn": machine,
            "EventBusName": "bus", "GoalsTableName": "g", "TasksTableName": "t", "ExecutionsTableName": "e" });
        let arguments = [&["dlq"], arguments].concat();
        ran_on(&format!("dlq-{name}"), (&sqs.url(), outputs), Environment::default(), &arguments).await
    }

    fn denied() -> Response {
        let message = json!({ "message": "not authorized to perform: sqs:changemessagevisibility" });
        Response::new(403, message).header("x-amzn-errortype", "AccessDeniedException")
    }

    #[tokio::test]
    async fn messages_that_cannot_be_given_back_are_told_after_what_was_found_out() {
        let refused = json!({ "Successful": [], "Failed": [
            { "Id": "0", "SenderFault": false, "Code": "InternalError", "Message": "try again" } ] });
        for (name, answer, why) in [
            ("denied", denied(), "AccessDeniedException: not authorized"),
            ("refused", Response::new(200, refused), "InternalError: try again"),
        ] {
            let (code, out, err) = ran(&format!("list-{name}"), answer.clone(), &["list", "batch"]).await;
            assert!(code == NOT_DONE && out.contains("m-1"), "{code} {out} {err}");
            assert!(err.contains("not back in their queue") && err.contains(why), "{err}");
            let (code, out, err) = ran(&format!("retry-{name}"), answer, &["retry", "batch", "--all"]).await;
            assert!(code == NOT_DONE && out.contains("m-1  refused") && err.contains(why), "{code} {out} {err}");
        }
        let none = Response::new(200, json!({ "Successful": [{ "Id": "0" }], "Failed": [] }));
        let (code, out, err) = ran("list-fine", none, &["list", "batch"]).await;
        assert!(code == crate::failure::DONE && out.contains("m-1") && err.is_empty(), "{code} {out} {err}");
    }
}
