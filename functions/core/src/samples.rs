//! What unit tests of several modules need.

use std::collections::{BTreeMap, BTreeSet};

use goal_activity_events::{FailedAction, FailureCode, FinalStatus, Timestamp};

use crate::admission::Shard;
use crate::execution::{Ending, Execution, GoalBefore};
use crate::ledger::Tally;

/// When the sample was requested.
pub(crate) const START_MILLIS: i64 = 0;

/// A workflow of 64 actions, just requested.
pub(crate) fn execution() -> Execution {
    Execution {
        execution_arn: "arn:aws:states:us-east-1:123456789012:execution:goal-activity:goal-1-1".parse().unwrap(),
        goal_id: "goal-1".parse().unwrap(),
        user_id: "user-1".parse().unwrap(),
        request_id: "r".parse().unwrap(),
        request_source: Some("com.example.planner".to_owned()),
        correlation_id: Some("plan-17".parse().unwrap()),
        traceparent: None,
        operator: None,
        start_date: Timestamp::from_millis(START_MILLIS),
        turn: Timestamp::from_millis(START_MILLIS),
        shard: Shard::FIRST,
        admitted_at: None,
        started_at: None,
        action_ids: (0..64).map(|i| format!("action-{i}").parse().unwrap()).collect(),
        total_actions: 64,
        regenerate: false,
        goal_before: GoalBefore::default(),
        batches: BTreeMap::new(),
        gone_actions: BTreeSet::new(),
        end: None,
        timeline: BTreeMap::new(),
        cancellation: None,
        published_at: None,
        notified_at: None,
        archived_at: None,
    }
}

/// The sample as it ended at that moment, with these failed actions.
pub(crate) fn ended(status: FinalStatus, stop_date: Timestamp, failed: Vec<FailedAction>) -> Execution {
    let succeeded = 64 - u32::try_from(failed.len()).unwrap();
    let tally = Tally { succeeded, failed, ..Tally::default() };
    Execution { end: Some(Ending { status, stop_date, tally }), ..execution() }
}

/// That many failed actions.
pub(crate) fn failures(count: usize) -> Vec<FailedAction> {
    let failure = |i| FailedAction {
        action_id: format!("action-{i}").parse().unwrap(),
        code: FailureCode::AiTimeout,
        message: "no answer within 120 s".into(),
        attempts: 3,
    };
    (0..count).map(failure).collect()
}
