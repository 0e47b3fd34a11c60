use aws_sdk_dynamodb::operation::query::QueryOutput;
use goal_activity_core::execution::Status;
use goal_activity_core::history::{HistoryFilter, HistoryPage, HistoryPosition, HistoryRow, WorkflowSummary};
use goal_activity_core::keys;
use goal_activity_core::ports::{ListWorkflows, PortResult};
use goal_activity_events::Timestamp;

use super::change::{END, STARTED};
use super::dynamo::{Item, attribute, read, text};
use super::{Tables, unavailable};

/// How many workflows are looked at in one call when only some of them are asked for.
const LOOKED_AT: i32 = 250;
/// How many calls one page takes at the most. After these it ends where it is, and the next page goes on.
const CALLS: usize = 4;

impl Tables {
    async fn query_history(
        &self,
        filter: &HistoryFilter,
        after: Option<&HistoryPosition>,
        limit: u16,
    ) -> PortResult<(Vec<WorkflowSummary>, Option<HistoryPosition>)> {
        let from = filter.from.unwrap_or(Timestamp::from_millis(0));
        // One millisecond is the smallest step between two moments, and BETWEEN includes both ends.
        let to = filter.to.map_or(Timestamp::from_millis(i64::MAX), |to| Timestamp::from_millis(to.as_millis() - 1));
        // DynamoDB refuses a range that ends before it begins, and a start outside of the range.
        if from > to || after.is_some_and(|after| after.start_date < from) {
            return Ok((Vec::new(), None));
        }
        let after = after.filter(|after| after.start_date <= to);
        let mut query = self
            .client
            .query()
            .table_name(&self.names.executions)
            .index_name(keys::BY_GOAL_INDEX)
            .scan_index_forward(false)
            .key_condition_expression("#goal = :goal AND #start BETWEEN :from AND :to")
            .expression_attribute_names("#goal", keys::GOAL_ID)
            .expression_attribute_names("#start", keys::START_DATE)
            .expression_attribute_values(":goal", text(&filter.goal))
            .expression_attribute_values(":from", text(from))
            .expression_attribute_values(":to", text(to))
            .set_exclusive_start_key(after.map(|after| start_key(filter, after)))
            .filter_expression(format!("#user = :user{}", filter.status.map_or("", in_status)))
            .expression_attribute_names("#user", "userId")
            .expression_attribute_values(":user", text(&filter.user))
            .limit(i32::from(limit) + 1);
        if let Some(status) = filter.status {
            query = query.expression_attribute_names("#end", END).limit(LOOKED_AT);
            query = match status.ended() {
                Some(end) => query
                    .expression_attribute_names("#status", "status")
                    .expression_attribute_values(":status", attribute(end)?),
                None => query.expression_attribute_names("#started", STARTED),
            };
        }
        let answer = query.send().await.map_err(unavailable(format!("reading the history of goal {}", filter.goal)))?;
        self.history_page(answer)
    }

    fn history_page(&self, answer: QueryOutput) -> PortResult<(Vec<WorkflowSummary>, Option<HistoryPosition>)> {
        let last = answer.last_evaluated_key.map(|key| read(&self.names.executions, key)).transpose()?;
        let row = |row| read::<HistoryRow>(&self.names.executions, row).map(WorkflowSummary::from);
        Ok((answer.items.unwrap_or_default().into_iter().map(row).collect::<PortResult<_>>()?, last))
    }
}

/// The rest of a filter for the workflows in a status. As [`Status::of`] has it.
fn in_status(status: Status) -> &'static str {
    match status {
        Status::Pending => " AND attribute_not_exists(#end) AND attribute_not_exists(#started)",
        Status::Running => " AND attribute_not_exists(#end) AND attribute_exists(#started)",
        _ => " AND #end.#status = :status",
    }
}

/// Where a query goes on after a workflow.
fn start_key(filter: &HistoryFilter, after: &HistoryPosition) -> Item {
    Item::from([
        (keys::GOAL_ID.to_owned(), text(&filter.goal)),
        (keys::START_DATE.to_owned(), text(after.start_date)),
        (keys::EXECUTION_ARN.to_owned(), text(&after.execution_arn)),
        (keys::ITEM.to_owned(), text(keys::EXECUTION)),
    ])
}

impl ListWorkflows for Tables {
    async fn list_workflows(
        &self,
        filter: &HistoryFilter,
        after: Option<&HistoryPosition>,
        limit: u16,
    ) -> PortResult<HistoryPage> {
        let (mut workflows, mut last) = (Vec::new(), after.cloned());
        for _ in 0..CALLS {
            let (found, goes_on) = self.query_history(filter, last.as_ref(), limit).await?;
            workflows.extend(found);
            last = goes_on;
            if workflows.len() > usize::from(limit) {
                workflows.truncate(limit.into());
                last = workflows.last().map(HistoryPosition::from);
            }
            if workflows.len() == usize::from(limit) || last.is_none() {
                break;
            }
        }
        Ok(HistoryPage { workflows, last })
    }
}
