//! The table `UserCells`: which cells there are, and where each user is.
//!
//! A row of a cell is in the partition [`CELLS`], one of a user in a partition of its own. What changes a row has a condition, so that
//! of two that change the same only one does.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use goal_activity_adapters::aws::Connection;
use goal_activity_core::ports::Unavailable;
use goal_activity_events::publisher::reason;
use goal_activity_events::{Timestamp, UserId};

use crate::cell::{Cell, CellId, CellState, DOWN, Health, Verdict};
use crate::home::{CELLS, HOME, Home, key};

/// The partition key.
pub const ID: &str = "id";
/// The sort key.
pub const ITEM: &str = "item";
/// The index of the users of a cell.
pub const BY_CELL: &str = "by-cell";
/// How many users a page lists.
const PAGE: i32 = 200;

type Answer<T> = Result<T, Unavailable>;

/// What the router reads and writes.
#[allow(async_fn_in_trait, reason = "nothing of the router is sent to another thread")]
pub trait Registry {
    /// All cells.
    async fn cells(&self) -> Answer<Vec<Cell>>;
    /// Where the user is, as it is at this moment.
    async fn home(&self, user: &UserId) -> Answer<Option<Home>>;
    /// Puts a user into a cell who is in none. Returns where the user is: another request may have been first.
    async fn settle(&self, user: &UserId, cell: &CellId) -> Answer<Home>;
    /// A request was left without an answer by the cell.
    async fn failed(&self, cell: &CellId, was_probe: bool, now: Timestamp) -> Answer<()>;
    /// A request was answered by a cell that did not answer before.
    async fn answers(&self, cell: &CellId) -> Answer<()>;
    /// Returns `true` if this is the one request that finds out whether the cell answers again. It may take that long.
    async fn probes(&self, cell: &CellId, seen: Timestamp, now: Timestamp, time: Duration) -> Answer<bool>;
}

/// The table.
#[derive(Debug, Clone)]
pub struct UserCells {
    client: Client,
    table: String,
}

/// Users of a cell, and where the next page begins.
#[derive(Debug, Clone)]
pub struct Page {
    /// The users.
    pub users: Vec<UserId>,
    /// What the next page begins with, if there is one.
    pub next: Option<HashMap<String, AttributeValue>>,
}

impl UserCells {
    /// The table of that name.
    pub fn new(aws: &Connection, table: impl Into<String>) -> Self {
        Self { client: Client::new(aws.sdk()), table: table.into() }
    }

    fn update(&self, id: &str, item: &str) -> UpdateItemFluentBuilder {
        self.client.update_item().table_name(&self.table).key(ID, text(id)).key(ITEM, text(item))
    }

    /// All cells, as they are at this moment.
    pub async fn all_cells(&self) -> Answer<Vec<Cell>> {
        self.read_cells(true).await
    }

    async fn read_cells(&self, consistent: bool) -> Answer<Vec<Cell>> {
        let query = self.client.query().table_name(&self.table).key_condition_expression("id = :cells");
        let query = query.expression_attribute_values(":cells", text(CELLS)).consistent_read(consistent);
        let items =
            query.into_paginator().items().send().try_collect().await.map_err(unavailable("reading the cells"))?;
        items.into_iter().map(|item| read(item, "a cell's row")).collect()
    }

    /// A user's row, to be changed under a condition.
    fn change(&self, user: &UserId, expression: &str, condition: &str) -> UpdateItemFluentBuilder {
        self.update(&key(user), HOME).update_expression(expression).condition_expression(condition)
    }

    /// Adds a cell, or replaces where it is. Its state and its users stay.
    pub async fn put_cell(&self, cell: &Cell) -> Answer<()> {
        let update = self.update(CELLS, cell.id.as_str()).update_expression(
            "SET #url = :url, stateMachineArn = :machine, #state = if_not_exists(#state, :state), stack = :stack, #region = :region \
             REMOVE failingSince, failures, downUntil",
        );
        let update = named(update, &["url", "state", "region"]);
        let update = valued(
            update,
            &[
                (":url", &cell.url),
                (":machine", cell.state_machine_arn.as_str()),
                (":state", state(cell.state)),
                (":stack", &cell.stack),
                (":region", &cell.region),
            ],
        );
        update.send().await.map(drop).map_err(unavailable("adding the cell"))
    }

    /// Opens or drains a cell. Returns `false` if there is none.
    pub async fn set_state(&self, cell: &CellId, to: CellState) -> Answer<bool> {
        let update = self.update(CELLS, cell.as_str()).update_expression("SET #state = :state");
        let update = named(update, &["state"]).condition_expression("attribute_exists(id)");
        done(valued(update, &[(":state", state(to))]), "changing the cell").await
    }

    /// Removes a cell that is drained. Returns `false` if it is not, or is not there.
    pub async fn remove_cell(&self, cell: &CellId) -> Answer<bool> {
        let delete =
            self.client.delete_item().table_name(&self.table).key(ID, text(CELLS)).key(ITEM, text(cell.as_str()));
        let delete = delete.condition_expression("#state = :draining").expression_attribute_names("#state", "state");
        let deleted = delete.expression_attribute_values(":draining", text(state(CellState::Draining))).send().await;
        unless_refused(deleted, "removing the cell")
    }

