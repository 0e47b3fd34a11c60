use std::sync::LazyLock;
use std::time::Duration;

use goal_activity_core::goal::Goal;
use goal_activity_core::keys;
use goal_activity_core::notice::Notice;
use goal_activity_core::outcome::End;
use goal_activity_core::ports::{Clock, Event, ExecutionState};
use goal_activity_core::rows::Row;
use goal_activity_core::task::Task;
use goal_activity_events::{BatchAnswer, ExecutionArn, GoalId, StateMachineArn, TaskToken, Timestamp};
use goal_activity_functions::adapters::memory::{World, samples};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Services, Tables};

impl Tables for World {
    type Db = Self;

    fn db(&self) -> &Self {
        self
    }

    fn state_machine(&self) -> StateMachineArn {
        samples::state_machine()
    }

    async fn put_goal(&self, goal: &Goal) {
        self.state().goals.insert(goal.head.goal_id.clone(), goal.clone());
    }

    async fn remove_goal(&self, goal: &GoalId) {
        self.state().goals.remove(goal);
    }

    async fn put_task(&self, task: &Task) {
        self.state().tasks.insert((task.goal_id.clone(), task.position.clone()), task.clone());
    }

    async fn put_goal_row(&self, row: Value) {
        let (goal, row) = of_goal(row);
        self.state().put_goal_row(&goal, row);
    }

    async fn put_task_row(&self, row: Value) {
        let (goal, row) = of_goal(row);
        let position = row[keys::POSITION].as_str().expect("a sort key").to_owned();
        self.state().task_rows.insert((goal, position), row);
    }
}

/// A row, and the goal in its key.
fn of_goal(row: Value) -> (GoalId, Row) {
    let Value::Object(row) = row else { panic!("no row: {row}") };
    (row[keys::GOAL_ID].as_str().expect("a partition key").parse().expect("a goal id"), row)
}

impl Services for World {
    type StepFunctions = Self;
    type Bus = Self;
    type Topic = Self;
    type Queue = Self;
    type Archive = Self;

    fn step_functions(&self) -> &Self {
        self
    }

    fn bus(&self) -> &Self {
        self
    }

    fn topic(&self) -> &Self {
        self
    }

    fn queue(&self) -> &Self {
        self
    }

    fn archive(&self) -> &Self {
        self
    }

    fn state_machine(&self) -> &StateMachineArn {
        static ARN: LazyLock<StateMachineArn> = LazyLock::new(samples::state_machine);
        &ARN
    }

    fn now(&self) -> Timestamp {
        Clock::now(self)
    }

    async fn inputs(&self, count: usize) -> Vec<Value> {
        let inputs: Vec<_> = self.state().started.iter().map(|input| json!(input)).collect();
        assert_eq!(inputs.len(), count, "{inputs:?}");
        inputs
    }

    async fn end(&self, execution: &ExecutionArn, _: bool) {
        let ended = ExecutionState::Ended { end: End::Finished, at: Clock::now(self) };
        self.state().machines.insert(execution.clone(), ended);
    }

    async fn token(&self) -> TaskToken {
        TaskToken::new(Uuid::new_v4())
    }

    async fn unknown_token(&self) -> TaskToken {
        let token = TaskToken::new(Uuid::new_v4());
        self.state().stale_tokens.push(token.clone());
        token
    }

    async fn answer(&self) -> BatchAnswer {
        let answers = self.state().answers.clone();
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers[0].clone()
    }

    async fn events(&self, count: usize) -> Vec<Event> {
        let events = self.state().events.clone();
        assert_eq!(events.len(), count, "{events:?}");
        events
    }

    async fn notices(&self, count: usize) -> Vec<Notice> {
        let notices = self.state().notices.clone();
        assert_eq!(notices.len(), count, "{notices:?}");
        notices
    }

    async fn archived(&self) -> Vec<(String, String)> {
        self.state().archive.iter().map(|(key, line)| (key.to_string(), line.clone())).collect()
    }

    async fn received(&self) -> String {
        Uuid::new_v4().to_string()
    }

    async fn comes_back(&self, receipt_handle: &str) -> bool {
        if self.state().deleted.iter().any(|handle| handle == receipt_handle) {
            return false;
        }
        let hidden = self.state().hidden.clone();
        let (_, last) = hidden.iter().rfind(|(handle, _)| handle == receipt_handle).expect("it was hidden");
        *last < Duration::from_secs(3)
    }
}
