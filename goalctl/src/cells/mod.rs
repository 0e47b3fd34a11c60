//! `goalctl cells`: several pipelines behind one API. Which cells there are, where users are, and how they are moved.
//!
//! `belongings` finds, copies and removes what a cell has of a user; `migrate` does that in an order in which nothing is lost.

mod belongings;
mod migrate;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use futures_util::stream::{self, StreamExt};
use goal_activity_adapters::aws::Connection;
use goal_activity_adapters::clock::SystemClock;
use goal_activity_cells::cell::{Cell, CellId, CellState, Gate, Health, choose};
use goal_activity_cells::table::{Registry, UserCells};
use goal_activity_core::ports::Clock;
use goal_activity_events::{EventId, UserId};
use serde::Serialize;

use crate::failure::{DONE, Failure, NO_ACCESS, NOT_DONE};
use crate::interrupt::Interrupt;
use crate::place::Place;
use crate::program;
use crate::shell::Shell;
use crate::stack::Stack;
use crate::text::{NOTHING, counted, lines, printable, shell_word, table};
use belongings::Opened;
use migrate::{Moved, Moves};

const HELP: &str = "\
The stack is that of the front, such as --stack goal-activity-front. Commands that read a cell find its stack by the name and region
that it was added with, with the same credentials; those of another account have a profile of their own:
  goalctl cells --stack goal-activity-front --cell-profile two=goals-two move ann --to two
Permissions: docs/CELLS.md.";

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub(crate) struct Cells {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    command: Command,
}

/// How the stacks of cells are found.
#[derive(Debug, Args)]
struct Places {
    /// The profile of AWS's configuration files for a cell in another account [repeat it]
    #[arg(long = "cell-profile", global = true, value_name = "CELL=NAME")]
    profiles: Vec<OfCell<String>>,
    /// The stack.json of a cell on this machine [repeat it]
    #[arg(long = "cell-file", global = true, value_name = "CELL=FILE")]
    files: Vec<OfCell<PathBuf>>,
}

/// Something of one cell, as `one=this`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OfCell<T>(CellId, T);

impl<T: FromStr> FromStr for OfCell<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (cell, value) = text.split_once('=').filter(|(_, value)| !value.is_empty()).ok_or("write CELL=VALUE")?;
        let cell = cell.parse().map_err(|e| format!("{cell:?} is {e}"))?;
        value.parse().map(|value| Self(cell, value)).map_err(|_| format!("{value:?} is no value for that"))
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the cells, their states and how many users each has
    List,
    /// Add a cell, or change where it is
    ///
    /// Reads its URL and its state machine from the stack's outputs. A cell that is new gets new users at once, unless --draining.
    #[command(
        after_help = "Example:\n  goalctl --stack goal-activity-front cells add two goal-activity-two --cell-region eu-west-1"
    )]
    Add {
        /// The name of the cell: lower-case letters, digits and '-'
        cell: CellId,
        /// The name of its stack
        #[arg(value_name = "STACK")]
        cell_stack: String,
        /// The region of its stack [default: that of the front]
        #[arg(long, value_name = "NAME")]
        cell_region: Option<String>,
        /// It gets no users yet, except those that are moved there
        #[arg(long)]
        draining: bool,
    },
    /// Give a cell new users again
    Open {
        /// The cell
        cell: CellId,
    },
    /// Give a cell no new users; with --move, move those that it has to the open ones
    ///
    /// Which of the open cells a user gets is decided by a hash, as for a new user. Can be interrupted and run again. Routers notice a
    /// cell's state within seconds.
    Drain {
        /// The cell
        cell: CellId,
        /// Also move its users
        #[arg(long = "move")]
        moving: bool,
        /// Do not prompt for confirmation
        #[arg(long, requires = "moving")]
        yes: bool,
        /// How many users are moved at once
        #[arg(long, value_name = "N", requires = "moving", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
        at_once: u16,
        #[command(flatten)]
        patience: Patience,
    },
    /// Remove a cell that is drained and has no users from the table; its stack stays
    Remove {
        /// The cell
        cell: CellId,
    },
    /// Show where users are: one, those of a cell, or all
    Users {
        /// Only this user
        user: Option<UserId>,
        /// Only those of this cell
        #[arg(long, value_name = "CELL", conflicts_with = "user")]
        cell: Option<CellId>,
    },
    /// Move a user to another cell, with everything that is stored of them
    ///
    /// From its beginning to its end the user can read, but start and change nothing (503, to be repeated). Waits until the user's
    /// workflows have ended. Can be interrupted and run again: it goes on from there. docs/CELLS.md describes each step.
    Move {
        /// The user's id: the `sub` of the tokens
        user: UserId,
        /// The new cell
        #[arg(long, value_name = "CELL", required_unless_present = "give_up")]
        to: Option<CellId>,
        /// Give up a move that has begun, as long as the user is in the old cell
        #[arg(long, conflicts_with = "to")]
        give_up: bool,
        #[command(flatten)]
        patience: Patience,
    },
    /// Put the users that a cell has into the table, where it was used before there was a front
    Adopt {
        /// The cell
        cell: CellId,
    },
}

