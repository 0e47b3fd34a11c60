//! The goal app: it edits a goal in its tables, regardless of the pipeline.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use fastrand::Rng;
use goal_activity_core::goal::Position;
use goal_activity_core::keys;
use goal_activity_events::{ActionId, ExecutionArn, GoalId, Timestamp, UserId};
use goal_activity_tests::Stack;

use crate::edited::SLOW;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The most rows of actions: with room for those that are added until the goal's user is done.
const MOST_ROWS: usize = 60;

/// The app, for one goal.
#[derive(Debug)]
pub(crate) struct GoalApp {
    stack: Stack,
    goal: GoalId,
    owner: UserId,
    random: Rng,
    /// How many actions were added.
    added: usize,
    /// Which action is where, by the key of its row. The same one may be there twice.
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
    /// Whose the goal was not any more, from when to when.
    pub(crate) lost: Vec<(UserId, Timestamp, Timestamp)>,
    /// The tasks that were completed, as they were then.
    pub(crate) finished: Vec<Item>,
}

impl Diary {
    /// From when to when nobody wanted tasks for an action from a workflow of that user.
    pub(crate) fn unwanted(&self, action: &ActionId, user: &UserId) -> Vec<(Timestamp, Timestamp)> {
        let gone = self.removed.get(action).into_iter().chain(&self.deleted).map(|at| (*at, never()));
        let lost = self.lost.iter().filter(|(loser, ..)| loser == user).map(|(_, from, until)| (*from, *until));
        gone.chain(self.closed.iter().copied()).chain(lost).collect()
    }
}

#[allow(clippy::disallowed_methods, reason = "compared with what the functions' clock says")]
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

/// The end of what has none.
fn never() -> Timestamp {
    Timestamp::from_millis(i64::MAX)
}

fn action_of(row: &Item) -> ActionId {
    row["actionId"].as_s().unwrap().parse().unwrap()
}

fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// The row of an action as it says that it is there.
fn at(place: Position, mut row: Item) -> Item {
    row.insert("position".to_owned(), text(place));
    row
}

fn is_completed(row: &Item) -> bool {
    row["status"].as_s().unwrap() == "completed"
}

/// Whether a conditional write found another row than it was for.
fn is_refused(error: &SdkError<PutItemError>) -> bool {
    error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception)
}

