use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use proptest::prelude::*;
use schemars::generate::SchemaSettings;
use serde_json::json;

use super::*;
use crate::{
    ActionId, Envelope, EventId, ExecutionArn, FailedAction, FailureCode, FinalStatus, GoalId, StateMachineArn,
    Timestamp, UserId,
};

fn crate_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn json_files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(crate_folder().join(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|e| e.unwrap().path()).filter(|p| p.extension().is_some()).collect();
    files.sort();
    files
}

fn name_of(file: &Path) -> String {
    file.file_name().unwrap().to_string_lossy().into_owned()
}

fn read(file: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn validator(schema: &Value) -> Validator {
    jsonschema::draft7::options().should_validate_formats(true).build(schema).unwrap()
}

fn validator_for<T: JsonSchema>() -> Validator {
    validator(&generate::<T>(Emitter::Anyone, SchemaSettings::draft07()))
}

/// Returns the detail of a received event as its type serializes it, if it can be deserialized as that type.
fn reread(event: &Value) -> Option<Value> {
    fn detail<D: Detail>(envelope: &Envelope) -> Option<Value> {
        Some(serde_json::to_value(envelope.detail::<D>().ok()?).unwrap())
    }
    let envelope = Envelope::parse(&event.to_string()).unwrap();
    match envelope.detail_type.as_str() {
        GoalActivityRequested::TYPE => detail::<GoalActivityRequested>(&envelope),
        GoalActivityCancelRequested::TYPE => detail::<GoalActivityCancelRequested>(&envelope),
        GoalActivityRetryRequested::TYPE => detail::<GoalActivityRetryRequested>(&envelope),
        GoalActivityAccepted::TYPE => detail::<GoalActivityAccepted>(&envelope),
        GoalActivityRejected::TYPE => detail::<GoalActivityRejected>(&envelope),
        BatchProgressed::TYPE => detail::<BatchProgressed>(&envelope),
        WorkflowCompleted::TYPE => detail::<WorkflowCompleted>(&envelope),
        other => panic!("there is an example of {other}, but no such event"),
    }
}

/// The examples: whole events as a queue receives them.
fn examples(of: &EventSchema) -> Vec<Value> {
    let of_this = |file: &PathBuf| name_of(file).starts_with(&format!("{}.v{}.", of.name, of.version));
    json_files("schemas/examples").iter().filter(|file| of_this(file)).map(|file| read(file)).collect()
}

#[test]
fn the_committed_files_are_those_of_the_types() {
    for (path, content) in files() {
        let committed = fs::read_to_string(crate_folder().join(&path)).unwrap_or_default();
        assert!(committed == content, "events/{path} is not what the types say: run `cargo xtask schemas`");
    }
    let made: BTreeSet<_> = events().iter().map(EventSchema::file_name).collect();
    for folder in ["schemas", "schemas/registry"] {
        let there: BTreeSet<_> = json_files(folder).iter().map(|file| name_of(file)).collect();
        assert_eq!(there, made, "events/{folder} holds one file per event and version");
    }
}

#[test]
fn every_event_has_examples_which_are_valid_and_lose_nothing_when_read() {
    for event in events() {
        let examples = examples(&event);
        assert!(!examples.is_empty(), "{} has no example", event.name);
        let validator = validator(&event.schema);
        for example in examples {
            validator.validate(&example["detail"]).unwrap();
            assert_eq!(reread(&example).as_ref(), Some(&example["detail"]));
        }
    }
    let known = events();
    for file in json_files("schemas/examples") {
        assert!(known.iter().any(|e| name_of(&file).starts_with(&format!("{}.v{}.", e.name, e.version))), "{file:?}");
    }
}

#[test]
fn the_entries_of_the_registry_describe_whole_events() {
    for event in events() {
        let mut document = read(&crate_folder().join("schemas/registry").join(event.file_name()));
        let text = document.to_string();
        assert!(text.len() < 100_000, "the registry takes no more characters");
        for unknown in ["\"const\":", "\"definitions\":", "uint", "\"null\""] {
            assert!(!text.contains(unknown), "OpenAPI 3.0 does not know {unknown}");
        }
        document["$ref"] = json!("#/components/schemas/AWSEvent");
        let validator = validator(&document);
        for example in examples(&event) {
            validator.validate(&example).unwrap();
            let mut wrong = example.clone();
            wrong["detail"]["eventId"] = json!("no event id");
            assert!(!validator.is_valid(&wrong), "{}", event.name);
        }
    }
}

#[test]
fn nothing_that_was_published_is_broken() {
    let events = events();
    for event in &events {
        let file = crate_folder().join("schemas/baseline").join(event.file_name());
        assert!(file.exists(), "{} is not frozen: run `cargo xtask schemas --freeze`", event.file_name());
        let broken = breaking_changes(event.emitter, &read(&file), &event.schema);
        assert!(broken.is_empty(), "{} breaks its version:\n{}", event.name, broken.join("\n"));
    }
    for file in json_files("schemas/baseline") {
        assert!(events.iter().any(|e| e.file_name() == name_of(&file)), "{} was published", name_of(&file));
    }
}

fn completed() -> Value {
    events().into_iter().find(|e| e.name == WorkflowCompleted::TYPE).unwrap().schema
}

/// Returns the messages about a change of `WorkflowCompleted`.
fn said_of(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let (old, mut new) = (completed(), completed());
    change(&mut new);
    assert_ne!(old, new, "nothing was changed");
    breaking_changes(Emitter::Pipeline, &old, &new)
}

/// Applies a change at a JSON pointer, and returns the messages about it.
type Breakage = (&'static str, fn(&mut Value), &'static str);

#[test]
fn every_breaking_change_is_refused_and_named() {
    fn drop_first(list: &mut Value) {
        list.as_array_mut().unwrap().remove(0);
    }
    let breakages: [Breakage; 16] = [
        ("/properties", |p| drop(p.as_object_mut().unwrap().remove("status")), "status: was removed"),
        (
            "/definitions/FailedAction/properties",
            |p| drop(p.as_object_mut().unwrap().remove("code")),
            "failedActions[].code: was removed",
        ),
        (
            "/required",
            |r| r.as_array_mut().unwrap().push("extra".into()),
            "extra: is new and required: senders do not know it",
        ),
        ("/required", drop_first, "version: is not required any more: receivers rely on it"),
        ("/properties/durationMs/type", |t| *t = "string".into(), "durationMs: `type` was \"integer\", is \"string\""),
        ("/properties/durationMs/minimum", |m| *m = 1.into(), "durationMs: `minimum` was 0, is 1"),
        ("/properties/durationMs", |d| d["maximum"] = 9.into(), "durationMs: is limited by `maximum`: 9"),
        ("/definitions/GoalId/maxLength", |m| *m = 32.into(), "goalId: `maxLength` was 64, is 32"),
        (
            "/definitions/GoalId/pattern",
            |p| *p = "^[a-z]+$".into(),
            "goalId: `pattern` was \"^[A-Za-z0-9_-]+$\", is \"^[a-z]+$\"",
        ),
        (
            "/definitions/UserId",
            |u| drop(u.as_object_mut().unwrap().remove("maxLength")),
            "userId: is not limited by `maxLength` any more: 255",
        ),
        ("/definitions/FinalStatus/enum", drop_first, "status: \"SUCCEEDED\" was removed"),
        ("/definitions/FinalStatus/enum/0", |c| *c = "DONE".into(), "status: \"DONE\" is new in a closed vocabulary"),
        ("/definitions/FailureCode/x-extensible-enum", drop_first, "failedActions[].code: \"AI_TIMEOUT\" was removed"),
        (
            "/definitions/FailureCode",
            |c| drop(c.as_object_mut().unwrap().remove("x-extensible-enum")),
            "failedActions[].code: is not limited by `x-extensible-enum` any more",
        ),
        ("/definitions/Version/enum/0", |c| *c = "2".into(), "version: \"1\" was removed"),
        ("", |s| s["additionalProperties"] = false.into(), "the event: is limited by `additionalProperties`: false"),
    ];
    for (place, change, expected) in breakages {
        let said = said_of(|new| change(new.pointer_mut(place).unwrap()));
        assert!(said.iter().any(|said| said.starts_with(expected)), "{place}: {said:?}");
    }
}

#[test]
fn an_optional_field_that_becomes_required_is_refused() {
    let (mut old, mut new) = (completed(), completed());
    for schema in [&mut old, &mut new] {
        schema["properties"]["note"] = json!({ "type": "string" });
    }
    new["required"].as_array_mut().unwrap().push("note".into());
    let said = breaking_changes(Emitter::Pipeline, &old, &new);
    assert_eq!(said, ["note: has become required: senders may leave it out"]);
    assert!(breaking_changes(Emitter::Pipeline, &completed(), &old).is_empty(), "a new optional field");
}

/// A change at a JSON pointer.
type Change = (&'static str, fn(&mut Value));

#[test]
fn what_changes_no_value_is_no_breaking_change() {
    let changes: [Change; 4] = [
        ("/definitions/FailedAction/properties", |p| p["hint"] = json!({ "type": "string", "maxLength": 9 })),
        ("/definitions/FailureCode/x-extensible-enum", |c| c.as_array_mut().unwrap().insert(0, "AI_TIRED".into())),
        ("/properties/status/description", |d| *d = "other words".into()),
        ("/properties/goalId", |g| *g = completed()["definitions"]["GoalId"].clone()),
    ];
    for (place, change) in changes {
        assert!(said_of(|new| change(new.pointer_mut(place).unwrap())).is_empty(), "{place}");
    }
}

/// The replacement of a field. `None` omits it.
fn replacements() -> Vec<Option<Value>> {
    let texts = ["", "x", "with space", "ä", "a\n", "LATER", "2026-11-24", "2026-11-24T09:30:00.000+09:00", "goal#1"];
    let texts = texts.into_iter().map(Value::from).chain([Value::from("x".repeat(65)), Value::from("x".repeat(300))]);
    let others = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1.5),
        json!(7),
        json!(u64::from(u32::MAX) + 1),
        json!([]),
        json!({}),
    ];
    texts.chain(others).chain([json!(vec!["a"; 65]), json!(["a"]), json!([1])]).map(Some).chain([None]).collect()
}