#[derive(Debug, Args)]
struct Patience {
    /// How long to wait for the end of a user's workflows
    #[arg(long, value_name = "SECONDS", default_value_t = 1_200)]
    patience: u32,
}

/// The front, and how its cells are found.
struct Front<'a> {
    stack: &'a Stack,
    table: UserCells,
    places: Places,
}

/// A cell in the list. Part of the JSON output: names are never changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    cell: CellId,
    state: CellState,
    /// Those whose requests go there. May be seconds behind.
    users: usize,
    /// `false` while it gets no requests because it does not answer.
    answers: bool,
    url: String,
    stack: String,
    region: String,
}

/// Where a user is. Part of the JSON output: names are never changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Where {
    user: UserId,
    cell: CellId,
    #[serde(skip_serializing_if = "Option::is_none")]
    moving_to: Option<CellId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leaving: Option<CellId>,
}

/// What became of the users of a cell. Part of the JSON output: names are never changed.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Drained {
    cell: CellId,
    moved: Vec<Moved>,
    failed: Vec<NotMoved>,
    not_begun: usize,
}

#[derive(Debug, Serialize)]
struct NotMoved {
    user: UserId,
    reason: String,
}

/// Runs the command on the front's stack. Returns the exit code.
pub(crate) async fn run(args: Cells, stack: &Stack, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
    let table = UserCells::new(
        &Connection::from(stack.sdk.clone()),
        stack.output("CellsTableName").context("this is not the stack of a front")?,
    );
    let front = Front { stack, table, places: args.places };
    match args.command {
        Command::List => front.list(json, shell).await,
        Command::Add { cell, cell_stack, cell_region, draining } => {
            let state = if draining { CellState::Draining } else { CellState::Open };
            front.add(cell, cell_stack, cell_region, state, json, shell).await
        }
        Command::Open { cell } => front.set_state(&cell, CellState::Open, json, shell).await,
        Command::Drain { cell, moving: false, .. } => front.set_state(&cell, CellState::Draining, json, shell).await,
        Command::Drain { cell, yes, at_once, patience, .. } => {
            front.drain(&cell, yes, at_once.into(), patience.patience, json, shell).await
        }
        Command::Remove { cell } => front.remove(&cell, json, shell).await,
        Command::Users { user: Some(user), .. } => front.user(&user, json, shell).await,
        Command::Users { cell, .. } => front.users(cell, json, shell).await,
        Command::Move { user, to: Some(to), patience, .. } => {
            Box::pin(front.move_user(&user, &to, patience.patience, json, shell)).await
        }
        Command::Move { user, patience, .. } => Box::pin(front.give_up(&user, patience.patience, json, shell)).await,
        Command::Adopt { cell } => front.adopt(&cell, json, shell).await,
    }
}

