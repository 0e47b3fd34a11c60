//! Invariants after the run, regardless of the faults.

use std::collections::{BTreeMap, HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;
use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::keys;
use goal_activity_core::ledger::{ActionOutcome, BatchLedger};
use goal_activity_core::task::Task;
use goal_activity_events::{ActionId, ExecutionArn, FailureCode, GoalId, Timestamp, WorkflowCompleted};
use goal_activity_tests::Stack;
use serde_json::Value;

use crate::stories::Story;

type Item = HashMap<String, AttributeValue>;

/// All table contents about some goals.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    /// In the order in which they claimed their goals.
    pub(crate) executions: BTreeMap<GoalId, Vec<Execution>>,
    /// Those that are listed for the reconciler.
    open: HashSet<ExecutionArn>,
    pub(crate) ledgers: HashMap<ExecutionArn, Vec<BatchLedger>>,
    pub(crate) tasks: HashMap<GoalId, Vec<Task>>,
    /// When DynamoDB hung, which the tables do not say.
    pub(crate) hung: Vec<(Timestamp, Timestamp)>,
}

async fn scan(stack: &Stack, table: &str) -> Vec<Item> {
    let scan = stack.dynamodb().scan().table_name(stack.output(table)).consistent_read(true);
    scan.into_paginator().items().send().collect::<Result<_, _>>().await.unwrap()
}