    /// Users whose requests go to the cell, or who are leaving it. May be seconds behind.
    pub async fn users_of(&self, cell: &CellId, page: Option<HashMap<String, AttributeValue>>) -> Answer<Page> {
        let query = self.client.query().table_name(&self.table).index_name(BY_CELL).limit(PAGE);
        let query = query.key_condition_expression("cell = :cell");
        let query = query.expression_attribute_values(":cell", text(cell.as_str())).set_exclusive_start_key(page);
        let page = query.send().await.map_err(unavailable("listing the users of a cell"))?;
        let users = page.items().iter().filter_map(|item| {
            let id = item.get(ID)?.as_s().ok()?;
            id.strip_prefix(crate::home::USER)?.parse().ok()
        });
        Ok(Page { users: users.collect(), next: page.last_evaluated_key().cloned() })
    }

    /// Begins to move a user, or takes over a move to the same cell that nobody does any more. Returns `None` if neither is possible:
    /// the user is not in that cell, is moved elsewhere, or another run moves the user.
    pub async fn begin(&self, from: &CellId, to: &CellId, mover: &Mover<'_>) -> Answer<Option<Home>> {
        let update = self.change(
            mover.user,
            "SET movingTo = :to, mover = :mover, moverUntil = :until",
            "cell = :from AND attribute_not_exists(leaving) AND (attribute_not_exists(movingTo) OR movingTo = :to) \
             AND (attribute_not_exists(mover) OR mover = :mover OR moverUntil < :now)",
        );
        let values = [(":from", from.as_str()), (":to", to.as_str())];
        home_of(valued(mover.valued(update), &values)).await
    }

    /// Takes over a move whose user is in the new cell already.
    pub async fn take_over(&self, mover: &Mover<'_>) -> Answer<Option<Home>> {
        let update = self.change(
            mover.user,
            "SET mover = :mover, moverUntil = :until",
            "attribute_exists(leaving) AND (attribute_not_exists(mover) OR mover = :mover OR moverUntil < :now)",
        );
        home_of(mover.valued(update)).await
    }

    /// Extends the time of the run. Returns `false` if another run has taken over.
    pub async fn extend(&self, mover: &Mover<'_>) -> Answer<bool> {
        let update = self.change(mover.user, "SET moverUntil = :until", "mover = :mover");
        done(valued(update, &[(":mover", mover.id), (":until", &mover.until())]), "extending the move").await
    }

    /// Sends all requests of the user to the new cell, in one write. Returns `false` if another run has taken over.
    pub async fn switch(&self, from: &CellId, to: &CellId, mover: &Mover<'_>) -> Answer<bool> {
        let update = self.change(
            mover.user,
            "SET cell = :to, leaving = :from, moverUntil = :until REMOVE movingTo",
            "mover = :mover AND cell = :from AND movingTo = :to",
        );
        let until = mover.until();
        let values = [(":from", from.as_str()), (":to", to.as_str()), (":mover", mover.id), (":until", &until)];
        done(valued(update, &values), "switching the user").await
    }

    /// The old cell has nothing of the user any more.
    pub async fn finish(&self, mover: &Mover<'_>) -> Answer<bool> {
        let update = self.change(mover.user, "REMOVE leaving, mover, moverUntil", "mover = :mover");
        done(valued(update, &[(":mover", mover.id)]), "finishing the move").await
    }

    /// Lets another run go on with the move.
    pub async fn release(&self, mover: &Mover<'_>) -> Answer<bool> {
        let update = self.change(mover.user, "REMOVE mover, moverUntil", "mover = :mover");
        done(valued(update, &[(":mover", mover.id)]), "releasing the move").await
    }

    /// Gives up a move whose user is still in the old cell: everything may change there again.
    pub async fn give_up(&self, mover: &Mover<'_>) -> Answer<bool> {
        let update = self.change(
            mover.user,
            "REMOVE movingTo, mover, moverUntil",
            "mover = :mover AND attribute_exists(movingTo)",
        );
        done(valued(update, &[(":mover", mover.id)]), "giving up the move").await
    }
}

/// A run of `goalctl` that moves a user.
#[derive(Debug, Clone, Copy)]
pub struct Mover<'a> {
    /// The user.
    pub user: &'a UserId,
    /// The run.
    pub id: &'a str,
    /// What time it is.
    pub now: Timestamp,
    /// For how long no other run may.
    pub lease: Duration,
}

impl Mover<'_> {
    fn until(&self) -> String {
        self.now.plus(self.lease).to_string()
    }

    fn valued(&self, update: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
        let (until, now) = (self.until(), self.now.to_string());
        valued(update, &[(":mover", self.id), (":until", &until), (":now", &now)])
    }
}

impl Registry for UserCells {
    async fn cells(&self) -> Answer<Vec<Cell>> {
        // Seconds behind is soon enough, and costs half: the one partition is read by every instance.
        self.read_cells(false).await
    }

