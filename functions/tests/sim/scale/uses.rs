//! What each call takes of which quota.

use super::quotas::{Quota, Table};

/// The quotas that a call of a port takes from, with the units. Write units of DynamoDB are those that the emulator counted
/// for a workflow of 64 actions with three tasks each, by the kind of write: with its indexes, and twice in a transaction.
pub(crate) fn of_call(name: &str) -> &'static [(Quota, f64)] {
    const EXECUTIONS: Quota = Quota::Writes(Table::Executions);
    match name {
        "start_execution" => &[(Quota::StartExecution, 1.0)],
        "answer" => &[(Quota::SendTaskSuccess, 1.0)],
        "heartbeat" => &[(Quota::SendTaskHeartbeat, 1.0)],
        "describe_execution" => &[(Quota::DescribeExecution, 1.0)],
        "publish" => &[(Quota::PutEvents, 1.0)],
        "claim_goal" => &[(Quota::Writes(Table::Goals), 2.0), (EXECUTIONS, 20.0)],
        "settle" => &[(Quota::Writes(Table::Goals), 2.0), (EXECUTIONS, 20.0)],
        "commit_action" => &[(Quota::Writes(Table::Tasks), 6.0), (EXECUTIONS, 4.0)],
        "open_batch" | "seal_batch" => &[(EXECUTIONS, 2.0)],
        "record_started" | "record_batch" | "mark_told" | "claim_notice" => &[(EXECUTIONS, 6.0)],
        "mark_archived" => &[(EXECUTIONS, 40.0)],
        _ => &[],
    }
}
