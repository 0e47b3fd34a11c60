use std::time::Duration;

use goal_activity_core::ledger::Failure;
use goal_activity_core::limits::{AI_ATTEMPTS, AI_CALL, AI_FIRST_WAIT};
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest, Tokens};
use goal_activity_core::price::Prices;
use goal_activity_events::{FailureCode, Usage};
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use crate::runtime::telemetry::trace;

/// Asks the AI for an action's tasks, again after passing failures, and never past the end of the batch's time. Returns what
/// was generated and what all attempts together took.
///
/// `refusal` is asked before each further attempt: the reason not to make it, if there is one. `report` gets of each attempt
/// its number, why it failed if it did, and what it took.
///
/// # Errors
/// The last failure of the AI, also where the end of the batch's time cut a later attempt short: what the AI did is the
/// cause, and the batch's time only a consequence.
pub(super) async fn generate<R: Future<Output = Option<Failure>>>(
    generator: &impl GenerateTasks,
    prices: Option<Prices>,
    request: GenerationRequest<'_>,
    time_left: Duration,
    refusal: impl Fn() -> R,
    report: impl Fn(u32, Option<FailureCode>, Usage),
) -> Result<(Generation, Usage), Failure> {
    let deadline = Instant::now() + time_left;
    let mut wait = AI_FIRST_WAIT;
    let mut usage = Usage::default();
    let mut last: Option<GenerationError> = None;
    for attempt in 1..=AI_ATTEMPTS {
        if attempt > 1
            && let Some(refusal) = refusal().await
        {
            return Err(Failure { usage, ..refusal });
        }
        let asked = Instant::now();
        let left = deadline.saturating_duration_since(asked);
        if left.is_zero() {
            break;
        }
        let span = trace::attempt(&request.action.action_id, attempt);
        let asking = generator.generate(GenerationRequest { attempt, ..request }).instrument(span.clone());
        let answer = timeout(AI_CALL.min(left), asking).await;
        let tokens = match &answer {
            Ok(Ok(generation)) => generation.tokens,
            Ok(Err(error)) => error.tokens,
            Err(_) => Tokens::default(),
        };
        let failure = match &answer {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.code),
            Err(_) if left <= AI_CALL => Some(FailureCode::BatchDeadline),
            Err(_) => Some(FailureCode::AiTimeout),
        };
        trace::attempted(span, tokens.input, tokens.output, failure);
        let spent = spent(tokens, asked.elapsed(), prices);
        report(attempt, failure, spent);
        usage += spent;
        let error = match answer {
            Ok(Ok(generation)) => return Ok((generation, usage)),
            Ok(Err(error)) => error,
            Err(_) if left <= AI_CALL => break,
            Err(_) => too_slow(),
        };
        if !error.transient || attempt == AI_ATTEMPTS {
            return Err(Failure::new(error.code, error.message, usage));
        }
        // An AI that names a time will refuse whatever comes before it.
        let rest = error.retry_after.map_or(wait, |asked| asked.max(wait));
        last = Some(error);
        if deadline.saturating_duration_since(Instant::now()) <= rest {
            break;
        }
        sleep(rest).await;
        wait *= 2;
    }
    Err(out_of_time(last, usage))
}

fn out_of_time(last: Option<GenerationError>, usage: Usage) -> Failure {
    match last {
        Some(GenerationError { code, message, .. }) => {
            Failure::new(code, format!("{message}; no time was left for another attempt"), usage)
        }
        None => {
            Failure::new(FailureCode::BatchDeadline, "the batch's time was over before this action was finished", usage)
        }
    }
}

fn spent(tokens: Tokens, time: Duration, prices: Option<Prices>) -> Usage {
    Usage {
        attempts: 1,
        input_tokens: tokens.input,
        output_tokens: tokens.output,
        latency_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
        cost_micro_usd: prices.map(|prices| prices.of(tokens)),
    }
}