    async fn home(&self, user: &UserId) -> Answer<Option<Home>> {
        let get = self.client.get_item().table_name(&self.table).key(ID, text(key(user))).key(ITEM, text(HOME));
        let got = get.consistent_read(true).send().await.map_err(unavailable("reading where the user is"))?;
        got.item.map(|item| read(item, "a user's row")).transpose()
    }

    async fn settle(&self, user: &UserId, cell: &CellId) -> Answer<Home> {
        let put = self.client.put_item().table_name(&self.table).item(ID, text(key(user))).item(ITEM, text(HOME));
        let put = put.item("cell", text(cell.as_str())).condition_expression("attribute_not_exists(id)");
        if unless_refused(put.send().await, "settling the user")? {
            return Ok(Home::new(user, cell.clone()));
        }
        let gone = || Unavailable::new("settling the user", "another request was first, and its row is gone");
        self.home(user).await?.ok_or_else(gone)
    }

    async fn failed(&self, cell: &CellId, was_probe: bool, now: Timestamp) -> Answer<()> {
        let counted = self.update(CELLS, cell.as_str()).condition_expression("attribute_exists(id)");
        let counted =
            counted.update_expression("SET failingSince = if_not_exists(failingSince, :now) ADD failures :one");
        let counted = valued(counted, &[(":now", &now.to_string())]);
        let counted = counted.expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
        let counted =
            counted.return_values(ReturnValue::AllNew).send().await.map_err(unavailable("counting a failure"))?;
        let health: Health = read(counted.attributes.unwrap_or_default(), "a cell's row")?;
        let row = self.update(CELLS, cell.as_str());
        let update = match health.verdict(now) {
            Verdict::Wait if !was_probe => return Ok(()),
            Verdict::Forget(since) if !was_probe => {
                let update = row.update_expression("SET failingSince = :now, failures = :one");
                let update = valued(update, &[(":now", &now.to_string()), (":since", &since.to_string())]);
                let update = update.expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
                update.condition_expression("failingSince = :since")
            }
            _ => {
                let update =
                    row.update_expression("SET downUntil = :until").condition_expression("attribute_exists(id)");
                valued(update, &[(":until", &now.plus(DOWN).to_string())])
            }
        };
        done(update, "noting a failure").await.map(drop)
    }

    async fn answers(&self, cell: &CellId) -> Answer<()> {
        let update = self.update(CELLS, cell.as_str()).update_expression("REMOVE failingSince, failures, downUntil");
        done(update.condition_expression("attribute_exists(id)"), "noting an answer").await.map(drop)
    }

    async fn probes(&self, cell: &CellId, seen: Timestamp, now: Timestamp, time: Duration) -> Answer<bool> {
        let update = self.update(CELLS, cell.as_str()).update_expression("SET downUntil = :until");
        let until = now.plus(time.max(DOWN)).to_string();
        let update = valued(update, &[(":until", &until), (":seen", &seen.to_string())]);
        done(update.condition_expression("downUntil = :seen"), "probing a cell").await
    }
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn state(state: CellState) -> &'static str {
    match state {
        CellState::Open => "OPEN",
        CellState::Draining => "DRAINING",
    }
}

fn valued(update: UpdateItemFluentBuilder, values: &[(&str, &str)]) -> UpdateItemFluentBuilder {
    values.iter().fold(update, |update, (name, value)| update.expression_attribute_values(*name, text(*value)))
}

/// Words that are reserved in expressions.
fn named(update: UpdateItemFluentBuilder, names: &[&str]) -> UpdateItemFluentBuilder {
    names.iter().fold(update, |update, name| update.expression_attribute_names(format!("#{name}"), *name))
}

fn read<T: serde::de::DeserializeOwned>(item: HashMap<String, AttributeValue>, what: &str) -> Answer<T> {
    serde_dynamo::from_item(item).map_err(|error| Unavailable::new(format!("{what} cannot be read"), error.to_string()))
}

/// Returns `false` if the condition does not hold.
async fn done(update: UpdateItemFluentBuilder, what: &str) -> Answer<bool> {
    unless_refused(update.send().await, what)
}

/// The row afterwards, or nothing if the condition does not hold.
async fn home_of(update: UpdateItemFluentBuilder) -> Answer<Option<Home>> {
    let what = "moving the user";
    match update.return_values(ReturnValue::AllNew).send().await {
        Ok(output) => output.attributes.map(|item| read(item, "a user's row")).transpose(),
        other => unless_refused(other, what).map(|_| None),
    }
}

fn unless_refused<T, E, R>(result: Result<T, SdkError<E, R>>, what: &str) -> Answer<bool>
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.code() == Some("ConditionalCheckFailedException") => Ok(false),
        Err(error) => Err(unavailable(what)(error)),
    }
}

fn unavailable<E, R>(what: &str) -> impl FnOnce(SdkError<E, R>) -> Unavailable
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
    R: std::fmt::Debug + 'static,
{
    move |error| Unavailable::new(what, reason(&error))
}
