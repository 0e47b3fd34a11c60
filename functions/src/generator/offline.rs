//! Tasks without an AI: the same action always gets the same ones. For development, demonstrations and tests.
//!
//! What it does can be scripted per action by a line in the action's constraints, `offline: <directive>, ...`:
//!
//! | directive | effect |
//! |---|---|
//! | `fail` | refuses, for good |
//! | `fail-times=N` | fails the first N attempts as a throttled AI does |
//! | `latency-ms=N` | takes that long |
//! | `max-size` | answers 10 tasks, each as long as is allowed |

use std::time::Duration;

use goal_activity_core::goal::{Action, ActionKind};
use goal_activity_core::limits::MAX_TASKS_PER_ACTION;
use goal_activity_core::ports::{GenerateTasks, Generation, GenerationError, GenerationRequest};
use goal_activity_core::task::{InvalidDraft, MAX_DESCRIPTION, MAX_TITLE, MINUTES, Priority, TaskDraft, TaskDrafts};
use goal_activity_events::FailureCode;

/// Generates deterministic tasks in the action's language.
#[derive(Debug, Clone, Copy, Default)]
pub struct Offline;

/// What an action's constraints tell this generator to do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Script {
    fail: bool,
    fail_times: u32,
    latency: Duration,
    max_size: bool,
}

impl Script {
    fn of(action: &Action) -> Self {
        let lines = action.constraints.lines().filter_map(|line| line.trim().strip_prefix("offline:"));
        lines.flat_map(|line| line.split(',')).fold(Self::default(), |script, directive| {
            let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
            match (name.trim(), value.trim()) {
                ("fail", _) => Self { fail: true, ..script },
                ("fail-times", n) => Self { fail_times: n.parse().unwrap_or(0), ..script },
                ("latency-ms", n) => Self { latency: Duration::from_millis(n.parse().unwrap_or(0)), ..script },
                ("max-size", _) => Self { max_size: true, ..script },
                _ => script,
            }
        })
    }
}

impl GenerateTasks for Offline {
    async fn generate(&self, request: GenerationRequest<'_>) -> Result<Generation, GenerationError> {
        let script = Script::of(request.action);
        if !script.latency.is_zero() {
            tokio::time::sleep(script.latency).await;
        }
        if script.fail {
            let message = "the offline generator was told to refuse this action";
            return Err(GenerationError::permanent(FailureCode::AiRejected, message));
        }
        if request.attempt <= script.fail_times {
            let message = "the offline generator was told to fail this attempt";
            return Err(GenerationError::transient(FailureCode::AiThrottled, message));
        }
        let drafts = if script.max_size { largest() } else { steps(request.action) };
        let drafts = drafts.and_then(TaskDrafts::try_from);
        drafts
            .map(Generation::from)
            .map_err(|e| GenerationError::transient(FailureCode::AiInvalidAnswer, e.to_string()))
    }
}

/// As many and as large tasks as an AI may give.
fn largest() -> Result<Vec<TaskDraft>, InvalidDraft> {
    let (title, description) = ("題".repeat(MAX_TITLE), "説".repeat(MAX_DESCRIPTION));
    (0..MAX_TASKS_PER_ACTION).map(|_| TaskDraft::new(&title, &description, *MINUTES.end(), Priority::High)).collect()
}

