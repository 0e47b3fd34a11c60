use goal_activity_core::ledger::BatchLedger;
use goal_activity_core::placement::TaskRow;
use goal_activity_core::ports::{
    ActionCommit, CommitGroup, Committed, Opened, PortResult, ReadLedger, SealLedger, WorkLedger,
};
use goal_activity_core::task::Task;
use goal_activity_events::{ExecutionArn, GoalId};

use super::{State, World};

impl WorkLedger for World {
    async fn open_batch(&self, execution: &ExecutionArn, batch_index: u32) -> PortResult<Opened> {
        let mut state = self.call("open_batch").await?;
        let ledger = state.ledgers.entry((execution.clone(), batch_index)).or_default();
        Ok(if ledger.sealed { Opened::Sealed } else { Opened::Open(ledger.clone()) })
    }

    async fn commit_group(&self, group: &CommitGroup<'_>) -> PortResult<Vec<Committed>> {
        let mut state = self.call("commit_group").await?;
        let of_batch = (group.execution().clone(), group.batch_index());
        let open = state.ledgers.get(&of_batch).filter(|ledger| !ledger.sealed);
        let late = group.commits().map(|commit| open.is_none_or(|l| l.outcomes.contains_key(commit.action)));
        let changed = group.commits().map(|commit| tasks_changed(&state, commit));
        let refusals: [(Vec<bool>, _); 2] =
            [(late.collect(), Committed::TooLate), (changed.collect(), Committed::TasksChanged)];
        for (refused, why) in refusals {
            if refused.contains(&true) {
                return Ok(refused.into_iter().map(|is| if is { why } else { Committed::HeldBack }).collect());
            }
        }
        let ledger = state.ledgers.entry(of_batch).or_default();
        for commit in group.commits() {
            ledger.outcomes.insert(commit.action.clone(), commit.outcome.clone());
            ledger.sequence += 1;
        }
        for commit in group.commits() {
            for row in commit.removed() {
                state.tasks.remove(&(commit.goal.clone(), row.position.clone()));
            }
            for task in &commit.tasks {
                state.tasks.insert((task.goal_id.clone(), task.position.clone()), task.clone());
            }
        }
        Ok(vec![Committed::Yes; group.len()])
    }

    async fn read_batch(&self, execution: &ExecutionArn, batch_index: u32) -> PortResult<BatchLedger> {
        let state = self.call("read_batch").await?;
        Ok(state.ledgers.get(&(execution.clone(), batch_index)).cloned().unwrap_or_default())
    }

    async fn task_rows(&self, goal: &GoalId) -> PortResult<Vec<TaskRow>> {
        Ok(self.call("task_rows").await?.task_rows_of(goal))
    }
}

/// Returns `true` if a task to be replaced is not as it was read, or there is one where a new one goes.
fn tasks_changed(state: &State, commit: &ActionCommit<'_>) -> bool {
    let key = |position: &String| (commit.goal.clone(), position.clone());
    let as_read = |row: &TaskRow| state.tasks.get(&key(&row.position)).is_some_and(|t| is_as_read(t, row));
    let replaced = |task: &Task| commit.replaces.iter().any(|row| row.position == task.position);
    // A failure replaces nothing.
    !(commit.tasks.is_empty() || commit.replaces.iter().all(as_read))
        || commit.tasks.iter().any(|t| !replaced(t) && state.has_task(&key(&t.position)))
}

/// Returns `true` if a task is the one that was read: same id, action and status.
fn is_as_read(task: &Task, row: &TaskRow) -> bool {
    let now = TaskRow::from(task);
    let same =
        (now.task_id, now.action_id, now.status) == (row.task_id.clone(), row.action_id.clone(), row.status.clone());
    same && !now.has_completion
}

impl SealLedger for World {
    async fn seal_ledger(&self, execution: &ExecutionArn, batches: u32) -> PortResult<Vec<BatchLedger>> {
        let mut state = self.call("seal_ledger").await?;
        let seal = |index| {
            let ledger = state.ledgers.entry((execution.clone(), index)).or_default();
            ledger.sealed = true;
            ledger.clone()
        };
        Ok((0..batches).map(seal).collect())
    }
}

impl ReadLedger for World {
    async fn read_ledger(&self, execution: &ExecutionArn, batches: u32) -> PortResult<Vec<Option<BatchLedger>>> {
        let state = self.call("read_ledger").await?;
        Ok((0..batches).map(|index| state.ledgers.get(&(execution.clone(), index)).cloned()).collect())
    }
}
