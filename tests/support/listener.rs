use std::marker::PhantomData;
use std::sync::Mutex;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use goal_activity_events::{Detail, Envelope, GoalId, SOURCE};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Stack, eventually};

/// A queue that receives what the pipeline publishes.
#[derive(Debug)]
pub struct Listener {
    sqs: aws_sdk_sqs::Client,
    queue: String,
    /// Only messages that contain this.
    about: Option<String>,
    heard: Mutex<Vec<Value>>,
}

impl Listener {
    async fn new(stack: &Stack, about: &str) -> (Self, String) {
        let sqs = stack.sqs();
        let created = sqs.create_queue().queue_name(format!("listener-{}", Uuid::new_v4())).send().await;
        let queue = created.expect("a queue can be made").queue_url.expect("a queue has a URL");
        let attributes = sqs.get_queue_attributes().queue_url(&queue).attribute_names(QueueAttributeName::QueueArn);
        let attributes = attributes.send().await.expect("a queue has attributes");
        let arn = attributes
            .attributes()
            .and_then(|a| a.get(&QueueAttributeName::QueueArn))
            .expect("a queue has an ARN")
            .clone();
        (Self { sqs, queue, about: Some(about.to_owned()), heard: Mutex::default() }, arn)
    }

    /// Reads an existing queue that has no other reader.
    pub(crate) fn to_queue(stack: &Stack, queue: &str) -> Self {
        Self { sqs: stack.sqs(), queue: stack.output(queue).to_owned(), about: None, heard: Mutex::default() }
    }

    async fn to_events(stack: &Stack, detail_type: &str, goal: &GoalId) -> Self {
        let (listener, arn) = Self::new(stack, goal.as_str()).await;
        let (events, bus) = (stack.eventbridge(), stack.output("EventBusName"));
        let rule = format!("listener-{}", Uuid::new_v4());
        let pattern = json!({ "detail-type": [detail_type], "detail": { "goalId": [goal] } });
        let put = events.put_rule().name(&rule).event_bus_name(bus).event_pattern(pattern.to_string());
        put.send().await.expect("a rule can be made");
        let target = Target::builder().id("queue").arn(arn).build().expect("a target");
        let put = events.put_targets().rule(&rule).event_bus_name(bus).targets(target);
        put.send().await.expect("a target can be set");
        listener
    }

    /// Subscribes to the operators' topic, with these attributes of a subscription.
    pub(crate) async fn to_alerts(stack: &Stack, about: &str, subscription: &[(&str, &str)]) -> Self {
        let (listener, arn) = Self::new(stack, about).await;
        let topic = stack.output("AlertTopicArn");
        let statement = json!({
            "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" }, "Action": "sqs:SendMessage",
            "Resource": arn, "Condition": { "ArnEquals": { "aws:SourceArn": topic } },
        });
        let policy = json!({ "Version": "2012-10-17", "Statement": [statement] });
        let set = listener.sqs.set_queue_attributes().queue_url(&listener.queue);
        let set = set.attributes(QueueAttributeName::Policy, policy.to_string());
        set.send().await.expect("a queue can be opened to a topic");
        let subscribe = stack.sns().subscribe().topic_arn(topic).protocol("sqs").endpoint(arn);
        let subscribe = subscription.iter().fold(subscribe, |all, (name, value)| all.attributes(*name, *value));
        subscribe.send().await.expect("a topic can be subscribed to");
        listener
    }

    /// Everything received so far.
    pub async fn heard(&self) -> Vec<Value> {
        let receive = self.sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
        let messages = receive.send().await.expect("a queue can be read").messages.unwrap_or_default();
        for message in messages {
            let body: Value = serde_json::from_str(message.body().unwrap_or_default()).expect("a JSON message");
            if self.about.as_ref().is_none_or(|about| body.to_string().contains(about)) {
                self.heard.lock().expect("one reader").push(body);
            }
            let handle = message.receipt_handle().unwrap_or_default();
            let delete = self.sqs.delete_message().queue_url(&self.queue).receipt_handle(handle);
            delete.send().await.expect("a message can be deleted");
        }
        self.heard.lock().expect("one reader").clone()
    }

    /// Waits for the first message about the goal.
    pub async fn first(&self, what: &str) -> Value {
        eventually(what, || async { self.heard().await.first().cloned() }).await
    }
}

/// A queue that receives the pipeline's events of one type about a goal.
#[derive(Debug)]
pub struct Events<D> {
    listener: Listener,
    of: PhantomData<D>,
}

impl<D: Detail> Events<D> {
    pub(crate) async fn new(stack: &Stack, goal: &GoalId) -> Self {
        Self { listener: Listener::to_events(stack, D::TYPE, goal).await, of: PhantomData }
    }

    /// The details of all events so far.
    pub async fn heard(&self) -> Vec<D> {
        self.listener.heard().await.iter().map(detail).collect()
    }

    /// Waits for the first event, and returns its detail.
    pub async fn first(&self) -> D {
        detail(&self.listener.first(D::TYPE).await)
    }
}

fn detail<D: Detail>(event: &Value) -> D {
    let envelope = Envelope::parse(&event.to_string()).expect("an event");
    assert_eq!(envelope.source, SOURCE, "{event}");
    envelope.detail().expect("an event as it is described")
}
