use std::fmt::Debug;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use goal_activity_client::StackFile;
use goal_activity_core::keys;
use goal_activity_events::publisher::{EventBridge, OutgoingEvent, Publisher};
use goal_activity_events::{Detail, ExecutionArn, GoalId, Timestamp};
use goal_activity_local::aws::{Aws, Service};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::api::User;
use crate::goals::{self, Chart};
use crate::issuer::Issuer;
use crate::listener::{Events, Listener};
use crate::signed;

/// The region of the deployment.
pub(crate) const REGION: &str = "us-east-1";

/// The emulator takes them for the account's root, which may do everything.
pub(crate) fn root() -> Credentials {
    Credentials::new("test", "test", None, None, "root")
}

/// The deployed stack, with clients for the test that opened it.
#[derive(Debug, Clone)]
pub struct Stack {
    pub(crate) description: StackFile,
    aws: Aws,
    pub(crate) sdk: SdkConfig,
    pub(crate) http: reqwest::Client,
}

impl Stack {
    /// The stack that `GOAL_ACTIVITY_STACK` describes.
    pub async fn open() -> Self {
        Self::described_by("GOAL_ACTIVITY_STACK").await
    }

    /// The stack beside it, which `GOAL_ACTIVITY_SECOND_STACK` describes.
    pub async fn second() -> Self {
        Self::described_by("GOAL_ACTIVITY_SECOND_STACK").await
    }

    /// What is in front of both, as two cells, which `GOAL_ACTIVITY_FRONT_STACK` describes.
    pub async fn front() -> Self {
        Self::described_by("GOAL_ACTIVITY_FRONT_STACK").await
    }

    /// The URL of its HTTP API, without `/api`.
    pub fn api_url(&self) -> &str {
        self.description.api_url().expect("the description names the API")
    }

    #[allow(clippy::disallowed_methods, reason = "the one thing that a test has to be told from outside")]
    async fn described_by(variable: &str) -> Self {
        let path = std::env::var(variable)
            .unwrap_or_else(|_| panic!("{variable} is not set: run `cargo xtask test e2e`, which deploys and sets it"));
        let description = StackFile::read(path.as_ref()).expect("the stack's description can be read");
        let aws = Aws::at(&description.endpoint);
        let http = reqwest::Client::builder().no_proxy().build().expect("a client for this machine");
        let sdk = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(root())
            .endpoint_url(&description.endpoint)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .load()
            .await;
        Self { description, aws, sdk, http }
    }

    /// Does with the emulator what `cargo xtask` can do, as the account's root.
    pub(crate) async fn as_root<T, E>(&self, work: impl FnOnce(&Aws) -> Result<T, E> + Send + 'static) -> T
    where
        T: Send + 'static,
        E: Debug + Send + 'static,
    {
        let aws = self.aws.clone();
        spawn_blocking(move || work(&aws)).await.expect("work that ends").expect("AWS answers")
    }

    pub(crate) async fn cognito(&self, action: &'static str, body: Value) -> Value {
        self.as_root(move |aws| aws.call(Service::Cognito, action, &body)).await
    }

    /// The issuer of the tokens: the emulator stores its key beside the stack's description.
    #[allow(clippy::disallowed_methods, reason = "the one thing that a test has to be told from outside")]
    pub fn issuer(&self) -> Issuer {
        let path = std::env::var("GOAL_ACTIVITY_STACK").expect("GOAL_ACTIVITY_STACK was set when the stack was opened");
        let file = format!("{}-access.pem", self.output("UserPoolId"));
        let key = std::path::Path::new(&path).with_file_name("state").join("cognito-pool-keys").join(file);
        Issuer::with_key(&std::fs::read_to_string(key).expect("the emulator's key can be read"))
    }

    /// A named output of the stack.
    pub fn output(&self, name: &str) -> &str {
        self.description.output(name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The endpoint of AWS.
    pub fn endpoint(&self) -> &str {
        &self.description.endpoint
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.api_url().trim_end_matches('/'))
    }

    /// A DynamoDB client.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.sdk)
    }

    /// An S3 client.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        aws_sdk_s3::Client::new(&self.sdk)
    }

