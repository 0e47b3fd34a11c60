//! The ledger of a batch's work.

use goal_activity_events::{ActionId, ExecutionArn, GoalId};

use super::PortResult;
use crate::ledger::{ActionOutcome, BatchLedger};
use crate::limits::MAX_TRANSACTION;
use crate::placement::TaskRow;
use crate::task::Task;

/// What a worker finds when it opens a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Work may be done; the outcomes so far.
    Open(BatchLedger),
    /// The outcome of the workflow is decided: nothing may be written.
    Sealed,
}

/// One action's outcome with everything that is saved for it.
#[derive(Debug, Clone)]
pub struct ActionCommit<'a> {
    /// The workflow.
    pub execution: &'a ExecutionArn,
    /// Its goal.
    pub goal: &'a GoalId,
    /// Which of its batches.
    pub batch_index: u32,
    /// The action.
    pub action: &'a ActionId,
    /// What became of it.
    pub outcome: ActionOutcome,
    /// Its tasks; none when it failed.
    pub tasks: Vec<Task>,
    /// The tasks that they replace, as they were read. Apart from these, there may be none where a new one goes.
    pub replaces: Vec<TaskRow>,
}

impl ActionCommit<'_> {
    /// Returns the tasks that are removed, and not overwritten. A failure replaces nothing.
    pub fn removed(&self) -> impl Iterator<Item = &TaskRow> {
        let replaces: &[_] = if self.tasks.is_empty() { &[] } else { &self.replaces };
        replaces.iter().filter(|row| self.tasks.iter().all(|task| task.position != row.position))
    }

    /// Returns the sort keys of the tasks that it writes or removes.
    fn positions(&self) -> impl Iterator<Item = &str> {
        self.tasks.iter().map(|task| task.position.as_str()).chain(self.removed().map(|row| row.position.as_str()))
    }
}

/// Outcomes of one batch that are saved in one transaction: all of them or none. The ledger's row is then written once for
/// all, and every write of it is billed.
#[derive(Debug, Clone)]
pub struct CommitGroup<'a> {
    first: ActionCommit<'a>,
    others: Vec<ActionCommit<'a>>,
}

impl<'a> CommitGroup<'a> {
    /// The group of this one.
    pub fn of(commit: ActionCommit<'a>) -> Self {
        Self { first: commit, others: Vec::new() }
    }

    /// Adds another action of the same batch. Returns `false` if it needs a transaction of its own: it is of another batch or of
    /// an action that is in the group already, one transaction does not hold so many items, or it writes a task that another one
    /// writes. No transaction may write an item twice.
    #[must_use]
    pub fn add(&mut self, commit: ActionCommit<'a>) -> bool {
        let ActionCommit { execution, batch_index, .. } = self.first;
        let is_same_batch = (execution, batch_index) == (commit.execution, commit.batch_index);
        let conflicts = |other: &ActionCommit<'_>| {
            other.action == commit.action || other.positions().any(|there| commit.positions().any(|new| new == there))
        };
        let fits = self.items() + commit.positions().count() <= MAX_TRANSACTION;
        let added = is_same_batch && fits && !self.commits().any(conflicts);
        if added {
            self.others.push(commit);
        }
        added
    }

    /// Returns how many items its transaction writes: the tasks, and the ledger's row.
    fn items(&self) -> usize {
        1 + self.commits().map(|commit| commit.positions().count()).sum::<usize>()
    }

    /// The workflow.
    pub fn execution(&self) -> &'a ExecutionArn {
        self.first.execution
    }

    /// Which of its batches.
    pub fn batch_index(&self) -> u32 {
        self.first.batch_index
    }

    /// Returns the outcomes, in the order in which they were added.
    pub fn commits(&self) -> impl Iterator<Item = &ActionCommit<'a>> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Returns how many there are: at least one.
    #[allow(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        1 + self.others.len()
    }
}

