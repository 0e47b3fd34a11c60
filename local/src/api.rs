//! The pipeline's HTTP API, as its users see it.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use goal_activity_client::Secret;
use goal_activity_client::http::encode;
use goal_activity_events::{ExecutionArn, GoalId};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::{Agent, Body, http};

use crate::aws;

/// A client of it.
#[derive(Debug)]
pub struct Api {
    url: String,
    agent: Agent,
    requests: AtomicU64,
}

/// The progress of a workflow.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// Such as `RUNNING`.
    #[serde(rename = "status")]
    pub name: String,
    /// Those with an outcome.
    pub processed_actions: u64,
    /// All of the workflow.
    pub total_actions: u64,
    /// Those with tasks.
    pub succeeded_actions: u64,
    /// The others.
    #[serde(default)]
    pub failed_actions: Vec<FailedAction>,
}

/// An action that got no tasks, and why.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedAction {
    /// The action.
    pub action_id: String,
    /// Why, for programs.
    pub code: String,
    /// Why, for people.
    pub message: String,
}

/// A generated task.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its action.
    pub action_id: String,
    /// What to do.
    pub title: String,
    /// How long it takes.
    pub estimated_minutes: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    execution_arn: ExecutionArn,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskPage {
    items: Vec<Task>,
    #[serde(default)]
    next_cursor: Option<String>,
}

impl Status {
    /// Returns `true` if the workflow has ended.
    pub fn is_over(&self) -> bool {
        !matches!(self.name.as_str(), "PENDING" | "RUNNING")
    }
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
        let started: Started = self.read("start-activity", 202, request.send_json(json!({}))?)?;
        Ok(started.execution_arn)
    }

    /// Returns the progress of a workflow.
    pub fn status(&self, token: &Secret, execution: &ExecutionArn) -> Result<Status> {
        self.get("status", token, &status_path(execution))
    }

    /// All tasks of a goal, in the order of its actions.
    pub fn tasks(&self, token: &Secret, goal: &GoalId) -> Result<Vec<Task>> {
        let mut tasks = Vec::new();
        let mut path = tasks_path(goal);
        loop {
            let page: TaskPage = self.get("tasks", token, &path)?;
            tasks.extend(page.items);
            let Some(cursor) = page.next_cursor else { return Ok(tasks) };
            path = format!("{}?cursor={}", tasks_path(goal), encode(&cursor));
        }
    }

    fn get<T: serde::de::DeserializeOwned>(&self, what: &str, token: &Secret, path: &str) -> Result<T> {
        let answer = self.agent.get(self.address(path)).header("authorization", bearer(token)).call()?;
        self.read(what, 200, answer)
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn read<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        expected: u16,
        mut answer: http::Response<Body>,
    ) -> Result<T> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let text = answer.body_mut().read_to_string()?;
        if answer.status().as_u16() != expected {
            let problem: Value = serde_json::from_str(&text).unwrap_or_default();
            let why = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or(&text);
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

    #[test]
    fn only_pending_and_running_workflows_go_on() {
        let status = |status: &str| Status {
            name: status.to_owned(),
            processed_actions: 0,
            total_actions: 1,
            succeeded_actions: 0,
            failed_actions: Vec::new(),
        };
        assert!(!status("PENDING").is_over() && !status("RUNNING").is_over());
        assert!(
            ["SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"].iter().all(|s| status(s).is_over())
        );
    }
}
