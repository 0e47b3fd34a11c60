use std::collections::HashSet;

use goal_activity_events::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::goal::{Action, ActionKind};
use crate::task::Task;

/// Texts that are too long are refused in these tests unless they say otherwise.
const EXACT: Tolerance = Tolerance { overlength: 0 };

fn parse(text: &str) -> Result<TaskDrafts, InvalidAnswer> {
    super::parse(text, EXACT).map(|answer| answer.drafts)
}

fn from_value(answer: &Value) -> Result<TaskDrafts, InvalidAnswer> {
    super::from_value(answer.clone(), EXACT).map(|answer| answer.drafts)
}

/// What was repaired in an answer that is accepted and whose tasks are those of the untouched one.
fn repaired(text: &str) -> Vec<Repair> {
    let answer = super::parse(text, EXACT).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(Ok(answer.drafts), parse(&of(vec![task()])), "{text}");
    answer.repairs
}

fn task() -> Value {
    json!({ "title": "Buy shoes", "description": "Try three pairs on.", "estimatedMinutes": 45, "priority": "high" })
}

/// A task that is good but for one field.
fn task_with(field: &str, value: Value) -> Value {
    let mut task = task();
    task[field] = value;
    task
}

fn of(tasks: Vec<Value>) -> String {
    json!({ "tasks": tasks }).to_string()
}

/// An answer of one task that is good but for one field.
fn with(field: &str, value: Value) -> String {
    of(vec![task_with(field, value)])
}

fn without(field: &str) -> String {
    let mut task = task();
    task.as_object_mut().unwrap().remove(field);
    of(vec![task])
}

/// As the tasks are stored.
fn stored(drafts: TaskDrafts, kind: ActionKind) -> Vec<Task> {
    let action = Action {
        action_id: "a-1-1".parse().unwrap(),
        position: "1#1".parse().unwrap(),
        title: "Action".into(),
        description: String::new(),
        background: String::new(),
        constraints: String::new(),
        kind,
    };
    let execution = "arn:aws:states:us-east-1:123456789012:execution:goal-activity:goal-1-1".parse().unwrap();
    drafts.into_tasks(&"goal-1".parse().unwrap(), &action, &execution, Timestamp::from_millis(0))
}

fn tasks(text: &str) -> Vec<Task> {
    stored(parse(text).unwrap(), ActionKind::Execution)
}

/// Why the only task of an answer is not taken; `None` when it is.
fn fault(text: &str) -> Option<InvalidTask> {
    match parse(text) {
        Ok(_) => None,
        Err(InvalidAnswer::Tasks(faults)) if faults.len() == 1 => Some(faults[0].1.clone()),
        Err(other) => panic!("{other}: {text}"),
    }
}

#[test]
fn a_title_has_1_to_50_characters() {
    let title = |n| Some(InvalidTask::Draft(InvalidDraft::Title(n)));
    // An emoji of a family is five scalar values, an accent that is written on its own is one more.
    let family = "👨\u{200d}👩\u{200d}👧";
    for (text, expected) in [
        ("", title(0)),
        (" \u{3000}\n", title(0)),
        ("x", None),
        (" x ", None),
        (&"x".repeat(50), None),
        (&"x".repeat(51), title(51)),
        (&format!("\n{} ", "x".repeat(50)), None),
        (&"目".repeat(50), None),
        (&"目".repeat(51), title(51)),
        (&"😀".repeat(50), None),
        (&"😀".repeat(51), title(51)),
        (&family.repeat(10), None),
        (&family.repeat(11), title(55)),
        (&"e\u{301}".repeat(25), None),
        (&"e\u{301}".repeat(26), title(52)),
        (&"か\u{3099}".repeat(26), title(52)),
    ] {
        assert_eq!(fault(&with("title", json!(text))), expected, "{text:?}");
    }
}

