//! How often the AI is asked for the tasks of one action, and when no more. Tools that try an AI ask it by the same rules.

use std::time::Duration;

use goal_activity_core::ledger::Failure;
use goal_activity_core::limits::{AI_ATTEMPTS, AI_CALL, AI_FIRST_WAIT, BATCH_SECONDS, DEADLINE_MARGIN};
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest, Tokens};
use goal_activity_core::price::Prices;
use goal_activity_events::{FailureCode, Usage};
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

use crate::runtime::config::Generators;
use crate::runtime::telemetry::trace;

/// The time of a batch for its actions: what is left of it is saved and answered in the rest.
pub const ALL_TIME: Duration = Duration::from_secs(BATCH_SECONDS as u64).saturating_sub(DEADLINE_MARGIN);

/// Asks the AI for an action's tasks, again after passing failures, and never past the end of the batch's time. Returns what
/// was generated and what all attempts together took. After an answer that breaks rules the AI is told which. An AI that refuses
/// for good, is throttled or out gives way to the second one, if there is one, for the rest of the attempts.
///
/// `refusal` is asked before each further attempt: the reason not to make it, if there is one. `report` gets of each attempt
/// its number, why it failed if it did, and what it took.
///
/// # Errors
/// The last failure of the AI, also where the end of the batch's time cut a later attempt short: what the AI did is the
/// cause, and the batch's time only a consequence.
pub async fn generate<R: Future<Output = Option<Failure>>>(
    generator: &impl GenerateTasks,
    prices: PriceList,
    request: GenerationRequest<'_>,
    time_left: Duration,
    refusal: impl Fn() -> R,
    report: impl Fn(Attempt),
) -> Result<(Generation, Usage), Failure> {
    let deadline = Instant::now() + time_left;
    let mut wait = AI_FIRST_WAIT;
    let mut usage = Usage::default();
    let mut last: Option<GenerationError> = None;
    let (mut objection, mut fallback): (Option<String>, bool) = (None, false);
    // Why the first AI has given way.
    let mut first: Option<String> = None;
    let mut attempt = 0;
    let mut all = AI_ATTEMPTS;
    while attempt < all {
        attempt += 1;
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
        let request = GenerationRequest { attempt, objection: objection.as_deref(), fallback, ..request };
        let asking = generator.generate(request).instrument(span.clone());
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
        let mut spent = spent(tokens, asked.elapsed(), prices.of(fallback));
        spent.fallback_attempts = u32::from(fallback);
        if let Ok(Ok(generation)) = &answer {
            spent.repairs = generation.repairs;
        }
        report(Attempt { number: attempt, fallback, failure, usage: spent });
        usage += spent;
        let error = match answer {
            Ok(Ok(generation)) => return Ok((generation, usage)),
            Ok(Err(error)) => error,
            Err(_) if left <= AI_CALL => break,
            Err(_) => too_slow(),
        };
        let gives_way = !fallback && generator.has_fallback() && gives_way(&error);
        if gives_way && attempt == all {
            // The second AI is asked at least once.
            all += 1;
        }
        if !(error.transient || gives_way) || attempt == all {
            return Err(Failure::new(error.code, with_cause(&error.message, first), usage));
        }
        // Only the AI that has broken a rule is told of it.
        objection = (error.code == FailureCode::AiInvalidAnswer && !gives_way).then(|| error.message.clone());
        if gives_way {
            first = Some(error.message);
            (fallback, wait, last) = (true, AI_FIRST_WAIT, None);
            continue;
        }
        // An AI that names a time will refuse whatever comes before it.
        let rest = error.retry_after.map_or(wait, |asked| asked.max(wait));
        if deadline.saturating_duration_since(Instant::now()) <= rest {
            return Err(out_of_time(Some(error), first, usage));
        }
        // The wait is kept: it is not why a later attempt has no time.
        last = Some(GenerationError { retry_after: None, ..error });
        sleep(rest).await;
        wait *= 2;
    }
    Err(out_of_time(last, first, usage))
}

/// The message of a failure of the second AI, with the reason why the first had given way.
fn with_cause(message: &str, first: Option<String>) -> String {
    match first {
        Some(first) => format!("the fallback: {message}; before it: {first}"),
        None => message.to_owned(),
    }
}

fn out_of_time(last: Option<GenerationError>, first: Option<String>, usage: Usage) -> Failure {
    let (code, message) = match last {
        Some(GenerationError { code, message, retry_after: Some(wait), .. }) => {
            let seconds = wait.as_secs_f64().ceil();
            (code, format!("{message}; it asks for {seconds} s, and the batch has less time left"))
        }
        Some(GenerationError { code, message, .. }) => {
            (code, format!("{message}; no time was left for another attempt"))
        }
        None => (FailureCode::BatchDeadline, "the batch's time was over before this action was finished".to_owned()),
    };
    Failure::new(code, with_cause(&message, first), usage)
}

