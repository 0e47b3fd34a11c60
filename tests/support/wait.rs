use std::time::Duration;

use tokio::time::Instant;

/// The time limit for anything on a stack of this machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// The polling interval.
const INTERVAL: Duration = Duration::from_millis(100);

/// Polls until there is a result. Fails with `what` if there is none in time.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, look: impl FnMut() -> F) -> T {
    within(DEADLINE, what, look).await
}

/// The same with another deadline, for conditions that take longer.
pub async fn within<T, F: Future<Output = Option<T>>>(time: Duration, what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + time;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {} s: {what}", time.as_secs());
        tokio::time::sleep(INTERVAL).await;
    }
}