#[test]
fn a_description_has_at_most_200_characters() {
    let description = |n| Some(InvalidTask::Draft(InvalidDraft::Description(n)));
    for (text, expected) in [
        ("", None),
        (&"説".repeat(200), None),
        (&"説".repeat(201), description(201)),
        (&"😀".repeat(200), None),
        (&"😀".repeat(201), description(201)),
        (&"e\u{301}".repeat(100), None),
        (&"e\u{301}".repeat(101), description(202)),
    ] {
        assert_eq!(fault(&with("description", json!(text))), expected, "{text:?}");
    }
}

#[test]
fn an_estimate_is_a_whole_number_of_15_to_120_minutes() {
    let minutes = |n| Some(InvalidTask::Draft(InvalidDraft::Minutes(n)));
    let none = Some(InvalidTask::NoMinutes);
    for (written, expected) in [
        ("14", minutes(14)),
        ("15", None),
        ("120", None),
        ("121", minutes(121)),
        ("0", minutes(0)),
        ("-0", minutes(0)),
        ("45.0", None),
        ("4.5e1", None),
        ("1e2", None),
        ("1.2e2", None),
        ("45.5", none.clone()),
        ("14.999", none.clone()),
        ("120.5", none.clone()),
        ("-1", none.clone()),
        ("-45", none.clone()),
        ("65535", minutes(65_535)),
        ("65536", none.clone()),
        ("65581", none.clone()),
        ("18446744073709551615", none.clone()),
        ("18446744073709551661", none.clone()),
        ("1e300", none.clone()),
        ("\"abc\"", none.clone()),
        ("\"45.5\"", none.clone()),
        ("\"-45\"", none.clone()),
        ("\"1h\"", none.clone()),
        ("\"45 hours\"", none.clone()),
        ("\"14\"", minutes(14)),
        ("\"99999999999999999999\"", none.clone()),
        ("\"\"", none.clone()),
        ("null", none.clone()),
        ("true", none.clone()),
        ("[45]", none.clone()),
        ("{}", none.clone()),
    ] {
        let text = with("estimatedMinutes", json!("here")).replace("\"here\"", written);
        assert_eq!(fault(&text), expected, "{written}");
    }
    assert_eq!(tasks(&with("estimatedMinutes", json!(45.0)))[0].estimated_minutes, 45);
    assert_eq!(fault(&without("estimatedMinutes")), none);
}

#[test]
fn a_priority_is_one_of_three_or_medium() {
    for (said, expected) in [("high", Priority::High), ("medium", Priority::Medium), ("low", Priority::Low)] {
        assert_eq!(tasks(&with("priority", json!(said)))[0].priority, expected);
    }
    for text in [without("priority"), with("priority", Value::Null)] {
        assert_eq!(tasks(&text)[0].priority, Priority::Medium);
    }
    for said in [json!("urgent"), json!(""), json!("higher"), json!(1), json!(["high"]), json!({ "high": null })] {
        assert_eq!(fault(&with("priority", said.clone())), Some(InvalidTask::Priority), "{said}");
    }
}

#[test]
fn an_answer_has_1_to_10_tasks() {
    for count in [1, 2, 9, 10] {
        assert_eq!(tasks(&of(vec![task(); count])).len(), count);
    }
    for count in [0, 11, 100] {
        let expected = InvalidAnswer::Count(InvalidDraft::Count(count));
        assert_eq!(parse(&of(vec![task(); count])), Err(expected));
    }
}

#[test]
fn one_bad_task_makes_the_answer_invalid() {
    let bad = task_with("title", json!(""));
    let answer = of(vec![task(), task(), bad.clone()]);
    let fault = InvalidTask::Draft(InvalidDraft::Title(0));
    assert_eq!(parse(&answer), Err(InvalidAnswer::Tasks(vec![(3, fault)])));
    let all = parse(&of(vec![bad; 5])).unwrap_err().to_string();
    assert!(
        all.starts_with("task 1: a title has 0") && all.contains("; task 3: ") && all.ends_with("; and 2 more"),
        "{all}"
    );
}

