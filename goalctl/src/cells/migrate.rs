//! Moves a user from one cell to another.
//!
//! | Step | The user's row | What a request of the user sees |
//! |---|---|---|
//! | 1 | `movingTo` the new cell | the old cell; what would change something gets 503, a cancellation does not |
//! | 2 | | the same, until all requests that were sent before step 1 are answered and nothing is open |
//! | 3 | | the same, until everything is copied and a second look finds nothing else |
//! | 4 | `cell` the new one, `leaving` the old one | the new cell, for everything |
//! | 5 | | the same, until all requests that were sent before step 4 are answered |
//! | 6 | | the same, until nothing is left in the old cell |
//! | 7 | only `cell` | the same |
//!
//! Each step can be repeated, so a run that was interrupted is gone on with by the next one, from the row.

use std::time::Duration;

use anyhow::Result;
use goal_activity_adapters::clock::SystemClock;
use goal_activity_cells::cell::CellId;
use goal_activity_cells::home::Home;
use goal_activity_cells::table::{Mover, Registry, UserCells};
use goal_activity_core::ports::Clock;
use goal_activity_events::{StateMachineArn, UserId};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::belongings::{Belongings, Opened, STARTED_HERE};
use crate::failure::{Failure, NO_ACCESS};
use crate::interrupt::Interrupt;
use crate::text::{counted, shell_word};

/// For how long no other run may move the user, unless that is extended.
const LEASE: Duration = Duration::from_secs(120);
/// How often it is looked whether something is still open.
const INTERVAL: Duration = Duration::from_secs(2);
/// How often it is copied again because something has changed meanwhile.
const ROUNDS: u32 = 3;

/// What was done. Part of the JSON output: names are never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Moved {
    pub(super) user: UserId,
    /// Missing where the user was in none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) from: Option<CellId>,
    pub(super) to: CellId,
    rows: usize,
    records: usize,
    /// `true` if an earlier run had begun it.
    resumed: bool,
    /// `true` if the user was there already.
    unchanged: bool,
}

/// An error where another run has taken over the move.
fn still_ours(held: bool) -> Result<()> {
    if held { Ok(()) } else { Err(Failure::not_done("another run has taken over the move").into()) }
}

impl Moved {
    pub(super) fn text(&self) -> String {
        let (user, to) = (&self.user, &self.to);
        match &self.from {
            _ if self.unchanged => format!("{user} is in cell {to} already"),
            None => format!("{user} was in no cell, and is in {to} now"),
            Some(from) => {
                let (rows, records) = (counted(self.rows, "row"), counted(self.records, "record"));
                let resumed = if self.resumed { ", which an earlier run had begun" } else { "" };
                format!("{user} moved from cell {from} to {to}: {rows}, {records}{resumed}")
            }
        }
    }
}

/// What all moves of a run share.
#[derive(Debug)]
pub(super) struct Moves<'a> {
    pub(super) table: &'a UserCells,
    pub(super) cells: &'a [Opened],
    /// By whom the row says that a user is moved.
    pub(super) run: &'a str,
    /// After how long a request is answered, or will not be.
    pub(super) in_flight: Duration,
    /// How long a user's workflows may take to end.
    pub(super) patience: Duration,
    pub(super) interrupt: &'a Interrupt,
}