/// How the commit of an action went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// Saved.
    Yes,
    /// The action had an outcome already, or the ledger is sealed: nothing was written (promises P3 and P4).
    TooLate,
    /// A task to be replaced is not as it was read, or there is one where a new one goes: nothing was written.
    TasksChanged,
    /// Another one of its group was refused: nothing was written, and nothing speaks against saving this one without that.
    HeldBack,
}

/// Writes and reads a batch's ledger.
pub trait WorkLedger: Sync {
    /// Opens a batch for work, for the first time or again.
    fn open_batch(&self, execution: &ExecutionArn, batch_index: u32)
    -> impl Future<Output = PortResult<Opened>> + Send;
    /// Saves the outcomes of a group and their tasks in one transaction. Answers for each, in their order: all are saved, or none
    /// is and at least one was refused. An action that is too late is told before one whose tasks have changed.
    fn commit_group(&self, group: &CommitGroup<'_>) -> impl Future<Output = PortResult<Vec<Committed>>> + Send;
    /// The batch's ledger as it is now.
    fn read_batch(
        &self,
        execution: &ExecutionArn,
        batch_index: u32,
    ) -> impl Future<Output = PortResult<BatchLedger>> + Send;
    /// All tasks of the goal, whichever program has made them.
    fn task_rows(&self, goal: &GoalId) -> impl Future<Output = PortResult<Vec<TaskRow>>> + Send;
}

/// Ends all writing to an execution's ledger.
pub trait SealLedger: Sync {
    /// Seals all batches, opened or not, then answers what they hold (promise P4).
    fn seal_ledger(
        &self,
        execution: &ExecutionArn,
        batches: u32,
    ) -> impl Future<Output = PortResult<Vec<BatchLedger>>> + Send;
}

/// Reads what is known of an execution's actions.
pub trait ReadLedger: Sync {
    /// One entry for each batch: nothing for a batch that was neither opened nor sealed, or whose row has expired. Never behind.
    fn read_ledger(
        &self,
        execution: &ExecutionArn,
        batches: u32,
    ) -> impl Future<Output = PortResult<Vec<Option<BatchLedger>>>> + Send;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::goal::{Action, ActionKind};
    use crate::keys;
    use crate::task::{MAX_DESCRIPTION, MAX_TITLE, Priority, TaskDraft, TaskDrafts};
    use goal_activity_events::{Timestamp, Usage};
    use proptest::prelude::*;

    /// A batch: the workflow, its goal, and eight actions at places of their own.
    struct Batch {
        execution: ExecutionArn,
        goal: GoalId,
        actions: Vec<Action>,
    }

    impl Batch {
        fn new() -> Self {
            let action = |n| Action {
                action_id: format!("a-{n}").parse().unwrap(),
                position: format!("1#{n}").parse().unwrap(),
                title: "t".into(),
                description: String::new(),
                background: String::new(),
                constraints: String::new(),
                kind: ActionKind::Execution,
            };
            let execution = "arn:aws:states:us-east-1:123456789012:execution:m:g-1".parse().unwrap();
            Self { execution, goal: "g".parse().unwrap(), actions: (1..=8).map(action).collect() }
        }

        /// The commit of the nth action with that many tasks, which replace so many at another place.
        fn commit(&self, nth: usize, count: usize, replaced: usize) -> ActionCommit<'_> {
            let action = &self.actions[nth];
            let (title, description) = ("\u{10ffff}".repeat(MAX_TITLE), "\u{10ffff}".repeat(MAX_DESCRIPTION));
            let draft = TaskDraft::new("a title", "", 30, Priority::Medium).unwrap();
            let draft = TaskDraft { title, description, ..draft };
            let drafts = TaskDrafts::try_from(vec![draft; count.max(1)]).unwrap();
            let mut tasks = drafts.into_tasks(&self.goal, action, &self.execution, Timestamp::from_millis(0));
            tasks.truncate(count);
            let elsewhere = format!("8#{}", nth + 1).parse().unwrap();
            let old = |n| TaskRow {
                position: keys::task(elsewhere, n),
                task_id: Some(format!("old-{n}").parse().unwrap()),
                action_id: Some(action.action_id.clone()),
                made_by: Some(self.execution.clone()),
                status: Some("not_started".into()),
                created_at: None,
                has_completion: false,
            };
            ActionCommit {
                execution: &self.execution,
                goal: &self.goal,
                batch_index: 0,
                action: &action.action_id,
                outcome: ActionOutcome::Succeeded { tasks: count, replaced, usage: Usage::default() },
                tasks,
                replaces: (1..=replaced).map(old).collect(),
            }
        }
    }