#[test]
fn a_code_fence_around_the_json_is_tolerated() {
    let json = of(vec![task()]);
    let expected = parse(&json);
    for text in [
        format!("```json\n{json}\n```"),
        format!("```\n{json}\n```"),
        format!("```JSON\r\n{json}\r\n```\r\n"),
        format!("\n\n  ```json5\n{json}```  "),
        format!("```json {json} ```"),
        format!("  \n{json}\n"),
        format!("\u{feff}{json}"),
    ] {
        assert_eq!(parse(&text), expected, "{text}");
    }
}

#[test]
fn text_around_the_json_is_tolerated_and_counted() {
    let json = of(vec![task()]);
    for text in [
        format!("Here are the tasks: {json}"),
        format!("{json}\nGood luck!"),
        format!("Here you are:\n```json\n{json}\n```"),
        format!("```json\n{json}\n```\nGood luck!"),
        format!("```json\n```json\n{json}\n```\n```"),
        format!("```json\n{json}"),
        format!("{json}\n```"),
        format!("~~~\n{json}\n~~~"),
        format!("`{json}`"),
        format!("{json}{json}"),
        format!("<answer>{json}</answer>"),
        format!("```以下\n{json}\n```"),
        format!("See [1] and {{this}}: {json}"),
    ] {
        assert_eq!(repaired(&text), [Repair::Prose], "{text}");
    }
}

#[test]
fn thoughts_before_the_answer_are_left_out() {
    let json = of(vec![task()]);
    let draft = of(vec![task_with("title", json!("Draft"))]);
    for text in [
        format!("<think>plan</think>\n{json}"),
        format!("<thinking>{draft}</thinking>{json}"),
        format!("plan, perhaps {draft}\n</think>\n\n{json}"),
        format!("<think>a</think><think>b</think>```json\n{json}\n```"),
        format!("<|channel|>analysis<|message|>plan<|end|><|start|>assistant<|channel|>final<|message|>{json}"),
    ] {
        assert_eq!(repaired(&text), [Repair::Thinking], "{text}");
    }
    assert_eq!(repaired(&format!("<think></think>So: {json}")), [Repair::Thinking, Repair::Prose]);
    for unfinished in [format!("<think>{draft}"), format!("x</think><think>{draft}")] {
        assert_eq!(parse(&unfinished), Err(InvalidAnswer::Cut), "nothing was said: {unfinished}");
    }
    // In a text it is a text.
    let title = with("title", json!("Use </think> well"));
    assert_eq!(tasks(&title)[0].title, "Use </think> well");
}

#[test]
fn json_that_is_not_quite_json_is_tolerated_and_counted() {
    let json = of(vec![task()]);
    for text in [
        json.replace("}]}", "},]}"),
        json.replace('"', "'"),
        json.replace('"', "”"),
        json.replacen("\"tasks\"", "tasks", 1),
        json.replacen('[', "[ // the tasks\n", 1),
    ] {
        assert_ne!(text, json);
        assert_eq!(repaired(&text), [Repair::Syntax], "{text}");
        assert_eq!(repaired(&format!("Here: {text}")), [Repair::Prose, Repair::Syntax], "{text}");
    }
}

#[test]
fn json_within_a_text_or_another_object_is_tolerated_and_counted() {
    let (text, list) = (of(vec![task()]), json!([task()]));
    let inner: Value = serde_json::from_str(&text).unwrap();
    for (answer, expected) in [
        (json!({ "tasks": list.to_string() }), vec![Repair::TextForJson]),
        (json!(text), vec![Repair::TextForJson]),
        (json!(format!("```json\n{text}\n```")), vec![Repair::TextForJson]),
        (list.clone(), vec![Repair::Wrapper]),
        (json!({ "tasks": inner }), vec![Repair::Wrapper]),
        (json!({ "save_tasks": inner }), vec![Repair::Wrapper]),
        (json!({ "name": "save_tasks", "parameters": inner }), vec![Repair::Wrapper]),
        (json!({ "name": "save_tasks", "arguments": text }), vec![Repair::TextForJson, Repair::Wrapper]),
    ] {
        assert_eq!(repaired(&answer.to_string()), expected, "{answer}");
        let read = super::from_value(answer.clone(), EXACT).unwrap();
        assert_eq!(read.repairs, expected, "{answer}");
    }
}

