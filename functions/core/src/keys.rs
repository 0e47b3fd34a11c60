//! The keys and attribute names under which goals, tasks and executions are stored. Other services read the same tables,
//! so these are a contract. The other attributes are the `serde` names of the types themselves.

use std::num::NonZeroU16;

use goal_activity_events::{ExecutionArn, StateMachineArn, UserId};
use uuid::Uuid;

use crate::admission::Shard;
use crate::daily::Day;
use crate::goal::{Position, Side};
use crate::limits::OPEN_SHARDS;
use crate::ports::RequestKey;

/// Partition key of Goals and Tasks.
pub const GOAL_ID: &str = "goalId";
/// Sort key of Goals and of `WorkflowExecutions`.
pub const ITEM: &str = "item";
/// Sort key of Tasks.
pub const POSITION: &str = "position";
/// Partition key of `WorkflowExecutions`.
pub const EXECUTION_ARN: &str = "executionArn";
/// The sparse index of executions that still need something done, sorted by when they were requested.
pub const OPEN_INDEX: &str = "open";
/// Partition key of the sparse index of executions that still need something done.
pub const OPEN_SHARD: &str = "openShard";
/// Sort key of the indexes of `WorkflowExecutions`.
pub const START_DATE: &str = "startDate";
/// The index of executions by goal, sorted by when they were requested.
pub const BY_GOAL_INDEX: &str = "by-goal";
/// The index of executions by user, sorted by when they were requested.
pub const BY_USER_INDEX: &str = "by-user";
/// Partition key of the index of executions by user.
pub const USER_ID: &str = "userId";
/// The sparse index of executions that wait to be launched, sorted by their turns.
pub const WAITING_INDEX: &str = "waiting";
/// Partition key of the index of waiting executions.
pub const WAITING: &str = "waiting";
/// The partition of the index of waiting executions that is the waiting list of the first shard of the capacity.
const WAITING_LIST: &str = "LIST";
/// Sort key of the index of waiting executions. As in [`Execution`](crate::execution::Execution).
pub const TURN: &str = "turn";
/// When an item may be deleted, in seconds since 1970.
pub const EXPIRES_AT: &str = "expiresAt";

/// Goals: the goal's own row.
pub const GOAL: &str = "GOAL";
/// Goals, in the goal's own row: which execution has claimed it. As in [`GoalHead`](crate::goal::GoalHead).
pub const CLAIM: &str = "activityExecutionArn";
/// Goals, in the goal's own row: how many executions have claimed it so far.
pub const CLAIMS: &str = "activitySequence";
/// Goals, in the goal's own row: how often its chart was written through the API.
pub const REVISION: &str = "revision";
/// Goals: the sparse index of the goals' own rows by user. Other rows have no user.
pub const GOALS_BY_USER_INDEX: &str = "by-user";
/// Goals: where the rows of actions begin.
pub const ACTION_PREFIX: &str = "ACTION#";
/// Goals: where the rows of sub-goals begin.
pub const SUB_GOAL_PREFIX: &str = "SUBGOAL#";
/// `WorkflowExecutions`: the read model.
pub const EXECUTION: &str = "EXECUTION";
/// `WorkflowExecutions`, in the timeline: the entry of a cancellation. There is at most one.
pub const CANCELLATION_ENTRY: &str = "cancellation";
/// `WorkflowExecutions`: where the rows of the ledger begin.
pub const BATCH_PREFIX: &str = "BATCH#";
/// `WorkflowExecutions`: the memory of a request that was accepted.
pub const REQUEST: &str = "REQUEST";

/// `WorkflowExecutions`: the row that says where an ended workflow is archived. Stays when its others expire.
pub const ARCHIVE: &str = "ARCHIVE";
/// `WorkflowExecutions`, in the row of an archived workflow: the key of its record.
pub const ARCHIVED_AS: &str = "archivedAs";
/// The archive: where the keys of the records begin. What follows is partitioned by day, see
/// [`ArchiveKey`](crate::archive::ArchiveKey).
pub const ARCHIVED_EXECUTIONS: &str = "executions/";