/// Limits on the contents of a list or a text are enforced by the pipeline's own code, see
/// `goal_activity_core::inbound`. A reader accepts any text as an unknown name.
fn is_beyond_the_type(path: &str, value: &Value) -> bool {
    match path {
        "actionIds" => value.as_array().is_some_and(|a| a.is_empty() || a.len() > crate::MAX_ACTIONS),
        "message" => value.as_str().is_some_and(|m| m.len() > crate::MAX_MESSAGE),
        "reason" => value.is_string(),
        // Read as a field that is left out; who asks the schema gets the stricter word.
        "regenerate" | "priorityClass" => value.is_null(),
        _ => false,
    }
}

#[test]
fn a_schema_and_its_type_refuse_the_same() {
    let mut compared = 0;
    for event in events() {
        let validator = validator(&event.schema);
        for example in examples(&event) {
            for field in example["detail"].as_object().unwrap().keys() {
                for replacement in replacements() {
                    let mut wrong = example.clone();
                    let detail = wrong["detail"].as_object_mut().unwrap();
                    match &replacement {
                        Some(value) => detail.insert(field.clone(), value.clone()),
                        None => detail.remove(field),
                    };
                    let value = replacement.unwrap_or_default();
                    // Input that the pipeline never writes can still be read.
                    let never_written = event.emitter == Emitter::Pipeline && value.is_null();
                    if is_beyond_the_type(field, &value) || never_written {
                        continue;
                    }
                    let (valid, readable) = (validator.is_valid(&wrong["detail"]), reread(&wrong).is_some());
                    assert_eq!(valid, readable, "{} with {field} = {value}", event.name);
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 500, "{compared}");
}

#[test]
fn names_that_are_added_later_are_borne_and_other_statuses_are_not() {
    let failed = r#"{"actionId": "a", "code": "AI_TIRED", "message": "", "attempts": 1}"#;
    assert_eq!(serde_json::from_str::<FailedAction>(failed).unwrap().code, FailureCode::Other);
    let escaped = failed.replace("AI_TIRED", "AI\\u005fTIMEOUT");
    assert_eq!(serde_json::from_str::<FailedAction>(&escaped).unwrap().code, FailureCode::AiTimeout);
    assert!(serde_json::from_str::<FailedAction>(&failed.replace("\"AI_TIRED\"", r#"{"AI_TIRED": null}"#)).is_err());
    assert!(serde_json::from_str::<FinalStatus>("\"TIRED\"").is_err());
    assert!(validator_for::<FailureCode>().is_valid(&json!("AI_TIRED")));
    assert!(!validator_for::<FailureCode>().is_valid(&json!("tired")));
    assert!(!validator_for::<FinalStatus>().is_valid(&json!("TIRED")));
}

proptest! {
    #[test]
    fn an_id_is_valid_where_it_can_be_read(
        text in prop_oneof![
            "[ -~]{0,140}",
            "\\PC{0,70}",
            "[A-Za-z0-9_-]{0,130}",
            "arn:[a-z-]{0,33}:states:[a-z0-9-]{0,33}:[0-9]{11,13}:(execution|stateMachine):[a-z:-]{0,82}(:[a-z0-9-]{0,82})?",
        ]
    ) {
        fn agree<T: JsonSchema + std::str::FromStr>(text: &str) -> (bool, bool) {
            (validator_for::<T>().is_valid(&json!(text)), text.parse::<T>().is_ok())
        }
        for (valid, readable) in [
            agree::<GoalId>(&text), agree::<ActionId>(&text), agree::<UserId>(&text), agree::<EventId>(&text),
            agree::<ExecutionArn>(&text), agree::<StateMachineArn>(&text),
        ] {
            prop_assert_eq!(valid, readable);
        }
    }

    #[test]
    fn every_timestamp_is_a_valid_date_time(millis: i64) {
        let text = Timestamp::from_millis(millis).to_string();
        prop_assert!(validator_for::<Timestamp>().is_valid(&json!(text)), "{}", text);
    }
}

mod portable_form {
    use schemars::Schema;
    use schemars::generate::Contract;
    use serde::Serialize;

    use super::*;

    /// A closed vocabulary.
    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "UPPERCASE")]
    #[allow(dead_code, reason = "only its schema is used")]
    enum Colour {
        /// Like a
        /// rose.
        Red,
        Blue,
    }

    /// Grows.
    #[derive(Serialize, JsonSchema)]
    #[serde(rename_all = "UPPERCASE")]
    #[schemars(transform = open_vocabulary)]
    #[allow(dead_code, reason = "only its schema is used")]
    enum Shape {
        /// No corners.
        Round,
        Square,
    }

    #[derive(Serialize, JsonSchema)]
    #[serde(tag = "what", rename_all = "UPPERCASE")]
    #[allow(dead_code, reason = "only its schema is used")]
    enum Event {
        /// It began.
        #[schemars(title = "Begin")]
        Began,
        /// It moved.
        #[schemars(title = "Move")]
        Moved {
            /// How far.
            metres: u32,
        },
    }

    /// Everything.
    #[derive(Serialize, JsonSchema)]
    struct All {
        /// Which.
        colour: Colour,
        shape: Shape,
        #[serde(skip_serializing_if = "Option::is_none")]
        second: Option<Colour>,
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        #[serde(default)]
        yes: bool,
        small: u16,
        middle: u32,
        large: u64,
    }

    fn schema<T: JsonSchema>(settings: SchemaSettings, contract: Contract) -> Value {
        portable(settings, contract).into_generator().into_root_schema_for::<T>().to_value()
    }

    fn sent<T: JsonSchema>() -> Value {
        schema::<T>(SchemaSettings::draft2020_12(), Contract::Serialize)
    }

    #[test]
    fn a_closed_vocabulary_is_one_list_with_the_meanings_in_its_description() {
        let colour = sent::<Colour>();
        assert_eq!((&colour["type"], &colour["enum"]), (&json!("string"), &json!(["BLUE", "RED"])));
        assert_eq!(colour["oneOf"], Value::Null);
        let said = "A closed vocabulary.\n\nClosed vocabulary:\n\n- `BLUE`\n- `RED`: Like a rose.";
        assert_eq!(colour["description"], said);
    }

    #[test]
    fn an_open_vocabulary_is_any_name_of_its_form() {
        let shape = sent::<Shape>();
        assert_eq!((&shape["type"], &shape["pattern"]), (&json!("string"), &json!("^[A-Z][A-Z0-9_]*$")));
        assert_eq!((&shape["enum"], &shape["oneOf"]), (&Value::Null, &Value::Null));
        assert_eq!(shape["x-extensible-enum"], json!(["SQUARE", "ROUND"]));
        let text = shape["description"].as_str().unwrap();
        assert!(text.starts_with("Grows.\n\nOpen vocabulary: accept a name that is not in this list"), "{text}");
        assert!(text.ends_with("- `SQUARE`\n- `ROUND`: No corners."), "{text}");
    }

    #[test]
    fn what_is_sent_is_never_null_and_has_no_defaults() {
        let fields = &sent::<All>()["properties"];
        assert_eq!(fields["second"], json!({ "$ref": "#/$defs/Colour" }));
        assert_eq!(fields["text"], json!({ "type": "string" }));
        assert_eq!(fields["yes"], json!({ "type": "boolean" }));
        assert_eq!(fields["colour"], json!({ "$ref": "#/$defs/Colour", "description": "Which." }));
    }

    #[test]
    fn what_is_received_may_be_null() {
        let fields = &schema::<All>(SchemaSettings::draft2020_12(), Contract::Deserialize)["properties"];
        assert_eq!(fields["second"], json!({ "anyOf": [{ "$ref": "#/$defs/Colour" }, { "type": "null" }] }));
        assert_eq!(fields["text"], json!({ "type": ["string", "null"] }));
    }

    #[test]
    fn integers_have_a_standard_format_that_holds_their_values() {
        let fields = &sent::<All>()["properties"];
        let of = |format: &str, maximum: u32| json!({ "type": "integer", "format": format, "minimum": 0, "maximum": maximum });
        assert_eq!(fields["small"], of("int32", u16::MAX.into()));
        assert_eq!(fields["middle"], of("int64", u32::MAX));
        assert_eq!(fields["large"], json!({ "type": "integer", "format": "int64", "minimum": 0 }));
    }

    #[test]
    fn openapi_3_0_and_draft_7_have_the_same_form() {
        for mut settings in [SchemaSettings::openapi3(), SchemaSettings::draft07()] {
            // Where transforms expect them.
            settings.definitions_path = "/definitions".into();
            let all = schema::<All>(settings, Contract::Serialize);
            let text = all.to_string();
            for other in ["oneOf", "anyOf", "\"const\"", "null", "default", "uint"] {
                assert!(!text.contains(other), "{other} in {text}");
            }
        }
    }

    #[test]
    fn the_branches_of_a_union_are_complete_objects_with_names() {
        #[derive(Serialize, JsonSchema)]
        struct Item {
            id: String,
            #[serde(flatten)]
            event: Event,
        }
        let mut definitions = Map::from_iter([("Item".to_owned(), sent::<Item>())]);
        name_branches(&mut definitions, "Item", "what", "#/$defs");
        assert_eq!(definitions["Item"]["oneOf"], json!([{ "$ref": "#/$defs/Begin" }, { "$ref": "#/$defs/Move" }]));
        let mapping = json!({ "BEGAN": "#/$defs/Begin", "MOVED": "#/$defs/Move" });
        assert_eq!(definitions["Item"]["discriminator"], json!({ "propertyName": "what", "mapping": mapping }));
        let moved = &definitions["Move"];
        assert_eq!(moved["required"], json!(["id", "what", "metres"]));
        assert_eq!(moved["properties"]["what"]["enum"], json!(["MOVED"]));
        assert_eq!(
            (&moved["properties"]["id"]["type"], &moved["description"]),
            (&json!("string"), &json!("It moved."))
        );
        definitions["Item"].as_object_mut().unwrap().remove("discriminator");
        let whole = json!({ "$ref": "#/$defs/Item", "$defs": definitions });
        let validator = jsonschema::draft202012::new(&whole).unwrap();
        assert!(validator.is_valid(&json!({ "id": "1", "what": "MOVED", "metres": 2 })));
        assert!(!validator.is_valid(&json!({ "id": "1", "what": "MOVED" })));
        assert!(!validator.is_valid(&json!({ "what": "BEGAN" })));
    }

    #[test]
    fn a_schema_that_is_no_vocabulary_keeps_its_choices() {
        let choices = json!({ "oneOf": [{ "type": "string", "const": "a" }, { "type": "integer" }] });
        let mut schema: Schema = choices.clone().try_into().unwrap();
        open_vocabulary(&mut schema);
        assert_eq!(schema.to_value()["oneOf"], choices["oneOf"]);
    }
}

/// The forms in which a vocabulary has been published.
fn forms(names: &[&str], pattern: Option<&str>) -> [Value; 2] {
    let constants = names.iter().map(|name| json!({ "type": "string", "const": name }));
    match pattern {
        None => [json!({ "oneOf": constants.collect::<Vec<_>>() }), json!({ "type": "string", "enum": names })],
        Some(pattern) => {
            let other = json!({ "type": "string", "pattern": pattern });
            let listed = json!({ "type": "string", "pattern": pattern, "x-extensible-enum": names });
            [json!({ "anyOf": constants.chain([other]).collect::<Vec<_>>() }), listed]
        }
    }
}

#[test]
fn two_forms_of_a_vocabulary_are_compared_by_meaning() {
    let compare = |old: &Value, new: &Value| breaking_changes(Emitter::Anyone, old, new);
    for (old, new) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let (closed, open) = (|names| forms(names, None), |names| forms(names, Some("^[A-Z]$")));
        assert!(compare(&closed(&["A", "B"])[old], &closed(&["B", "A"])[new]).is_empty());
        assert!(compare(&open(&["A"])[old], &open(&["A", "B"])[new]).is_empty());
        assert_eq!(
            compare(&closed(&["A"])[old], &closed(&["B"])[new]),
            ["the event: \"A\" was removed", "the event: \"B\" is new in a closed vocabulary"]
        );
        assert_eq!(compare(&open(&["A"])[old], &open(&[])[new]), ["the event: \"A\" was removed"]);
        assert_eq!(compare(&closed(&["A"])[old], &open(&["A"])[new]), ["the event: is an open vocabulary, was closed"]);
        assert_eq!(compare(&open(&["A"])[old], &closed(&["A"])[new]), ["the event: is a closed vocabulary, was open"]);
        let wider = compare(&open(&["A"])[old], &forms(&["A"], Some("^[a-z]$"))[new]);
        assert_eq!(wider, ["the event: its names were ^[A-Z]$, are ^[a-z]$"]);
        assert!(!compare(&closed(&["A"])[old], &json!({ "type": "string" })).is_empty());
        assert!(!compare(&open(&["A"])[old], &json!({ "type": "string", "pattern": "^[A-Z]$" })).is_empty());
    }
}

#[test]
fn only_the_pipeline_may_drop_a_null_that_it_never_sent() {
    let old = json!({ "properties": { "n": { "type": ["integer", "null"] } } });
    let new = json!({ "properties": { "n": { "type": "integer", "format": "int64" } } });
    assert!(breaking_changes(Emitter::Pipeline, &old, &new).is_empty());
    let said = breaking_changes(Emitter::Anyone, &old, &new);
    assert_eq!(said, [r#"n: `type` was ["integer","null"], is "integer""#]);
    assert!(!breaking_changes(Emitter::Pipeline, &new, &old).is_empty(), "receivers do not expect it");
}