#[test]
fn an_answer_in_pieces_is_all_of_them() {
    let piece = |title: &str| json!({ "tasks": [task_with("title", json!(title))] });
    let read = from_values(vec![piece("a"), piece("b"), piece("a")], EXACT).unwrap();
    assert_eq!((read.drafts.count(), read.repairs), (2, vec![Repair::Wrapper]));
    let one = from_values(vec![piece("a"), piece("a")], EXACT).unwrap();
    assert_eq!((one.drafts.count(), one.repairs), (1, vec![]));
    assert_eq!(from_values(vec![piece("a"), json!({})], EXACT), Err(InvalidAnswer::NoTasks));
    let many = (0..11).map(|n| piece(&n.to_string())).collect();
    assert_eq!(from_values(many, EXACT), Err(InvalidAnswer::Count(InvalidDraft::Count(11))));
}

#[test]
fn other_spellings_are_tolerated_and_counted() {
    for (field, value, expected) in [
        ("estimatedMinutes", json!("45"), Repair::NumberAsText),
        ("estimatedMinutes", json!("45.0"), Repair::NumberAsText),
        ("estimatedMinutes", json!(" 45 min. "), Repair::NumberAsText),
        ("estimatedMinutes", json!("４５分"), Repair::NumberAsText),
        ("estimatedMinutes", json!("45 Minutes"), Repair::NumberAsText),
        ("priority", json!("High"), Repair::Spelling),
        ("priority", json!(" HIGH "), Repair::Spelling),
        ("priority", json!("高"), Repair::Spelling),
        ("title", json!("Buy\u{200b} shoes"), Repair::Cleaned),
        ("title", json!("\u{202e}Buy shoes"), Repair::Cleaned),
    ] {
        assert_eq!(repaired(&with(field, value.clone())), [expected], "{field}: {value}");
    }
    let snake = of(vec![task()]).replace("estimatedMinutes", "estimated_minutes").replace("title", "Title");
    assert_eq!(repaired(&snake), [Repair::Spelling]);
    assert_eq!(repaired(&with("title", json!(" Buy\nshoes "))), [], "white space is no flaw");
    assert_eq!(fault(&with("title", json!("\u{200b}\u{2060}"))), Some(InvalidTask::Draft(InvalidDraft::Title(0))));
}

#[test]
fn a_text_that_is_a_little_too_long_is_cut_at_a_word() {
    let words = "Write down everything that the kitchen will need!!!";
    assert_eq!(words.chars().count(), 51);
    let read = super::parse(&with("title", json!(words)), Tolerance::default()).unwrap();
    assert_eq!(read.repairs, [Repair::Shortened]);
    assert!(read.warnings.contains(&DraftWarning::ShortenedTitle(1)), "{:?}", read.warnings);
    let title = &stored(read.drafts, ActionKind::Execution)[0].title;
    assert!(title.starts_with("Write down everything that the kitchen will") && title.ends_with('…'), "{title}");
    for (percent, longest) in [(0, 50), (2, 51), (20, 60), (100, 100)] {
        let tolerance = Tolerance { overlength: percent };
        let of_length = |n| super::parse(&with("title", json!("目".repeat(n))), tolerance).is_ok();
        assert_eq!([of_length(longest), of_length(longest + 1)], [true, false], "{percent} %");
    }
    let long = super::parse(&with("description", json!("説".repeat(240))), Tolerance::default()).unwrap();
    assert_eq!(long.warnings, [DraftWarning::ShortenedDescription(1)]);
}