impl Truth {
    pub(crate) async fn read(stack: &Stack, goals: &HashSet<GoalId>) -> Self {
        let mut truth = Self::default();
        for row in scan(stack, "ExecutionsTableName").await {
            let item = row[keys::ITEM].as_s().unwrap();
            if item == keys::EXECUTION {
                let open = row.contains_key(keys::OPEN_SHARD);
                let execution: Execution = serde_dynamo::from_item(row).unwrap();
                if open {
                    truth.open.insert(execution.execution_arn.clone());
                }
                truth.executions.entry(execution.goal_id.clone()).or_default().push(execution);
            } else if item.starts_with(keys::BATCH_PREFIX) {
                let arn: ExecutionArn = row[keys::EXECUTION_ARN].as_s().unwrap().parse().unwrap();
                truth.ledgers.entry(arn).or_default().push(serde_dynamo::from_item(row).unwrap());
            }
        }
        for row in scan(stack, "TasksTableName").await {
            let task: Task = serde_dynamo::from_item(row).unwrap();
            truth.tasks.entry(task.goal_id.clone()).or_default().push(task);
        }
        truth.executions.retain(|goal, _| goals.contains(goal));
        truth.executions.values_mut().for_each(|of_goal| of_goal.sort_by_key(|e| e.start_date));
        truth
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Execution> {
        self.executions.values().flatten()
    }

    /// The workflows of a goal.
    pub(crate) fn of(&self, goal: &GoalId) -> &[Execution] {
        &self.executions[goal]
    }

    /// Returns the number of workflows by how they ended.
    pub(crate) fn summary(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.all().for_each(|e| *counts.entry(e.status().to_string()).or_default() += 1);
        counts
    }

    /// Returns `true` if nothing is left to do for any workflow.
    pub(crate) fn is_complete(&self) -> bool {
        self.all().all(|e| e.is_complete() && !self.open.contains(&e.execution_arn))
    }

    /// P1: the workflows of a goal came one after the other, as many as there were claims; P7: the goal is free.
    pub(crate) async fn check_goal(&self, stack: &Stack, goal: &GoalId) {
        let row = stack.goal_row(goal).await;
        let executions = &self.executions[goal];
        assert_eq!(row["activitySequence"].as_u64(), Some(executions.len() as u64), "{goal}: {executions:?}");
        assert_eq!(row.get("activityExecutionArn"), None, "{goal} is not free");
        assert_ne!(row["status"], "processing", "{goal}");
        for pair in executions.windows(2) {
            assert!(pair[0].stop_date().unwrap() <= pair[1].start_date, "{goal}: {pair:?}");
        }
    }

    /// P3, P4, P6: read model, ledger and tasks agree.
    pub(crate) fn check_execution(&self, execution: &Execution, story: &Story) {
        let arn = &execution.execution_arn;
        let ledgers = &self.ledgers[arn];
        assert_eq!(ledgers.len(), execution.batch_count() as usize, "{arn}");
        assert!(ledgers.iter().all(|l| l.sealed), "{arn}: {ledgers:?}");
        let made: Vec<_> = self.made_by(execution).collect();
        let progress = execution.progress();
        if execution.status() == Status::Aborted {
            assert!(made.is_empty() && progress.succeeded == 0, "{execution:?} has left {made:?}");
            assert!(progress.percentage < 100, "{execution:?}");
            return;
        }
        assert_eq!((progress.processed, progress.percentage), (execution.total_actions, 100), "{execution:?}");
        let mut succeeded = 0;
        for action in &execution.action_ids {
            let outcome = ledgers.iter().find_map(|l| l.outcomes.get(action));
            let tasks = made.iter().filter(|t| t.action_id == *action).count();
            match outcome {
                Some(ActionOutcome::Succeeded { tasks: saved, .. }) => {
                    succeeded += 1;
                    assert_eq!(tasks, *saved, "{action} of {arn}");
                }
                _ => assert_eq!(tasks, 0, "{action} of {arn}: {outcome:?}"),
            }
        }
        assert_eq!(progress.succeeded, succeeded, "{execution:?}");
        // Nothing is lost except what the AI has refused.
        let refused = |action: &&ActionId| story.refused.iter().any(|r| r == action.as_str());
        let failed: Vec<_> = execution.failed_actions().iter().map(|f| &f.action_id).collect();
        assert_eq!(failed, execution.action_ids.iter().filter(refused).collect::<Vec<_>>(), "{execution:?}");
        assert!(execution.failed_actions().iter().all(|f| f.code == FailureCode::AiRejected), "{execution:?}");
        let expected = match (succeeded, failed.len()) {
            (0, _) => Status::Failed,
            (_, 0) => Status::Succeeded,
            _ => Status::PartiallySucceeded,
        };
        assert_eq!(execution.status(), expected, "{execution:?}");
    }

    pub(crate) fn made_by(&self, execution: &Execution) -> impl Iterator<Item = &Task> {
        let of_goal = self.tasks.get(&execution.goal_id).into_iter().flatten();
        of_goal.filter(|t| t.execution_arn == execution.execution_arn)
    }

    /// P3: every action that the AI can generate has the tasks of exactly one generation, and the others have none.
    pub(crate) fn check_tasks(&self, story: &Story) {
        let mut by_action: BTreeMap<&ActionId, Vec<&Task>> = BTreeMap::new();
        for task in self.tasks.get(&story.goal).into_iter().flatten() {
            by_action.entry(&task.action_id).or_default().push(task);
        }
        for (action, tasks) in &by_action {
            assert!(!story.refused.iter().any(|r| r == action.as_str()), "{action} of {} was refused", story.goal);
            assert_eq!(tasks.len(), 4, "{action} of {}: {tasks:?}", story.goal);
            assert!(tasks.iter().all(|t| t.execution_arn == tasks[0].execution_arn), "{tasks:?}");
            assert_eq!(tasks.iter().map(|t| &t.task_id).collect::<HashSet<_>>().len(), 4, "{tasks:?}");
        }
        let wanted: HashSet<_> = self.executions[&story.goal].iter().flat_map(|e| &e.action_ids).collect();
        let missing: Vec<_> = wanted
            .into_iter()
            .filter(|a| !by_action.contains_key(a) && !story.refused.iter().any(|r| r == a.as_str()))
            .collect();
        assert!(missing.is_empty(), "{}: no tasks for {missing:?}", story.goal);
    }

    /// P7: the end was published at least once, always as the same event.
    pub(crate) fn check_reported(execution: &Execution, completed: &[Value]) {
        let arn = &execution.execution_arn;
        let told: Vec<_> = completed.iter().filter(|e| e["detail"]["executionArn"] == arn.as_str()).collect();
        assert!(!told.is_empty(), "the end of {arn} was never told");
        for event in told {
            let detail: WorkflowCompleted = serde_json::from_value(event["detail"].clone()).unwrap();
            assert_eq!(detail.event_id, WorkflowCompleted::event_id_for(arn));
            assert_eq!(Some(detail.status), execution.status().ended(), "{arn}");
            assert_eq!(Some(detail.succeeded_actions), execution.tally().map(|t| t.succeeded), "{arn}");
            assert_eq!(detail.failed_actions, execution.failed_actions(), "{arn}");
        }
    }
}
