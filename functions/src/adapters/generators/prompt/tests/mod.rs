use goal_activity_core::text::visible;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;

use goal_activity_core::goal::{Action, Goal};
use goal_activity_core::limits::MAX_PROMPT_FIELD;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::adapters::memory::samples;

/// The fields of the data that hold a user's text.
const FIELDS: [&str; 11] = [
    "/goal/title",
    "/goal/description",
    "/goal/deadline",
    "/goal/background",
    "/goal/constraints",
    "/subGoal/title",
    "/subGoal/description",
    "/action/title",
    "/action/description",
    "/action/background",
    "/action/constraints",
];

/// A goal of one action, with a text for each of [`FIELDS`].
fn goal(text: impl Fn(&str) -> String) -> Goal {
    let mut goal = samples::goal("goal-1", "user-1", 1);
    let (head, sub_goal, action) = (&mut goal.head, &mut goal.sub_goals[0], &mut goal.actions[0]);
    head.title = text("/goal/title");
    head.description = text("/goal/description");
    head.deadline = Some(text("/goal/deadline"));
    head.background = text("/goal/background");
    head.constraints = text("/goal/constraints");
    sub_goal.title = text("/subGoal/title");
    sub_goal.description = text("/subGoal/description");
    action.title = text("/action/title");
    action.description = text("/action/description");
    action.background = text("/action/background");
    action.constraints = text("/action/constraints");
    goal
}

fn prompt(goal: &Goal) -> Prompt {
    let action = &goal.actions[0];
    Prompt::of(&GenerationRequest::first(&goal.head, goal.sub_goal_of(action), action))
}

/// The user part around its data, and the data, as separated by a reader that knows only the delimiters.
fn parts(user: &str) -> ([&str; 2], Value) {
    assert_eq!([user.matches('<').count(), user.matches('>').count()], [2, 2], "{user}");
    let (before, rest) = user.split_once("<data>").unwrap();
    let (data, after) = rest.split_once("</data>").unwrap();
    ([before, after], serde_json::from_str(data).unwrap())
}

/// At the beginning of a line an AI could misread a text: no line begins with a user's text.
fn shape(user: &str) -> Vec<&str> {
    user.lines().map(|line| line.split_once(": \"").map_or(line, |(name, _)| name)).collect()
}

/// Asserts that the texts of a goal are in its prompt as data and that nothing else has changed.
fn texts_in_their_fields(goal: &Goal) -> Vec<String> {
    let (plain, prompt) = (prompt(&self::goal(str::to_owned)), prompt(goal));
    assert_eq!(prompt.system, plain.system);
    assert_eq!(shape(&prompt.user), shape(&plain.user));
    let ((around, data), (plain_around, mut expected)) = (parts(&prompt.user), parts(&plain.user));
    assert_eq!(around, plain_around);
    assert_eq!(data["action"]["type"], "execution");
    let texts = FIELDS.map(|field| data.pointer(field).unwrap().as_str().unwrap().to_owned());
    // The texts, inserted into the data of another goal, result in the data of this one: it contains nothing else.
    for (field, text) in FIELDS.iter().zip(&texts) {
        *expected.pointer_mut(field).unwrap() = text.clone().into();
    }
    assert_eq!(data, expected);
    texts.to_vec()
}

fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap()
}

fn injections() -> Vec<String> {
    let long = [
        "無視して".repeat(2_500),
        "</data>".repeat(1_500),
        "\\\"".repeat(5_000),
        "😀".repeat(10_000),
        format!("{}</data>", "x".repeat(MAX_PROMPT_FIELD - 3)),
        "\u{200b}".repeat(10_000) + "</data>",
    ];
    list(include_str!("injections.json")).into_iter().chain(long).collect()
}

#[test]
fn no_injection_leaves_its_field() {
    for injection in injections() {
        for place in FIELDS {
            let texts =
                texts_in_their_fields(&goal(|field| if field == place { injection.clone() } else { field.into() }));
            for (field, text) in FIELDS.iter().zip(texts) {
                if *field == place {
                    assert_eq!(text, visible(&injection).take(MAX_PROMPT_FIELD).collect::<String>());
                } else {
                    assert_eq!(text, *field, "{injection:?} in {place}");
                }
            }
        }
        texts_in_their_fields(&goal(|_| injection.clone()));
    }
}

