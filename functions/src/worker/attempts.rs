use std::time::Duration;

use goal_activity_core::goal::{Action, Goal};
use goal_activity_core::ledger::Failure;
use goal_activity_core::limits::{AI_ATTEMPTS, AI_CALL, AI_FIRST_WAIT};
use goal_activity_core::ports::{GenerateTasks, GenerationError, GenerationRequest};
use goal_activity_core::task::TaskDrafts;
use goal_activity_events::FailureCode;
use tokio::time::{Instant, sleep, timeout};

/// Asks the AI for an action's tasks, again after passing failures, and never past the end of the batch's time. Answers the
/// drafts and how many attempts they took.
pub(super) async fn generate(
    generator: &impl GenerateTasks,
    goal: &Goal,
    action: &Action,
    time_left: Duration,
) -> Result<(TaskDrafts, u32), Failure> {
    let deadline = Instant::now() + time_left;
    let mut wait = AI_FIRST_WAIT;
    for attempt in 1.. {
        let request = GenerationRequest { goal: &goal.head, sub_goal: goal.sub_goal_of(action), action, attempt };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(out_of_time(attempt - 1));
        }
        let error = match timeout(AI_CALL.min(left), generator.generate(request)).await {
            Ok(Ok(drafts)) => return Ok((drafts, attempt)),
            Ok(Err(error)) => error,
            Err(_) if left <= AI_CALL => return Err(out_of_time(attempt)),
            Err(_) => too_slow(),
        };
        if !error.transient || attempt == AI_ATTEMPTS {
            return Err(Failure::new(error.code, error.message, attempt));
        }
        if deadline.saturating_duration_since(Instant::now()) <= wait {
            return Err(out_of_time(attempt));
        }
        sleep(wait).await;
        wait *= 2;
    }
    Err(out_of_time(AI_ATTEMPTS))
}

fn out_of_time(attempts: u32) -> Failure {
    Failure::new(FailureCode::BatchDeadline, "the batch's time was over before this action was finished", attempts)
}

fn too_slow() -> GenerationError {
    let message = format!("no answer within {} s", AI_CALL.as_secs());
    GenerationError { code: FailureCode::AiTimeout, message, transient: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::samples;
    use std::sync::Mutex;

    /// Fails as often as it is told to, each time after a while.
    struct Flaky {
        failures: u32,
        transient: bool,
        latency: Duration,
        asked_at: Mutex<Vec<Instant>>,
    }

    impl Flaky {
        fn new(failures: u32, transient: bool, latency: Duration) -> Self {
            Self { failures, transient, latency, asked_at: Mutex::default() }
        }
    }

    impl GenerateTasks for Flaky {
        async fn generate(&self, request: GenerationRequest<'_>) -> Result<TaskDrafts, GenerationError> {
            self.asked_at.lock().unwrap().push(Instant::now());
            sleep(self.latency).await;
            if request.attempt <= self.failures {
                let (code, message) = (FailureCode::AiThrottled, "busy".to_owned());
                return Err(GenerationError { code, message, transient: self.transient });
            }
            Ok(samples::drafts(1))
        }
    }

    async fn ask(ai: &Flaky, time_left: u64) -> Result<u32, (FailureCode, u32)> {
        let goal = samples::goal("g", "u", 1);
        let answer = generate(ai, &goal, &goal.actions[0], Duration::from_secs(time_left)).await;
        answer.map(|(_, attempts)| attempts).map_err(|f| (f.code, f.attempts))
    }

    #[tokio::test(start_paused = true)]
    async fn the_ai_is_asked_three_times_with_waits_of_2_and_4_seconds() {
        let ai = Flaky::new(2, true, Duration::ZERO);
        assert_eq!(ask(&ai, 285).await, Ok(3));
        let at = ai.asked_at.into_inner().unwrap();
        assert_eq!([at[1] - at[0], at[2] - at[1]].map(|d| d.as_secs()), [2, 4]);
        assert_eq!(ask(&Flaky::new(3, true, Duration::ZERO), 285).await, Err((FailureCode::AiThrottled, 3)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_permanent_failure_is_not_tried_again() {
        assert_eq!(ask(&Flaky::new(1, false, Duration::ZERO), 285).await, Err((FailureCode::AiThrottled, 1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_takes_120_seconds_at_most_and_is_tried_again() {
        let begin = Instant::now();
        // 120 + 2 + 120 + 4 leave 39 of 285 seconds for the third attempt: the batch's end comes first.
        assert_eq!(
            ask(&Flaky::new(0, true, Duration::from_secs(1000)), 285).await,
            Err((FailureCode::BatchDeadline, 3))
        );
        assert_eq!(begin.elapsed().as_secs(), 285);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_asked_once_the_time_is_over() {
        let ai = Flaky::new(0, true, Duration::ZERO);
        assert_eq!(ask(&ai, 0).await, Err((FailureCode::BatchDeadline, 0)));
        assert!(ai.asked_at.into_inner().unwrap().is_empty());
    }
}
