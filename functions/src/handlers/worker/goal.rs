use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use goal_activity_core::goal::Goal;
use goal_activity_core::ledger::{Failure, action_gone};
use goal_activity_core::limits::{GOAL_IS_FRESH_FOR, UNREADABLE_FOR};
use goal_activity_core::ports::{LoadGoal, PortResult, Stored, Unavailable};
use goal_activity_events::{ActionId, BatchMessage, FailureCode, Timestamp, Usage};
use tokio::time::{Instant, sleep_until, timeout};

/// The batch's goal while it is worked on. Its user goes on editing it: what is older than [`GOAL_IS_FRESH_FOR`] is read
/// again before it is acted on.
pub(super) struct WatchedGoal<'a, G> {
    goals: &'a G,
    batch: &'a BatchMessage,
    seen: Mutex<Seen>,
    loaded: (Timestamp, Instant),
}

/// The goal as it was read, or why its actions cannot be worked on.
type Found = Result<Arc<Goal>, Failure>;

#[derive(Clone)]
struct Seen {
    goal: Found,
    at: Instant,
}

impl<'a, G: LoadGoal> WatchedGoal<'a, G> {
    /// Reads the goal.
    pub(super) async fn load(goals: &'a G, batch: &'a BatchMessage, now: Timestamp) -> PortResult<Self> {
        let seen = Mutex::new(Self::read(goals, batch, now).await?);
        Ok(Self { goals, batch, seen, loaded: (now, Instant::now()) })
    }

    async fn read(goals: &G, batch: &BatchMessage, now: Timestamp) -> PortResult<Seen> {
        let at = Instant::now();
        let goal = match goals.load_goal(&batch.goal_id).await? {
            Stored::Value(goal) if goal.head.user_id == batch.user_id => Ok(Arc::new(goal)),
            Stored::Value(_) | Stored::Nothing => Err(action_gone(Usage::default())),
            // Perhaps it is being written just now. After that it is recorded, rather than lost with its batch.
            Stored::Unreadable(row) if now.since(batch.enqueued_at) < UNREADABLE_FOR => {
                return Err(Unavailable::new(format!("reading goal {}", batch.goal_id), row));
            }
            Stored::Unreadable(row) => {
                let why = format!("the goal cannot be read: {row}");
                Err(Failure::new(FailureCode::ActionGone, why, Usage::default()))
            }
        };
        Ok(Seen { goal, at })
    }

    fn now(&self) -> Timestamp {
        let (at, since) = self.loaded;
        at.plus(since.elapsed())
    }

    async fn fresh(&self) -> Found {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if seen.at.elapsed() < GOAL_IS_FRESH_FOR {
            return seen.goal;
        }
        let read = timeout(GOAL_IS_FRESH_FOR, Self::read(self.goals, self.batch, self.now())).await;
        let now = match read.unwrap_or_else(|_| Err(Unavailable::new("reading the goal again", "it took too long"))) {
            Ok(now) => now,
            // What was seen before is better than nothing; what is saved for a goal that is gone is removed at the end. Not
            // tried again at once: each save would wait for it.
            Err(error) => {
                tracing::warn!(%error, "goal not read again");
                Seen { at: Instant::now(), ..seen }
            }
        };
        let goal = now.goal.clone();
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = now;
        goal
    }

    /// The goal with this action in it.
    ///
    /// # Errors
    /// The action is gone, the goal is, or it belongs to another user, or cannot be read.
    pub(super) async fn with(&self, action: &ActionId) -> Found {
        let goal = self.fresh().await?;
        if goal.action(action).is_some() { Ok(goal) } else { Err(action_gone(Usage::default())) }
    }

    /// Waits so long, or until the AI must not be asked for this action any more.
    pub(super) async fn wait(&self, action: &ActionId, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            sleep_until(until.min(Instant::now() + GOAL_IS_FRESH_FOR)).await;
            if self.refusal(action).await.is_some() {
                return;
            }
        }
    }

    /// Why the AI must not be asked for this action, if it must not.
    pub(super) async fn refusal(&self, action: &ActionId) -> Option<Failure> {
        match self.with(action).await {
            Err(gone) => Some(gone),
            Ok(goal) => goal.head.status.is_closed().then(|| {
                let why = "the user has closed the goal: completed, paused or cancelled it";
                Failure::new(FailureCode::GoalClosed, why, Usage::default())
            }),
        }
    }
}
