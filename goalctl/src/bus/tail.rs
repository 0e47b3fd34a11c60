use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use clap::Args;
use goal_activity_events::publisher::reason;
use goal_activity_events::{EventId, GoalId};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::report;
use crate::failure::{DONE, Failure, NO_ACCESS, NOT_DONE};
use crate::shell::Shell;
use crate::stack::Stack;

/// The wait time of one receive call, in seconds. Shorter than the timeout of a call.
const LOOK: i32 = 5;
/// The duration of a tail without `--for`.
const FOR_EVER: Duration = Duration::from_secs(365 * 86_400);
const TARGET: &str = "queue";

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  goalctl events tail
  goalctl events tail --type WorkflowCompleted --json | jq -r '.detail | [.goalId, .status] | @tsv'
  goalctl events tail --goal learn-piano --type WorkflowCompleted --count 1 --for 900

With --json every event is one line of JSON, as EventBridge delivers it.

Exit codes: 0 after --count events, after --for without --count, and on Ctrl-C; 1 if the time was over before --count.")]
pub(crate) struct Tail {
    /// Only events of this type [repeat it, or separate them by commas]
    #[arg(long = "type", value_name = "DETAIL_TYPE", value_delimiter = ',')]
    types: Vec<String>,
    /// Only events about this goal [repeat it, or separate them by commas]
    #[arg(long = "goal", value_name = "GOAL", value_delimiter = ',')]
    goals: Vec<GoalId>,
    /// End after that many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
    /// End after that many seconds
    #[arg(long = "for", value_name = "SECONDS")]
    seconds: Option<u32>,
}

/// A queue and a rule that exist for the duration of one command.
struct Tap<'a> {
    sqs: aws_sdk_sqs::Client,
    events: aws_sdk_eventbridge::Client,
    bus: &'a str,
    name: String,
    queue: Option<String>,
}

pub(super) async fn tail(args: Tail, stack: &Stack, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let interrupted = Arc::new(Notify::new());
    let heard = Arc::clone(&interrupted);
    // Also SIGTERM and SIGHUP. Installed before any resource is created, so that none is left behind.
    ctrlc::set_handler(move || heard.notify_one()).context("cannot listen for Ctrl-C")?;
    let mut tap = Tap {
        sqs: aws_sdk_sqs::Client::new(&stack.sdk),
        events: aws_sdk_eventbridge::Client::new(&stack.sdk),
        bus: stack.output("EventBusName")?,
        name: format!("goalctl-tail-{}", EventId::random()),
        queue: None,
    };
    let pattern = report::pattern(&args.types, &args.goals);
    let listening = async {
        // Not interrupted: whether a cancelled call has created its queue cannot be known.
        tap.open(&pattern).await?;
        writeln!(shell.err, "Listening to {} as {}; Ctrl-C ends it.", tap.bus, tap.name)?;
        tokio::select! {
            result = listen(&tap, &args, json, shell) => result,
            () = interrupted.notified() => Ok(DONE),
        }
    };
    let result = listening.await;
    // Removes the resources in every case, and reports the ones that could not be removed.
    match (tap.close().await, result) {
        (Ok(()), result) => result,
        (Err(left), Ok(_)) => Err(left),
        (Err(left), Err(error)) => Err(error.context(format!("{left:#}"))),
    }
}

async fn listen(tap: &Tap<'_>, args: &Tail, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let time = args.seconds.map_or(FOR_EVER, |seconds| Duration::from_secs(seconds.into()));
    let deadline = Instant::now() + time;
    let mut seen = 0;
    loop {
        let Ok(messages) = timeout_at(deadline, tap.receive()).await else {
            return Ok(if args.count.is_some() { NOT_DONE } else { DONE });
        };
        for message in messages? {
            show(message.body().unwrap_or_default(), json, shell)?;
            seen += 1;
            if args.count == Some(seen) {
                return Ok(DONE);
            }
        }
    }
}

fn show(body: &str, json: bool, shell: &mut Shell<'_>) -> Result<()> {
    let event: Value = serde_json::from_str(body).context("a message that is no event")?;
    if json {
        writeln!(shell.out, "{event}")?;
    } else {
        write!(shell.out, "{}", report::line(&event))?;
    }
    // Flushed so that each event appears at once.
    Ok(shell.out.flush()?)
}

