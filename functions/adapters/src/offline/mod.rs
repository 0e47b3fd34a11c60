//! Tasks without an AI: the same action always gets the same tasks. For development, demonstrations and tests.
//!
//! Its behaviour can be scripted per action by lines in the action's constraints, `offline: <directive>, ...`:
//!
//! | directive | effect |
//! |---|---|
//! | none | answers at once: four steps for an `execution` action, two for a `habit`, in the action's language |
//! | `latency-ms=N` | takes that long, whatever the result |
//! | `hang` | never answers |
//! | `fail` | refuses permanently |
//! | `fail-times=N` | fails the first N attempts as a throttled AI does |
//! | `unavailable` | with `fail-times`: fails as an unavailable AI does |
//! | `retry-after-ms=N` | with `fail-times`: requests that delay before the next attempt |
//! | `max-size` | answers 10 tasks, each as long as is allowed |
//! | `answer=TEXT` | answers this text, the whole rest of the line, which is parsed like any AI's |
//! | `tokens=IN/OUT` | reports that an answer took so many tokens; without it, none |
//!
//! A directive takes precedence over those below it in the table.

mod script;
mod steps;

use goal_activity_core::answer::{self, Tolerance};
use goal_activity_core::limits::MAX_TASKS_PER_ACTION;
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest};
use goal_activity_core::task::{InvalidDraft, MAX_DESCRIPTION, MAX_TITLE, MINUTES, Priority, TaskDraft, TaskDrafts};
use goal_activity_events::FailureCode;

use script::Script;

/// Generates deterministic tasks in the action's language.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offline;

impl GenerateTasks for Offline {
    async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        let script = Script::of(&request.action.constraints);
        if !script.latency.is_zero() {
            tokio::time::sleep(script.latency).await;
        }
        if script.hang {
            std::future::pending::<()>().await;
        }
        if let Some(failure) = failure(&script, request.attempt) {
            return Err(failure);
        }
        let generation = match script.answer {
            _ if script.max_size => made(largest()).map(Generation::from),
            Some(text) => {
                answer::parse(text, Tolerance::default()).map(Generation::from).map_err(GenerationError::from)
            }
            None => made(steps::steps(request.action)).map(Generation::from),
        };
        let generation = generation.map_err(|e| e.with_tokens(script.tokens))?;
        Ok(Generation { tokens: script.tokens, ..generation })
    }
}

/// Returns the failure of this attempt, if the script has one.
fn failure(script: &Script<'_>, attempt: u32) -> Option<GenerationError> {
    if script.fail {
        let message = "the offline generator was told to refuse this action";
        return Some(GenerationError::permanent(FailureCode::AiRejected, message));
    }
    let code = if script.unavailable { FailureCode::AiUnavailable } else { FailureCode::AiThrottled };
    let failure = GenerationError::transient(code, "the offline generator was told to fail this attempt");
    (attempt <= script.fail_times).then_some(GenerationError { retry_after: script.retry_after, ..failure })
}

fn made(drafts: Result<Vec<TaskDraft>, InvalidDraft>) -> Result<TaskDrafts, GenerationError> {
    let drafts = drafts.and_then(TaskDrafts::try_from);
    drafts.map_err(|e| GenerationError::transient(FailureCode::AiInvalidAnswer, e.to_string()))
}

