//! Workflows that ended days ago and are not archived: all in the shard of the reconciler's list that contains the
//! run's own first workflow, and before it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use goal_activity_core::admission::Shard;
use goal_activity_core::execution::{Ending, Execution, GoalBefore, Listing};
use goal_activity_core::keys::open_shard;
use goal_activity_core::ledger::Tally;
use goal_activity_events::FinalStatus;
use goal_activity_events::{ClaimSequence, ExecutionArn, GoalId};
use goal_activity_functions::adapters::memory::samples;

use crate::world::Sim;

/// Their number: more than a run of the reconciler can process while each takes seconds.
const MANY: usize = 90;
const GOALS: &str = "old-";

/// Returns `true` if a goal is one of theirs.
pub(crate) fn has(goal: &GoalId) -> bool {
    goal.as_str().starts_with(GOALS)
}

/// Adds them.
pub(crate) fn put(sim: &Sim) {
    let arn_of = |goal: &GoalId| ExecutionArn::derive(&samples::state_machine(), goal, ClaimSequence(1));
    let id = |text: String| -> GoalId { text.parse().unwrap() };
    let shard = open_shard(&arn_of(&id("goal-1".to_owned())));
    let ids = (1..).map(|n| id(format!("{GOALS}{n}")));
    for goal in ids.filter(|goal| open_shard(&arn_of(goal)) == shard).take(MANY) {
        let execution = ended(sim, arn_of(&goal), goal);
        let mut state = sim.tables.state();
        let ledger = goal_activity_core::ledger::BatchLedger { sealed: true, ..Default::default() };
        state.ledgers.insert((execution.execution_arn.clone(), 0), ledger);
        state.listed.insert(execution.execution_arn.clone(), Listing::Unarchived);
        state.executions.insert(execution.execution_arn.clone(), execution);
    }
}

fn ended(sim: &Sim, arn: ExecutionArn, goal: GoalId) -> Execution {
    let then = sim.now().minus(Duration::from_secs(3 * 24 * 60 * 60));
    let action_ids = vec!["a-1-1".parse().unwrap()];
    let tally = Tally::at_end(&action_ids, &[], &BTreeSet::new());
    Execution {
        execution_arn: arn,
        goal_id: goal,
        user_id: "old".parse().unwrap(),
        request_id: "r".parse().unwrap(),
        request_source: Some("com.example.planner".to_owned()),
        correlation_id: Some("plan-17".parse().unwrap()),
        traceparent: None,
        operator: None,
        start_date: then,
        turn: then,
        shard: Shard::FIRST,
        admitted_at: Some(then),
        started_at: Some(then),
        action_ids,
        total_actions: 1,
        regenerate: false,
        goal_before: GoalBefore::default(),
        batches: BTreeMap::new(),
        gone_actions: BTreeSet::new(),
        end: Some(Ending { status: FinalStatus::Failed, stop_date: then.plus(Duration::from_secs(60)), tally }),
        timeline: BTreeMap::new(),
        cancellation: None,
        published_at: Some(then),
        notified_at: Some(then),
        archived_at: None,
    }
}
