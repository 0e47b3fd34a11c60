use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use goal_activity_core::goal::{Goal, Position};
use goal_activity_core::keys;
use goal_activity_core::rows::goal_rows;
use goal_activity_events::GoalId;
use goal_activity_functions::adapters::memory::samples;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{Stack, User};

/// The most rows in one `BatchWriteItem` (DynamoDB API reference).
const ROWS_PER_WRITE: usize = 25;

/// The goal of a test.
#[derive(Debug, Clone, Default)]
pub struct Chart {
    actions: u8,
    description: String,
    scripts: Vec<(Option<String>, String)>,
    constraints: Vec<(String, String)>,
    uuids: bool,
}

impl Chart {
    /// A goal of that many actions, `a-1-1` to `a-8-8`.
    pub fn of(actions: u8) -> Self {
        Self { actions, ..Self::default() }
    }

    /// Sets the offline generator's directives for one action. The last ones set for an action count.
    #[must_use]
    pub fn script(mut self, action: &str, directive: &str) -> Self {
        self.scripts.push((Some(action.to_owned()), directive.to_owned()));
        self
    }

    /// Sets the offline generator's directives for every action.
    #[must_use]
    pub fn script_all(mut self, directive: &str) -> Self {
        self.scripts.push((None, directive.to_owned()));
        self
    }

    /// Gives every action and the goal itself that description.
    #[must_use]
    pub fn describe(mut self, description: String) -> Self {
        self.description = description;
        self
    }

    /// Gives its actions UUIDs as ids, as the goal app does.
    #[must_use]
    pub fn with_uuids(mut self) -> Self {
        self.uuids = true;
        self
    }

    /// Sets the constraints of the action at that place, such as `1#2`.
    #[must_use]
    pub fn constrain(mut self, place: &str, constraints: &str) -> Self {
        self.constraints.push((place.to_owned(), constraints.to_owned()));
        self
    }

    pub(crate) fn goal(self, id: &GoalId, user: &User) -> Goal {
        let mut goal = samples::goal(id.as_str(), user.id.as_str(), self.actions);
        goal.head.description.clone_from(&self.description);
        for action in &mut goal.actions {
            action.description.clone_from(&self.description);
            let meant =
                |(name, _): &&(Option<String>, String)| name.as_deref().is_none_or(|n| n == action.action_id.as_str());
            if let Some((_, directive)) = self.scripts.iter().rev().find(meant) {
                action.constraints = format!("offline: {directive}");
            }
            if let Some((_, constraints)) =
                self.constraints.iter().find(|(place, _)| *place == action.position.to_string())
            {
                action.constraints.clone_from(constraints);
            }
            if self.uuids {
                let name = format!("{id} {}", action.position);
                let uuid = Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).to_string();
                action.action_id = uuid.parse().expect("an action id");
            }
        }
        goal
    }
}

pub(crate) async fn put(stack: &Stack, goal: Goal) {
    put_rows(stack, &goal_rows(&goal).expect("a goal that can be written")).await;
}

pub(crate) async fn put_rows(stack: &Stack, rows: &[impl Serialize]) {
    let request = |row| {
        let item = serde_dynamo::to_item(row).expect("a row that can be written");
        WriteRequest::builder()
            .put_request(PutRequest::builder().set_item(Some(item)).build().expect("an item"))
            .build()
    };
    let requests: Vec<_> = rows.iter().map(request).collect();
    for chunk in requests.chunks(ROWS_PER_WRITE) {
        let table = stack.output("GoalsTableName");
        let written = stack.dynamodb().batch_write_item().request_items(table, chunk.to_vec()).send().await;
        let left = written.expect("rows that can be written").unprocessed_items.unwrap_or_default();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// Removes the directives from an action's constraints, and so what makes it fail.
pub(crate) async fn mend(stack: &Stack, goal: &GoalId, position: Position) {
    let update = stack.dynamodb().update_item().table_name(stack.output("GoalsTableName"));
    let update = update
        .key(keys::GOAL_ID, AttributeValue::S(goal.to_string()))
        .key(keys::ITEM, AttributeValue::S(keys::action(position)))
        .update_expression("SET #constraints = :none")
        .expression_attribute_names("#constraints", "constraints")
        .expression_attribute_values(":none", AttributeValue::S(String::new()));
    update.send().await.expect("an action that can be changed");
}

pub(crate) async fn row(stack: &Stack, goal: &GoalId) -> Value {
    let table = stack.output("GoalsTableName");
    let get = stack.dynamodb().get_item().table_name(table).consistent_read(true);
    let key = get
        .key(keys::GOAL_ID, AttributeValue::S(goal.to_string()))
        .key(keys::ITEM, AttributeValue::S(keys::GOAL.into()));
    let item = key.send().await.expect("a goal that can be read").item.expect("a goal that is there");
    serde_dynamo::from_item(item).expect("a row of the Goals table")
}