/// The maximum number and size of tasks in a valid answer.
fn largest() -> Result<Vec<TaskDraft>, InvalidDraft> {
    let (title, description) = ("題".repeat(MAX_TITLE), "説".repeat(MAX_DESCRIPTION));
    (0..MAX_TASKS_PER_ACTION).map(|_| TaskDraft::new(&title, &description, *MINUTES.end(), Priority::High)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::samples;
    use goal_activity_core::goal::{Action, ActionKind};
    use goal_activity_core::limits::{EXECUTION_TASKS, HABIT_TASKS, STEP_MINUTES};
    use goal_activity_core::ports::Tokens;
    use goal_activity_core::task::Task;
    use goal_activity_events::Timestamp;
    use std::time::Duration;
    use tokio::time::{Instant, timeout};

    fn action(title: &str, kind: ActionKind, constraints: &str) -> Action {
        let sample = samples::goal("g", "u", 1).actions.remove(0);
        Action { title: title.into(), constraints: constraints.into(), kind, ..sample }
    }

    async fn ask(action: &Action, attempt: u32) -> Result<Generation, GenerationError> {
        let goal = samples::goal("g", "u", 0).head;
        Offline.generate(GenerationRequest { attempt, ..GenerationRequest::first(&goal, None, action) }).await
    }

    async fn told(directives: &str, attempt: u32) -> Result<Generation, GenerationError> {
        ask(&action("t", ActionKind::Habit, &format!("offline: {directives}")), attempt).await
    }

    fn tasks(generation: Generation, action: &Action) -> Vec<Task> {
        let execution = "arn:aws:states:us-east-1:123456789012:execution:goal-activity:goal-1-1".parse().unwrap();
        generation.drafts.into_tasks(&"g".parse().unwrap(), action, &execution, Timestamp::from_millis(0))
    }

    #[tokio::test]
    async fn tasks_are_the_same_each_time_and_in_the_language_of_the_action() {
        let japanese = action("毎朝走る", ActionKind::Habit, "");
        assert_eq!(ask(&japanese, 1).await, ask(&japanese, 1).await);
        let described = Action { description: "毎日 30 分".into(), ..action("TOEIC", ActionKind::Habit, "") };
        for (action, is_japanese) in [
            (japanese, true),
            (described, true),
            (action("Run every morning 🏃", ActionKind::Habit, ""), false),
            (action("Courir chaque matin, à l’aube", ActionKind::Execution, ""), false),
        ] {
            let tasks = tasks(ask(&action, 1).await.unwrap(), &action);
            assert!(tasks.iter().all(|t| t.description.is_ascii() != is_japanese), "{tasks:?}");
        }
    }

    #[tokio::test]
    async fn any_title_gives_tasks_as_an_ai_is_asked_for() {
        for title in ["", "x", &"長".repeat(2000), &"x".repeat(2000), "絵文字👨‍👩‍👧"] {
            for (kind, expected) in [(ActionKind::Execution, EXECUTION_TASKS), (ActionKind::Habit, HABIT_TASKS)] {
                let action = action(title, kind, "");
                let generation = ask(&action, 1).await.unwrap();
                assert_eq!(generation.warnings, [], "{title:?}");
                let tasks = tasks(generation, &action);
                assert!(expected.contains(&tasks.len()), "{title:?}");
                assert!(tasks.iter().all(|t| STEP_MINUTES.contains(&t.estimated_minutes)), "{title:?}");
            }
        }
        assert!(told("max-size", 1).await.is_ok());
    }

    #[tokio::test]
    async fn failures_follow_the_script() {
        assert_eq!(told("fail", 1).await.unwrap_err().code, FailureCode::AiRejected);
        assert!(!told("fail", 1).await.unwrap_err().transient);
        let throttled = told("fail-times=2, retry-after-ms=500", 2).await.unwrap_err();
        assert_eq!((throttled.code, throttled.transient), (FailureCode::AiThrottled, true));
        assert_eq!(throttled.retry_after, Some(Duration::from_millis(500)));
        assert_eq!(told("fail-times=2, unavailable", 1).await.unwrap_err().code, FailureCode::AiUnavailable);
        assert!(told("fail-times=2, retry-after-ms=500", 3).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_as_slow_as_its_script_says() {
        let begun = Instant::now();
        assert!(told("latency-ms=1500", 1).await.is_ok());
        assert_eq!(begun.elapsed(), Duration::from_millis(1500));
        assert!(timeout(Duration::from_secs(1_000_000), told("hang", 1)).await.is_err());
    }

    #[tokio::test]
    async fn a_given_answer_is_read_like_any_ai_s() {
        let good = r#"{"tasks":[{"title":"One, two","description":"","estimatedMinutes":20}]}"#;
        let read = told(&format!("tokens=100/20, answer={good}"), 1).await.unwrap();
        assert_eq!(
            read,
            Generation {
                tokens: Tokens { input: 100, output: 20 },
                ..answer::parse(good, Tolerance::default()).unwrap().into()
            }
        );
        let invalid = told("tokens=100/20, answer=Sorry, no.", 1).await.unwrap_err();
        assert_eq!((invalid.code, invalid.transient), (FailureCode::AiInvalidAnswer, true));
        assert_eq!(invalid.tokens, Tokens { input: 100, output: 20 });
    }

    #[tokio::test]
    async fn what_is_not_answered_takes_no_tokens() {
        for failing in ["fail, tokens=100/20", "fail-times=1, tokens=100/20"] {
            assert_eq!(told(failing, 1).await.unwrap_err().tokens, Tokens::default(), "{failing}");
        }
        assert_eq!(told("", 1).await.unwrap().tokens, Tokens::default());
    }
}