#[test]
fn a_draft_is_not_taken_for_the_answer() {
    let (draft, json) = (with("title", json!("Draft")), of(vec![task()]));
    let cut = &json[..json.len() - 9];
    assert_eq!(parse(&format!("Draft: {draft}\nFinal: {cut}")), Err(InvalidAnswer::Cut));
    let comma = json.replace("}]}", "},]}");
    assert_eq!(parse(&format!("Draft: {draft}\nFinal: {comma}")), Err(InvalidAnswer::Several(2)));
    for thought in [
        format!("Sure!\n<think>Maybe {draft} hmm"),
        format!("<THINK>{draft}</THINK> I cannot"),
        format!("◁think▷Maybe {draft} but"),
        format!("<|channel|>analysis<|message|>Maybe {draft}<|end|>"),
    ] {
        assert!(parse(&thought).is_err(), "{thought}");
    }
    assert_eq!(repaired(&format!("◁think▷{draft}◁/think▷{json}")), [Repair::Thinking]);
    let title = of(vec![task_with("title", json!("Explain the </think> tag"))]);
    assert_eq!(tasks(&format!("Here: {title}"))[0].title, "Explain the </think> tag");
}

#[test]
fn the_form_of_the_answer_is_no_answer() {
    let form = r#"{"tasks": [{"title": "...", "description": "...", "estimatedMinutes": 30, "priority": "medium"}]}"#;
    let unreadable = Some(InvalidTask::Draft(InvalidDraft::Unreadable));
    assert_eq!(fault(form), unreadable);
    for title in ["…", "---", "\u{2800}", "!?"] {
        assert_eq!(fault(&with("title", json!(title))), unreadable, "{title:?}");
    }
    assert_eq!(fault(&with("title", json!("🏃"))), None);
}

#[test]
fn what_is_large_or_nested_in_json_that_is_not_quite_json_takes_no_time_and_no_stack() {
    let decoys = format!("{}]", format!("{}/*{}*/", "[".repeat(127), "]".repeat(127)).repeat(160));
    let keys = format!("{}}}", format!("{}/*{}*/", "{a:".repeat(127), "}".repeat(127)).repeat(120));
    let commas = format!("{}]", "[\"]\",".repeat(10_000));
    let many = (0..4_000).map(|n| format!("{{\"tasks\":{n}}}")).collect::<Vec<_>>().concat();
    let begin = std::time::Instant::now();
    for text in [decoys, keys, commas, many] {
        assert!(text.len() <= MAX_ANSWER && parse(&text).is_err());
    }
    let pieces = (0..5_000).map(|n| json!(vec![n; 50])).collect();
    assert!(from_values(pieces, EXACT).is_err());
    // Each of them took minutes in a build for tests, or the stack.
    assert!(begin.elapsed().as_secs() < 30, "{:?}", begin.elapsed());
}

#[test]
fn different_answers_side_by_side_are_none() {
    let [one, other] = [of(vec![task()]), with("title", json!("Sell shoes"))];
    assert_eq!(parse(&format!("{one}\nor\n{other}")), Err(InvalidAnswer::Several(2)));
    assert!(parse(&format!("{one}\nor {{\"other\": 1}}")).is_ok());
}

#[test]
fn what_is_no_json_is_named_with_its_place() {
    for (text, expected) in [
        ("", InvalidAnswer::Cut),
        ("``````", InvalidAnswer::Cut),
        ("```", InvalidAnswer::NotJson(1, 1)),
        ("Sorry, I cannot help with that.", InvalidAnswer::NotJson(1, 1)),
        ("{\n\"tasks\": nothing}", InvalidAnswer::NotJson(2, 11)),
        ("{\"tasks\": [{\"title\": \"Buy", InvalidAnswer::Cut),
        ("Here: {\"tasks\": [{\"title\": \"Buy", InvalidAnswer::Cut),
        ("{\"tasks\": [{\"title\": \"Buy\"}], \"note\": \"cut", InvalidAnswer::Cut),
    ] {
        assert_eq!(parse(text), Err(expected), "{text}");
    }
}

