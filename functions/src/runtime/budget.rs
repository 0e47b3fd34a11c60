//! The time that an invocation may use: Lambda kills a function at its timeout, at any point.

use std::time::{Duration, SystemTime};

use goal_activity_core::limits::BUDGET_MARGIN;
use tokio::time::{Instant, timeout_at};

/// The time until which an invocation may work. What is not done by then is dropped, and repeated by another
/// invocation.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    deadline: Instant,
}

impl Budget {
    /// The budget of an invocation that Lambda kills at that moment: all of its time except [`BUDGET_MARGIN`].
    #[allow(clippy::disallowed_methods, reason = "only a `main` has a deadline of the clock")]
    pub fn until(killed: SystemTime) -> Self {
        Self::of(killed.duration_since(SystemTime::now()).unwrap_or_default().saturating_sub(BUDGET_MARGIN))
    }

    /// That much time from now on.
    pub fn of(time: Duration) -> Self {
        Self { deadline: Instant::now() + time }
    }

    /// The same, but at most that much time from now on.
    #[must_use]
    pub fn at_most(self, time: Duration) -> Self {
        Self { deadline: self.deadline.min(Instant::now() + time) }
    }

    /// The same, but shorter by that much.
    #[must_use]
    pub fn less(self, time: Duration) -> Self {
        Self::of(self.left().saturating_sub(time))
    }

    /// How much time is left.
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Returns `true` if no time is left.
    pub fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Does the work. Returns `None` if it is not done when the budget is over: the work is then dropped.
    pub async fn run<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.deadline, work).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};

    #[tokio::test(start_paused = true)]
    async fn work_is_dropped_when_the_time_is_over() {
        let (began, budget) = (Instant::now(), Budget::of(Duration::from_secs(5)));
        assert_eq!(budget.run(ready(1)).await, Some(1));
        assert_eq!(budget.at_most(Duration::from_secs(2)).run(pending::<()>()).await, None);
        assert_eq!((began.elapsed().as_secs(), budget.left().as_secs()), (2, 3));
        assert_eq!(budget.less(Duration::from_secs(1)).left().as_secs(), 2);
        assert_eq!(budget.run(pending::<()>()).await, None);
        assert!(budget.is_over() && began.elapsed().as_secs() == 5);
        assert_eq!(budget.at_most(Duration::from_secs(9)).left(), Duration::ZERO);
    }

    #[tokio::test]
    #[allow(clippy::disallowed_methods, reason = "a deadline is a moment of the clock")]
    async fn a_margin_is_left_before_the_function_is_killed() {
        let left = Budget::until(SystemTime::now() + Duration::from_secs(60)).left();
        let all = Duration::from_secs(60).saturating_sub(BUDGET_MARGIN);
        assert!(left <= all && left + Duration::from_secs(1) > all, "{left:?}");
        assert!(Budget::until(SystemTime::UNIX_EPOCH).is_over(), "a moment that is past");
    }
}
