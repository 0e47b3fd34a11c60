//! A queue and a rule that show the events of the bus for the duration of one command.

use std::fmt::Debug;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, Target};
use aws_sdk_sns::operation::subscribe::builders::SubscribeFluentBuilder;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::create_queue::builders::CreateQueueFluentBuilder;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use goal_activity_events::GoalId;
use goal_activity_events::publisher::reason;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::checks::is_denied;
use crate::failure::{Failure, NO_ACCESS};
use crate::stack::Stack;

/// The wait time of one receive call, in seconds. Shorter than the timeout of a call.
const LOOK: i32 = 5;
const TARGET: &str = "queue";
/// The type of the events that only show that a rule delivers. No rule of the pipeline selects it.
const PROBE: &str = "GoalctlProbe";
/// How long a new rule, and the policy of its queue, may take until they are in force.
const IN_FORCE: Duration = Duration::from_secs(90);

/// A queue and a rule that exist for the duration of one command.
#[derive(Debug)]
pub(crate) struct Tap<'a> {
    sqs: aws_sdk_sqs::Client,
    events: aws_sdk_eventbridge::Client,
    sns: aws_sdk_sns::Client,
    pub(crate) bus: &'a str,
    /// Of the queue and of the rule.
    pub(crate) name: String,
    /// `true` once a queue may exist, whatever became of the call.
    has_queue: bool,
    queue: Option<String>,
    arn: String,
    rule: String,
    /// `true` once a rule may exist, whatever became of the call.
    has_rule: bool,
    /// Where a subscription may exist, whatever became of the call.
    topic: Option<String>,
    subscription: Option<String>,
    /// What to do when a call is not permitted.
    help: &'static str,
}

impl<'a> Tap<'a> {
    /// Nothing is created yet.
    pub(crate) fn new(stack: &'a Stack, name: String, help: &'static str) -> Result<Self> {
        Ok(Self {
            sqs: aws_sdk_sqs::Client::new(&stack.sdk),
            events: aws_sdk_eventbridge::Client::new(&stack.sdk),
            sns: aws_sdk_sns::Client::new(&stack.sdk),
            bus: stack.output("EventBusName")?,
            name,
            has_queue: false,
            queue: None,
            arn: String::new(),
            rule: String::new(),
            has_rule: false,
            topic: None,
            subscription: None,
            help,
        })
    }