#[test]
fn only_an_object_with_a_list_of_objects_will_do() {
    for text in ["null", "1", "[]", "{}", "[1]", "{\"tasks\": null}", "{\"tasks\": {}}", "{\"task\": []}"] {
        assert_eq!(parse(text), Err(InvalidAnswer::NoTasks), "{text}");
    }
    for task in [json!(null), json!("title"), json!(45), json!([]), json!(["t", "d", 45])] {
        assert_eq!(fault(&of(vec![task.clone()])), Some(InvalidTask::NotAnObject), "{task}");
    }
    for field in ["title", "description"] {
        let expected = Some(InvalidTask::NoText(field));
        assert_eq!(fault(&without(field)), expected);
        for value in [json!(null), json!(1), json!(true), json!(["x"]), json!({ "text": "x" })] {
            assert_eq!(fault(&with(field, value.clone())), expected, "{field}: {value}");
        }
    }
}

#[test]
fn other_fields_are_ignored_and_the_type_is_the_action_s() {
    let others = json!({
        "title": "a", "description": "b", "estimatedMinutes": 30, "type": "habit", "status": "completed",
        "taskId": "mine", "actionId": "another", "goalId": "another", "position": "9#9", "steps": [{ "deep": [1] }],
    });
    for said in [json!("habit"), json!("execution"), json!("nonsense"), json!(7), Value::Null] {
        let mut task = others.clone();
        task["type"] = said;
        let answer = json!({ "tasks": [task], "status": "failed", "error": "none", "actionId": "another" });
        for kind in [ActionKind::Execution, ActionKind::Habit] {
            let plain = json!({ "tasks": [{ "title": "a", "description": "b", "estimatedMinutes": 30 }] });
            let [read, expected] = [&answer, &plain].map(|a| stored(from_value(a).unwrap(), kind));
            assert_eq!(read, expected);
            assert_eq!(read[0].kind, kind);
        }
    }
}

#[test]
fn of_a_field_that_is_there_twice_the_last_counts() {
    let text = r#"{"tasks": [], "tasks": [{"title": "", "title": "b", "description": "", "estimatedMinutes": 30}]}"#;
    assert_eq!(tasks(text)[0].title, "b");
}

#[test]
fn what_is_huge_or_nested_deep_is_invalid() {
    let padded = |size: usize| format!("{}{}", " ".repeat(size - of(vec![task()]).len()), of(vec![task()]));
    assert!(parse(&padded(MAX_ANSWER)).is_ok());
    assert_eq!(parse(&padded(MAX_ANSWER + 1)), Err(InvalidAnswer::TooLong(MAX_ANSWER + 1)));
    for opening in ["[", "{\"tasks\":[", "{\"tasks\":[{\"title\":", "{\"a\":"] {
        let deep = opening.repeat(MAX_ANSWER / opening.len());
        assert!(matches!(parse(&deep), Err(InvalidAnswer::NotJson(..) | InvalidAnswer::Cut)), "{opening}");
    }
    let deep = (0..1_000).fold(json!([]), |inner, _| json!([inner]));
    assert_eq!(from_value(&json!({ "tasks": deep })), Err(InvalidAnswer::Tasks(vec![(1, InvalidTask::NotAnObject)])));
}

#[test]
fn the_greatest_tasks_fit_into_an_answer_however_they_are_written() {
    let (title, description) = ("😀".repeat(MAX_TITLE), "😀".repeat(MAX_DESCRIPTION));
    let task = json!({ "title": title, "description": description, "estimatedMinutes": 120, "priority": "medium" });
    let escaped = of(vec![task; MAX_TASKS_PER_ACTION]).replace('😀', "\\ud83d\\ude00");
    assert_eq!(tasks(&escaped).len(), MAX_TASKS_PER_ACTION);
}

