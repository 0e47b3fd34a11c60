use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::{Message, QueueAttributeName};
use goal_activity_adapters::clock::SystemClock;
use goal_activity_core::archive::ArchiveKey;
use goal_activity_core::notice::Notice;
use goal_activity_core::ports::{Clock, Event};
use goal_activity_events::{BatchAnswer, Envelope, ExecutionArn, SOURCE, StateMachineArn, TaskToken, Timestamp};
use goal_activity_functions::adapters::aws::{Archive, Bus, Connection, Queue, StepFunctions, Topic};
use goal_activity_tests::eventually;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{Emulator, Services};

/// The link target of notices.
const GUIDE: &str = "https://docs.example/OPERATIONS.md";
/// How long to wait for a message that must not arrive.
const QUIET: i32 = 1;

/// The adapters for AWS, each with a separate resource of the case.
pub(crate) struct AwsServices {
    step_functions: StepFunctions,
    bus: Bus,
    topic: Topic,
    queue: Queue,
    archive: Archive,
    clients: Clients,
    state_machine: StateMachineArn,
    /// The queue of its executions' task tokens.
    questions: Questions,
    /// The queue that receives events.
    events: String,
    /// The queue that receives notices.
    notices: String,
    /// The queue whose messages are hidden.
    messages: String,
    /// The bucket of records.
    bucket: String,
}

/// The tasks of executions so far.
struct Questions {
    queue: String,
    asked: Mutex<Vec<Value>>,
}

struct Clients {
    sqs: aws_sdk_sqs::Client,
    states: aws_sdk_sfn::Client,
    s3: aws_sdk_s3::Client,
}

fn unique(name: &str) -> String {
    format!("{name}-{}", Uuid::new_v4().simple())
}

impl AwsServices {
    pub(crate) async fn open() -> Self {
        let sdk = Emulator::MiniStack.sdk().await;
        let aws = Connection::from(sdk.clone());
        let clients = Clients {
            sqs: aws_sdk_sqs::Client::new(&sdk),
            states: aws_sdk_sfn::Client::new(&sdk),
            s3: aws_sdk_s3::Client::new(&sdk),
        };
        let (bus, topic) = (unique("bus"), unique("topic"));
        let asked = clients.new_queue("questions").await;
        let events = clients.new_queue("events").await;
        let notices = clients.new_queue("notices").await;
        let messages = clients.new_queue("messages").await;
        let bucket = unique("archive");
        clients.s3.create_bucket().bucket(&bucket).send().await.expect("a bucket can be made");
        clients.route_events(&sdk, &bus, &events).await;
        let topic = clients.route_notices(&sdk, &topic, &notices).await;
        Self {
            step_functions: StepFunctions::new(&aws),
            bus: Bus::new(&aws, bus),
            topic: Topic::new(&aws, topic, GUIDE),
            queue: Queue::new(&aws, &messages),
            archive: Archive::new(&aws, &bucket),
            state_machine: clients.new_state_machine(&asked).await,
            questions: Questions { queue: asked, asked: Mutex::default() },
            clients,
            events,
            notices,
            messages,
            bucket,
        }
    }

    /// Writes another object under the key of a record.
    pub(crate) async fn put_archived(&self, key: &ArchiveKey, content: &str) {
        let body = content.as_bytes().to_vec().into();
        let put = self.clients.s3.put_object().bucket(&self.bucket).key(key.as_str()).body(body);
        put.send().await.expect("an object can be stored");
    }

    /// Waits for that many tasks of executions, and checks that there are no more.
    async fn asked(&self, count: usize) -> Vec<Value> {
        let mut asked = self.questions.asked.lock().await;
        let missing = count - asked.len();
        asked.extend(self.clients.exactly(&self.questions.queue, missing).await);
        asked.clone()
    }
}

impl Clients {
    async fn new_queue(&self, name: &str) -> String {
        let queue = self.sqs.create_queue().queue_name(unique(name));
        // By default, a received message becomes visible again soon.
        let queue = queue.attributes(QueueAttributeName::VisibilityTimeout, "1");
        queue.send().await.expect("a queue can be made").queue_url.expect("a queue has a URL")
    }

    async fn arn(&self, queue: &str) -> String {
        let get = self.sqs.get_queue_attributes().queue_url(queue).attribute_names(QueueAttributeName::QueueArn);
        let attributes = get.send().await.expect("a queue has attributes").attributes.expect("a queue has attributes");
        attributes[&QueueAttributeName::QueueArn].clone()
    }

