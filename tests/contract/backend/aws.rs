use std::collections::HashMap;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use goal_activity_adapters::aws::TableNames;
use goal_activity_core::goal::Goal;
use goal_activity_core::keys;
use goal_activity_core::rows::goal_rows;
use goal_activity_core::task::Task;
use goal_activity_events::{GoalId, StateMachineArn};
use goal_activity_functions::adapters::aws::{Connection, Tables};
use goal_activity_functions::adapters::memory::samples;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::template;

/// The most rows in one `BatchWriteItem` (DynamoDB API reference).
const ROWS_PER_WRITE: usize = 25;

/// An emulator of AWS's protocols on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emulator {
    /// All services that the pipeline uses.
    MiniStack,
    /// DynamoDB only.
    Dynoxide,
}

/// The adapters for AWS over tables that all cases share: each has its own goals.
pub(crate) struct AwsTables {
    db: Tables,
    state_machine: StateMachineArn,
    client: Client,
    names: &'static TableNames,
}

/// The rows of all tables as plain JSON.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Rows {
    pub(crate) goals: Vec<Value>,
    pub(crate) tasks: Vec<Value>,
    pub(crate) executions: Vec<Value>,
}

impl Emulator {
    /// The settings of all its clients.
    pub(crate) async fn sdk(self) -> SdkConfig {
        sdk(&self.endpoint()).await
    }

    #[allow(clippy::disallowed_methods, reason = "the command that starts the emulators tells where they are this way")]
    fn endpoint(self) -> String {
        let variable = match self {
            Self::MiniStack => "MINISTACK_ENDPOINT",
            Self::Dynoxide => "DYNOXIDE_ENDPOINT",
        };
        std::env::var(variable).unwrap_or_else(|_| panic!("{variable} is not set: run `cargo xtask test contract`"))
    }

    async fn tables(self, client: &Client) -> &'static TableNames {
        static MINISTACK: OnceCell<TableNames> = OnceCell::const_new();
        static DYNOXIDE: OnceCell<TableNames> = OnceCell::const_new();
        let made = match self {
            Self::MiniStack => &MINISTACK,
            Self::Dynoxide => &DYNOXIDE,
        };
        made.get_or_init(|| create_tables(client)).await
    }
}

/// The settings of clients for that address.
pub(crate) async fn sdk(endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .load()
        .await
}

async fn create_tables(client: &Client) -> TableNames {
    TableNames {
        goals: create_table(client, "Goals").await,
        tasks: create_table(client, "Tasks").await,
        executions: create_table(client, "WorkflowExecutions").await,
    }
}

async fn create_table(client: &Client, id: &str) -> String {
    let name = format!("{id}-{}", Uuid::new_v4());
    let table = template::as_deployed(client.create_table().table_name(&name), id);
    table.send().await.expect("a table as deployed can be made");
    name
}

impl AwsTables {
    pub(crate) async fn open(emulator: Emulator) -> Self {
        let sdk = emulator.sdk().await;
        let client = Client::new(&sdk);
        let names = emulator.tables(&client).await;
        // Executions of one state machine share one capacity: each case has its own state machine.
        let state_machine = format!("{}-{}", samples::state_machine().as_str(), Uuid::new_v4());
        Self::over(sdk, client, names, state_machine.parse().expect("an ARN"))
    }

    /// Separate tables, and the capacity of the sample state machine: they contain only what the case stores.
    pub(crate) async fn alone(emulator: Emulator) -> Self {
        let sdk = emulator.sdk().await;
        let client = Client::new(&sdk);
        // Leaked for the duration of the tests, like the names of the shared tables.
        let names = Box::leak(Box::new(create_tables(&client).await));
        Self::over(sdk, client, names, samples::state_machine())
    }

    fn over(sdk: SdkConfig, client: Client, names: &'static TableNames, state_machine: StateMachineArn) -> Self {
        let db = Tables::new(&Connection::from(sdk), names.clone());
        let db = db.with_goals_by_user(Some(keys::GOALS_BY_USER_INDEX.to_owned()));
        Self { db, state_machine, client, names }
    }

    /// All rows of all tables as they are stored.
    pub(crate) async fn rows(&self) -> Rows {
        Rows {
            goals: scan(&self.client, &self.names.goals).await,
            tasks: scan(&self.client, &self.names.tasks).await,
            executions: scan(&self.client, &self.names.executions).await,
        }
    }