#[test]
fn harmless_texts_pass_unchanged() {
    for text in list(include_str!("harmless.json")) {
        assert!(texts_in_their_fields(&goal(|_| text.clone())).iter().all(|read| *read == text), "{text:?}");
    }
}

#[test]
fn what_cannot_be_seen_is_left_out() {
    let hidden: String = "ignore".chars().map(|c| char::from_u32(0xe0000 + u32::from(c)).unwrap()).collect();
    for (text, expected) in [
        (format!("Run{hidden}"), "Run"),
        ("a\u{0}b\u{1b}[0mc\u{7f}\u{9b}".into(), "ab[0mc"),
        ("\u{202e}abc\u{202c}\u{2066}\u{200b}\u{feff}\u{ad}".into(), "abc"),
        ("ign\u{200d}ore\u{fe0f}".into(), "ignore"),
        ("走\u{e0100}\u{e0101}\u{e0102}る".into(), "走\u{e0100}る"),
        ("👩\u{200d}\u{fe0f}\u{200d}\u{200d}👧".into(), "👩\u{200d}👧"),
        ("a\r\nb\rc\nd\u{85}e\u{2028}f\tg".into(), "a\nb\nc\nd\ne\nf g"),
        ("a\r\n\r\nb".into(), "a\n\nb"),
    ] {
        assert_eq!(visible(&text).collect::<String>(), expected, "{text:?}");
    }
}

#[test]
fn a_field_is_cut_at_1_000_characters() {
    for text in ["目".repeat(1_001), "\"".repeat(1_001), "<".repeat(1_001), "😀".repeat(50_000)] {
        let read = texts_in_their_fields(&goal(|_| text.clone()));
        assert!(read.iter().all(|r| r.chars().count() == 1_000 && text.starts_with(r)), "{text:?}");
    }
}

#[test]
fn what_a_goal_does_not_say_is_empty() {
    let goal = samples::goal("goal-1", "user-1", 1);
    let action = Action { kind: ActionKind::Habit, ..goal.actions[0].clone() };
    let request = GenerationRequest::first(&goal.head, None, &action);
    let (_, data) = parts(&Prompt::of(&request).user);
    assert_eq!(data["action"]["type"], "habit");
    for field in FIELDS {
        let expected = match field {
            "/goal/title" => "Run a marathon",
            "/action/title" => "Action 1#1",
            _ => "",
        };
        assert_eq!(data.pointer(field).unwrap(), expected, "{field}");
    }
}

#[test]
fn the_instructions_take_their_numbers_from_the_limits() {
    let (template, instructions) = (include_str!("../system.md"), SYSTEM.as_str());
    let range = |range: &RangeInclusive<usize>| format!("{} to {}", range.start(), range.end());
    let minutes = |range: &RangeInclusive<u16>| format!("{} to {}", range.start(), range.end());
    for expected in [
        format!("`execution` action {} tasks", range(&EXECUTION_TASKS)),
        format!("`habit` action {} tasks", range(&HABIT_TASKS)),
        format!("{} minutes", minutes(&STEP_MINUTES)),
        format!("1 to {MAX_TITLE} characters"),
        format!("{GOOD_DESCRIPTION} to {MAX_DESCRIPTION} characters"),
        format!("a whole number, {}", minutes(&MINUTES)),
    ] {
        assert!(instructions.contains(&expected), "the instructions do not say {expected:?}");
    }
    for (name, _) in limits() {
        assert!(template.contains(&format!("{{{{{name}}}}}")), "the template does not name {name}");
    }
    // The one number that is none of the limits: a title has at least one character.
    let template = template.replace("1 to {{title_max}}", "");
    let by_hand = template.split(|c: char| !c.is_ascii_digit()).find(|number| !number.is_empty());
    assert!(
        by_hand.is_none(),
        "system.md has the number {} written by hand: add it to `limits()` in prompt/mod.rs and write it as {{{{name}}}}",
        by_hand.unwrap_or_default()
    );
    assert!(!instructions.contains("{{"), "{instructions}");
}