    async fn route_events(&self, sdk: &SdkConfig, bus: &str, queue: &str) {
        let events = aws_sdk_eventbridge::Client::new(sdk);
        events.create_event_bus().name(bus).send().await.expect("a bus can be made");
        let rule = events.put_rule().name("all").event_bus_name(bus);
        let pattern = json!({ "source": [SOURCE] });
        rule.event_pattern(pattern.to_string()).send().await.expect("a rule can be made");
        let target = Target::builder().id("queue").arn(self.arn(queue).await).build().expect("a target");
        let put = events.put_targets().rule("all").event_bus_name(bus).targets(target);
        put.send().await.expect("a target can be set");
    }

    async fn route_notices(&self, sdk: &SdkConfig, topic: &str, queue: &str) -> String {
        let sns = aws_sdk_sns::Client::new(sdk);
        let topic = sns.create_topic().name(topic).send().await.expect("a topic can be made");
        let topic = topic.topic_arn.expect("a topic has an ARN");
        let subscribe = sns.subscribe().topic_arn(&topic).protocol("sqs").endpoint(self.arn(queue).await);
        subscribe.send().await.expect("a topic can be subscribed to");
        topic
    }

    async fn new_state_machine(&self, questions: &str) -> StateMachineArn {
        let body = json!({ "token.$": "$$.Task.Token", "execution.$": "$$.Execution.Id", "input.$": "$" });
        let ask = json!({
            "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "End": true,
            "Parameters": { "QueueUrl": questions, "MessageBody": body },
        });
        let definition = json!({ "StartAt": "Ask", "States": { "Ask": ask } });
        let create = self.states.create_state_machine().name(unique("contract")).definition(definition.to_string());
        let made = create.role_arn("arn:aws:iam::000000000000:role/state-machine").send().await;
        made.expect("a state machine can be made").state_machine_arn.parse().expect("an ARN")
    }

    /// Receives that many messages, which are JSON, and checks that there are no more.
    async fn exactly(&self, queue: &str, count: usize) -> Vec<Value> {
        let bodies = std::sync::Mutex::new(Vec::new());
        eventually(&format!("{count} messages"), || async {
            let messages = self.receive(queue, QUIET).await;
            let mut bodies = bodies.lock().expect("one reader");
            bodies.extend(messages.iter().map(|m| serde_json::from_str(m.body().expect("a body")).expect("JSON")));
            (bodies.len() >= count).then_some(())
        })
        .await;
        let mut bodies: Vec<Value> = bodies.into_inner().expect("one reader");
        bodies.extend(self.receive(queue, QUIET).await.iter().map(|m| json!(m.body())));
        assert_eq!(bodies.len(), count, "{bodies:?}");
        bodies
    }

    /// Receives and removes the available messages.
    async fn receive(&self, queue: &str, seconds: i32) -> Vec<Message> {
        let receive = self.sqs.receive_message().queue_url(queue).max_number_of_messages(10).wait_time_seconds(seconds);
        let messages = receive.send().await.expect("a queue can be read").messages.unwrap_or_default();
        for message in &messages {
            let handle = message.receipt_handle().expect("a received message has a receipt");
            let delete = self.sqs.delete_message().queue_url(queue).receipt_handle(handle);
            delete.send().await.expect("a message can be removed");
        }
        messages
    }
}

fn event(body: Value) -> Event {
    let envelope = Envelope::parse(&body.to_string()).expect("an event");
    assert_eq!(envelope.source, SOURCE);
    match envelope.detail_type.as_str() {
        "GoalActivityRequested" => Event::Requested(envelope.detail().expect("its detail")),
        "GoalActivityAccepted" => Event::Accepted(envelope.detail().expect("its detail")),
        "GoalActivityRejected" => Event::Rejected(envelope.detail().expect("its detail")),
        "BatchProgressed" => Event::Progressed(envelope.detail().expect("its detail")),
        "WorkflowCompleted" => Event::Completed(envelope.detail().expect("its detail")),
        other => panic!("an event that the pipeline does not have: {other}"),
    }
}

