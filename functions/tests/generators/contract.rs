//! `GenerateTasks`.

use std::time::Duration;

use goal_activity_core::goal::{Action, ActionKind, Goal};
use goal_activity_core::ports::{Generation, GenerationError, GenerationRequest, Tokens};
use goal_activity_core::task::{Priority, Task};
use goal_activity_events::{FailureCode, Timestamp};
use goal_activity_functions::adapters::memory::samples;
use serde_json::{Value, json};
use tokio::time::timeout;

/// How the AI behind an adapter behaves.
#[derive(Debug, Clone)]
pub(crate) enum Ai {
    /// It answers this text, and reports this token usage.
    Answers(String, Tokens),
    /// It is throttled, and requests this delay.
    Throttles(Option<Duration>),
    /// It fails with an internal error, as a service does with a status of 500 and above.
    Breaks,
    /// It refuses this request, also when it is repeated.
    Refuses(Refusal),
    /// It receives the request and never answers.
    Hangs,
}

/// Why an AI refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Access is denied.
    AccessDenied,
    /// The request is invalid.
    BadRequest,
    /// There is no such model or function.
    NotFound,
}

/// A generator together with the AI behind it, whose behaviour can be configured.
///
/// The methods with a default show what an AI's protocol does not support; nothing else may differ.
pub(crate) trait Adapter {
    /// Calls the AI once with this behaviour.
    async fn ask(&self, ai: &Ai, request: GenerationRequest<'_>) -> Result<Generation, GenerationError>;

    /// Returns `true` if the AI returns the tasks as text, which can have a code fence, rather than as JSON.
    fn answers_in_text(&self) -> bool {
        true
    }

    /// Returns `true` if the AI reports its token usage.
    fn counts_tokens(&self) -> bool {
        true
    }

    /// Returns `true` if the AI can request a delay.
    fn tells_when_to_come_back(&self) -> bool {
        true
    }
}

/// All cases, as tests of one adapter.
macro_rules! keeps_the_contract {
    ($adapter:expr) => {
        keeps_the_contract!(
            $adapter;
            a_good_answer_is_taken,
            a_code_fence_is_tolerated,
            the_type_is_the_action_s_whatever_the_ai_says,
            an_invalid_answer_may_be_asked_for_again,
            a_throttled_ai_is_asked_again_when_it_says,
            a_broken_ai_is_asked_again,
            a_refusal_is_final,
            a_hanging_ai_is_left_and_asked_again,
            tokens_of_every_answer_are_reported,
            p10_errors_repeat_no_text,
        );
    };
    ($adapter:expr; $($case:ident),+ $(,)?) => {$(
        #[tokio::test]
        async fn $case() {
            $crate::contract::$case(&$adapter).await;
        }
    )+};
}

/// Texts that only the user and the AI may read.
const PRIVATE: &str = "Zeppelin";
const NO_TOKENS: Tokens = Tokens { input: 0, output: 0 };
const TOKENS: Tokens = Tokens { input: 812, output: 345 };

/// A goal with text in every field except the action's constraints, which contain the script of the offline generator.
fn goal() -> Goal {
    let mut goal = samples::goal("goal-1", "user-1", 1);
    let private = |field: &str| format!("{PRIVATE} {field}");
    let (head, sub_goal, action) = (&mut goal.head, &mut goal.sub_goals[0], &mut goal.actions[0]);
    head.title = private("goal");
    head.description = private("goal's description");
    head.background = private("goal's background");
    head.constraints = private("goal's constraints");
    head.deadline = Some(private("day"));
    sub_goal.title = private("sub-goal");
    sub_goal.description = private("sub-goal's description");
    action.title = private("action");
    action.description = private("action's description");
    action.background = private("action's background");
    goal
}

async fn ask_for(on: &impl Adapter, ai: Ai, kind: ActionKind) -> (Action, Result<Generation, GenerationError>) {
    let goal = goal();
    let action = Action { kind, ..goal.actions[0].clone() };
    let request = GenerationRequest::first(&goal.head, Some(&goal.sub_goals[0]), &action);
    let answer = on.ask(&ai, request).await;
    (action, answer)
}

async fn ask(on: &impl Adapter, ai: Ai) -> Result<Generation, GenerationError> {
    ask_for(on, ai, ActionKind::Execution).await.1
}

async fn tasks(on: &impl Adapter, answer: String, kind: ActionKind) -> Vec<Task> {
    let (action, generation) = ask_for(on, Ai::Answers(answer, TOKENS), kind).await;
    let execution = "arn:aws:states:us-east-1:123456789012:execution:goal-activity:goal-1-1".parse().unwrap();
    let drafts = generation.expect("the answer is good").drafts;
    drafts.into_tasks(&"goal-1".parse().unwrap(), &action, &execution, Timestamp::from_millis(0))
}

fn good() -> Value {
    json!({ "tasks": [
        {
            "title": "靴を選ぶ",
            "description": "店で三足を試し、歩きやすい一足を買う。家で一時間はいてみる。",
            "type": "execution",
            "estimatedMinutes": 45,
            "priority": "high",
        },
        { "title": "Run", "description": "", "type": "execution", "estimatedMinutes": 30 },
    ] })
}

fn seen(tasks: &[Task]) -> Vec<(&str, &str, u16, Priority)> {
    tasks.iter().map(|t| (t.title.as_str(), t.description.as_str(), t.estimated_minutes, t.priority)).collect()
}

fn invalid() -> Value {
    json!({ "tasks": [{
        "title": format!("{PRIVATE} task"),
        "description": format!("{PRIVATE} description"),
        "type": "execution",
        "estimatedMinutes": format!("{PRIVATE} minutes"),
    }] })
}

pub(crate) async fn a_good_answer_is_taken(on: &impl Adapter) {
    let tasks = tasks(on, good().to_string(), ActionKind::Execution).await;
    let expected = [
        ("靴を選ぶ", "店で三足を試し、歩きやすい一足を買う。家で一時間はいてみる。", 45, Priority::High),
        ("Run", "", 30, Priority::Medium),
    ];
    assert_eq!(seen(&tasks), expected);
    let generation = ask(on, Ai::Answers(good().to_string(), TOKENS)).await.unwrap();
    assert_eq!(generation.warnings, generation.drafts.warnings());
    assert!(!generation.warnings.is_empty());
}

pub(crate) async fn a_code_fence_is_tolerated(on: &impl Adapter) {
    if on.answers_in_text() {
        let fenced = tasks(on, format!("```json\n{}\n```", good()), ActionKind::Execution).await;
        assert_eq!(fenced, tasks(on, good().to_string(), ActionKind::Execution).await);
    }
}

pub(crate) async fn the_type_is_the_action_s_whatever_the_ai_says(on: &impl Adapter) {
    for kind in [ActionKind::Execution, ActionKind::Habit] {
        for said in [json!("execution"), json!("habit"), json!("chore"), Value::Null] {
            let mut answer = good();
            answer["tasks"][0]["type"] = said;
            let tasks = tasks(on, answer.to_string(), kind).await;
            assert!(tasks.len() == 2 && tasks.iter().all(|t| t.kind == kind), "{tasks:?}");
        }
    }
}

pub(crate) async fn an_invalid_answer_may_be_asked_for_again(on: &impl Adapter) {
    let mut invalid = vec![json!({ "tasks": [] }), json!({}), invalid()];
    if on.answers_in_text() {
        invalid.push(json!("Sorry, I cannot do that."));
    }
    for answer in invalid {
        let text = answer.as_str().map_or_else(|| answer.to_string(), str::to_owned);
        let error = ask(on, Ai::Answers(text, TOKENS)).await.unwrap_err();
        assert_eq!((error.code, error.transient), (FailureCode::AiInvalidAnswer, true), "{answer}: {error}");
    }
}

pub(crate) async fn a_throttled_ai_is_asked_again_when_it_says(on: &impl Adapter) {
    for told in [None, Some(Duration::from_secs(7))] {
        let error = ask(on, Ai::Throttles(told)).await.unwrap_err();
        assert_eq!((error.code, error.transient), (FailureCode::AiThrottled, true), "{error}");
        assert_eq!(error.retry_after, told.filter(|_| on.tells_when_to_come_back()));
    }
}

pub(crate) async fn a_broken_ai_is_asked_again(on: &impl Adapter) {
    let error = ask(on, Ai::Breaks).await.unwrap_err();
    assert_eq!((error.code, error.transient), (FailureCode::AiUnavailable, true), "{error}");
}

pub(crate) async fn a_refusal_is_final(on: &impl Adapter) {
    for why in [Refusal::AccessDenied, Refusal::BadRequest, Refusal::NotFound] {
        let error = ask(on, Ai::Refuses(why)).await.unwrap_err();
        assert_eq!((error.code, error.transient), (FailureCode::AiRejected, false), "{why:?}: {error}");
    }
}

/// The caller ends an attempt that takes too long by dropping it. That must not affect the next one.
pub(crate) async fn a_hanging_ai_is_left_and_asked_again(on: &impl Adapter) {
    for _ in 0..3 {
        let left = timeout(Duration::from_millis(100), ask(on, Ai::Hangs)).await;
        assert!(left.is_err(), "a hanging AI has answered: {left:?}");
    }
    assert!(ask(on, Ai::Answers(good().to_string(), TOKENS)).await.is_ok());
}

pub(crate) async fn tokens_of_every_answer_are_reported(on: &impl Adapter) {
    let expected = if on.counts_tokens() { TOKENS } else { NO_TOKENS };
    assert_eq!(ask(on, Ai::Answers(good().to_string(), TOKENS)).await.unwrap().tokens, expected);
    // An unusable answer is billed as well.
    assert_eq!(ask(on, Ai::Answers(invalid().to_string(), TOKENS)).await.unwrap_err().tokens, expected);
    assert_eq!(ask(on, Ai::Throttles(None)).await.unwrap_err().tokens, NO_TOKENS);
}

pub(crate) async fn p10_errors_repeat_no_text(on: &impl Adapter) {
    let refusals = [Refusal::AccessDenied, Refusal::BadRequest, Refusal::NotFound].map(Ai::Refuses);
    let prose = on.answers_in_text().then(|| Ai::Answers(format!("{PRIVATE}: I cannot."), TOKENS));
    let others = [Ai::Answers(invalid().to_string(), TOKENS), Ai::Throttles(None), Ai::Breaks];
    for ai in refusals.into_iter().chain(others).chain(prose) {
        let error = ask(on, ai.clone()).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains(PRIVATE), "{ai:?}: {error:?}");
        assert!(!error.message.is_empty(), "{ai:?} fails without a reason");
    }
}