impl Moves<'_> {
    fn cell(&self, id: &CellId) -> Result<&Opened> {
        let known = self.cells.iter().find(|opened| opened.cell.id == *id);
        known.ok_or_else(|| Failure::usage(format!("there is no cell {id}"), "see `goalctl cells list`").into())
    }

    fn machines(&self) -> Vec<StateMachineArn> {
        self.cells.iter().map(|opened| opened.cell.state_machine_arn.clone()).collect()
    }

    fn mover<'m>(&'m self, user: &'m UserId) -> Mover<'m> {
        Mover { user, id: self.run, now: SystemClock.now(), lease: LEASE }
    }

    /// Moves the user to that cell.
    pub(super) async fn move_to(&self, user: &UserId, to: &CellId) -> Result<Moved> {
        self.cell(to)?;
        let nothing = |from, unchanged| Moved {
            user: user.clone(),
            from,
            to: to.clone(),
            rows: 0,
            records: 0,
            resumed: false,
            unchanged,
        };
        let home = if let Some(home) = self.table.home(user).await? {
            home
        } else {
            let home = self.table.settle(user, to).await?;
            if home.cell == *to {
                return Ok(nothing(None, false));
            }
            home
        };
        if !home.is_under_way() && home.cell == *to {
            return Ok(nothing(None, true));
        }
        if home.moving_to.as_ref().is_some_and(|cell| cell != to) {
            return Err(elsewhere(&home, user).into());
        }
        let resumed = home.is_under_way();
        // What an earlier run has left in the cell before: the user may not be in three.
        if let Some(left) = &home.leaving {
            let (rows, records) = Box::pin(self.holding(user, self.leave(user, left, &home.cell))).await?;
            if home.cell == *to {
                return Ok(Moved { from: Some(left.clone()), rows, records, resumed, ..nothing(None, false) });
            }
        }
        let from = home.cell.clone();
        let transfer = self.holding(user, async {
            self.transfer(user, &from, to).await?;
            self.leave(user, &from, to).await
        });
        let (rows, records) = Box::pin(transfer).await?;
        Ok(Moved { from: Some(from), rows, records, resumed, ..nothing(None, false) })
    }

    /// Gives up a move that has not switched the user: what was copied is removed from the new cell.
    pub(super) async fn give_up(&self, user: &UserId) -> Result<Option<CellId>> {
        let Some(home) = self.table.home(user).await? else { return Ok(None) };
        let Some(to) = home.moving_to.clone() else { return Ok(None) };
        let removal = self.holding(user, async {
            self.begin(user, &home.cell, &to).await?;
            let copied = self.cell(&to)?;
            let found = copied.find(user, &self.machines()).await?;
            copied.remove(&found, async || self.extend(user).await).await?;
            still_ours(self.table.give_up(&self.mover(user)).await?)
        });
        Box::pin(removal).await?;
        Ok(Some(to))
    }

    /// Lets another run go on if this one cannot.
    async fn holding<T>(&self, user: &UserId, work: impl Future<Output = Result<T>>) -> Result<T> {
        let done = work.await;
        if done.is_err() {
            // It ends by itself otherwise.
            let _ = self.table.release(&self.mover(user)).await;
        }
        done
    }

    async fn begin(&self, user: &UserId, from: &CellId, to: &CellId) -> Result<()> {
        let begun = self.table.begin(from, to, &self.mover(user)).await?;
        begun.map(drop).ok_or_else(|| busy(user).into())
    }

    async fn extend(&self, user: &UserId) -> Result<()> {
        if self.interrupt.is_asked() {
            let title = format!("interrupted while {user} is moved");
            return Err(Failure::not_done(title).advising("run it again: it goes on from there").into());
        }
        still_ours(self.table.extend(&self.mover(user)).await?)
    }

    /// Waits until no request is on its way any more that was sent before the row was changed.
    async fn in_flight(&self, user: &UserId) -> Result<()> {
        let until = Instant::now() + self.in_flight;
        while Instant::now() < until {
            self.extend(user).await?;
            sleep(INTERVAL.min(until.saturating_duration_since(Instant::now()))).await;
        }
        Ok(())
    }

    /// Steps 1 to 4.
    async fn transfer(&self, user: &UserId, from: &CellId, to: &CellId) -> Result<()> {
        let (old, new, machines) = (self.cell(from)?, self.cell(to)?, self.machines());
        self.begin(user, from, to).await?;
        self.in_flight(user).await?;
        let mut found = self.at_rest(user, old).await?;
        for _ in 0..ROUNDS {
            new.check(user, &found).await?;
            let there = new.find(user, &machines).await?;
            if let Some(what) = there.beyond(&found) {
                let title = format!("cell {to} has {what} of {user} already, which cell {from} does not have");
                return Err(Failure::not_done(title)
                    .advising("see both with `goalctl user show`, and remove what is not right")
                    .into());
            }
            new.copy(old, &found, async || self.extend(user).await).await?;
            let again = self.at_rest(user, old).await?;
            if again == found {
                return still_ours(self.table.switch(from, to, &self.mover(user)).await?);
            }
            // Written by another program, or by a workflow that was started past the router.
            found = again;
        }
        let title = format!("what cell {from} has of {user} keeps changing");
        Err(Failure::unavailable(title, "another program writes it: stop that, and run this again").into())
    }

    /// What the user has, once nothing is open.
    async fn at_rest(&self, user: &UserId, cell: &Opened) -> Result<Belongings> {
        let (machines, until) = (self.machines(), Instant::now() + self.patience);
        loop {
            self.extend(user).await?;
            let found = cell.find(user, &machines).await?;
            let Some(open) = found.open.first() else { return Ok(found) };
            if Instant::now() > until {
                let title = format!(
                    "{} of {user} have not ended in cell {}, such as {open}",
                    counted(found.open.len(), "workflow"),
                    cell.cell.id
                );
                let detail =
                    "nothing is moved; until it is, or is given up with --give-up, the user can change nothing";
                return Err(Failure::unavailable(title, detail).advising("run it again, or cancel them").into());
            }
            sleep(INTERVAL).await;
        }
    }

    /// Steps 5 to 7. Returns how many rows and records were removed.
    async fn leave(&self, user: &UserId, from: &CellId, to: &CellId) -> Result<(usize, usize)> {
        let (old, new, machines) = (self.cell(from)?, self.cell(to)?, self.machines());
        self.table.take_over(&self.mover(user)).await?.ok_or_else(|| busy(user))?;
        self.in_flight(user).await?;
        let left = old.find(user, &machines).await?;
        if !left.is_nothing() {
            let there = new.find(user, &machines).await?;
            let started = left.open.first().map(|arn| format!("workflow {arn}")).or_else(|| left.beyond(&there));
            if let Some(what) = started {
                let title =
                    format!("cell {from} has {what} of {user}, which was made there after the rest was copied to {to}");
                return Err(Failure::not_done(title).advising(STARTED_HERE).into());
            }
            old.remove(&left, async || self.extend(user).await).await?;
        }
        still_ours(self.table.finish(&self.mover(user)).await?)?;
        Ok((left.rows.len(), left.records.len()))
    }
}

fn busy(user: &UserId) -> Failure {
    let title = format!("another run of goalctl moves {user}, or has done so meanwhile");
    Failure::unavailable(title, format!("it has the user for {} s at a time", LEASE.as_secs()))
        .advising("wait, and run this again")
}

fn elsewhere(home: &Home, user: &UserId) -> Failure {
    let word = shell_word(user);
    let to = home.moving_to.as_ref().map(CellId::as_str).unwrap_or_default();
    Failure {
        exit: NO_ACCESS,
        ..Failure::not_done(format!("{user} is moved from cell {} to {to}", home.cell))
            .advising(format!("go on with `goalctl cells move {word} --to {to}`, or give that up with --give-up"))
    }
}