impl GoalApp {
    pub(crate) async fn open(stack: &Stack, goal: &GoalId, owner: &UserId, random: Rng) -> Self {
        let (stack, goal, owner) = (stack.clone(), goal.clone(), owner.clone());
        let (chart, diary) = (BTreeMap::new(), Diary::default());
        let mut app = Self { stack, goal, owner, random, added: 0, chart, diary };
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

    /// Whether a workflow has made tasks that are there.
    pub(crate) async fn has_tasks_of(&self, execution: &ExecutionArn) -> bool {
        let made_by_it = |row: &Item| row.get(keys::EXECUTION_ARN) == Some(&text(execution));
        self.tasks().await.iter().any(made_by_it)
    }

    /// The goal's own row, to be written back some time.
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

    /// Of an action that may go. The slow one is there until its user has decided otherwise: by what is left of it is seen
    /// whether it was worked on for nobody.
    fn some_place_to_clear(&mut self) -> Position {
        let others = self.chart.iter().filter(|(_, id)| id.as_str() != SLOW);
        let places: Vec<_> = others.map(|(place, _)| *place).collect();
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
        match self.random.u32(0..8) {
            0 => self.rename().await,
            1 => self.swap().await,
            2 => self.move_one().await,
            3 => self.replace().await,
            4 => self.add().await,
            5 => self.twin().await,
            6 => self.crowd().await,
            _ => self.remove().await,
        }
    }

    async fn rename(&mut self) {
        let place = self.some_place();
        let title = format!("Renamed {}", self.random.u32(..));
        self.set(keys::action(place), "title", &title).await;
    }

    /// Writes the rows of actions under the keys of places, and takes one away, all at once.
    async fn rearrange(&mut self, placed: Vec<(Position, Item)>, empty: Option<Position>) {
        let table = self.stack.output("GoalsTableName");
        let mut items = Vec::new();
        for (place, mut row) in placed {
            row.insert(keys::ITEM.to_owned(), text(keys::action(place)));
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
            self.rearrange(vec![(one, at(one, second)), (other, at(other, first))], None).await;
        }
    }

    async fn move_one(&mut self) {
        let (from, to) = (self.some_place(), self.free_place());
        let row = self.row(keys::action(from)).await;
        self.rearrange(vec![(to, at(to, row))], Some(from)).await;
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
        if self.chart.len() < MOST_ROWS {
            let (row, place) = (self.new_action().await, self.free_place());
            self.rearrange(vec![(place, at(place, row))], None).await;
        }
    }

    /// A second action with the id of one that is there.
    pub(crate) async fn twin(&mut self) {
        if self.chart.len() < MOST_ROWS {
            let (original, place) = (self.some_place(), self.free_place());
            let row = self.row(keys::action(original)).await;
            self.rearrange(vec![(place, at(place, row))], None).await;
        }
    }

    /// A second action at the place of one that is there.
    pub(crate) async fn crowd(&mut self) {
        if self.chart.len() < MOST_ROWS {
            let (row, taken, key) = (self.new_action().await, self.some_place(), self.free_place());
            self.rearrange(vec![(key, at(taken, row))], None).await;
        }
    }

    /// Takes one of two actions with the same id away. The other one is there as before.
    pub(crate) async fn part_twins(&mut self) {
        let is_twin = |id: &ActionId| self.chart.values().filter(|other| *other == id).count() > 1;
        let twin = self.chart.iter().find(|(_, id)| is_twin(id)).map(|(place, _)| *place);
        self.remove_at(twin.expect("two actions with one id")).await;
    }

    async fn replace(&mut self) {
        let (row, place) = (self.new_action().await, self.some_place_to_clear());
        let old = self.chart[&place].clone();
        self.rearrange(vec![(place, at(place, row))], None).await;
        self.note_gone(old);
    }

    async fn remove(&mut self) {
        if self.chart.len() > 2 {
            let place = self.some_place_to_clear();
            self.remove_at(place).await;
        }
    }

    async fn remove_at(&mut self, place: Position) {
        let old = self.chart[&place].clone();
        self.rearrange(vec![], Some(place)).await;
        self.note_gone(old);
    }

    fn note_gone(&mut self, action: ActionId) {
        if self.chart.values().all(|left| *left != action) {
            self.diary.removed.insert(action, now());
        }
    }

    /// Takes an action away, if it is there.
    pub(crate) async fn remove_action(&mut self, action: &str) {
        let place = self.chart.iter().find(|(_, id)| id.as_str() == action).map(|(place, _)| *place);
        if let Some(place) = place {
            self.remove_at(place).await;
        }
    }

    /// Takes an action away that has tasks.
    pub(crate) async fn remove_made(&mut self) {
        let with_tasks = self.with_tasks().await;
        let made = self.chart.iter().find(|(_, id)| with_tasks.contains(*id)).map(|(place, _)| *place);
        self.remove_at(made.expect("an action with tasks")).await;
    }

    /// Makes an action, if it is there, one that takes the AI no time.
    pub(crate) async fn ease(&mut self, action: &str) {
        let places = self.chart.iter().filter(|(_, id)| id.as_str() == action).map(|(place, _)| *place);
        for place in places.collect::<Vec<_>>() {
            self.set(keys::action(place), "constraints", "").await;
        }
    }

    /// The goal is another user's from now on.
    pub(crate) async fn give(&mut self, to: &UserId) {
        let before = now();
        self.set(keys::GOAL.to_owned(), "userId", to.as_str()).await;
        // Who gets it back has lost it for a while only.
        for (_, _, until) in self.diary.lost.iter_mut().filter(|(user, ..)| user == to) {
            *until = before;
        }
        let loser = std::mem::replace(&mut self.owner, to.clone());
        self.diary.lost.push((loser, now(), never()));
    }

    /// The user completes, pauses or cancels the goal. Returns the new status.
    pub(crate) async fn close(&mut self) -> &'static str {
        let status = self.random.choice(["completed", "paused", "cancelled", "PAUSED"]).unwrap();
        self.set(keys::GOAL.to_owned(), "status", status).await;
        self.diary.closed.push((now(), never()));
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

    /// The user completes a task of every other action that has some and none completed. A workflow may replace them
    /// meanwhile, but must not remove them.
    pub(crate) async fn finish_some(&mut self) {
        let tasks = self.tasks().await;
        let mut seen: HashSet<_> = tasks.iter().filter(|row| is_completed(row)).map(action_of).collect();
        let first_of_each = tasks.into_iter().filter(|row| seen.insert(action_of(row)));
        for mut row in first_of_each.step_by(2).collect::<Vec<_>>() {
            let id = row["taskId"].clone();
            row.insert("status".to_owned(), text("completed"));
            row.insert("completedAt".to_owned(), text(now()));
            row.insert("note".to_owned(), text("well done"));
            let put = self.stack.dynamodb().put_item().table_name(self.stack.output("TasksTableName"));
            let put = put.set_item(Some(row.clone())).condition_expression("taskId = :id");
            match put.expression_attribute_values(":id", id).send().await {
                Ok(_) => self.diary.finished.push(row),
                // The workflow came first, and the user sees the new ones.
                Err(error) if is_refused(&error) => {}
                Err(error) => unreachable!("{error:?}"),
            }
        }
    }
}