impl Front<'_> {
    async fn cell(&self, id: &CellId) -> Result<Cell> {
        let cells = self.table.all_cells().await?;
        cells.into_iter().find(|cell| cell.id == *id).ok_or_else(|| absent(id).into())
    }

    /// The stack of a cell.
    async fn open(&self, id: &CellId, stack: &str, region: &str) -> Result<Stack> {
        let of = |OfCell(cell, _): &&OfCell<PathBuf>| cell == id;
        let place = match self.places.files.iter().find(of) {
            Some(OfCell(_, file)) => Place { stack_file: Some(file.clone()), ..Place::default() },
            None => Place {
                stack: Some(stack.to_owned()),
                region: Some(region.to_owned()),
                profile: self
                    .places
                    .profiles
                    .iter()
                    .find(|OfCell(cell, _)| cell == id)
                    .map(|OfCell(_, name)| name.clone()),
                ..Place::default()
            },
        };
        Stack::open(&place).await.with_context(|| format!("the stack of cell {id}"))
    }

    async fn opened(&self) -> Result<Vec<Opened>> {
        let mut opened = Vec::new();
        for cell in self.table.all_cells().await? {
            let stack = self.open(&cell.id, &cell.stack, &cell.region).await?;
            let machine = stack.output("StateMachineArn")?;
            if machine != cell.state_machine_arn.as_str() {
                let title = format!(
                    "cell {} has the state machine {}, and its stack {machine}",
                    cell.id, cell.state_machine_arn
                );
                return Err(Failure::usage(
                    title,
                    "name the right one: --cell-profile, --cell-file or `goalctl cells add`",
                )
                .into());
            }
            opened.push(Opened::new(cell, stack));
        }
        Ok(opened)
    }

    async fn users_of(&self, cell: &CellId) -> Result<BTreeSet<UserId>> {
        let (mut users, mut next) = (BTreeSet::new(), None);
        loop {
            let page = self.table.users_of(cell, next).await?;
            users.extend(page.users);
            next = page.next;
            if next.is_none() {
                return Ok(users);
            }
        }
    }

    async fn list(&self, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
        let mut listed = Vec::new();
        for Cell { id, url, state, stack, region, health, .. } in self.table.all_cells().await? {
            let users = self.users_of(&id).await?.len();
            let answers = health.gate(SystemClock.now()) != Gate::Shut;
            listed.push(Listed { cell: id, state, users, answers, url, stack, region });
        }
        shell.show(json, &serde_json::json!({ "items": listed }), |_| {
            let mut rows = table(&["CELL", "STATE", "USERS", "ANSWERS", "STACK", "REGION", "URL"]);
            for cell in &listed {
                let (state, answers) = (state_name(cell.state), if cell.answers { "yes" } else { "no" });
                let users = cell.users.to_string();
                rows.add_row(
                    [cell.cell.as_str(), state, &users, answers, &cell.stack, &cell.region, &cell.url].map(printable),
                );
            }
            match listed.is_empty() {
                true => format!("No cells: add one with `{} cells add`.\n", program::name()),
                false => lines(&rows),
            }
        })?;
        Ok(DONE)
    }

    async fn add(
        &self,
        id: CellId,
        name: String,
        region: Option<String>,
        state: CellState,
        json: bool,
        shell: &mut Shell<'_>,
    ) -> Result<u8> {
        let region = region.or_else(|| self.stack.sdk.region().map(ToString::to_string)).unwrap_or_default();
        let stack = self.open(&id, &name, &region).await?;
        let url = stack.api_url().context("the stack of the cell does not say its API's URL")?.to_owned();
        let machine = stack.output("StateMachineArn")?.parse().context("the output StateMachineArn of the cell")?;
        let cell = Cell { id, url, state_machine_arn: machine, state, stack: name, region, health: Health::default() };
        let known = self.table.all_cells().await?;
        if let Some(same) =
            known.iter().find(|other| other.id != cell.id && other.state_machine_arn == cell.state_machine_arn)
        {
            return Err(Failure::usage(format!("that stack is cell {} already", same.id), "a stack is one cell").into());
        }
        self.table.put_cell(&cell).await?;
        shell.show(json, &self.cell(&cell.id).await?, |cell| {
            format!(
                "Cell {} is {} in {}: {}\n",
                cell.id,
                printable(&cell.stack),
                printable(&cell.region),
                state_name(cell.state)
            )
        })?;
        Ok(DONE)
    }

    async fn set_state(&self, id: &CellId, state: CellState, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
        if !self.table.set_state(id, state).await? {
            return Err(absent(id).into());
        }
        shell.show(json, &self.cell(id).await?, |cell| match state {
            CellState::Open => format!("Cell {} gets new users.\n", cell.id),
            CellState::Draining => format!(
                "Cell {} gets no new users; `{} cells drain {id} --move` moves those that it has.\n",
                cell.id,
                program::name()
            ),
        })?;
        Ok(DONE)
    }

    async fn remove(&self, id: &CellId, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
        let cell = self.cell(id).await?;
        let users = self.users_of(id).await?.len();
        if cell.state != CellState::Draining || users > 0 {
            let title = format!("cell {id} is {} and has {}", state_name(cell.state), counted(users, "user"));
            return Err(Failure::usage(title, &format!("`goalctl cells drain {id} --move` first")).into());
        }
        if !self.table.remove_cell(id).await? {
            return Err(Failure::unavailable(format!("cell {id} was opened meanwhile"), "nothing was removed").into());
        }
        shell.show(json, &cell, |_| format!("Cell {id} is removed; its stack {} stays.\n", printable(&cell.stack)))?;
        Ok(DONE)
    }

    async fn user(&self, user: &UserId, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
        let Some(home) = self.table.home(user).await? else {
            let title = format!("{user} is in no cell");
            let advice = "a user gets one with the first request; check the id, the `sub` of the tokens";
            return Err(Failure { exit: NO_ACCESS, ..Failure::not_done(title).advising(advice) }.into());
        };
        let found = Where { user: user.clone(), cell: home.cell, moving_to: home.moving_to, leaving: home.leaving };
        shell.show(json, &found, |found| where_text(std::slice::from_ref(found)))?;
        Ok(DONE)
    }

    async fn users(&self, only: Option<CellId>, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
        let cells = match only {
            Some(id) => vec![self.cell(&id).await?.id],
            None => self.table.all_cells().await?.into_iter().map(|cell| cell.id).collect(),
        };
        let mut found = Vec::new();
        for cell in cells {
            let users = self.users_of(&cell).await?.into_iter();
            found.extend(users.map(|user| Where { user, cell: cell.clone(), moving_to: None, leaving: None }));
        }
        shell.show(json, &serde_json::json!({ "items": found }), |_| where_text(&found))?;
        Ok(DONE)
    }

    fn in_flight(&self) -> Result<Duration> {
        let seconds =
            self.stack.output("InFlightSeconds")?.parse().context("the output InFlightSeconds of the front")?;
        Ok(Duration::from_secs(seconds))
    }

    async fn move_user(
        &self,
        user: &UserId,
        to: &CellId,
        patience: u32,
        json: bool,
        shell: &mut Shell<'_>,
    ) -> Result<u8> {
        let (cells, run, interrupt) = (self.opened().await?, EventId::random().to_string(), Interrupt::listen()?);
        let moves = self.moves(&cells, &run, patience, &interrupt)?;
        let outcome = Box::pin(moves.move_to(user, to)).await?;
        shell.show(json, &outcome, |outcome| format!("{}\n", outcome.text()))?;
        Ok(DONE)
    }

    async fn give_up(&self, user: &UserId, patience: u32, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
        let (cells, run, interrupt) = (self.opened().await?, EventId::random().to_string(), Interrupt::listen()?);
        let given_up = self.moves(&cells, &run, patience, &interrupt)?.give_up(user).await?;
        let Some(to) = given_up else {
            let word = shell_word(user);
            let title = format!("no move of {user} is to be given up");
            let advice = format!(
                "see where the user is with `goalctl cells users {word}`; a move that has switched is gone on with"
            );
            return Err(Failure::not_done(title).advising(advice).into());
        };
        shell.show(json, &serde_json::json!({ "user": user, "givenUp": to }), |_| {
            format!("The move of {user} to cell {to} is given up, and what was copied is removed.\n")
        })?;
        Ok(DONE)
    }

    fn moves<'m>(
        &'m self,
        cells: &'m [Opened],
        run: &'m str,
        patience: u32,
        interrupt: &'m Interrupt,
    ) -> Result<Moves<'m>> {
        let patience = Duration::from_secs(patience.into());
        Ok(Moves { table: &self.table, cells, run, in_flight: self.in_flight()?, patience, interrupt })
    }

    async fn drain(
        &self,
        id: &CellId,
        yes: bool,
        at_once: usize,
        patience: u32,
        json: bool,
        shell: &mut Shell<'_>,
    ) -> Result<u8> {
        self.cell(id).await?;
        let cells = self.opened().await?;
        let open: Vec<_> = cells.iter().map(|opened| opened.cell.clone()).filter(|cell| cell.id != *id).collect();
        let users = self.users_of(id).await?;
        let mut plan: BTreeMap<UserId, CellId> = BTreeMap::new();
        for user in users {
            let to =
                choose(&user, &open).ok_or_else(|| Failure::usage("no other cell is open", "add one, or open one"))?;
            plan.insert(user, to.id.clone());
        }
        if !yes {
            let mut counts: BTreeMap<&CellId, usize> = BTreeMap::new();
            for to in plan.values() {
                *counts.entry(to).or_default() += 1;
            }
            let counts = counts.iter().map(|(to, n)| format!("{n} to {to}")).collect::<Vec<_>>().join(", ");
            let what = if counts.is_empty() { NOTHING.to_owned() } else { counts };
            if !shell.confirms(&format!("Drain cell {id} and move {} ({what})?", counted(plan.len(), "user")))? {
                writeln!(shell.err, "Nothing was done.")?;
                return Ok(NOT_DONE);
            }
        }
        self.table.set_state(id, CellState::Draining).await?;
        let (run, interrupt) = (EventId::random().to_string(), Interrupt::listen()?);
        let moves = self.moves(&cells, &run, patience, &interrupt)?;
        let all = plan.len();
        let (moves, interrupt) = (&moves, &interrupt);
        let mut results = stream::iter(plan)
            .take_while(|_| std::future::ready(!interrupt.is_asked()))
            .map(|(user, to)| async move { (Box::pin(moves.move_to(&user, &to)).await, user) })
            .buffer_unordered(at_once);
        let mut drained = Drained { cell: id.clone(), moved: Vec::new(), failed: Vec::new(), not_begun: 0 };
        while let Some((result, user)) = results.next().await {
            match result {
                Ok(outcome) => {
                    if !json {
                        writeln!(shell.out, "{}", outcome.text())?;
                    }
                    drained.moved.push(outcome);
                }
                Err(error) => {
                    let reason = Failure::of(&error).to_string();
                    if !json {
                        writeln!(shell.out, "{user} is not moved: {reason}")?;
                    }
                    drained.failed.push(NotMoved { user, reason });
                }
            }
        }
        drained.not_begun = all.saturating_sub(drained.moved.len() + drained.failed.len());
        let is_done = drained.failed.is_empty() && drained.not_begun == 0;
        shell.show(json, &drained, |drained| {
            let again = if is_done { "" } else { " Run it again for the others." };
            format!(
                "{} moved, {} not, {} not begun.{again}\n",
                drained.moved.len(),
                drained.failed.len(),
                drained.not_begun
            )
        })?;
        Ok(if is_done { DONE } else { NOT_DONE })
    }

    async fn adopt(&self, id: &CellId, json: bool, shell: &mut Shell<'_>) -> Result<u8> {
        let cell = self.cell(id).await?;
        let stack = self.open(id, &cell.stack, &cell.region).await?;
        let users = Opened::new(cell, stack).users().await?;
        let (mut adopted, mut elsewhere) = (0_usize, Vec::new());
        for user in users {
            let home = self.table.settle(&user, id).await?;
            if home.cell == *id { adopted += 1 } else { elsewhere.push(user) }
        }
        let answer = serde_json::json!({ "cell": id, "users": adopted, "inOtherCells": elsewhere });
        shell.show(json, &answer, |_| {
            let others = elsewhere.iter().map(|user| format!("{user} has rows here and is in another cell\n"));
            format!("{} in cell {id}.\n{}", counted(adopted, "user"), others.collect::<String>())
        })?;
        Ok(if elsewhere.is_empty() { DONE } else { NOT_DONE })
    }
}

fn absent(id: &CellId) -> Failure {
    let advice = "see `goalctl cells list`, or add it with `goalctl cells add`";
    Failure { exit: NO_ACCESS, ..Failure::not_done(format!("there is no cell {id}")).advising(advice) }
}

fn state_name(state: CellState) -> &'static str {
    match state {
        CellState::Open => "open",
        CellState::Draining => "draining",
    }
}

fn where_text(users: &[Where]) -> String {
    if users.is_empty() {
        return "No users.\n".to_owned();
    }
    let mut rows = table(&["USER", "CELL", "MOVING TO", "LEAVING"]);
    for user in users {
        let or = |cell: &Option<CellId>| cell.as_ref().map_or_else(|| NOTHING.to_owned(), ToString::to_string);
        rows.add_row([printable(user.user.as_str()), user.cell.to_string(), or(&user.moving_to), or(&user.leaving)]);
    }
    lines(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_of_a_cell_is_written_with_its_name() {
        let read = |text: &str| text.parse::<OfCell<String>>();
        assert_eq!(read("two=goals=2"), Ok(OfCell("two".parse().unwrap(), "goals=2".to_owned())));
        for wrong in ["two", "two=", "Two=x", "=x"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
