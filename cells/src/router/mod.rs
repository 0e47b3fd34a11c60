//! `router`: the function behind the one API. A request goes to the cell of its user, and its answer comes back as it is.
//!
//! The cell checks the token once more, with the same issuer: the router has no right of its own in any cell.

use std::sync::Mutex;
use std::time::Duration;

use goal_activity_core::ports::Clock;
use goal_activity_events::UserId;
use serde_json::Value;
use tokio::time::Instant;

use crate::cell::{Cell, CellId, Gate, choose};
use crate::forward::{Forward, NoAnswer};
use crate::home::Home;
use crate::problem::Problem;
use crate::request::Request;
use crate::table::Registry;

/// How long the cells are remembered: a cell that is drained may get new users for that long, and one that does not answer requests.
const REMEMBERED: Duration = Duration::from_secs(2);
/// How long they are used when the table cannot be read.
const AT_MOST: Duration = Duration::from_secs(300);
/// How much longer than a request a probe is waited for.
const PROBE_MARGIN: Duration = Duration::from_secs(2);
/// The header that says which cell has answered.
const CELL: &str = "x-goal-activity-cell";

/// The function with all it needs.
#[derive(Debug)]
pub struct Router<R, C> {
    registry: R,
    clock: C,
    forward: Forward,
    /// How long a cell may take to answer.
    time: Duration,
    cells: Mutex<Option<(Instant, Vec<Cell>)>>,
}

impl<R: Registry, C: Clock> Router<R, C> {
    /// A router that waits that long for a cell.
    pub fn new(registry: R, clock: C, time: Duration) -> Self {
        Self { registry, clock, forward: Forward::new(time), time, cells: Mutex::default() }
    }

    /// Answers a request that API Gateway sends to the function.
    pub async fn handle(&self, event: Value) -> Value {
        let began = Instant::now();
        let request = match Request::read(event) {
            Ok(request) => request,
            Err(problem) => {
                tracing::info!(status = problem.status(), detail = problem.detail(), "refused");
                return problem.answer();
            }
        };
        let (cell, answer) = match self.find(&request).await {
            Ok(cell) => (Some(cell.id.clone()), self.ask(&cell, &request).await),
            Err(problem) => (None, Err(problem)),
        };
        let (route, cell) = (request.route.as_str(), cell.as_ref().map(CellId::as_str));
        let latency = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        match answer {
            Ok(mut answer) => {
                tracing::info!(route, cell, status = %answer["statusCode"], latencyMs = latency, "answered");
                answer["headers"][CELL] = cell.unwrap_or_default().into();
                answer
            }
            Err(problem) => {
                tracing::warn!(
                    route,
                    cell,
                    status = problem.status(),
                    detail = problem.detail(),
                    latencyMs = latency,
                    "refused"
                );
                problem.answer()
            }
        }
    }

    /// The cell that the request goes to.
    async fn find(&self, request: &Request) -> Result<Cell, Problem> {
        let cells = self.cells().await?;
        let named = |id: &CellId| cells.iter().find(|cell| cell.id == *id).cloned();
        // What the API looks like is the same in each cell that answers.
        let Some(user) = &request.user else {
            let now = self.clock.now();
            return cells.iter().find(|cell| cell.health.gate(now) == Gate::Open).cloned().ok_or(Problem::Down);
        };
        let home = if let Some(home) = self.home(user).await? {
            home
        } else {
            // Of a user who is in no cell, only the ARN says where a workflow is. That settles nothing: anybody may name any.
            let started = request.execution.as_ref().and_then(|arn| cells.iter().find(|cell| cell.started(arn)));
            if let Some(cell) = started {
                return Ok(cell.clone());
            }
            let cell = choose(user, &cells).ok_or(Problem::Full)?;
            self.registry.settle(user, &cell.id).await.map_err(unknown)?
        };
        if home.is_frozen() && request.changes() {
            return Err(Problem::Moving);
        }
        named(&home.cell).ok_or_else(|| {
            tracing::error!(cell = %home.cell, "a user is in a cell that is not in the table");
            Problem::Unknown
        })
    }

    async fn home(&self, user: &UserId) -> Result<Option<Home>, Problem> {
        self.registry.home(user).await.map_err(unknown)
    }

    /// The cells, as they were seconds ago; older ones only while the table cannot be read.
    async fn cells(&self) -> Result<Vec<Cell>, Problem> {
        let remembered = self.cells.lock().map_or(None, |cells| cells.clone());
        let within = |time: Duration| remembered.clone().filter(|(at, _)| at.elapsed() < time).map(|(_, cells)| cells);
        if let Some(cells) = within(REMEMBERED) {
            return Ok(cells);
        }
        match self.registry.cells().await {
            Ok(cells) => {
                if let Ok(mut remembered) = self.cells.lock() {
                    *remembered = Some((Instant::now(), cells.clone()));
                }
                Ok(cells)
            }
            Err(error) => within(AT_MOST).ok_or_else(|| unknown(error)),
        }
    }

    /// Sends the request, unless the cell does not answer anyway: then waiting for it would take what the users of others need.
    async fn ask(&self, cell: &Cell, request: &Request) -> Result<Value, Problem> {
        let now = self.clock.now();
        let is_probe = match cell.health.gate(now) {
            Gate::Open => false,
            Gate::Shut => return Err(Problem::Down),
            Gate::Probe(seen) => {
                let time = self.time + PROBE_MARGIN;
                if !self.registry.probes(&cell.id, seen, now, time).await.unwrap_or(false) {
                    return Err(Problem::Down);
                }
                true
            }
        };
        let answer = self.forward.send(&cell.url, request).await;
        let noted = match &answer {
            Ok(_) if is_probe => self.registry.answers(&cell.id).await,
            Err(NoAnswer::TooSlow | NoAnswer::Unreachable) => {
                self.registry.failed(&cell.id, is_probe, self.clock.now()).await
            }
            _ => Ok(()),
        };
        if let Err(error) = noted {
            tracing::warn!(cell = %cell.id, %error, "how the cell answers could not be noted");
        }
        answer.map_err(|error| {
            tracing::warn!(cell = %cell.id, %error, "the cell has not answered");
            match error {
                NoAnswer::NotSent => Problem::Malformed("the request has a header or a path that cannot be sent on"),
                NoAnswer::TooSlow | NoAnswer::Unreachable => Problem::Down,
                NoAnswer::Unreadable => Problem::Unreadable,
            }
        })
    }
}

fn unknown(error: impl std::fmt::Display) -> Problem {
    tracing::error!(%error, "the table of the cells");
    Problem::Unknown
}

#[cfg(test)]
mod tests;