/// `WorkflowExecutions`: the row that says who holds how much of a shard of the capacity. Its partition key is the state machine,
/// and of all shards but the first their number as well: see [`capacity`].
pub const CAPACITY: &str = "CAPACITY";
/// `WorkflowExecutions`, in the row of the capacity: how many batches all hold together.
pub const IN_USE: &str = "inUse";
/// `WorkflowExecutions`, in the row of the capacity: where the names of the attributes begin that say what one execution holds.
pub const HELD_PREFIX: &str = "held#";
/// `WorkflowExecutions`, in the row of the capacity: since when launching is paused, and why. In this row, so that the one
/// write that acquires capacity also depends on it.
pub const PAUSED: &str = "paused";

/// `WorkflowExecutions`, in the row of the capacity: where the names of the attributes begin that count what the ended workflows
/// of one day have cost, in millionths of a US dollar.
pub const COST_PREFIX: &str = "cost#";
/// `WorkflowExecutions`, in the row of the capacity: where the names of the attributes begin that say for which amount launching
/// was paused on a day.
pub const PAUSED_FOR_PREFIX: &str = "pausedFor#";

/// `WorkflowExecutions`, in the row of the capacity: when the workflow began that began last of those that the AI worked for.
pub const WORKED_SINCE: &str = "aiWorkedSince";

/// `WorkflowExecutions`, in the row of the capacity: until when the shard's share of the AI's quota is used up, in milliseconds since
/// 1970. A number, so that the write that acquires capacity can add to it. Missing until a quota is set.
pub const QUOTA_USED_UNTIL: &str = "aiQuotaUsedUntil";

/// `WorkflowExecutions`, in an execution's row: to which shard of the capacity it belongs; missing for the first. As in
/// [`Execution`](crate::execution::Execution).
pub const SHARD: &str = "shard";

/// `WorkflowExecutions`: the row that holds which workflows of a user are open.
pub const USER: &str = "USER";
/// `WorkflowExecutions`, in the row of a user: the ARNs of the open workflows, as a set.
pub const RUNNING: &str = "running";
/// `WorkflowExecutions`, in the row of a user: where the names of the attributes begin that count the actions of one day.
pub const STARTED_PREFIX: &str = "started#";

/// Goals: a sub-goal's sort key.
pub fn sub_goal(position: Side) -> String {
    format!("{SUB_GOAL_PREFIX}{position}")
}

/// Goals: an action's sort key. Sorts in mandala order.
pub fn action(position: Position) -> String {
    format!("{ACTION_PREFIX}{position}")
}

/// Tasks: where the sort keys of an action's tasks begin.
pub fn tasks_of(position: Position) -> String {
    format!("{position}#")
}

/// Tasks: the sort key of an action's n-th task, from 1. Sorts in the order of the actions, then of the tasks (promise P8).
pub fn task(position: Position, n: usize) -> String {
    format!("{}{n:02}", tasks_of(position))
}

/// `WorkflowExecutions`, in the row of a user: the attribute that counts the actions of that day.
pub fn started(day: Day) -> String {
    format!("{STARTED_PREFIX}{day}")
}

/// `WorkflowExecutions`, in the row of the capacity: what the workflows that ended on that day have cost.
pub fn cost(day: Day) -> String {
    format!("{COST_PREFIX}{day}")
}

/// `WorkflowExecutions`, in the row of the capacity: the amount for which launching was paused on that day.
pub fn paused_for(day: Day) -> String {
    format!("{PAUSED_FOR_PREFIX}{day}")
}

/// `WorkflowExecutions`: the sort key of a batch's ledger row.
pub fn batch(index: u32) -> String {
    format!("{BATCH_PREFIX}{index:02}")
}

/// `WorkflowExecutions`: the partition key under which a request is remembered (promise P2). Two
/// services may use the same event id, and two users the same key, so who sent it is part of it. Hashed, with the sender's
/// length: whatever `#` or `/` it holds and however long it is, two requests never share a key, and DynamoDB takes it.
pub fn request(key: &RequestKey) -> String {
    let request = match key {
        RequestKey::Service { source, event_id } => format!("request/{}/{source}/{event_id}", source.len()),
        RequestKey::User { user_id, key } => format!("call/{}/{user_id}/{key}", user_id.as_str().len()),
        RequestKey::Operator { operator, key } => format!("operator/{}/{operator}/{key}", operator.as_str().len()),
    };
    format!("REQUEST#{}", Uuid::new_v5(&Uuid::NAMESPACE_URL, request.as_bytes()))
}

/// `WorkflowExecutions`: the partition key of a user's own row.
pub fn user(id: &UserId) -> String {
    format!("{USER}#{id}")
}

