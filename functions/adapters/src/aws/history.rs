use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use goal_activity_core::execution::Status;
use goal_activity_core::history::{
    FoundWorkflow, HistoryFilter, HistoryPage, HistoryPosition, HistoryRow, LookIn, Search, SearchPage, SearchPosition,
    WorkflowSummary,
};
use goal_activity_core::keys;
use goal_activity_core::ports::{FindWorkflows, ListWorkflows, PortResult};
use goal_activity_events::{Timestamp, UserId};
use serde::Deserialize;

use super::change::{END, STARTED};
use super::dynamo::{Item, attribute, read, text};
use super::{Tables, unavailable};

/// How many workflows are looked at in one call when only some of them are asked for.
const LOOKED_AT: i32 = 250;
/// The same when all workflows are looked at. `DynamoDB` ends a call at 1 MB, too.
const LOOKED_AT_EVERYWHERE: i32 = 1_000;
/// How many calls one page takes at the most. After these it ends where it is, and the next page goes on.
const CALLS: usize = 4;

/// What the indexes by goal and by user hold of an execution's row.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundRow {
    user_id: UserId,
    #[serde(flatten)]
    row: HistoryRow,
}

impl From<FoundRow> for FoundWorkflow {
    fn from(FoundRow { user_id, row }: FoundRow) -> Self {
        Self { summary: WorkflowSummary::from(row), user_id }
    }
}

/// What one call has found.
struct Found {
    workflows: Vec<FoundWorkflow>,
    looked_at: u32,
    last: Option<SearchPosition>,
}

/// The conditions of a filter, with the names and values that they mention.
#[derive(Default)]
struct Filter {
    conditions: Vec<&'static str>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Filter {
    fn name(&mut self, placeholder: &str, name: &str) {
        self.names.insert(placeholder.to_owned(), name.to_owned());
    }

    fn value(&mut self, placeholder: &str, value: AttributeValue) {
        self.values.insert(placeholder.to_owned(), value);
    }

    /// Only the workflows in this status. As [`Status::of`] has it.
    fn in_status(&mut self, status: Status) -> PortResult<()> {
        self.name("#end", END);
        if let Some(end) = status.ended() {
            self.conditions.push("#end.#status = :status");
            self.name("#status", "status");
            self.value(":status", attribute(end)?);
        } else {
            self.name("#started", STARTED);
            self.conditions.push("attribute_not_exists(#end)");
            self.conditions.push(match status {
                Status::Pending => "attribute_not_exists(#started)",
                _ => "attribute_exists(#started)",
            });
        }
        Ok(())
    }

    fn expression(&self) -> Option<String> {
        (!self.conditions.is_empty()).then(|| self.conditions.join(" AND "))
    }
}

