//! The table in `schemas/cases`: what is accepted and what is refused, for readers in every language.

use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::{
    BatchProgressed, Detail, Envelope, GoalActivityAccepted, GoalActivityCancelRequested, GoalActivityRejected,
    GoalActivityRequested, GoalActivityRetryRequested, MAX_ACTIONS, WorkflowCompleted, is_source,
};

/// An example of an event, changed in some places.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// A file in `schemas/examples`.
    example: String,
    /// Values by JSON pointers.
    #[serde(default)]
    set: Map<String, Value>,
    /// JSON texts by JSON pointers, which may be more than a value; an empty pointer is the whole event.
    #[serde(default)]
    raw: Map<String, Value>,
    #[serde(default)]
    remove: Vec<String>,
    /// Whether what reads the event accepts it.
    read: bool,
    /// Whether the schema accepts the detail, or "depends" if that depends on the validator. As `read` if it is missing.
    #[serde(default)]
    schema: Value,
    why: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceCase {
    source: String,
    accepted: bool,
    why: String,
}

fn read<T: DeserializeOwned>(file: &str) -> T {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(file);
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn put(event: &mut Value, place: &str, value: Value) {
    let (parent, name) = place.rsplit_once('/').unwrap();
    match event.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.insert(name.to_owned(), value)),
        Value::Array(items) => items[name.parse::<usize>().unwrap()] = value,
        _ => panic!("{place} is in no object and no list"),
    }
}

impl Case {
    /// The type of the example.
    fn event(&self) -> &str {
        self.example.split('.').next().unwrap()
    }

    /// The text of the event.
    fn text(&self) -> String {
        let mut event: Value = read(&format!("examples/{}", self.example));
        for (place, value) in &self.set {
            put(&mut event, place, value.clone());
        }
        for place in &self.remove {
            let (parent, name) = place.rsplit_once('/').unwrap();
            event.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        }
        for (index, place) in self.raw.keys().enumerate() {
            if place.is_empty() {
                return self.raw[place].as_str().unwrap().to_owned();
            }
            put(&mut event, place, json!(format!("@raw-{index}@")));
        }
        let raw = self.raw.values().enumerate();
        raw.fold(event.to_string(), |text, (index, raw)| {
            text.replace(&format!("\"@raw-{index}@\""), raw.as_str().unwrap())
        })
    }

    /// Returns `true` if the pipeline reads it, and would not refuse it for what it says.
    fn is_accepted(&self) -> bool {
        fn reads<D: Detail>(envelope: &Envelope) -> bool {
            envelope.detail::<D>().is_ok()
        }
        let Ok(envelope) = Envelope::parse(&self.text()) else { return false };
        match self.event() {
            // The limits of the list are enforced by `goal_activity_core::start`.
            GoalActivityRequested::TYPE => envelope.detail::<GoalActivityRequested>().is_ok_and(|request| {
                request.action_ids.is_none_or(|actions| (1..=MAX_ACTIONS).contains(&actions.len()))
            }),
            GoalActivityRejected::TYPE => reads::<GoalActivityRejected>(&envelope),
            BatchProgressed::TYPE => reads::<BatchProgressed>(&envelope),
            GoalActivityAccepted::TYPE => reads::<GoalActivityAccepted>(&envelope),
            GoalActivityCancelRequested::TYPE => reads::<GoalActivityCancelRequested>(&envelope),
            GoalActivityRetryRequested::TYPE => reads::<GoalActivityRetryRequested>(&envelope),
            WorkflowCompleted::TYPE => reads::<WorkflowCompleted>(&envelope),
            other => panic!("there is no event {other}"),
        }
    }

    /// Returns `true` if the detail keeps the schema.
    fn is_valid(&self) -> bool {
        let schema: Value = read(&format!("{}.v1.json", self.event()));
        let validator = jsonschema::draft7::options().should_validate_formats(true).build(&schema).unwrap();
        let event: Value = serde_json::from_str(&self.text()).unwrap_or_default();
        validator.is_valid(&event["detail"])
    }
}

#[test]
fn every_case_is_accepted_or_refused_as_the_table_says() {
    let cases: Vec<Case> = read("cases/events.json");
    assert!(cases.len() > 200, "{}", cases.len());
    let mut wrong = Vec::new();
    for case in &cases {
        if case.is_accepted() != case.read {
            wrong.push(format!("{}: read must be {}, because {}", case.name, case.read, case.why));
        }
        let valid = case.schema.as_bool().or_else(|| case.schema.is_null().then_some(case.read));
        // What serde_json cannot hold as a value, no validator can see.
        let is_value = serde_json::from_str::<Value>(&case.text()).is_ok();
        if is_value && valid.is_some_and(|valid| case.is_valid() != valid) {
            wrong.push(format!("{}: the schema must say the contrary, because {}", case.name, case.why));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_source_is_accepted_or_refused_as_the_table_says() {
    for SourceCase { source, accepted, why } in read::<Vec<SourceCase>>("cases/sources.json") {
        assert_eq!(is_source(&source), accepted, "{source:?}: {why}");
    }
}