impl Tap<'_> {
    async fn open(&mut self, pattern: &Value) -> Result<()> {
        let created = self.sqs.create_queue().queue_name(&self.name);
        // Messages in the queue of a killed tail expire.
        let created = created.attributes(QueueAttributeName::MessageRetentionPeriod, "86400").send().await;
        let queue = created.map_err(|e| failed("make a queue", &e))?.queue_url.context("a queue without a URL")?;
        self.queue = Some(queue.clone());
        let attributes = self.sqs.get_queue_attributes().queue_url(&queue);
        let attributes = attributes.attribute_names(QueueAttributeName::QueueArn).send().await;
        let attributes = attributes.map_err(|e| failed("read the queue's attributes", &e))?;
        let arn = attributes.attributes().and_then(|a| a.get(&QueueAttributeName::QueueArn));
        let arn = arn.context("a queue without an ARN")?;

        let rule = self.events.put_rule().name(&self.name).event_bus_name(self.bus);
        let rule = rule.description("goalctl events tail").event_pattern(pattern.to_string()).send().await;
        let rule = rule.map_err(|e| failed("make a rule", &e))?.rule_arn.context("a rule without an ARN")?;
        let set = self.sqs.set_queue_attributes().queue_url(&queue);
        let set = set.attributes(QueueAttributeName::Policy, policy(arn, &rule).to_string()).send().await;
        set.map_err(|e| failed("let the rule into the queue", &e))?;
        let target = Target::builder().id(TARGET).arn(arn).build()?;
        let put = self.events.put_targets().rule(&self.name).event_bus_name(self.bus).targets(target).send().await;
        let put = put.map_err(|e| failed("aim the rule at the queue", &e))?;
        let refused = put.failed_entries().first().map(|entry| {
            format!("{}: {}", entry.error_code().unwrap_or_default(), entry.error_message().unwrap_or_default())
        });
        anyhow::ensure!(
            put.failed_entry_count() == 0,
            "the rule cannot be aimed at the queue: {}",
            refused.unwrap_or_else(|| "EventBridge gives no reason".to_owned())
        );
        Ok(())
    }

    /// Receives the events since the last call and removes them from the queue.
    async fn receive(&self) -> Result<Vec<Message>> {
        let queue = self.queue.as_deref().unwrap_or_default();
        let receive = self.sqs.receive_message().queue_url(queue).max_number_of_messages(10).wait_time_seconds(LOOK);
        let messages = receive.send().await.map_err(|e| failed("read the queue", &e))?.messages.unwrap_or_default();
        for message in &messages {
            let handle = message.receipt_handle().unwrap_or_default();
            let removed = self.sqs.delete_message().queue_url(queue).receipt_handle(handle).send().await;
            removed.map_err(|e| failed("remove a message from the queue", &e))?;
        }
        Ok(messages)
    }

    /// Removes the rule and the queue, even if their creation was interrupted.
    async fn close(&self) -> Result<()> {
        let Some(queue) = &self.queue else { return Ok(()) };
        let targets = self.events.remove_targets().rule(&self.name).event_bus_name(self.bus).ids(TARGET).send().await;
        let rule = self.events.delete_rule().name(&self.name).event_bus_name(self.bus).send().await;
        let queue = self.sqs.delete_queue().queue_url(queue).send().await;
        // Targets and rule may not have been created yet: a missing rule is not an error then.
        let absent = targets.as_ref().is_err_and(|e| e.as_service_error().is_some_and(is_absent));
        let targets = targets.err().filter(|_| !absent).map(|e| failed("remove the rule's target", &e));
        let rule = rule.err().filter(|_| !absent).map(|e| failed("remove the rule", &e));
        // Without its rule nothing is left of a target.
        let targets = targets.filter(|_| rule.is_some());
        let left = [targets, rule, queue.err().map(|e| failed("remove the queue", &e))];
        let Some(left) = left.into_iter().flatten().reduce(Failure::and) else { return Ok(()) };
        Err(anyhow::Error::from(left).context(format!("{} is left behind, remove it by hand", self.name)))
    }
}

fn is_absent(error: &aws_sdk_eventbridge::operation::remove_targets::RemoveTargetsError) -> bool {
    error.is_resource_not_found_exception()
}

/// Returns the queue policy that lets only this rule send messages.
fn policy(queue: &str, rule: &str) -> Value {
    let statement = json!({
        "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" }, "Action": "sqs:SendMessage",
        "Resource": queue, "Condition": { "ArnEquals": { "aws:SourceArn": rule } },
    });
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

/// Returns the failure for an AWS call that failed.
fn failed<E, R>(what: &str, error: &SdkError<E, R>) -> Failure
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: Debug + 'static,
{
    let failure = Failure::unavailable(format!("cannot {what}"), reason(error));
    let refused = |code: &str| code.contains("AccessDenied") || code.contains("AuthorizationError");
    if !error.code().is_some_and(refused) {
        return failure;
    }
    let advice = "`goalctl events tail --help` and `goalctl events emit --help` tell what has to be allowed";
    Failure { exit: NO_ACCESS, retryable: false, advice: Some(advice.to_owned()), ..failure }
}
