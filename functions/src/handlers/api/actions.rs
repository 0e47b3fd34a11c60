use goal_activity_core::execution::{ActionProgress, Execution, Status};
use goal_activity_core::ledger::BatchLedger;
use goal_activity_core::ports::{PortResult, PublishEvent, ReadArchive, StopExecution};
use goal_activity_events::{ExecutionArn, GoalId};
use serde::Serialize;

use super::input::Input;
use super::problem::Problem;
use super::{Api, ApiDb, Reply};

/// A workflow's actions.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "WorkflowActions"))]
#[serde(rename_all = "camelCase")]
pub(super) struct Actions<'a> {
    execution_arn: &'a ExecutionArn,
    goal_id: &'a GoalId,
    status: Status,
    items: Vec<ActionProgress>,
}

impl<Db: ApiDb, Sfn: StopExecution, Bus: PublishEvent, Archive: ReadArchive> Api<Db, Sfn, Bus, Archive> {
    /// Where each action of a workflow is.
    pub(super) async fn actions(&self, input: &Input) -> Result<Reply, Problem> {
        let (execution, archived) = self.own(input).await?;
        let ledgers = match archived {
            Some(ledgers) => ledgers.into_iter().map(Some).collect(),
            None => self.ledgers(&execution).await?,
        };
        let items = execution.actions(&ledgers);
        let Execution { execution_arn, goal_id, .. } = &execution;
        Reply::ok(Actions { execution_arn, goal_id, status: execution.status(), items })
    }

    /// The ledger of each batch. Rows expire one by one: when one of an ended workflow is missing, the archive has all.
    pub(super) async fn ledgers(&self, execution: &Execution) -> PortResult<Vec<Option<BatchLedger>>> {
        let arn = &execution.execution_arn;
        let ledgers = self.db.read_ledger(arn, execution.batch_count()).await?;
        if !execution.has_ended() || ledgers.iter().all(Option::is_some) {
            return Ok(ledgers);
        }
        let record = self.find_record(arn).await?;
        Ok(record.map_or(ledgers, |record| record.ledgers().into_iter().map(Some).collect()))
    }
}
