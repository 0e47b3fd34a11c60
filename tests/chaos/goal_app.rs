//! The goal app: it edits a goal in its tables, regardless of the pipeline.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use fastrand::Rng;
use goal_activity_core::goal::Position;
use goal_activity_core::keys;
use goal_activity_events::{ActionId, GoalId, Timestamp};
use goal_activity_tests::Stack;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The app, for one goal.
#[derive(Debug)]
pub(crate) struct GoalApp {
    stack: Stack,
    goal: GoalId,
    random: Rng,
    /// How many actions were added.
    added: usize,
    /// The places of the actions.
    pub(crate) chart: BTreeMap<Position, ActionId>,
    pub(crate) diary: Diary,
}

/// The user's changes, and when they were certainly done.
#[derive(Debug, Default)]
pub(crate) struct Diary {
    pub(crate) removed: HashMap<ActionId, Timestamp>,
    /// The period in which the goal was closed.
    pub(crate) closed: Vec<(Timestamp, Timestamp)>,
    pub(crate) deleted: Option<Timestamp>,
    /// The tasks that were completed after their workflow had ended, as of then.
    pub(crate) finished: Vec<Item>,
}

#[allow(clippy::disallowed_methods, reason = "compared with what the functions' clock says")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

fn action_of(row: &Item) -> ActionId {
    row["actionId"].as_s().unwrap().parse().unwrap()
}

fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

impl GoalApp {
    pub(crate) async fn open(stack: &Stack, goal: &GoalId, random: Rng) -> Self {
        let (stack, goal) = (stack.clone(), goal.clone());
        let mut app = Self { stack, goal, random, added: 0, chart: BTreeMap::new(), diary: Diary::default() };
        for row in app.rows("GoalsTableName").await {
            if let Some(place) = row[keys::ITEM].as_s().unwrap().strip_prefix(keys::ACTION_PREFIX) {
                app.chart.insert(place.parse().unwrap(), action_of(&row));
            }
        }
        app
    }

    /// The rows of the goal in a table, by the name of its output.
    async fn rows(&self, table: &str) -> Vec<Item> {
        let query = self.stack.dynamodb().query().table_name(self.stack.output(table)).consistent_read(true);
        let query = query.key_condition_expression("#goal = :goal").expression_attribute_names("#goal", keys::GOAL_ID);
        let rows = query.expression_attribute_values(":goal", text(&self.goal)).into_paginator().items().send();
        rows.collect::<Result<_, _>>().await.unwrap()
    }

    async fn tasks(&self) -> Vec<Item> {
        self.rows("TasksTableName").await
    }

    /// The actions that have tasks.
    pub(crate) async fn with_tasks(&self) -> HashSet<ActionId> {
        self.tasks().await.iter().map(action_of).collect()
    }

    /// The goal's own row, to be written back later.
    pub(crate) async fn head(&self) -> Item {
        self.row(keys::GOAL.to_owned()).await
    }

    async fn row(&self, item: String) -> Item {
        let get = self.stack.dynamodb().get_item().table_name(self.stack.output("GoalsTableName"));
        let get = get.consistent_read(true).key(keys::GOAL_ID, text(&self.goal)).key(keys::ITEM, text(item));
        get.send().await.unwrap().item.unwrap()
    }

    pub(crate) async fn put(&self, row: Item) {
        let put = self.stack.dynamodb().put_item().table_name(self.stack.output("GoalsTableName"));
        put.set_item(Some(row)).send().await.unwrap();
    }

    async fn delete(&self, table: &str, sort_key: &str, value: AttributeValue) {
        let delete = self.stack.dynamodb().delete_item().table_name(self.stack.output(table));
        delete.key(keys::GOAL_ID, text(&self.goal)).key(sort_key, value).send().await.unwrap();
    }

    async fn set(&self, item: String, attribute: &str, value: &str) {
        let update = self.stack.dynamodb().update_item().table_name(self.stack.output("GoalsTableName"));
        let update = update.key(keys::GOAL_ID, text(&self.goal)).key(keys::ITEM, text(item));
        let update = update.update_expression("SET #a = :v").condition_expression("attribute_exists(#a)");
        let update = update.expression_attribute_names("#a", attribute).expression_attribute_values(":v", text(value));
        update.send().await.unwrap();
    }

    fn some_place(&mut self) -> Position {
        let places: Vec<_> = self.chart.keys().copied().collect();
        self.random.choice(places).unwrap()
    }

    fn free_place(&mut self) -> Position {
        loop {
            let place = format!("{}#{}", self.random.u8(1..=8), self.random.u8(1..=8)).parse().unwrap();
            if !self.chart.contains_key(&place) {
                return place;
            }
        }
    }

    /// One random edit of the chart: some actions always stay.
    pub(crate) async fn edit(&mut self) {
        match self.random.u32(0..6) {
            0 => self.rename().await,
            1 => self.swap().await,
            2 => self.move_one().await,
            3 => self.replace().await,
            4 => self.add().await,
            _ => self.remove().await,
        }
    }

