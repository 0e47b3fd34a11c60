//! `finalize`: the state machine's `SaveResults`. Seals the ledger and reads from it how the workflow went.

use std::collections::BTreeSet;

use goal_activity_core::ledger::Tally;
use goal_activity_core::outcome::{End, final_status};
use goal_activity_core::ports::{FindExecution, SealLedger, Unavailable};
use goal_activity_events::{ExecutionArn, FinalStatus};
use serde::{Deserialize, Serialize};

use crate::runtime::budget::Budget;
use crate::runtime::telemetry::trace;

/// What the state machine hands over.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FinalizeRequest {
    /// The workflow that is at its end.
    pub execution_arn: ExecutionArn,
}

/// What the state machine decides on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FinalizeAnswer {
    /// How the workflow went.
    pub status: FinalStatus,
    /// How many actions it had.
    pub total_actions: u32,
    /// How many have their tasks.
    pub succeeded_actions: u32,
    /// How many do not.
    pub failed_actions: u32,
}

/// The function with all it needs.
#[derive(Debug, Clone)]
pub struct Finalize<Db> {
    /// The tables.
    pub db: Db,
}

impl<Db: FindExecution + SealLedger> Finalize<Db> {
    /// Seals first, then counts: from here on no late worker can change what was counted (promise P4). Fails when the budget
    /// is over; the state machine tries again.
    pub async fn finalize(&self, request: FinalizeRequest, budget: Budget) -> Result<FinalizeAnswer, Unavailable> {
        let unfinished = || Unavailable::new("sealing a ledger", "the function's time is over");
        let work = async { budget.run(self.seal_and_count(request)).await.unwrap_or_else(|| Err(unfinished())) };
        trace::within(trace::finalize(), work).await
    }

    async fn seal_and_count(&self, request: FinalizeRequest) -> Result<FinalizeAnswer, Unavailable> {
        let arn = &request.execution_arn;
        let unknown = || Unavailable::new(format!("finalizing {arn}"), "this execution is not recorded");
        let execution = self.db.find_execution(arn).await?.ok_or_else(unknown)?;
        trace::join(execution.traceparent.as_ref());
        trace::about(arn, &execution.goal_id);
        let ledgers = self.db.seal_ledger(arn, execution.batch_count()).await?;
        let tally = Tally::at_end(&execution.action_ids, &ledgers, &BTreeSet::new());
        let answer = FinalizeAnswer {
            status: final_status(End::Finished, &tally),
            total_actions: execution.total_actions,
            succeeded_actions: tally.succeeded,
            failed_actions: tally.failed_count(),
        };
        tracing::info!(
            status = %answer.status, succeeded = answer.succeeded_actions, failed = answer.failed_actions, "ledger sealed"
        );
        Ok(answer)
    }
}