/// The first and the last moment of a range whose end is not included. `None` if there is no moment in it.
fn range(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<(Timestamp, Timestamp)> {
    let from = from.unwrap_or(Timestamp::from_millis(0));
    // One millisecond is the smallest step between two moments, and BETWEEN includes both ends.
    let to = to.map_or(Timestamp::from_millis(i64::MAX), |to| Timestamp::from_millis(to.as_millis() - 1));
    (from <= to).then_some((from, to))
}

impl Tables {
    /// One call for the workflows of a goal or a user, the newest first; only those of that user, if one is named.
    async fn query_history(
        &self,
        search: &Search,
        only: Option<&UserId>,
        after: Option<&SearchPosition>,
        limit: u16,
    ) -> PortResult<Found> {
        let (index, partition, key, what) = match &search.look_in {
            LookIn::Goal(goal) => (keys::BY_GOAL_INDEX, keys::GOAL_ID, text(goal), format!("goal {goal}")),
            LookIn::User(user) => (keys::BY_USER_INDEX, keys::USER_ID, text(user), format!("user {user}")),
            LookIn::Everywhere => return self.scan_history(search, after).await,
        };
        let nothing = Found { workflows: Vec::new(), looked_at: 0, last: None };
        // DynamoDB refuses a range that ends before it begins, and a start outside of the range.
        let Some((from, to)) = range(search.from, search.to) else { return Ok(nothing) };
        if after.is_some_and(|after| after.place.start_date < from) {
            return Ok(nothing);
        }
        let after = after.filter(|after| after.place.start_date <= to);
        let mut filter = Filter::default();
        if let Some(user) = only {
            filter.conditions.push("#user = :user");
            filter.name("#user", keys::USER_ID);
            filter.value(":user", text(user));
        }
        let mut most = i32::from(limit) + 1;
        if let Some(status) = search.status {
            filter.in_status(status)?;
            most = LOOKED_AT;
        }
        filter.name("#key", partition);
        filter.name("#start", keys::START_DATE);
        filter.value(":key", key.clone());
        filter.value(":from", text(from));
        filter.value(":to", text(to));
        let query = self.client.query().table_name(&self.names.executions).index_name(index);
        let query = query.scan_index_forward(false).limit(most);
        let query = query.key_condition_expression("#key = :key AND #start BETWEEN :from AND :to");
        let query = query.set_exclusive_start_key(after.map(|after| start_key(after, partition, key)));
        let query = query.set_filter_expression(filter.expression());
        let query = query
            .set_expression_attribute_names(Some(filter.names))
            .set_expression_attribute_values(Some(filter.values));
        let answer = query.send().await.map_err(unavailable(format!("reading the history of {what}")))?;
        self.found(answer.items, answer.scanned_count, answer.last_evaluated_key)
    }

    /// One call for all workflows: looks at every row of the index by user, in no order.
    async fn scan_history(&self, search: &Search, after: Option<&SearchPosition>) -> PortResult<Found> {
        let Some((from, to)) = range(search.from, search.to) else {
            return Ok(Found { workflows: Vec::new(), looked_at: 0, last: None });
        };
        let mut filter = Filter { conditions: vec!["#start BETWEEN :from AND :to"], ..Filter::default() };
        filter.name("#start", keys::START_DATE);
        filter.value(":from", text(from));
        filter.value(":to", text(to));
        if let Some(status) = search.status {
            filter.in_status(status)?;
        }
        // Without its user a position is none of this search's own.
        let start = after.and_then(|after| Some((after, after.user_id.as_ref()?)));
        let start = start.map(|(after, user)| start_key(after, keys::USER_ID, text(user)));
        let scan = self.client.scan().table_name(&self.names.executions).index_name(keys::BY_USER_INDEX);
        let scan = scan.limit(LOOKED_AT_EVERYWHERE).set_exclusive_start_key(start);
        let scan = scan.set_filter_expression(filter.expression());
        let scan = scan
            .set_expression_attribute_names(Some(filter.names))
            .set_expression_attribute_values(Some(filter.values));
        let answer = scan.send().await.map_err(unavailable("looking through all workflows"))?;
        self.found(answer.items, answer.scanned_count, answer.last_evaluated_key)
    }

    fn found(&self, items: Option<Vec<Item>>, looked_at: i32, last: Option<Item>) -> PortResult<Found> {
        let row = |row| read::<FoundRow>(&self.names.executions, row).map(FoundWorkflow::from);
        let workflows = items.unwrap_or_default().into_iter().map(row).collect::<PortResult<Vec<_>>>()?;
        let last = last.map(|key| read(&self.names.executions, key)).transpose()?;
        Ok(Found { workflows, looked_at: looked_at.unsigned_abs(), last })
    }

    /// A page of at most `limit` workflows.
    async fn page(
        &self,
        search: &Search,
        only: Option<&UserId>,
        after: Option<&SearchPosition>,
        limit: u16,
    ) -> PortResult<SearchPage> {
        let (mut workflows, mut looked_at, mut last) = (Vec::new(), 0_u32, after.cloned());
        for _ in 0..CALLS {
            let found = self.query_history(search, only, last.as_ref(), limit).await?;
            workflows.extend(found.workflows);
            looked_at = looked_at.saturating_add(found.looked_at);
            last = found.last;
            if workflows.len() > usize::from(limit) {
                workflows.truncate(limit.into());
                last = workflows.last().map(SearchPosition::from);
            }
            if workflows.len() == usize::from(limit) || last.is_none() {
                break;
            }
        }
        Ok(SearchPage { workflows, looked_at, last })
    }
}

/// Where a call goes on after a workflow.
fn start_key(after: &SearchPosition, partition: &str, key: AttributeValue) -> Item {
    Item::from([
        (partition.to_owned(), key),
        (keys::START_DATE.to_owned(), text(after.place.start_date)),
        (keys::EXECUTION_ARN.to_owned(), text(&after.place.execution_arn)),
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
        let HistoryFilter { goal, user, status, from, to } = filter.clone();
        let search = Search { look_in: LookIn::Goal(goal), status, from, to };
        let after = after.map(|place| SearchPosition { place: place.clone(), user_id: None });
        let page = self.page(&search, user.as_ref(), after.as_ref(), limit).await?;
        let workflows = page.workflows.into_iter().map(|found| found.summary).collect();
        Ok(HistoryPage { workflows, last: page.last.map(|last| last.place) })
    }
}

impl FindWorkflows for Tables {
    async fn find_workflows(
        &self,
        search: &Search,
        after: Option<&SearchPosition>,
        limit: u16,
    ) -> PortResult<SearchPage> {
        self.page(search, None, after, limit).await
    }
}
