//! The types read recorded answers of the real handlers, newer ones included, and write them again without a loss.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Aborted, Goal, GoalSummary, Page, Problem, Started, Task, Timeline, WorkflowActions, WorkflowStatus,
    WorkflowSummary,
};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/clients");

fn recorded(name: &str) -> Value {
    let file = format!("{FOLDER}/{name}.json");
    serde_json::from_str(&std::fs::read_to_string(&file).expect(&file)).expect(&file)
}

fn again<T: DeserializeOwned + Serialize>(answer: &Value) -> Value {
    serde_json::to_value(serde_json::from_value::<T>(answer.clone()).unwrap()).unwrap()
}

#[test]
fn every_recorded_answer_is_written_again_as_it_was() {
    let models = recorded("models");
    for (name, model) in models.as_object().unwrap() {
        let mut answer = recorded(&format!("answers/{name}"));
        let again = match model.as_str().unwrap() {
            "Aborted" => again::<Aborted>(&answer),
            "Goal" => again::<Goal>(&answer),
            "GoalPage" => again::<Page<GoalSummary>>(&answer),
            "Problem" => again::<Problem>(&answer),
            "Started" => again::<Started>(&answer),
            "TaskPage" => again::<Page<Task>>(&answer),
            "Timeline" => again::<Timeline>(&answer),
            "WorkflowActions" => again::<WorkflowActions>(&answer),
            "WorkflowPage" => again::<Page<WorkflowSummary>>(&answer),
            "WorkflowStatus" => again::<WorkflowStatus>(&answer),
            other => panic!("{name} is a {other}, which has no type here"),
        };
        // Of a version that nobody knows yet.
        answer.as_object_mut().unwrap().remove("addedLater");
        assert_eq!(again, answer, "{name}");
    }
}
