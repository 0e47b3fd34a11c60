//! Reads every answer with openapi-generator's Rust client.

use std::fs;

use chrono::DateTime;
use goal_activity_client::models::{
    Aborted, FinalStatus, Goal, GoalPage, Priority, Problem, Started, TaskPage, Timeline, TimelineItem, WorkflowActions, WorkflowPage, WorkflowStatus,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

fn recorded(name: &str) -> Value {
    let file = format!("{}/{name}.json", std::env::args().nth(1).expect("the folder of the answers"));
    serde_json::from_str(&fs::read_to_string(&file).expect(&file)).expect(&file)
}

fn read<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_value(recorded(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Fails unless what was read, written as JSON again, is what was recorded.
fn kept<T: DeserializeOwned + Serialize>(name: &str) {
    let read: T = read(name);
    assert_eq!(plain(serde_json::to_value(&read).unwrap()), plain(recorded(name)), "{name}");
}

/// The same without what was added later, and with moments in one form.
fn plain(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.into_iter().filter(|(key, _)| key != "addedLater").map(|(key, each)| (key, plain(each))).collect()
        }
        Value::Array(items) => items.into_iter().map(plain).collect(),
        Value::String(text) => DateTime::parse_from_rfc3339(&text).map_or(text, |moment| moment.to_rfc3339()).into(),
        other => other,
    }
}

fn main() {
    let models: Value = recorded("../models");
    let models = models.as_object().expect("names of schemas by name of answer");
    for (name, model) in models {
        match model.as_str().unwrap_or_default() {
            "Aborted" => kept::<Aborted>(name),
            "Goal" => kept::<Goal>(name),
            "GoalPage" => kept::<GoalPage>(name),
            "Problem" => kept::<Problem>(name),
            "Started" => kept::<Started>(name),
            "TaskPage" => kept::<TaskPage>(name),
            "Timeline" => kept::<Timeline>(name),
            "WorkflowActions" => kept::<WorkflowActions>(name),
            "WorkflowPage" => kept::<WorkflowPage>(name),
            "WorkflowStatus" => kept::<WorkflowStatus>(name),
            other => panic!("{name} is a {other}, which this program does not know"),
        }
    }
    let timeline: Timeline = read("timeline-ended");
    let Some(TimelineItem::Ended(ended)) = timeline.items.last() else { panic!("{timeline:?}") };
    assert_eq!(ended.status, FinalStatus::PartiallySucceeded);
    assert_eq!(read::<WorkflowStatus>("status-newer").failed_actions[0].code, "AI_TIRED");
    assert_eq!(read::<Problem>("problem-newer").code, "GOAL_TIRED");
    assert_eq!(read::<WorkflowStatus>("status-waiting").stop_date, None);
    assert_eq!(read::<TaskPage>("tasks").items[0].priority, Priority::High);
    println!("openapi-generator, Rust: {} answers", models.len());
}