    async fn rename(&mut self) {
        let place = self.some_place();
        let title = format!("Renamed {}", self.random.u32(..));
        self.set(keys::action(place), "title", &title).await;
    }

    /// Writes actions to places, and removes one, in one transaction.
    async fn rearrange(&mut self, placed: Vec<(Position, Item)>, empty: Option<Position>) {
        let table = self.stack.output("GoalsTableName");
        let mut items = Vec::new();
        for (place, mut row) in placed {
            row.insert(keys::ITEM.to_owned(), text(keys::action(place)));
            row.insert("position".to_owned(), text(place));
            self.chart.insert(place, action_of(&row));
            let put = Put::builder().table_name(table).set_item(Some(row)).build().unwrap();
            items.push(TransactWriteItem::builder().put(put).build());
        }
        if let Some(place) = empty {
            self.chart.remove(&place);
            let delete = Delete::builder().table_name(table).key(keys::GOAL_ID, text(&self.goal));
            let delete = delete.key(keys::ITEM, text(keys::action(place))).build().unwrap();
            items.push(TransactWriteItem::builder().delete(delete).build());
        }
        self.stack.dynamodb().transact_write_items().set_transact_items(Some(items)).send().await.unwrap();
    }

    pub(crate) async fn swap(&mut self) {
        let (one, other) = (self.some_place(), self.some_place());
        if one != other {
            let (first, second) = (self.row(keys::action(one)).await, self.row(keys::action(other)).await);
            self.rearrange(vec![(one, second), (other, first)], None).await;
        }
    }

    async fn move_one(&mut self) {
        let (from, to) = (self.some_place(), self.free_place());
        let row = self.row(keys::action(from)).await;
        self.rearrange(vec![(to, row)], Some(from)).await;
    }

    async fn new_action(&mut self) -> Item {
        let place = self.some_place();
        let mut row = self.row(keys::action(place)).await;
        self.added += 1;
        row.insert("actionId".to_owned(), text(format!("new-{}", self.added)));
        row.insert("title".to_owned(), text(format!("New {}", self.added)));
        row.insert("constraints".to_owned(), text("offline: latency-ms=300"));
        row
    }

    async fn add(&mut self) {
        if self.chart.len() < 60 {
            let (row, place) = (self.new_action().await, self.free_place());
            self.rearrange(vec![(place, row)], None).await;
        }
    }

    async fn replace(&mut self) {
        let (row, place) = (self.new_action().await, self.some_place());
        let old = self.chart[&place].clone();
        self.rearrange(vec![(place, row)], None).await;
        self.diary.removed.insert(old, now());
    }

    async fn remove(&mut self) {
        if self.chart.len() > 2 {
            let place = self.some_place();
            let old = self.chart[&place].clone();
            self.rearrange(vec![], Some(place)).await;
            self.diary.removed.insert(old, now());
        }
    }

    /// The user completes, pauses or cancels the goal. Returns the new status.
    pub(crate) async fn close(&mut self) -> &'static str {
        let status = self.random.choice(["completed", "paused", "cancelled", "PAUSED"]).unwrap();
        self.set(keys::GOAL.to_owned(), "status", status).await;
        self.diary.closed.push((now(), Timestamp::from_millis(i64::MAX)));
        status
    }

    pub(crate) async fn reopen(&mut self) {
        self.diary.closed.last_mut().unwrap().1 = now();
        self.set(keys::GOAL.to_owned(), "status", "active").await;
    }

    /// The user deletes the goal: first its own row, then the rest.
    pub(crate) async fn delete_goal(&mut self) {
        self.delete("GoalsTableName", keys::ITEM, text(keys::GOAL)).await;
        self.diary.deleted = Some(now());
        for row in self.rows("GoalsTableName").await {
            self.delete("GoalsTableName", keys::ITEM, row[keys::ITEM].clone()).await;
        }
        for row in self.tasks().await {
            self.delete("TasksTableName", keys::POSITION, row[keys::POSITION].clone()).await;
        }
        self.chart.clear();
    }

    /// The user completes a task of every second action that has some. No workflow may run.
    pub(crate) async fn finish_some(&mut self) {
        let mut seen = HashSet::new();
        let first_of_each = self.tasks().await.into_iter().filter(|row| seen.insert(action_of(row)));
        for mut row in first_of_each.step_by(2).collect::<Vec<_>>() {
            row.insert("status".to_owned(), text("completed"));
            row.insert("completedAt".to_owned(), text(now()));
            row.insert("note".to_owned(), text("well done"));
            let put = self.stack.dynamodb().put_item().table_name(self.stack.output("TasksTableName"));
            put.set_item(Some(row.clone())).send().await.unwrap();
            self.diary.finished.push(row);
        }
    }
}