#[test]
fn an_error_never_repeats_the_answer() {
    let secret = "zeppelin";
    for text in [
        secret.to_owned(),
        format!("{{\"{secret}\": {secret}}}"),
        with("title", json!(secret.repeat(10))),
        with("description", json!(secret.repeat(50))),
        with("estimatedMinutes", json!(secret)),
        format!("Here: {{\"tasks\": [{{\"title\": {secret}}}]}}"),
        format!("<think>{secret}"),
        json!({ "tasks": secret }).to_string(),
        with("priority", json!(secret)),
        with("priority", json!({ secret: secret })),
        json!({ secret: [secret] }).to_string(),
        of(vec![json!(secret)]),
    ] {
        let error = GenerationError::from(parse(&text).unwrap_err());
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
        assert_eq!((error.code, error.transient), (FailureCode::AiInvalidAnswer, true));
    }
}

#[test]
fn the_schema_is_one_that_openai_s_strict_mode_takes() {
    const KNOWN: [&str; 11] = [
        "type",
        "properties",
        "required",
        "additionalProperties",
        "description",
        "items",
        "enum",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
    ];
    fn check(schema: &Value) {
        let schema = schema.as_object().unwrap();
        assert!(schema.keys().all(|k| KNOWN.contains(&k.as_str())), "{schema:?}");
        if let Some(properties) = schema.get("properties").map(|p| p.as_object().unwrap()) {
            assert_eq!(schema["additionalProperties"], false);
            let required: HashSet<_> =
                schema["required"].as_array().unwrap().iter().map(|r| r.as_str().unwrap()).collect();
            assert_eq!(required, properties.keys().map(String::as_str).collect());
            properties.values().for_each(check);
        }
        schema.get("items").into_iter().for_each(check);
    }
    check(&schema(SchemaDialect::Strict));
    check(&schema(SchemaDialect::StrictWithLimits));
}

#[test]
fn the_plain_schema_has_only_keywords_that_every_model_takes() {
    let plain = schema(SchemaDialect::Plain).to_string();
    for refused in ["additionalProperties", "minItems", "maxItems", "minimum", "maximum"] {
        assert!(!plain.contains(refused), "{refused}");
        assert!(schema(SchemaDialect::StrictWithLimits).to_string().contains(refused), "{refused}");
    }
}

#[test]
fn the_schema_tells_the_lengths_that_it_cannot_check() {
    let schema = schema(SchemaDialect::Plain);
    let task = &schema["properties"]["tasks"]["items"]["properties"];
    assert!(task["title"]["description"].as_str().unwrap().contains(&format!("1 to {MAX_TITLE} characters")));
    let description = task["description"]["description"].as_str().unwrap();
    assert!(description.contains(&format!("{GOOD_DESCRIPTION} to {MAX_DESCRIPTION} characters")));
}

/// Values as an AI may put them into a field, good ones and bad.
fn field(good: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    let odd = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,60}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({})),
    ];
    prop_oneof![6 => good, 1 => odd].boxed()
}

/// Fields that are mostly there, tasks that are mostly right.
fn some_task() -> impl Strategy<Value = Value> {
    let minutes =
        prop_oneof![(10..130_i64).prop_map(Value::from), (20..260_i32).prop_map(|n| json!(f64::from(n) / 2.0))];
    let priority = prop::sample::select(vec!["high", "medium", "low", "urgent", "HIGH"]).prop_map(Value::from);
    let fields = (
        field(".{1,50}".prop_map(Value::from)),
        field(".{0,200}".prop_map(Value::from)),
        field(minutes),
        field(priority),
        prop::collection::vec(prop::bool::weighted(0.05), 5),
    );
    fields.prop_map(|(title, description, minutes, priority, odd)| {
        let mut task = json!({
            "title": title, "description": description, "estimatedMinutes": minutes, "priority": priority,
        });
        let fields = task.as_object_mut().unwrap();
        for (name, _) in
            ["title", "description", "estimatedMinutes", "priority"].iter().zip(&odd).filter(|(_, odd)| **odd)
        {
            fields.remove(*name);
        }
        if odd[4] {
            fields.insert("note".into(), json!("more"));
        }
        task
    })
}