fn too_slow() -> GenerationError {
    GenerationError::transient(FailureCode::AiTimeout, format!("no answer within {} s", AI_CALL.as_secs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::memory::samples;
    use goal_activity_core::goal::Goal;
    use std::sync::Mutex;

    /// Fails as often as it is set to, each time after a while.
    struct Flaky {
        failures: u32,
        transient: bool,
        latency: Duration,
        retry_after: Option<Duration>,
        asked_at: Mutex<Vec<Instant>>,
    }

    impl Flaky {
        fn new(failures: u32, transient: bool, latency: Duration) -> Self {
            Self { failures, transient, latency, retry_after: None, asked_at: Mutex::default() }
        }
    }

    impl GenerateTasks for Flaky {
        async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
            self.asked_at.lock().unwrap().push(Instant::now());
            sleep(self.latency).await;
            let tokens = Tokens { input: 100, output: 10 };
            if request.attempt <= self.failures {
                let busy = GenerationError::transient(FailureCode::AiThrottled, "busy").with_tokens(tokens);
                return Err(GenerationError { transient: self.transient, retry_after: self.retry_after, ..busy });
            }
            Ok(Generation { tokens, ..samples::drafts(1).into() })
        }
    }

    fn request(goal: &Goal) -> GenerationRequest<'_> {
        GenerationRequest { goal: &goal.head, sub_goal: None, action: &goal.actions[0], attempt: 1 }
    }

    async fn no_refusal() -> Option<Failure> {
        None
    }

    async fn ask(ai: &Flaky, time_left: u64) -> Result<u32, (FailureCode, u32)> {
        let goal = samples::goal("g", "u", 1);
        let time_left = Duration::from_secs(time_left);
        let answer = generate(ai, None, request(&goal), time_left, no_refusal, |_, _, _| {}).await;
        answer.map(|(_, usage)| usage.attempts).map_err(|f| (f.code, f.usage.attempts))
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
    async fn every_attempt_is_counted_and_paid_for() {
        let goal = samples::goal("g", "u", 1);
        let prices = Prices { input: 3_000_000, output: 15_000_000 };
        let all_time = Duration::from_secs(285);
        let of = |attempts: u32| Usage {
            attempts,
            input_tokens: 100 * u64::from(attempts),
            output_tokens: 10 * u64::from(attempts),
            latency_ms: 1_000 * u64::from(attempts),
            cost_micro_usd: Some(450 * u64::from(attempts)),
        };
        let reported = Mutex::new(Vec::new());
        let report = |attempt, failure, usage| reported.lock().unwrap().push((attempt, failure, usage));
        let ai = Flaky::new(2, true, Duration::from_secs(1));
        let (_, usage) = generate(&ai, Some(prices), request(&goal), all_time, no_refusal, report).await.unwrap();
        assert_eq!(usage, of(3));
        let busy = Some(FailureCode::AiThrottled);
        assert_eq!(*reported.lock().unwrap(), [(1, busy, of(1)), (2, busy, of(1)), (3, None, of(1))]);
        let ai = Flaky::new(2, false, Duration::from_secs(1));
        let failure = generate(&ai, Some(prices), request(&goal), all_time, no_refusal, report).await.unwrap_err();
        assert_eq!(failure.usage, of(1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_ai_that_names_a_time_is_left_alone_for_it() {
        let patient = Flaky { retry_after: Some(Duration::from_secs(30)), ..Flaky::new(1, true, Duration::ZERO) };
        let begin = Instant::now();
        assert_eq!(ask(&patient, 285).await, Ok(2));
        assert_eq!(begin.elapsed().as_secs(), 30);
        // Less than the usual wait changes nothing; more than is left of the batch's time ends it at once.
        let hasty = Flaky { retry_after: Some(Duration::from_millis(1)), ..Flaky::new(1, true, Duration::ZERO) };
        let begin = Instant::now();
        assert_eq!(ask(&hasty, 285).await, Ok(2));
        assert_eq!(begin.elapsed().as_secs(), 2);
        let sleepy = Flaky { retry_after: Some(Duration::from_secs(1_000)), ..Flaky::new(1, true, Duration::ZERO) };
        let begin = Instant::now();
        assert_eq!(ask(&sleepy, 285).await, Err((FailureCode::AiThrottled, 1)), "why it was given up is not hidden");
        assert_eq!(begin.elapsed().as_secs(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_permanent_failure_is_not_tried_again() {
        assert_eq!(ask(&Flaky::new(1, false, Duration::ZERO), 285).await, Err((FailureCode::AiThrottled, 1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_takes_120_seconds_at_most_and_is_tried_again() {
        let begin = Instant::now();
        // 120 + 2 + 120 + 4 leave 39 of 285 seconds for the third attempt: the batch's end comes first, and the cause is
        // the AI all the same.
        let slow = || Flaky::new(0, true, Duration::from_secs(1000));
        assert_eq!(ask(&slow(), 285).await, Err((FailureCode::AiTimeout, 3)));
        assert_eq!(begin.elapsed().as_secs(), 285);
        assert_eq!(ask(&slow(), 100).await, Err((FailureCode::BatchDeadline, 1)), "no attempt had its time");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_wanted_any_more_is_not_asked_again() {
        let (goal, ai) = (samples::goal("g", "u", 1), Flaky::new(3, true, Duration::ZERO));
        let refusal = async || Some(Failure::new(FailureCode::GoalClosed, "closed", Usage::default()));
        let answer = generate(&ai, None, request(&goal), Duration::from_secs(285), refusal, |_, _, _| {}).await;
        let failure = answer.unwrap_err();
        assert_eq!((failure.code, failure.usage.attempts), (FailureCode::GoalClosed, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_asked_once_the_time_is_over() {
        let ai = Flaky::new(0, true, Duration::ZERO);
        assert_eq!(ask(&ai, 0).await, Err((FailureCode::BatchDeadline, 0)));
        assert!(ai.asked_at.into_inner().unwrap().is_empty());
    }
}
