//! One action through the AI as a batch asks it, for operators and tools: nothing is stored, reported or counted.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use goal_activity_core::ledger::Failure;
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest};
use goal_activity_core::trial::{Subject, Trial, TrialFailure, TrialWarning, TriedAttempt};
use goal_activity_events::FailureCode;

use super::attempts::{self, Attempt, PriceList};

/// Asks for the tasks of an action by the worker's rules, within that time.
pub async fn try_action(ai: &impl GenerateTasks, prices: PriceList, subject: &Subject, time: Duration) -> Trial {
    let (noted, made) = (Noted { ai, errors: Mutex::default() }, Mutex::new(Vec::new()));
    let report = |attempt| made.lock().unwrap_or_else(PoisonError::into_inner).push(attempt);
    let asked = attempts::generate(&noted, prices, subject.request(), time, async || None, report).await;
    let mut errors = noted.errors.into_inner().unwrap_or_else(PoisonError::into_inner);
    let made = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    let attempts: Vec<_> = made.into_iter().map(|attempt| tried(ai, attempt, errors.remove(&attempt.number))).collect();
    let request = ai.describe(&subject.request());
    match asked {
        Ok((Generation { drafts, warnings, .. }, usage)) => {
            let warnings = warnings.into_iter().map(TrialWarning::from).collect();
            Trial { request, attempts, tasks: drafts.iter().map(Into::into).collect(), warnings, failure: None, usage }
        }
        Err(Failure { code, message, usage }) => {
            let hint = attempts.iter().rev().find_map(|attempt| attempt.hint.clone());
            let to_do = hint.unwrap_or_else(|| to_do(code).to_owned());
            let failure = Some(TrialFailure { code: code.to_string(), message, to_do });
            Trial { request, attempts, tasks: Vec::new(), warnings: Vec::new(), failure, usage }
        }
    }
}

fn tried(ai: &impl GenerateTasks, attempt: Attempt, error: Option<GenerationError>) -> TriedAttempt {
    let Attempt { number, fallback, failure, usage } = attempt;
    let code = failure.map(|code| code.to_string());
    let (message, hint) = error.map(|error| (error.message, error.hint)).unzip();
    let hint = hint.flatten().map(ToOwned::to_owned);
    TriedAttempt { number, generator: ai.name(fallback).unwrap_or_default(), fallback, code, message, hint, usage }
}

/// Notes why attempts failed.
struct Noted<'a, Ai> {
    ai: &'a Ai,
    errors: Mutex<BTreeMap<u32, GenerationError>>,
}

impl<Ai: GenerateTasks> GenerateTasks for Noted<'_, Ai> {
    fn has_fallback(&self) -> bool {
        self.ai.has_fallback()
    }

    async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        let answer = self.ai.generate(request).await;
        if let Err(error) = &answer {
            let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
            errors.insert(request.attempt, error.clone());
        }
        answer
    }
}

/// What mostly helps where the provider has said nothing.
fn to_do(code: FailureCode) -> &'static str {
    match code {
        FailureCode::AiTimeout => {
            "check whether the server runs and the address is right (openaiBaseUrl, bedrockRegion); an AI that is only slow is \
             faster with a smaller model or a lower aiMaxTokens"
        }
        FailureCode::AiThrottled => {
            "raise the quota at the provider, lower concurrentBatches, or give a second AI (fallback)"
        }
        FailureCode::AiUnavailable => {
            "check whether the server runs and the address is right (openaiBaseUrl, bedrockRegion); of a function, see its log"
        }
        FailureCode::AiInvalidAnswer => {
            "see the broken rules above. A limit that was reached: raise aiMaxTokens. Limits of numbers: openaiSchemaLimits=true. No JSON: \
             openaiResponseFormat, bedrockToolChoice. Otherwise another model"
        }
        FailureCode::AiRejected => {
            "check the key, the model's name and the permissions. A model that declines the action needs another one (fallback)"
        }
        _ => "the AI is too slow for the time of a batch: choose a faster one",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::memory::samples;
    use goal_activity_core::ports::Tokens;
    use std::time::Duration;

    /// Returns these answers, one for each call.
    struct Script(Mutex<Vec<Result<Generation, GenerationError>>>);

    impl GenerateTasks for Script {
        fn has_fallback(&self) -> bool {
            true
        }

        fn name(&self, fallback: bool) -> Option<String> {
            Some(if fallback { "offline/offline" } else { "openai/m" }.to_owned())
        }

        fn describe(&self, request: &GenerationRequest<'_>) -> Option<String> {
            Some(format!("about {}", request.action.action_id))
        }

        async fn generate(&self, _: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
            self.0.lock().unwrap().remove(0)
        }
    }

    fn subject() -> Subject {
        let goal = samples::goal("g", "u", 1);
        Subject { sub_goal: None, action: goal.actions[0].clone(), goal: goal.head }
    }

    async fn tried(answers: Vec<Result<Generation, GenerationError>>) -> Trial {
        try_action(&Script(Mutex::new(answers)), PriceList::default(), &subject(), Duration::from_secs(60)).await
    }

    #[tokio::test(start_paused = true)]
    async fn each_attempt_is_named_with_its_ai_and_what_went_wrong() {
        let refused = GenerationError::permanent(FailureCode::AiRejected, "the AI refuses the request: 401")
            .with_tokens(Tokens { input: 3, output: 0 });
        let refused = GenerationError { hint: Some("check the key"), ..refused };
        let trial = tried(vec![Err(refused.clone()), Ok(samples::drafts(2).into())]).await;
        let [first, second] = trial.attempts.as_slice() else { panic!("{trial:?}") };
        assert_eq!((first.code.as_deref(), first.hint.as_deref()), (Some("AI_REJECTED"), Some("check the key")));
        assert_eq!((first.generator.as_str(), second.generator.as_str()), ("openai/m", "offline/offline"));
        assert_eq!(
            (second.code.as_deref(), second.fallback, trial.tasks.len(), &trial.failure),
            (None, true, 2, &None)
        );
        assert_eq!((trial.usage.attempts, trial.usage.input_tokens), (2, 3));
        assert_eq!(trial.request.as_deref(), Some(format!("about {}", subject().action.action_id).as_str()));

        let trial = tried(vec![Err(refused.clone()), Err(GenerationError { hint: None, ..refused })]).await;
        let failure = trial.failure.unwrap();
        assert_eq!((failure.code.as_str(), failure.to_do.as_str()), ("AI_REJECTED", "check the key"));
    }

    #[test]
    fn every_failure_has_something_to_do() {
        for code in [FailureCode::AiRejected, FailureCode::AiTimeout, FailureCode::AiInvalidAnswer] {
            assert!(to_do(code).len() > 20, "{code}");
        }
    }
}
