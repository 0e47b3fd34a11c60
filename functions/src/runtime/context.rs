//! The context of every handler: the time, and the count of facts.

use std::fmt;
use std::sync::Arc;

use goal_activity_core::facts::Fact;
use goal_activity_core::ports::Clock;
use goal_activity_events::Timestamp;

use super::metrics::Facts;
use goal_activity_adapters::clock::SystemClock;

/// The time, and the count of facts. Clones share both.
#[derive(Clone)]
pub struct Context {
    clock: Arc<dyn Clock + Send>,
    facts: Facts,
}

impl Context {
    /// The time by that clock.
    pub fn new(clock: impl Clock + Send + 'static, facts: Facts) -> Self {
        Self { clock: Arc::new(clock), facts }
    }

    /// The machine's time.
    pub fn system(facts: Facts) -> Self {
        Self::new(SystemClock, facts)
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Counts a fact.
    pub fn count(&self, fact: Fact) {
        self.facts.count(fact);
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").finish_non_exhaustive()
    }
}
