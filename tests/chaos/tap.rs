//! Receives everything on the buses, and can publish it again.

use std::sync::Mutex;

use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName;
use goal_activity_tests::Stack;
use serde_json::{Value, json};

const RULE: &str = "chaos-tap";

/// A separate queue behind rules for all events of the pipeline.
#[derive(Debug)]
pub(crate) struct Tap {
    stack: Stack,
    queue: String,
    heard: Mutex<Vec<Value>>,
}

impl Tap {
    /// Receives everything from now on.
    pub(crate) async fn new(stack: &Stack) -> Self {
        let sqs = stack.sqs();
        let queue = sqs.create_queue().queue_name(RULE).send().await.unwrap().queue_url.unwrap();
        let arn = QueueAttributeName::QueueArn;
        let attributes =
            sqs.get_queue_attributes().queue_url(&queue).attribute_names(arn.clone()).send().await.unwrap();
        let arn = attributes.attributes.unwrap().remove(&arn).unwrap();
        let ours = json!({ "detail-type": ["GoalActivityRequested", "BatchProgressed", "WorkflowCompleted"] });
        let machine =
            json!({ "source": ["aws.states"], "detail": { "stateMachineArn": [stack.output("StateMachineArn")] } });
        for (bus, pattern) in [(stack.output("EventBusName"), ours), ("default", machine)] {
            let put = stack.eventbridge().put_rule().name(RULE).event_bus_name(bus).event_pattern(pattern.to_string());
            put.send().await.unwrap();
            let target = Target::builder().id("queue").arn(&arn).build().unwrap();
            stack.eventbridge().put_targets().rule(RULE).event_bus_name(bus).targets(target).send().await.unwrap();
        }
        Self { stack: stack.clone(), queue, heard: Mutex::default() }
    }

    /// Returns the new events since the last call, at most 10.
    pub(crate) async fn listen(&self) -> Vec<Value> {
        let sqs = self.stack.sqs();
        let receive = sqs.receive_message().queue_url(&self.queue).max_number_of_messages(10);
        let mut events: Vec<Value> = Vec::new();
        for message in receive.send().await.unwrap().messages.unwrap_or_default() {
            let event: Value = serde_json::from_str(message.body().unwrap()).unwrap();
            // Before it is deleted: who listens may be stopped at any point.
            self.heard.lock().unwrap().push(event.clone());
            events.push(event);
            let handle = message.receipt_handle().unwrap();
            sqs.delete_message().queue_url(&self.queue).receipt_handle(handle).send().await.unwrap();
        }
        events
    }

    /// Returns every event of that type received so far.
    pub(crate) fn heard(&self, detail_type: &str) -> Vec<Value> {
        self.heard.lock().unwrap().iter().filter(|e| e["detail-type"] == detail_type).cloned().collect()
    }
}
