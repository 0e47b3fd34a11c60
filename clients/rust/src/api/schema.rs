//! The types say the same as the API's own description, `functions/openapi.json`: a field or a name that is on one side only is found.

use std::collections::{BTreeMap, BTreeSet};

use goal_activity_events::schema::portable;
use schemars::JsonSchema;
use schemars::generate::{Contract, SchemaSettings};
use serde_json::Value;

use super::{
    Aborted, CancelRequest, Goal, GoalSummary, Page, Problem, RetryRequest, StartRequest, Started, Task, Timeline,
    WorkflowActions, WorkflowStatus, WorkflowSummary,
};

/// What a schema allows, as far as both sides have to agree on it.
#[derive(Debug, PartialEq, Eq)]
enum Shape {
    /// An object, by its fields.
    Fields(BTreeMap<String, Shape>),
    /// A list.
    List(Box<Shape>),
    /// Some names.
    Names(BTreeSet<String>),
    /// A text, a number or `true` and `false`.
    Plain(String),
}

impl Shape {
    /// Of a schema of this document.
    fn of(schema: &Value, document: &Value) -> Self {
        if let Some(reference) = schema["$ref"].as_str() {
            let path = reference.strip_prefix('#').unwrap();
            return Self::of(document.pointer(path).unwrap_or_else(|| panic!("{reference} leads nowhere")), document);
        }
        for choices in ["oneOf", "anyOf"] {
            let Some(choices) = schema[choices].as_array() else { continue };
            let some = choices.iter().filter(|choice| choice["type"] != "null");
            return some.map(|choice| Self::of(choice, document)).reduce(Self::or).unwrap();
        }
        if let Some(fields) = schema["properties"].as_object() {
            return Self::Fields(
                fields.iter().map(|(name, field)| (name.clone(), Self::of(field, document))).collect(),
            );
        }
        if !schema["items"].is_null() {
            return Self::List(Box::new(Self::of(&schema["items"], document)));
        }
        let names = [&schema["enum"], &schema["x-extensible-enum"]].into_iter().find_map(Value::as_array);
        if let Some(names) = names {
            return Self::Names(names.iter().map(|name| name.as_str().unwrap().to_owned()).collect());
        }
        let types = match &schema["type"] {
            Value::Array(types) => types.iter().find(|name| *name != "null"),
            name => Some(name),
        };
        Self::Plain(types.and_then(Value::as_str).unwrap_or_else(|| panic!("no shape: {schema}")).to_owned())
    }

    /// What one of two schemas allows: the fields and the names of both.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fields(mut fields), Self::Fields(others)) => {
                for (name, field) in others {
                    let both = match fields.remove(&name) {
                        Some(before) => before.or(field),
                        None => field,
                    };
                    fields.insert(name, both);
                }
                Self::Fields(fields)
            }
            (Self::Names(names), Self::Names(others)) => Self::Names(names.into_iter().chain(others).collect()),
            (one, other) => {
                assert_eq!(one, other, "these are not choices of one kind");
                one
            }
        }
    }
}

fn described(name: &str) -> Shape {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../functions/openapi.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    Shape::of(&document["components"]["schemas"][name], &document)
}

fn typed<T: JsonSchema>() -> Shape {
    let settings = portable(SchemaSettings::draft2020_12(), Contract::Serialize);
    let document = settings.into_generator().into_root_schema_for::<T>().to_value();
    Shape::of(&document, &document)
}

#[test]
fn what_is_answered_has_the_fields_and_names_of_the_description() {
    let pairs = [
        ("Aborted", typed::<Aborted>()),
        ("Goal", typed::<Goal>()),
        ("GoalPage", typed::<Page<GoalSummary>>()),
        ("Problem", typed::<Problem>()),
        ("Started", typed::<Started>()),
        ("TaskPage", typed::<Page<Task>>()),
        ("Timeline", typed::<Timeline>()),
        ("WorkflowActions", typed::<WorkflowActions>()),
        ("WorkflowPage", typed::<Page<WorkflowSummary>>()),
        ("WorkflowStatus", typed::<WorkflowStatus>()),
    ];
    for (name, typed) in pairs {
        assert_eq!(typed, described(name), "{name}: the type, and functions/openapi.json");
    }
}

#[test]
fn what_is_sent_has_the_fields_and_names_of_the_description() {
    let pairs = [
        ("CancelRequest", typed::<CancelRequest>()),
        ("RetryRequest", typed::<RetryRequest>()),
        ("StartRequest", typed::<StartRequest>()),
    ];
    for (name, typed) in pairs {
        assert_eq!(typed, described(name), "{name}: the type, and functions/openapi.json");
    }
}
