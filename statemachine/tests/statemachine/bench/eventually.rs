use std::time::{Duration, Instant};

/// Longer than any case takes; only a failing case waits this long.
const PATIENCE: Duration = Duration::from_secs(30);
const BETWEEN_LOOKS: Duration = Duration::from_millis(40);

/// Polls `look` until it finds something, and fails with the last observation if it never does.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let seen = match look().await {
            Ok(found) => return found,
            Err(seen) => seen,
        };
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain for {what}; at last: {seen}");
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
}