/// In which partition of the open index an execution is listed from its launch until its end was reported. Spread, so that no
/// partition gets hot.
pub fn open_shard(execution: &ExecutionArn) -> String {
    open_shard_key(hash(execution) % OPEN_SHARDS)
}

/// In which partition of the open index an execution is listed from when its end was reported until it is archived. Apart
/// from the others: an archive that fails must not delay their repair.
pub fn unarchived_shard(execution: &ExecutionArn) -> String {
    unarchived_shard_key(hash(execution) % OPEN_SHARDS)
}

/// All partitions of the open index whose executions have not ended, or whose end was not reported.
pub fn open_shards() -> impl Iterator<Item = String> {
    (0..OPEN_SHARDS).map(open_shard_key)
}

/// All partitions of the open index whose executions are only to be archived.
pub fn unarchived_shards() -> impl Iterator<Item = String> {
    (0..OPEN_SHARDS).map(unarchived_shard_key)
}

/// The partition key of the row of a shard of the capacity. The first shard's is that of before there were shards.
pub fn capacity(state_machine: &StateMachineArn, shard: Shard) -> String {
    if shard.is_first() { state_machine.to_string() } else { format!("{state_machine}#{shard}") }
}

/// In which partition of the index of waiting executions those of a shard are. The first shard's is that of before there were
/// shards.
pub fn waiting_list(shard: Shard) -> String {
    if shard.is_first() { WAITING_LIST.to_owned() } else { format!("{WAITING_LIST}#{shard}") }
}

/// Which of so many an execution is given to, by the hash of its name.
pub(crate) fn spread(execution: &ExecutionArn, over: NonZeroU16) -> u16 {
    remainder(hash(execution), over)
}

/// The same, independently of [`spread`].
pub(crate) fn spread_anew(execution: &ExecutionArn, over: NonZeroU16) -> u16 {
    remainder(hash(execution).rotate_left(32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32, over)
}

fn remainder(hash: u64, over: NonZeroU16) -> u16 {
    u16::try_from(hash % u64::from(over.get())).unwrap_or_default()
}

/// FNV-1a: any stable spread does.
fn hash(execution: &ExecutionArn) -> u64 {
    let name = execution.name().bytes();
    name.fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

fn open_shard_key(shard: u64) -> String {
    format!("OPEN#{shard}")
}

fn unarchived_shard_key(shard: u64) -> String {
    format!("UNARCHIVED#{shard}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use goal_activity_events::ClaimSequence;
    use std::collections::HashSet;

    #[test]
    fn keys_sort_as_the_chart_does() {
        let at = |s: &str| s.parse::<Position>().unwrap();
        let keys =
            [task(at("1#1"), 1), task(at("1#1"), 2), task(at("1#1"), 10), task(at("1#2"), 1), task(at("2#1"), 1)];
        assert!(keys.is_sorted(), "{keys:?}");
        assert!(batch(2) < batch(10));
    }

    #[test]
    fn p2_requests_of_two_services_never_share_a_key() {
        let key = |source: &str, event: &str| {
            request(&RequestKey::Service { source: source.to_owned(), event_id: event.parse().unwrap() })
        };
        assert_eq!(key("a", "b"), key("a", "b"));
        let others = [key("a#b", "c"), key("a", "b#c"), key("a/b", "c"), key("a", "b/c"), key("", "a/b/c")];
        for (i, one) in others.iter().enumerate() {
            assert!(!others[i + 1..].contains(one), "{others:?}");
        }
        // DynamoDB takes a partition key of 2,048 bytes at most.
        assert!(key(&"s".repeat(100_000), &"e".repeat(128)).len() < 100);
    }

    #[test]
    fn open_executions_spread_over_all_shards() {
        let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:goal-activity".parse().unwrap();
        let goal = "goal-1".parse().unwrap();
        let all: Vec<_> = (1..=200).map(|n| ExecutionArn::derive(&machine, &goal, ClaimSequence(n))).collect();
        let shards: HashSet<_> = all.iter().map(open_shard).collect();
        assert_eq!(shards.len() as u64, OPEN_SHARDS);
        assert_eq!(shards, open_shards().collect());
        let unarchived: HashSet<_> = all.iter().map(unarchived_shard).collect();
        assert_eq!(unarchived, unarchived_shards().collect());
        assert!(shards.is_disjoint(&unarchived));
    }
}