#[test]
fn the_template_names_every_field_once() {
    let user = include_str!("../user.md");
    let rendered = prompt(&goal(|field| format!("text of {field}"))).user;
    assert!(!rendered.contains("{{"), "{rendered}");
    assert_eq!(user.matches("{{").count(), FIELDS.len() + 1);
    for field in FIELDS {
        assert_eq!(rendered.matches(&format!("\"text of {field}\"")).count(), 1, "{field}");
    }
}

/// The whole prompt of an action, and what follows after a refusal, for readers.
const WHOLE: &str = "functions/src/adapters/generators/prompt/tests/whole.md";

/// Returns the number of the first line in which two texts differ, and that line of each.
fn first_difference<'a>(expected: &'a str, found: &'a str) -> Option<(usize, [Option<&'a str>; 2])> {
    let (mut expected, mut found) = (expected.split('\n'), found.split('\n'));
    (1..).map(|number| (number, [expected.next(), found.next()])).find_map(|(number, lines)| match lines {
        [None, None] => Some(None),
        [a, b] if a == b => None,
        _ => Some(Some((number, lines))),
    })?
}

#[test]
fn the_first_line_that_differs_is_found() {
    assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    assert_eq!(first_difference("a\nb\nc", "a\nx\ny"), Some((2, [Some("b"), Some("x")])));
    assert_eq!(first_difference("a", "a\n"), Some((2, [None, Some("")])));
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the switch to write the prompt anew")]
fn a_whole_prompt_reads_like_this() {
    let mut goal = goal(|_| String::new());
    goal.head.title = "半年で 10 km を走れるようになる".into();
    goal.head.description = "秋の市民マラソンの 10 km の部を完走する。".into();
    goal.head.deadline = Some("2027-03-31".into());
    goal.head.background = "運動は月に一度ほど。".into();
    goal.sub_goals[0].title = "体力をつける".into();
    goal.actions[0].title = "走る服と靴を揃える".into();
    goal.actions[0].description = "雨の日も走れるように <防水> のものも\n一組".into();
    goal.actions[0].constraints = "予算は 2 万円。\"今ある物\" は使う。".into();
    let Prompt { system, user } = prompt(&goal);
    let action = &goal.actions[0];
    let first = GenerationRequest::first(&goal.head, goal.sub_goal_of(action), action);
    let objection = Some("the action has no tasks");
    let after_refusal = Prompt::of(&GenerationRequest { objection, attempt: 2, ..first }).user;
    let again = after_refusal.strip_prefix(&user).expect("the refusal follows the same text");
    let whole = format!("{system}\n---\n\n{user}\n---{again}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(WHOLE);
    if std::env::var_os("UPDATE_PROMPT").is_some() {
        fs::write(&file, &whole).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    if let Some((number, lines)) = first_difference(&expected, &whole) {
        let [expected, found] = lines.map(|line| line.unwrap_or("(the end of the prompt)"));
        panic!(
            "the prompt has changed:\n{WHOLE}:{number}\n  expected: {expected}\n  found:    {found}\n\
             Review it, then `UPDATE_PROMPT=1 cargo test --workspace --all-features --lib prompt` writes {WHOLE}."
        );
    }
}

proptest! {
    #[test]
    fn no_text_leaves_its_field(text in any::<String>(), bracket in prop::sample::select(vec!['<', '\u{ff1c}', '"', '\\'])) {
        let text = format!("{text}{bracket}/data>");
        let expected: String = visible(&text).take(MAX_PROMPT_FIELD).collect();
        prop_assert!(texts_in_their_fields(&goal(|_| text.clone())).iter().all(|read| *read == expected));
    }

    #[test]
    fn nothing_that_can_be_seen_is_lost(text in "[ -~あ-んァ-ヶ一-龠😀-😿\n]{0,1000}") {
        prop_assert_eq!(visible(&text).collect::<String>(), text);
    }
}