/// Returns `true` if the AI is not available, or not for this action: asking another one may help at once. An answer that breaks
/// a rule does not count.
fn gives_way(error: &GenerationError) -> bool {
    let out = [FailureCode::AiThrottled, FailureCode::AiUnavailable, FailureCode::AiTimeout];
    !error.transient || out.contains(&error.code)
}

/// One attempt that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// Which, from 1.
    pub number: u32,
    /// Whether the second AI was asked.
    pub fallback: bool,
    /// Why it failed, if it did.
    pub failure: Option<FailureCode>,
    /// What it took.
    pub usage: Usage,
}

/// What tokens cost, where that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PriceList {
    /// Those of the first AI.
    pub first: Option<Prices>,
    /// Those of the second.
    pub fallback: Option<Prices>,
}

impl From<&Generators> for PriceList {
    fn from(Generators { first, fallback }: &Generators) -> Self {
        Self { first: first.prices, fallback: fallback.as_ref().and_then(|second| second.prices) }
    }
}

impl PriceList {
    fn of(self, fallback: bool) -> Option<Prices> {
        if fallback { self.fallback } else { self.first }
    }
}

fn spent(tokens: Tokens, time: Duration, prices: Option<Prices>) -> Usage {
    Usage {
        attempts: 1,
        input_tokens: tokens.input,
        output_tokens: tokens.output,
        latency_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
        cost_micro_usd: prices.map(|prices| prices.of(tokens)),
        ..Usage::default()
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
        GenerationRequest::first(&goal.head, None, &goal.actions[0])
    }

    const FREE: PriceList = PriceList { first: None, fallback: None };

    async fn no_refusal() -> Option<Failure> {
        None
    }

    async fn ask(ai: &Flaky, time_left: u64) -> Result<u32, (FailureCode, u32)> {
        let goal = samples::goal("g", "u", 1);
        let time_left = Duration::from_secs(time_left);
        let answer = generate(ai, FREE, request(&goal), time_left, no_refusal, |_| {}).await;
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
            ..Usage::default()
        };
        let reported = Mutex::new(Vec::new());
        let report = |made: Attempt| reported.lock().unwrap().push((made.number, made.failure, made.usage));
        let prices = PriceList { first: Some(prices), fallback: None };
        let ai = Flaky::new(2, true, Duration::from_secs(1));
        let (_, usage) = generate(&ai, prices, request(&goal), all_time, no_refusal, report).await.unwrap();
        assert_eq!(usage, of(3));
        let busy = Some(FailureCode::AiThrottled);
        assert_eq!(*reported.lock().unwrap(), [(1, busy, of(1)), (2, busy, of(1)), (3, None, of(1))]);
        let ai = Flaky::new(2, false, Duration::from_secs(1));
        let failure = generate(&ai, prices, request(&goal), all_time, no_refusal, report).await.unwrap_err();
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
        let answer = generate(&ai, FREE, request(&goal), Duration::from_secs(285), refusal, |_| {}).await;
        let failure = answer.unwrap_err();
        assert_eq!((failure.code, failure.usage.attempts), (FailureCode::GoalClosed, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_asked_once_the_time_is_over() {
        let ai = Flaky::new(0, true, Duration::ZERO);
        assert_eq!(ask(&ai, 0).await, Err((FailureCode::BatchDeadline, 0)));
        assert!(ai.asked_at.into_inner().unwrap().is_empty());
    }

    /// Two AIs: what each is asked is written down, and it answers by a list.
    struct Two {
        answers: Mutex<Vec<Result<Generation, GenerationError>>>,
        asked: Mutex<Vec<(bool, Option<String>)>>,
        fallback: bool,
    }

    impl Two {
        fn that_answer(answers: Vec<Result<Generation, GenerationError>>, fallback: bool) -> Self {
            Self { answers: Mutex::new(answers), asked: Mutex::default(), fallback }
        }

        async fn ask(&self) -> Result<Usage, Failure> {
            let goal = samples::goal("g", "u", 1);
            let prices = PriceList { first: Some(Prices { input: 1_000_000, output: 0 }), fallback: None };
            let time_left = Duration::from_secs(285);
            let asked = generate(self, prices, request(&goal), time_left, no_refusal, |_| {}).await;
            asked.map(|(_, usage)| usage)
        }

        fn asked(&self) -> Vec<(bool, Option<String>)> {
            self.asked.lock().unwrap().clone()
        }
    }

    impl GenerateTasks for Two {
        fn has_fallback(&self) -> bool {
            self.fallback
        }

        async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
            self.asked.lock().unwrap().push((request.fallback, request.objection.map(ToOwned::to_owned)));
            let answers = self.answers.lock().unwrap().len();
            if answers == 0 {
                std::future::pending::<()>().await;
            }
            self.answers.lock().unwrap().remove(0)
        }
    }

    fn good() -> Generation {
        samples::drafts(1).into()
    }

    fn failing(code: FailureCode, transient: bool) -> Result<Generation, GenerationError> {
        Err(GenerationError { transient, ..GenerationError::transient(code, format!("{code:?}")) })
    }

    #[tokio::test(start_paused = true)]
    async fn an_ai_that_broke_a_rule_is_told_which() {
        let invalid = || failing(FailureCode::AiInvalidAnswer, true);
        let ai = Two::that_answer(vec![invalid(), failing(FailureCode::AiThrottled, true), Ok(good())], false);
        assert_eq!(ai.ask().await.unwrap().attempts, 3);
        let told = Some("AiInvalidAnswer".to_owned());
        assert_eq!(ai.asked(), [(false, None), (false, told), (false, None)], "a throttled AI has broken none");
    }

    #[tokio::test(start_paused = true)]
    async fn an_ai_that_is_not_available_gives_way_at_once() {
        for (code, transient) in [
            (FailureCode::AiRejected, false),
            (FailureCode::AiThrottled, true),
            (FailureCode::AiUnavailable, true),
            (FailureCode::AiTimeout, true),
            // A limit of tokens that was hit.
            (FailureCode::AiInvalidAnswer, false),
        ] {
            let begin = Instant::now();
            let ai = Two::that_answer(vec![failing(code, transient), Ok(good())], true);
            let usage = ai.ask().await.unwrap();
            assert_eq!(ai.asked(), [(false, None), (true, None)], "{code:?}");
            assert_eq!((usage.attempts, usage.fallback_attempts, usage.cost_micro_usd), (2, 1, None), "{code:?}");
            assert_eq!(begin.elapsed(), Duration::ZERO, "{code:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn three_attempts_are_all_whoever_makes_them() {
        let throttled = || failing(FailureCode::AiThrottled, true);
        let invalid = || failing(FailureCode::AiInvalidAnswer, true);
        let ai = Two::that_answer(vec![throttled(), throttled(), throttled()], true);
        assert_eq!(ai.ask().await.unwrap_err().usage.fallback_attempts, 2);
        // A broken rule is for the same AI to mend.
        let ai = Two::that_answer(vec![invalid(), throttled(), Ok(good())], true);
        assert_eq!(ai.ask().await.unwrap().fallback_attempts, 1);
        let told = Some("AiInvalidAnswer".to_owned());
        assert_eq!(ai.asked(), [(false, None), (false, told), (true, None)]);
        // The second one's refusal is final, and the first one's reason is not forgotten.
        let ai = Two::that_answer(vec![throttled(), failing(FailureCode::AiRejected, false)], true);
        let failure = ai.ask().await.unwrap_err();
        assert_eq!(failure.code, FailureCode::AiRejected);
        assert_eq!(failure.message, "the fallback: AiRejected; before it: AiThrottled");
        // It is asked at least once.
        let ai = Two::that_answer(vec![invalid(), invalid(), throttled(), Ok(good())], true);
        assert_eq!(ai.ask().await.unwrap().attempts, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_ai_that_hangs_is_not_blamed_on_the_first() {
        let goal = samples::goal("g", "u", 1);
        let busy = GenerationError::transient(FailureCode::AiThrottled, "busy");
        let busy = GenerationError { retry_after: Some(Duration::from_secs(5)), ..busy };
        let ai = Two::that_answer(vec![Err(busy)], true);
        let asked = generate(&ai, FREE, request(&goal), Duration::from_secs(100), no_refusal, |_| {}).await;
        let failure = asked.unwrap_err();
        assert_eq!(failure.code, FailureCode::BatchDeadline);
        assert!(
            failure.message.starts_with("the fallback: ") && failure.message.ends_with("before it: busy"),
            "{}",
            failure.message
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_is_longer_than_the_batch_is_named() {
        let busy = GenerationError::transient(FailureCode::AiThrottled, "busy");
        let ai = Two::that_answer(
            vec![Err(GenerationError { retry_after: Some(Duration::from_secs(1_000)), ..busy })],
            false,
        );
        let failure = ai.ask().await.unwrap_err();
        assert_eq!(failure.code, FailureCode::AiThrottled);
        assert!(failure.message.contains("it asks for 1000 s"), "{}", failure.message);
    }
}
