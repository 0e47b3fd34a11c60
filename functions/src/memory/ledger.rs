use goal_activity_core::goal::Action;
use goal_activity_core::keys;
use goal_activity_core::ledger::BatchLedger;
use goal_activity_core::ports::{ActionCommit, Committed, Opened, Outside, Replaces, SealLedger, WorkLedger};
use goal_activity_events::{ExecutionArn, GoalId};

use super::World;

impl WorkLedger for World {
    async fn open_batch(&self, execution: &ExecutionArn, batch_index: u32) -> Outside<Opened> {
        let mut state = self.call("open_batch").await?;
        let ledger = state.ledgers.entry((execution.clone(), batch_index)).or_default();
        Ok(if ledger.sealed { Opened::Sealed } else { Opened::Open(ledger.clone()) })
    }

    async fn commit_action(&self, commit: &ActionCommit<'_>) -> Outside<Committed> {
        let mut state = self.call("commit_action").await?;
        let key = |position: &String| commit.tasks.first().map(|t| (t.goal_id.clone(), position.clone()));
        let unseen = commit.tasks.iter().filter(|t| !commit.replaces.includes(&t.position));
        let blocked = unseen.filter_map(|t| key(&t.position)).any(|k| state.tasks.contains_key(&k));
        let Some(ledger) = state.ledgers.get_mut(&(commit.execution.clone(), commit.batch_index)) else {
            return Ok(Committed::TooLate);
        };
        if ledger.sealed || ledger.outcomes.contains_key(commit.action) {
            return Ok(Committed::TooLate);
        }
        if blocked {
            return Ok(Committed::TasksExist);
        }
        ledger.outcomes.insert(commit.action.clone(), commit.outcome.clone());
        ledger.sequence += 1;
        if let Replaces::Positions(old) = &commit.replaces {
            for k in old.iter().filter_map(key) {
                state.tasks.remove(&k);
            }
        }
        for task in &commit.tasks {
            state.tasks.insert((task.goal_id.clone(), task.position.clone()), task.clone());
        }
        Ok(Committed::Yes)
    }

    async fn read_batch(&self, execution: &ExecutionArn, batch_index: u32) -> Outside<BatchLedger> {
        let state = self.call("read_batch").await?;
        Ok(state.ledgers.get(&(execution.clone(), batch_index)).cloned().unwrap_or_default())
    }

    async fn task_positions(&self, goal: &GoalId, action: &Action) -> Outside<Vec<String>> {
        let state = self.call("task_positions").await?;
        let prefix = keys::tasks_of(action.position);
        let of_action = state.tasks_of(goal).filter(|t| t.position.starts_with(&prefix));
        Ok(of_action.map(|t| t.position.clone()).collect())
    }
}

impl SealLedger for World {
    async fn seal_ledger(&self, execution: &ExecutionArn, batches: u32) -> Outside<Vec<BatchLedger>> {
        let mut state = self.call("seal_ledger").await?;
        let seal = |index| {
            let ledger = state.ledgers.entry((execution.clone(), index)).or_default();
            ledger.sealed = true;
            ledger.clone()
        };
        Ok((0..batches).map(seal).collect())
    }
}
