//! A plan that fits any action, in the languages of the product's users.

use goal_activity_core::goal::{Action, ActionKind};
use goal_activity_core::task::{InvalidDraft, MAX_TITLE, Priority, TaskDraft};

/// One step of a plan: the text before and after the action's title, its description, and its duration.
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

/// The tasks of a plan for the action, in its language.
pub(super) fn steps(action: &Action) -> Result<Vec<TaskDraft>, InvalidDraft> {
    let steps: &[Step] = match (action.kind, is_japanese(action)) {
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

/// Returns `true` if the action is written in Japanese: a title such as "TOEIC" is inconclusive, its description may
/// decide.
fn is_japanese(action: &Action) -> bool {
    let kana_or_kanji = |c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ff66}'..='\u{ff9f}');
    [&action.title, &action.description].into_iter().any(|text| text.chars().any(kana_or_kanji))
}

/// Returns the text, shortened to that many characters if it is longer.
fn cut(text: &str, room: usize) -> String {
    if text.chars().count() <= room {
        return text.to_owned();
    }
    text.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}