/// One step of a plan: what is said before and after the action's title, how it is done, and how long it takes.
type Step = (&'static str, &'static str, &'static str, u16, Priority);

const EXECUTION_JA: [Step; 4] = [
    ("「", "」のゴールを書き出す", "何ができたら完了と言えるかを、一文と三つの条件で書き出す。", 30, Priority::High),
    (
        "「",
        "」に必要なものを揃える",
        "道具、資料、相談できる人を一覧にし、足りないものを手配する。",
        45,
        Priority::Medium,
    ),
    ("「", "」の最初の一歩を進める", "一番小さな部分を選び、一度で終わるところまで手を動かす。", 60, Priority::Medium),
    (
        "「",
        "」を振り返り次を決める",
        "うまくいった点と困った点を一つずつ書き、次に直すことを決める。",
        30,
        Priority::Low,
    ),
];
const HABIT_JA: [Step; 2] = [
    (
        "「",
        "」の時間と場所を決める",
        "毎日の予定の中で、続けやすい時間と場所を一つ選んで予定に入れる。",
        30,
        Priority::High,
    ),
    ("「", "」を実行して記録する", "決めた時間に行い、できたかどうかを一行で記録する。", 30, Priority::Medium),
];
const EXECUTION_EN: [Step; 4] = [
    (
        "Define done: ",
        "",
        "Write one sentence and three conditions that tell when this is finished.",
        30,
        Priority::High,
    ),
    (
        "Gather what you need: ",
        "",
        "List tools, material and people to ask, and get what is missing.",
        45,
        Priority::Medium,
    ),
    (
        "Do the first part: ",
        "",
        "Pick the smallest useful part and work on it until it is finished.",
        60,
        Priority::Medium,
    ),
    (
        "Review: ",
        "",
        "Note one thing that went well and one that did not, and decide what to change.",
        30,
        Priority::Low,
    ),
];
const HABIT_EN: [Step; 2] = [
    (
        "Choose time and place: ",
        "",
        "Pick a moment of the day that is easy to keep, and put it into the calendar.",
        30,
        Priority::High,
    ),
    (
        "Do and record: ",
        "",
        "Do it at the chosen time and write one line about whether it worked.",
        30,
        Priority::Medium,
    ),
];

fn steps(action: &Action) -> Result<Vec<TaskDraft>, InvalidDraft> {
    // Beyond ASCII and Latin letters, Japanese is the likeliest language of this product's users.
    let japanese = action.title.chars().any(|c| c > '\u{2fff}');
    let steps: &[Step] = match (action.kind, japanese) {
        (ActionKind::Execution, true) => &EXECUTION_JA,
        (ActionKind::Habit, true) => &HABIT_JA,
        (ActionKind::Execution, false) => &EXECUTION_EN,
        (ActionKind::Habit, false) => &HABIT_EN,
    };
    let draft = |(before, after, how, minutes, priority): &Step| {
        let room = MAX_TITLE - before.chars().count() - after.chars().count();
        TaskDraft::new(&format!("{before}{}{after}", cut(&action.title, room)), how, *minutes, *priority)
    };
    steps.iter().map(draft).collect()
}

/// The text, shortened to that many characters where it is longer.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::samples;

    fn action(title: &str, kind: ActionKind, constraints: &str) -> Action {
        let sample = samples::goal("g", "u", 1).actions.remove(0);
        Action { title: title.into(), constraints: constraints.into(), kind, ..sample }
    }

    async fn ask(action: &Action, attempt: u32) -> Result<Generation, GenerationError> {
        let goal = samples::goal("g", "u", 0).head;
        Offline.generate(GenerationRequest { goal: &goal, sub_goal: None, action, attempt }).await
    }

    #[tokio::test]
    async fn tasks_are_the_same_each_time_and_in_the_language_of_the_action() {
        let japanese = action("毎朝走る", ActionKind::Habit, "");
        let english = action("Run every morning", ActionKind::Habit, "");
        assert_eq!(ask(&japanese, 1).await, ask(&japanese, 1).await);
        assert_ne!(ask(&japanese, 1).await, ask(&english, 1).await);
    }

    #[tokio::test]
    async fn any_title_gives_tasks_within_the_limits() {
        for title in ["", "x", &"長".repeat(2000), &"x".repeat(2000), "絵文字👨‍👩‍👧"] {
            for kind in [ActionKind::Execution, ActionKind::Habit] {
                assert!(ask(&action(title, kind, ""), 1).await.is_ok(), "{title:?}");
            }
        }
        assert!(ask(&action("t", ActionKind::Habit, "offline: max-size"), 1).await.is_ok());
    }

    #[tokio::test]
    async fn failures_follow_the_script() {
        let refused = action("t", ActionKind::Habit, "two lines\noffline: fail");
        assert!(!ask(&refused, 1).await.unwrap_err().transient);
        let flaky = action("t", ActionKind::Habit, "offline: fail-times=2, latency-ms=0");
        assert!(ask(&flaky, 2).await.unwrap_err().transient);
        assert!(ask(&flaky, 3).await.is_ok());
    }

    #[test]
    fn only_a_line_of_its_own_is_a_directive() {
        assert_eq!(Script::of(&action("t", ActionKind::Habit, "I am often offline: fail")), Script::default());
    }
}