/// As a program reads it, with the fields for mail clients and filters.
fn notice(body: Value) -> Notice {
    let text = body["Message"].as_str().expect("a text");
    let notice: Notice = serde_json::from_str(text).expect("a notice as JSON");
    let expected = notice.message(GUIDE);
    assert_eq!((body["Subject"].as_str(), text), (Some(&*expected.subject), &*expected.json));
    let attribute = |name: &str| body["MessageAttributes"][name]["Value"].clone();
    assert_eq!((attribute("severity"), attribute("status")), (json!(notice.severity), json!(notice.status)));
    notice
}

impl Services for AwsServices {
    type StepFunctions = StepFunctions;
    type Bus = Bus;
    type Topic = Topic;
    type Queue = Queue;
    type Archive = Archive;

    fn step_functions(&self) -> &StepFunctions {
        &self.step_functions
    }

    fn bus(&self) -> &Bus {
        &self.bus
    }

    fn topic(&self) -> &Topic {
        &self.topic
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn archive(&self) -> &Archive {
        &self.archive
    }

    fn state_machine(&self) -> &StateMachineArn {
        &self.state_machine
    }

    fn now(&self) -> Timestamp {
        SystemClock.now()
    }

    async fn inputs(&self, count: usize) -> Vec<Value> {
        self.asked(count).await.into_iter().map(|question| question["input"].clone()).collect()
    }

    async fn end(&self, execution: &ExecutionArn, well: bool) {
        let asked = self.asked(1).await;
        assert_eq!(asked[0]["execution"], execution.as_str());
        let token = asked[0]["token"].as_str().expect("a token");
        let states = &self.clients.states;
        match well {
            true => states.send_task_success().task_token(token).output("{}").send().await.map(|_| ()).expect("taken"),
            false => states.send_task_failure().task_token(token).send().await.map(|_| ()).expect("taken"),
        }
        eventually("the end of the execution", || async {
            let now = states.describe_execution().execution_arn(execution.as_str()).send().await.expect("it is there");
            now.stop_date
        })
        .await;
    }

    async fn token(&self) -> TaskToken {
        let start = self.clients.states.start_execution().state_machine_arn(self.state_machine.as_str()).name("only");
        start.send().await.expect("an execution starts");
        TaskToken::new(self.asked(1).await[0]["token"].as_str().expect("a token"))
    }

    async fn unknown_token(&self) -> TaskToken {
        TaskToken::new(unique("unknown"))
    }

    async fn answer(&self) -> BatchAnswer {
        let execution = self.state_machine.as_str().replace(":stateMachine:", ":execution:") + ":only";
        let output = eventually("the answer", || async {
            let now = self.clients.states.describe_execution().execution_arn(&execution).send().await;
            now.expect("it is there").output
        });
        serde_json::from_str(&output.await).expect("an answer")
    }

    async fn events(&self, count: usize) -> Vec<Event> {
        self.clients.exactly(&self.events, count).await.into_iter().map(event).collect()
    }

    async fn notices(&self, count: usize) -> Vec<Notice> {
        self.clients.exactly(&self.notices, count).await.into_iter().map(notice).collect()
    }

    async fn archived(&self) -> Vec<(String, String)> {
        let (s3, bucket) = (&self.clients.s3, &self.bucket);
        let keys = s3.list_objects_v2().bucket(bucket).send().await.expect("a bucket can be listed");
        let mut archived = Vec::new();
        for key in keys.contents().iter().filter_map(|object| object.key()) {
            let object = s3.get_object().bucket(bucket).key(key).send().await.expect("an object can be read");
            let content = object.body.collect().await.expect("an object has a content").to_vec();
            archived.push((key.to_owned(), String::from_utf8(content).expect("UTF-8")));
        }
        archived
    }

    async fn received(&self) -> String {
        let body = unique("message");
        self.clients.sqs.send_message().queue_url(&self.messages).message_body(&body).send().await.expect("sent");
        let receive = self.clients.sqs.receive_message().queue_url(&self.messages).wait_time_seconds(5);
        let messages = receive.send().await.expect("a queue can be read").messages.expect("a message");
        assert_eq!(messages[0].body(), Some(body.as_str()));
        messages[0].receipt_handle().expect("a receipt").to_owned()
    }

    async fn comes_back(&self, _: &str) -> bool {
        let wait = i32::try_from(Duration::from_secs(3).as_secs()).expect("a few seconds");
        !self.clients.receive(&self.messages, wait).await.is_empty()
    }
}