fn some_answer() -> impl Strategy<Value = Value> {
    prop::collection::vec(some_task(), 0..=12).prop_map(|tasks| json!({ "tasks": tasks }))
}

/// Any JSON of the names and values that answers are made of.
fn any_json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec!["tasks", "title", "description", "estimatedMinutes", "priority", "type", ""]);
    field(Just(json!(45))).prop_recursive(6, 64, 12, move |inner| {
        let names = names.clone().prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
            prop::collection::hash_map(names, inner, 0..5).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

fn assert_within_limits(read: Result<TaskDrafts, InvalidAnswer>) -> Result<(), TestCaseError> {
    let Ok(drafts) = read else { return Ok(()) };
    let tasks = stored(drafts, ActionKind::Habit);
    prop_assert!((1..=10).contains(&tasks.len()));
    for task in tasks {
        prop_assert!((1..=50).contains(&task.title.chars().count()));
        prop_assert!(task.description.chars().count() <= 200);
        prop_assert!((15..=120).contains(&task.estimated_minutes));
        prop_assert_eq!(task.kind, ActionKind::Habit);
    }
    Ok(())
}

/// A piece of the text is replaced, repeated or left out.
fn mutated(text: &str, at: prop::sample::Index, length: usize, by: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let begin = at.index(chars.len() + 1);
    let end = (begin + length).min(chars.len());
    chars[..begin].iter().copied().chain(by.chars()).chain(chars[end..].iter().copied()).collect()
}

proptest! {
    #[test]
    fn no_text_breaks_a_limit(text in any::<String>()) {
        assert_within_limits(parse(&text))?;
        assert_within_limits(parse(&format!("{{\"tasks\":{text}}}")))?;
    }

    #[test]
    fn no_json_breaks_a_limit(value in any_json()) {
        assert_within_limits(from_value(&value))?;
        assert_within_limits(from_value(&json!({ "tasks": value })))?;
        assert_within_limits(from_value(&json!({ "tasks": [value] })))?;
    }

    #[test]
    fn no_mutation_of_an_answer_breaks_a_limit(
        answer in some_answer(),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), 0..20_usize, "[0-9eE.\\-\"'{}\\[\\],:</>a-zé目😀\\\\ ]{0,6}"), 1..6),
    ) {
        let text = mutations.iter().fold(answer.to_string(), |text, (at, length, by)| mutated(&text, *at, *length, by));
        assert_within_limits(parse(&text))?;
        assert_within_limits(parse(&format!("<think>{text}</think>Here: {text}")))?;
        assert_within_limits(parse(&format!("```json\n{text}\n```")))?;
        assert_within_limits(super::parse(&text, Tolerance { overlength: 100 }).map(|answer| answer.drafts))?;
    }

    #[test]
    fn schema_and_parser_agree(answer in some_answer()) {
        let valid = jsonschema::is_valid(&schema(SchemaDialect::StrictWithLimits), &answer);
        let read = from_value(&answer);
        // Only the parser counts characters.
        let of_length = |fault: &InvalidTask| {
            matches!(
                fault,
                InvalidTask::Draft(InvalidDraft::Title(_) | InvalidDraft::Unreadable | InvalidDraft::Description(_))
            )
        };
        let length = matches!(&read, Err(InvalidAnswer::Tasks(faults)) if faults.iter().all(|(_, fault)| of_length(fault)));
        if valid {
            prop_assert!(read.is_ok() || length, "{:?}", read);
        }
        // Only the schema wants every field, and no other, in exactly this form.
        let complete = |task: &Value| {
            let fields = task.as_object().unwrap();
            fields.len() == 4 && !fields.contains_key("note") && !task["priority"].is_null()
        };
        let exact = super::from_value(answer.clone(), EXACT).is_ok_and(|answer| answer.repairs.is_empty());
        if answer["tasks"].as_array().unwrap().iter().all(complete) {
            prop_assert!(valid || !exact, "{}", answer);
        }
        prop_assert_eq!(parse(&answer.to_string()), read, "a text and its JSON are read alike");
    }
}