    /// Stores rows that were read by [`rows`](Self::rows).
    pub(crate) async fn put_rows(&self, rows: &Rows) {
        put(&self.client, &self.names.goals, &rows.goals).await;
        put(&self.client, &self.names.tasks, &rows.tasks).await;
        put(&self.client, &self.names.executions, &rows.executions).await;
    }

    /// A row of Goals as it is stored.
    pub(crate) async fn goal_row(&self, goal: &GoalId, item: &str) -> Option<Value> {
        row(&self.client, &self.names.goals, (keys::GOAL_ID, goal.as_str()), item).await
    }

    /// A row of `WorkflowExecutions` as it is stored.
    pub(crate) async fn execution_row(&self, key: &str, item: &str) -> Option<Value> {
        row(&self.client, &self.names.executions, (keys::EXECUTION_ARN, key), item).await
    }
}

async fn row(client: &Client, table: &str, (name, key): (&str, &str), item: &str) -> Option<Value> {
    let get = client.get_item().table_name(table).consistent_read(true);
    let get = get.key(name, AttributeValue::S(key.to_owned())).key(keys::ITEM, AttributeValue::S(item.to_owned()));
    let found = get.send().await.expect("a row can be read").item?;
    Some(serde_dynamo::from_item(found).expect("a row is JSON"))
}

async fn scan(client: &Client, table: &str) -> Vec<Value> {
    let rows = client.scan().table_name(table).consistent_read(true).into_paginator().items().send();
    let rows: Vec<_> = rows.collect::<Result<_, _>>().await.expect("rows can be read");
    let mut rows: Vec<Value> =
        rows.into_iter().map(|row| serde_dynamo::from_item(row).expect("a row is JSON")).collect();
    let key = |row: &Value| {
        [keys::GOAL_ID, keys::EXECUTION_ARN, keys::POSITION, keys::ITEM].map(|name| row[name].to_string())
    };
    rows.sort_by_key(key);
    rows
}

/// The only stored set; in plain JSON it is a list.
fn with_sets(mut item: HashMap<String, AttributeValue>) -> HashMap<String, AttributeValue> {
    if let Some(AttributeValue::L(running)) = item.get(keys::RUNNING) {
        let running = running.iter().filter_map(|arn| arn.as_s().ok().cloned()).collect();
        item.insert(keys::RUNNING.to_owned(), AttributeValue::Ss(running));
    }
    item
}

async fn put<T: Serialize>(client: &Client, table: &str, rows: impl IntoIterator<Item = T>) {
    let request = |row| {
        let item = with_sets(serde_dynamo::to_item(row).expect("a row that can be written"));
        let put = PutRequest::builder().set_item(Some(item)).build().expect("an item");
        WriteRequest::builder().put_request(put).build()
    };
    let requests: Vec<_> = rows.into_iter().map(request).collect();
    for chunk in requests.chunks(ROWS_PER_WRITE) {
        let written = client.batch_write_item().request_items(table, chunk.to_vec()).send().await;
        let left = written.expect("rows can be written").unprocessed_items.unwrap_or_default();
        assert!(left.is_empty(), "{left:?}");
    }
}

impl super::Tables for AwsTables {
    type Db = Tables;

    fn db(&self) -> &Tables {
        &self.db
    }

    fn state_machine(&self) -> StateMachineArn {
        self.state_machine.clone()
    }

    async fn put_goal(&self, goal: &Goal) {
        put(&self.client, &self.names.goals, goal_rows(goal).expect("a goal that can be written")).await;
    }

    async fn remove_goal(&self, goal: &GoalId) {
        let delete = self.client.delete_item().table_name(&self.names.goals);
        let key = |value: &str| AttributeValue::S(value.to_owned());
        let delete = delete.key(keys::GOAL_ID, key(goal.as_str())).key(keys::ITEM, key(keys::GOAL));
        delete.send().await.expect("a row can be removed");
    }

    async fn put_task(&self, task: &Task) {
        put(&self.client, &self.names.tasks, [task]).await;
    }

    async fn put_goal_row(&self, row: Value) {
        put(&self.client, &self.names.goals, [row]).await;
    }

    async fn put_task_row(&self, row: Value) {
        put(&self.client, &self.names.tasks, [row]).await;
    }
}