    /// An SQS client.
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.sdk)
    }

    /// A Step Functions client.
    pub fn sfn(&self) -> aws_sdk_sfn::Client {
        aws_sdk_sfn::Client::new(&self.sdk)
    }

    pub(crate) fn iam(&self) -> aws_sdk_iam::Client {
        // IAM is global: its clients choose their own region.
        aws_sdk_iam::Client::new(&self.sdk)
    }

    pub(crate) fn sns(&self) -> aws_sdk_sns::Client {
        aws_sdk_sns::Client::new(&self.sdk)
    }

    /// An EventBridge client.
    pub fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(&self.sdk)
    }

    /// A new user, signed in.
    pub async fn user(&self) -> User {
        User::sign_up(self).await
    }

    /// A new goal of that user in the Goals table.
    pub async fn goal(&self, user: &User, chart: Chart) -> GoalId {
        let id: GoalId = Uuid::new_v4().to_string().parse().expect("a goal id");
        goals::put(self, chart.goal(&id, user)).await;
        id
    }

    /// Stores rows of a goal as they are.
    pub async fn put_goal_rows(&self, rows: &[serde_json::Value]) {
        goals::put_rows(self, rows).await;
    }

    /// The attributes of a goal's own row.
    pub async fn goal_row(&self, goal: &GoalId) -> serde_json::Value {
        goals::row(self, goal).await
    }

    /// Removes what makes an action of a goal fail. The action's place is written as `1#2`.
    pub async fn mend(&self, goal: &GoalId, place: &str) {
        goals::mend(self, goal, place.parse().expect("a place in the chart")).await;
    }

    /// Returns the number of executions of a goal in Step Functions, regardless of the pipeline's tables.
    pub async fn executions_of(&self, goal: &GoalId) -> Vec<ExecutionArn> {
        let list = self
            .sfn()
            .list_executions()
            .state_machine_arn(self.output("StateMachineArn"))
            .into_paginator()
            .items()
            .send();
        let all = list.collect::<Result<Vec<_>, _>>().await.expect("executions can be listed");
        let arns = all.into_iter().filter(|e| e.name().starts_with(&format!("{goal}-")));
        arns.map(|e| e.execution_arn().parse().expect("an execution ARN")).collect()
    }

    /// When an execution ended in Step Functions, if it has.
    pub async fn ended_at(&self, arn: &ExecutionArn) -> Option<Timestamp> {
        let described = self.sfn().describe_execution().execution_arn(arn.as_str()).send().await;
        let ended = described.expect("an execution that is known").stop_date?;
        Some(Timestamp::from_millis(ended.to_millis().expect("a moment of this age")))
    }

    /// The attributes of a workflow's record.
    pub async fn execution_row(&self, arn: &ExecutionArn) -> serde_json::Value {
        self.row_of(arn.as_str(), keys::EXECUTION).await.expect("a record that is there")
    }

    /// The attributes of a row of the executions, if it exists.
    pub async fn row_of(&self, key: &str, item: &str) -> Option<serde_json::Value> {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let get = self.dynamodb().get_item().table_name(self.output("ExecutionsTableName")).consistent_read(true);
        let get = get.key(keys::EXECUTION_ARN, text(key)).key(keys::ITEM, text(item));
        let item = get.send().await.expect("a row that can be read").item?;
        Some(serde_dynamo::from_item(item).expect("a row of the executions"))
    }

    /// Returns `true` if a queue, by the name of its output, has no message, not even one in flight or delayed.
    pub async fn is_empty(&self, queue: &str) -> bool {
        let counts = [
            Attribute::ApproximateNumberOfMessages,
            Attribute::ApproximateNumberOfMessagesNotVisible,
            Attribute::ApproximateNumberOfMessagesDelayed,
        ];
        let get = self.sqs().get_queue_attributes().queue_url(self.output(queue)).attribute_names(Attribute::All);
        let attributes = get.send().await.expect("a queue has attributes").attributes.unwrap_or_default();
        counts.iter().all(|name| attributes.get(name).is_none_or(|count| count == "0"))
    }

    /// The names of the users that begin like that.
    pub async fn users(&self, begin: &str) -> Vec<String> {
        let (mut names, mut next) = (Vec::new(), Value::Null);
        loop {
            let mut page = json!({ "UserPoolId": self.output("UserPoolId"), "Limit": 60 });
            if !next.is_null() {
                page["PaginationToken"] = next;
            }
            let mut listed = self.cognito("ListUsers", page).await;
            next = listed["PaginationToken"].take();
            for user in listed["Users"].as_array().expect("users") {
                let attributes = user["Attributes"].as_array().into_iter().flatten().filter(|a| a["Name"] == "email");
                names.extend(attributes.filter_map(|a| a["Value"].as_str().map(str::to_owned)));
                names.extend(user["Username"].as_str().map(str::to_owned));
            }
            if next.is_null() {
                break;
            }
        }
        names.retain(|name| name.starts_with(begin));
        names
    }

    /// Removes a user.
    pub async fn delete_user(&self, name: &str) {
        let user = json!({ "UserPoolId": self.output("UserPoolId"), "Username": name });
        self.cognito("AdminDeleteUser", user).await;
    }

    /// The rows of a goal in the Goals and the Tasks table.
    pub async fn rows_of_goal(&self, goal: &str) -> usize {
        let mut rows = 0;
        for table in ["GoalsTableName", "TasksTableName"] {
            let query = self.dynamodb().query().table_name(self.output(table)).consistent_read(true);
            let query = query.key_condition_expression("goalId = :goal");
            let query = query.expression_attribute_values(":goal", AttributeValue::S(goal.to_owned()));
            rows += query.send().await.expect("rows that can be read").items().len();
        }
        rows
    }

    /// The endpoints of the subscriptions of the operators' topic.
    pub async fn subscribers(&self) -> Vec<String> {
        let list = self.sns().list_subscriptions_by_topic().topic_arn(self.output("AlertTopicArn")).send().await;
        let all = list.expect("subscriptions that can be listed").subscriptions.unwrap_or_default();
        all.into_iter().filter_map(|subscription| subscription.endpoint).collect()
    }

    /// Runs the reconciler now.
    pub async fn reconcile(&self) -> serde_json::Value {
        self.invoke(self.output("ReconcileFunctionName"), &serde_json::json!({})).await
    }

    /// Calls EventBridge Scheduler. Without a body it is `null`.
    pub async fn scheduler(&self, method: &'static str, path: &str, body: Value) -> Value {
        let path = path.to_owned();
        self.as_root(move |aws| aws.rest("scheduler", method, &path, &body)).await
    }

    /// Puts an event on the bus as another service would.
    pub async fn emit(&self, source: &str, detail: &impl Detail) {
        let publisher = Publisher::new(EventBridge::new(self.eventbridge(), self.output("EventBusName")));
        let event = OutgoingEvent::from_source(source, detail).expect("a detail that can be written");
        publisher.publish(&[event]).await.expect("an event that is accepted");
    }

    /// Receives every event of that type about that goal, from now on.
    pub async fn hear_events<D: Detail>(&self, goal: &GoalId) -> Events<D> {
        Events::new(self, goal).await
    }

    /// Receives and removes all messages of a queue, by the name of its output.
    pub fn hear_queue(&self, queue: &str) -> Listener {
        Listener::to_queue(self, queue)
    }

    /// Receives every notice to the operators about that goal, from now on.
    pub async fn hear_notices(&self, goal: &GoalId) -> Listener {
        Listener::to_alerts(self, goal.as_str(), &[]).await
    }

    /// Receives the operators' messages that contain this, from now on, by a subscription with these attributes.
    pub async fn hear_alerts(&self, about: &str, subscription: &[(&str, &str)]) -> Listener {
        Listener::to_alerts(self, about, subscription).await
    }

    /// Puts values of one of the pipeline's own metrics, as its log would on AWS: the emulator does not extract them
    /// from logs.
    pub async fn count(&self, metric: &str, values: &[f64]) {
        let values: String = values.iter().enumerate().fold(String::new(), |all, (i, value)| {
            let member = format!("&MetricData.member.{}", i + 1);
            format!("{all}{member}.MetricName={metric}{member}.Value={value}")
        });
        let namespace = self.output("StackName");
        let body = format!("Action=PutMetricData&Version=2010-08-01&Namespace={namespace}{values}");
        let request = self.http.post(self.endpoint()).header("Content-Type", "application/x-www-form-urlencoded");
        let answer = signed::send("monitoring", &root(), request.body(body)).await;
        assert!(answer.status().is_success(), "{:?}", answer.text().await);
    }
}
