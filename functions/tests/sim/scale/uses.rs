//! The quotas that each call uses.

use super::quotas::{Quota, Table};

/// The quotas that a call of a port uses, with the units. Write units of `DynamoDB` are those that the emulator counted
/// for the sample goal (`cargo xtask bench units`): with the indexes, and twice in a transaction.
pub(crate) fn of_call(name: &str) -> &'static [(Quota, f64)] {
    const GOALS: Quota = Quota::Writes(Table::Goals);
    const EXECUTIONS: Quota = Quota::Writes(Table::Executions);
    match name {
        "start_execution" => &[(Quota::StartExecution, 1.0)],
        "answer" => &[(Quota::SendTaskSuccess, 1.0)],
        "heartbeat" => &[(Quota::SendTaskHeartbeat, 1.0)],
        "describe_execution" => &[(Quota::DescribeExecution, 1.0)],
        "publish" => &[(Quota::PutEvents, 1.0)],
        "claim_goal" => &[(GOALS, 2.0), (EXECUTIONS, 9.0)],
        "end_execution" => &[(GOALS, 2.0), (EXECUTIONS, 13.0)],
        // Its tasks are additional.
        "commit_group" => &[(EXECUTIONS, 2.0)],
        "open_batch" | "expire_batch" => &[(EXECUTIONS, 1.0)],
        // Requested three times, by `finalize`, at the end and for the archive; written once, then read.
        "seal_batch" => &[(EXECUTIONS, 1.0 / 3.0)],
        "record_started" | "record_batches" | "mark_reported" | "claim_notice" => &[(EXECUTIONS, 3.0)],
        // From one index to the other.
        // The second: from one list to another.
        "mark_admitted" | "move_waiting" => &[(EXECUTIONS, 5.0)],
        "mark_archived" => &[(EXECUTIONS, 15.0)],
        _ => &[],
    }
}

/// The write units of that many tasks, in the transaction with their outcome.
pub(crate) fn of_tasks(tasks: usize) -> f64 {
    2.0 * tasks as f64
}

/// The size of one workflow's entry in that row in bytes: two names, a number and a time.
const HOLDER: f64 = 100.0;

/// The write units of any change of that row, while that many workflows hold capacity.
pub(crate) fn of_capacity(holders: f64) -> f64 {
    1.0 + (holders * HOLDER / 1_024.0).floor()
}
