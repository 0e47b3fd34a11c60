//! The pipeline's HTTP API, as its users see it.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use goal_activity_client::Secret;
use goal_activity_client::api::{Page, Problem, StartRequest, Started, Task, WorkflowStatus};
use goal_activity_client::http::encode;
use goal_activity_events::{ExecutionArn, GoalId};
use serde::de::DeserializeOwned;
use ureq::{Agent, Body, http};

use crate::aws;

/// A client of it.
#[derive(Debug)]
pub struct Api {
    url: String,
    agent: Agent,
    requests: AtomicU64,
}

impl Api {
    /// Creates a client of the API at that URL.
    pub fn at(url: &str) -> Self {
        Self { url: url.to_owned(), agent: aws::agent(), requests: AtomicU64::new(0) }
    }

    /// Returns the number of requests.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Starts the activity for a whole goal.
    pub fn start(&self, token: &Secret, goal: &GoalId) -> Result<ExecutionArn> {
        let request = self.agent.post(self.address(&start_path(goal))).header("authorization", bearer(token));
        let started: Started = self.read("start-activity", 202, request.send_json(StartRequest::default())?)?;
        Ok(started.execution_arn)
    }

    /// Returns the progress of a workflow.
    pub fn status(&self, token: &Secret, execution: &ExecutionArn) -> Result<WorkflowStatus> {
        self.get("status", token, &status_path(execution))
    }

    /// All tasks of a goal, in the order of its actions.
    pub fn tasks(&self, token: &Secret, goal: &GoalId) -> Result<Vec<Task>> {
        let mut tasks = Vec::new();
        let mut path = tasks_path(goal);
        loop {
            let page: Page<Task> = self.get("tasks", token, &path)?;
            tasks.extend(page.items);
            let Some(cursor) = page.next_cursor else { return Ok(tasks) };
            path = format!("{}?cursor={}", tasks_path(goal), encode(&cursor));
        }
    }

    fn get<T: DeserializeOwned>(&self, what: &str, token: &Secret, path: &str) -> Result<T> {
        let answer = self.agent.get(self.address(path)).header("authorization", bearer(token)).call()?;
        self.read(what, 200, answer)
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn read<T: DeserializeOwned>(&self, what: &str, expected: u16, mut answer: http::Response<Body>) -> Result<T> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let text = answer.body_mut().read_to_string()?;
        if answer.status().as_u16() != expected {
            let why = serde_json::from_str(&text).map_or(text, |problem: Problem| problem.detail);
            bail!("{what} was answered with {}: {why}", answer.status());
        }
        serde_json::from_str(&text).with_context(|| format!("{what} answered {text}"))
    }
}

/// The path to start a goal's activity.
pub fn start_path(goal: &GoalId) -> String {
    format!("/api/goals/{goal}/start-activity")
}

/// The path of a workflow's status.
pub fn status_path(execution: &ExecutionArn) -> String {
    format!("/api/workflows/{}/status", encode(execution.as_str()))
}

/// The path of a goal's tasks.
pub fn tasks_path(goal: &GoalId) -> String {
    format!("/api/goals/{goal}/tasks")
}

fn bearer(token: &Secret) -> String {
    format!("Bearer {}", token.reveal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_is_encoded_in_a_path() {
        let arn = "arn:aws:states:us-east-1:000000000000:execution:goal-activity:goal-1-1".parse().unwrap();
        assert_eq!(
            status_path(&arn),
            "/api/workflows/arn%3Aaws%3Astates%3Aus-east-1%3A000000000000%3Aexecution%3Agoal-activity%3Agoal-1-1/status"
        );
    }
}