    #[test]
    fn a_whole_batch_of_first_tasks_is_one_transaction() {
        let batch = Batch::new();
        let mut group = CommitGroup::of(batch.commit(0, 10, 0));
        for nth in 1..8 {
            assert!(group.add(batch.commit(nth, 10, 0)));
        }
        assert_eq!((group.len(), group.items()), (8, 81));
        let bytes: usize = group.commits().flat_map(|c| &c.tasks).map(|t| serde_json::to_vec(t).unwrap().len()).sum();
        // DynamoDB takes 4 MB in a transaction.
        assert!(bytes * MAX_TRANSACTION / group.items() < 1_000_000, "{bytes}");
    }

    #[test]
    fn p3_what_one_transaction_may_not_hold_is_given_back() {
        let batch = Batch::new();
        let group = || CommitGroup::of(batch.commit(0, 3, 2));
        let refused = |commit: ActionCommit<'_>| !group().add(commit);
        assert!(!refused(batch.commit(1, 3, 2)));
        assert!(refused(batch.commit(0, 1, 0)), "the same action");
        assert!(refused(ActionCommit { batch_index: 1, ..batch.commit(1, 3, 0) }), "another batch");
        let other = "arn:aws:states:us-east-1:123456789012:execution:m:g-2".parse().unwrap();
        assert!(refused(ActionCommit { execution: &other, ..batch.commit(1, 3, 0) }), "another workflow");
        // The action was moved meanwhile to where the other one was, or its tasks are where the other one's old ones are.
        let moved = ActionCommit { tasks: batch.commit(0, 1, 0).tasks, ..batch.commit(1, 1, 0) };
        assert!(refused(moved), "the same new task");
        let rows = |nth| batch.commit(nth, 1, 2).replaces;
        assert!(refused(ActionCommit { replaces: rows(0), ..batch.commit(1, 1, 0) }), "the same old task");
        assert!(!refused(ActionCommit { replaces: rows(0), ..batch.commit(1, 0, 0) }), "a failure replaces nothing");
    }

    #[test]
    fn a_task_in_the_place_of_an_old_one_is_one_item() {
        let batch = Batch::new();
        let mut commit = batch.commit(0, 3, 2);
        assert_eq!(CommitGroup::of(commit.clone()).items(), 6);
        commit.replaces[0].position.clone_from(&commit.tasks[1].position);
        assert_eq!((CommitGroup::of(commit.clone()).items(), commit.removed().count()), (5, 1));
        assert_eq!(CommitGroup::of(ActionCommit { tasks: Vec::new(), ..commit }).items(), 1);
    }

    proptest! {
        #[test]
        fn p3_no_group_is_larger_than_a_transaction_or_writes_an_item_twice(
            commits in prop::collection::vec((0..8_usize, 0..=10_usize, 0..=30_usize), 1..20),
        ) {
            let batch = Batch::new();
            let mut commits = commits.into_iter().map(|(nth, count, replaced)| batch.commit(nth, count, replaced));
            let mut group = CommitGroup::of(commits.next().unwrap());
            let mut left = 0;
            for commit in commits {
                left += usize::from(!group.add(commit));
            }
            prop_assert!(group.items() <= MAX_TRANSACTION && group.len() <= 8 && left < 20);
            let mut positions: Vec<_> = group.commits().flat_map(ActionCommit::positions).collect();
            let all = positions.len();
            positions.sort_unstable();
            positions.dedup();
            prop_assert_eq!(positions.len(), all);
        }
    }
}