    /// Creates queue and rule. Not to be interrupted: whether a cancelled call has created its resource cannot be known.
    pub(crate) async fn open(&mut self, pattern: &Value) -> Result<()> {
        self.has_queue = true;
        let created = self.create_queue().send().await;
        self.has_queue = !created.as_ref().is_err_and(is_denied);
        let queue = created
            .map_err(|e| self.failed("make a queue", "sqs:CreateQueue", &e))?
            .queue_url
            .context("a queue without a URL")?;
        self.queue = Some(queue.clone());
        let attributes = self.sqs.get_queue_attributes().queue_url(&queue);
        let attributes = attributes.attribute_names(QueueAttributeName::QueueArn).send().await;
        let attributes =
            attributes.map_err(|e| self.failed("read the queue's attributes", "sqs:GetQueueAttributes", &e))?;
        let arn = attributes.attributes().and_then(|a| a.get(&QueueAttributeName::QueueArn));
        let arn = arn.context("a queue without an ARN")?;
        self.arn.clone_from(arn);

        self.has_rule = true;
        let rule = self.events.put_rule().name(&self.name).event_bus_name(self.bus);
        let rule =
            rule.description("goalctl, for the time of one command").event_pattern(pattern.to_string()).send().await;
        self.has_rule = !rule.as_ref().is_err_and(is_denied);
        let rule = rule
            .map_err(|e| self.failed("make a rule", "events:PutRule", &e))?
            .rule_arn
            .context("a rule without an ARN")?;
        self.rule = rule;
        self.admit(&[statement("events", arn, &self.rule)]).await?;
        let target = Target::builder().id(TARGET).arn(arn).build()?;
        let put = self.events.put_targets().rule(&self.name).event_bus_name(self.bus).targets(target).send().await;
        let put = put.map_err(|e| self.failed("aim the rule at the queue", "events:PutTargets", &e))?;
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

    /// Returns `true` once something may exist that has to be removed.
    pub(crate) fn is_open(&self) -> bool {
        self.has_queue
    }

    /// The call that creates the queue, or names the one that an earlier call has created.
    fn create_queue(&self) -> CreateQueueFluentBuilder {
        let create = self.sqs.create_queue().queue_name(&self.name);
        // Messages in the queue of a killed tail expire.
        create.attributes(QueueAttributeName::MessageRetentionPeriod, "86400")
    }

    /// The call that subscribes the queue, or names the subscription that an earlier call has made.
    fn subscription_to(&self, topic: &str) -> SubscribeFluentBuilder {
        let subscribe = self.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(&self.arn);
        subscribe.attributes("RawMessageDelivery", "true").return_subscription_arn(true)
    }

    /// Waits until an event about that goal is heard which is put on the bus for that. Returns how long it took.
    ///
    /// A new rule and a new policy are not in force at once, and an event before that is lost to them.
    pub(crate) async fn wait_until_it_hears(&self, goal: &GoalId) -> Result<Duration> {
        let began = Instant::now();
        loop {
            let entry = PutEventsRequestEntry::builder().event_bus_name(self.bus).source("goalctl").detail_type(PROBE);
            let entry = entry.detail(json!({ "goalId": goal }).to_string()).build();
            let put = self.events.put_events().entries(entry).send().await;
            put.map_err(|e| self.failed("put an event on the bus", "events:PutEvents", &e))?;
            let heard = self.receive().await?;
            if heard.iter().any(|message| message.body().is_some_and(|body| body.contains(PROBE))) {
                return Ok(began.elapsed());
            }
            if began.elapsed() > IN_FORCE {
                let title = format!("an event that was put on the bus was not heard within {} s", IN_FORCE.as_secs());
                let advice = "is there a policy of the organization that forbids rules or queues? CloudTrail says so";
                let failure = Failure::unavailable(title, format!("the rule {} delivers nothing", self.name));
                return Err(Failure { advice: Some(advice.to_owned()), ..failure }.into());
            }
        }
    }

    /// Returns `true` if that is an event of the pipeline: neither one that was put there to be heard, nor a notice.
    pub(crate) fn is_event(message: &Value) -> bool {
        message["detail-type"].as_str().is_some_and(|kind| kind != PROBE)
    }

    /// Also receives the notices of all goals, without their envelope. A filter would be in force after minutes only.
    pub(crate) async fn subscribe(&mut self, topic: &str) -> Result<()> {
        self.admit(&[statement("events", &self.arn, &self.rule), statement("sns", &self.arn, topic)]).await?;
        self.topic = Some(topic.to_owned());
        let subscribed = self.subscription_to(topic).send().await;
        self.topic.take_if(|_| subscribed.as_ref().is_err_and(is_denied));
        let subscribed = subscribed.map_err(|e| self.failed("subscribe to the alerts", "sns:Subscribe", &e))?;
        self.subscription = subscribed.subscription_arn;
        Ok(())
    }

    /// Sets who may send to the queue.
    async fn admit(&self, statements: &[Value]) -> Result<()> {
        let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        let set = self.sqs.set_queue_attributes().queue_url(self.queue.as_deref().unwrap_or_default());
        let set = set.attributes(QueueAttributeName::Policy, policy).send().await;
        set.map_err(|e| self.failed("let the rule into the queue", "sqs:SetQueueAttributes", &e))?;
        Ok(())
    }

    /// Returns the failure for an AWS call that failed.
    fn failed<E, R>(&self, what: &str, permission: &str, error: &SdkError<E, R>) -> Failure
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: Debug + 'static,
    {
        let failure = Failure::unavailable(format!("cannot {what}"), reason(error));
        if !is_denied(error) {
            return failure;
        }
        let advice = Some(format!("allow {permission}; {}", self.help));
        Failure { exit: NO_ACCESS, retryable: false, advice, ..failure }
    }

    /// Receives the events since the last call and removes them from the queue.
    pub(crate) async fn receive(&self) -> Result<Vec<Message>> {
        let queue = self.queue.as_deref().unwrap_or_default();
        let receive = self.sqs.receive_message().queue_url(queue).max_number_of_messages(10).wait_time_seconds(LOOK);
        let messages = receive
            .send()
            .await
            .map_err(|e| self.failed("read the queue", "sqs:ReceiveMessage", &e))?
            .messages
            .unwrap_or_default();
        for message in &messages {
            let handle = message.receipt_handle().unwrap_or_default();
            let removed = self.sqs.delete_message().queue_url(queue).receipt_handle(handle).send().await;
            removed.map_err(|e| self.failed("remove a message from the queue", "sqs:DeleteMessage", &e))?;
        }
        Ok(messages)
    }

    /// Removes the rule, the subscription and the queue, even if their creation was interrupted.
    pub(crate) async fn close(&self) -> Result<()> {
        if !self.has_queue {
            return Ok(());
        }
        let left = [self.remove_rule().await, self.unsubscribe().await.err(), self.remove_queue().await.err()];
        let Some(left) = left.into_iter().flatten().reduce(Failure::and) else { return Ok(()) };
        Err(anyhow::Error::from(left).context(format!("{} is left behind, remove it by hand", self.name)))
    }

    /// Removes all of it in every case, and reports what could not be removed beside what came of listening.
    pub(crate) async fn close_after<T>(&self, result: Result<T>) -> Result<T> {
        match (self.close().await, result) {
            (Ok(()), result) => result,
            (Err(left), Ok(_)) => Err(left),
            (Err(left), Err(error)) => Err(error.context(format!("{left:#}"))),
        }
    }

    async fn unsubscribe(&self) -> Result<(), Failure> {
        let Some(topic) = &self.topic else { return Ok(()) };
        let failed = |e| self.failed("end the subscription of the alerts", "sns:Subscribe", &e);
        let subscription = match &self.subscription {
            Some(subscription) => Some(subscription.clone()),
            None => self.subscription_to(topic).send().await.map_err(failed)?.subscription_arn,
        };
        let end = self.sns.unsubscribe().subscription_arn(subscription.unwrap_or_default()).send().await;
        end.map(drop).map_err(|e| self.failed("end the subscription of the alerts", "sns:Unsubscribe", &e))
    }

    async fn remove_queue(&self) -> Result<(), Failure> {
        let failed = |e| self.failed("remove the queue", "sqs:CreateQueue", &e);
        let queue = match &self.queue {
            Some(queue) => Some(queue.clone()),
            None => self.create_queue().send().await.map_err(failed)?.queue_url,
        };
        let removed = self.sqs.delete_queue().queue_url(queue.unwrap_or_default()).send().await;
        removed.map(drop).map_err(|e| self.failed("remove the queue", "sqs:DeleteQueue", &e))
    }

    async fn remove_rule(&self) -> Option<Failure> {
        if !self.has_rule {
            return None;
        }
        let targets = self.events.remove_targets().rule(&self.name).event_bus_name(self.bus).ids(TARGET).send().await;
        let rule = self.events.delete_rule().name(&self.name).event_bus_name(self.bus).send().await;
        // Targets and rule may not have been created yet: a missing rule is not an error then.
        let absent = targets.as_ref().is_err_and(|e| e.as_service_error().is_some_and(is_absent));
        let rule = rule.err().filter(|_| !absent).map(|e| self.failed("remove the rule", "events:DeleteRule", &e))?;
        // Without its rule nothing is left of a target.
        let targets = targets.err().map(|e| self.failed("remove the rule's target", "events:RemoveTargets", &e));
        Some(targets.map_or(rule.clone(), |targets| targets.and(rule)))
    }
}

fn is_absent(error: &aws_sdk_eventbridge::operation::remove_targets::RemoveTargetsError) -> bool {
    error.is_resource_not_found_exception()
}

/// Returns the statement of a queue's policy that lets only this rule or topic of a service send messages.
fn statement(service: &str, queue: &str, source: &str) -> Value {
    json!({
        "Effect": "Allow", "Principal": { "Service": format!("{service}.amazonaws.com") }, "Action": "sqs:SendMessage",
        "Resource": queue, "Condition": { "ArnEquals": { "aws:SourceArn": source } },
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};

    use goal_activity_testkit::stub::{Reply, Response, Seen, Stub};

    use super::*;
    use crate::place::Place;

    /// Opens a tap on services that do not answer that action, which they have done all the same, and closes it when they
    /// answer again. Returns what they were asked for.
    async fn left_behind_by(lost: &'static str) -> Vec<String> {
        let (works, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (answers, seen_by_stub) = (Arc::clone(&works), Arc::clone(&asked));
        let aws = Stub::with(move |seen: &Seen| {
            let target = seen.header("x-amz-target").and_then(|target| target.rsplit('.').next()).unwrap_or_default();
            let form = seen.text.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default();
            let action = if target.is_empty() { form } else { target };
            seen_by_stub.lock().unwrap().push(action.to_owned());
            if action == lost && !answers.load(Ordering::SeqCst) {
                return Reply::Whole(Response::new(500, "{}"));
            }
            let arn = "arn:aws:sqs:us-east-1:123456789012:q";
            Reply::Whole(match action {
                "CreateQueue" => Response::new(200, json!({ "QueueUrl": "http://queue" })),
                "GetQueueAttributes" => Response::new(200, json!({ "Attributes": { "QueueArn": arn } })),
                "PutRule" => Response::new(200, json!({ "RuleArn": "arn:rule" })),
                "PutTargets" => Response::new(200, json!({ "FailedEntryCount": 0, "FailedEntries": [] })),
                "Subscribe" => Response::new(
                    200,
                    "<SubscribeResponse><SubscribeResult><SubscriptionArn>arn:subscription</SubscriptionArn></SubscribeResult>\
                     </SubscribeResponse>",
                ),
                "Unsubscribe" => Response::new(200, "<UnsubscribeResponse/>"),
                _ => Response::new(200, "{}"),
            })
        })
        .await;
        let file = std::env::temp_dir().join(format!("goalctl-tap-{lost}-{}.json", std::process::id()));
        let stack = json!({ "endpoint": aws.url(), "outputs": { "EventBusName": "bus" } });
        std::fs::write(&file, stack.to_string()).unwrap();
        let stack = Stack::open(&Place { stack_file: Some(file.clone()), ..Place::default() }).await.unwrap();
        std::fs::remove_file(file).unwrap();

        let mut tap = Tap::new(&stack, "goalctl-test".to_owned(), "").unwrap();
        let opened = match tap.open(&json!({})).await {
            Ok(()) => tap.subscribe("arn:topic").await,
            error => error,
        };
        opened.expect_err(lost);
        assert!(tap.is_open(), "{lost}");
        works.store(true, Ordering::SeqCst);
        asked.lock().unwrap().clear();
        tap.close().await.unwrap();
        asked.lock().unwrap().clone()
    }

    #[tokio::test]
    async fn what_was_made_without_an_answer_is_removed() {
        assert_eq!(left_behind_by("CreateQueue").await, ["CreateQueue", "DeleteQueue"]);
        let asked = left_behind_by("PutRule").await;
        assert_eq!(asked, ["RemoveTargets", "DeleteRule", "DeleteQueue"]);
        let asked = left_behind_by("Subscribe").await;
        assert_eq!(asked, ["RemoveTargets", "DeleteRule", "Subscribe", "Unsubscribe", "DeleteQueue"]);
    }
}
