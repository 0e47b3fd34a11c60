use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use goal_activity_core::admission::Held;
use goal_activity_core::keys;
use goal_activity_core::ports::{HoldCapacity, ListHolders, Outside, Taken, Unavailable};
use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp};
use serde::{Deserialize, Serialize};

use super::dynamo::{Item, attribute, get_row, number, text, update_if};
use super::{Connection, unavailable};

/// The capacity: one row of `WorkflowExecutions`, so that one conditional update counts what is taken and says by whom.
#[derive(Debug, Clone)]
pub struct Capacities {
    client: Client,
    table: String,
    /// Whose executions these are: the row knows them by their names, which makes it small.
    state_machine: StateMachineArn,
}

/// What one execution holds, as it is stored.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Share {
    batches: u32,
    since: Timestamp,
}

impl Capacities {
    /// The capacity that executions of this state machine share, in the table of that name.
    pub fn new(aws: &Connection, table: impl Into<String>, state_machine: StateMachineArn) -> Self {
        Self { client: aws.dynamodb.clone(), table: table.into(), state_machine }
    }

    fn update(&self, execution: &ExecutionArn) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key(keys::EXECUTION_ARN, text(&self.state_machine))
            .key(keys::ITEM, text(keys::CAPACITY))
            .expression_attribute_names("#held", held_by(execution))
            .expression_attribute_names("#inUse", keys::IN_USE)
    }

    async fn row(&self) -> Outside<Item> {
        let get = get_row(&self.client, &self.table, &self.state_machine, keys::CAPACITY);
        let answer = get.send().await.map_err(unavailable("reading who holds capacity"))?;
        Ok(answer.item.unwrap_or_default())
    }
}

fn held_by(execution: &ExecutionArn) -> String {
    format!("{}{}", keys::HELD_PREFIX, execution.name())
}

fn share(value: aws_sdk_dynamodb::types::AttributeValue) -> Outside<Share> {
    serde_dynamo::from_attribute_value(value).map_err(|e| Unavailable::new("reading what an execution holds", e))
}

impl HoldCapacity for Capacities {
    async fn take_capacity(&self, wanted: &Held, most: u32) -> Outside<Taken> {
        // The condition speaks of what others hold; where nobody has ever held anything, it says nothing.
        if wanted.batches > most {
            return Ok(Taken::Full);
        }
        let mine = Share { batches: wanted.batches, since: wanted.since };
        let update = self
            .update(&wanted.execution)
            .update_expression("SET #held = :held ADD #inUse :batches")
            .condition_expression(
                "attribute_not_exists(#held) AND (attribute_not_exists(#inUse) OR #inUse <= :leaves_room)",
            )
            .expression_attribute_values(":held", attribute(mine)?)
            .expression_attribute_values(":batches", number(wanted.batches))
            .expression_attribute_values(":leaves_room", number(most - wanted.batches));
        if update_if(format!("taking capacity for {}", wanted.execution), update).await?.is_some() {
            return Ok(Taken::Yes);
        }
        let Some(held) = self.row().await?.remove(&held_by(&wanted.execution)) else { return Ok(Taken::Full) };
        let since = share(held)?.since;
        // The SDK may have sent it twice, and the first have been the one that counted.
        Ok(if since == wanted.since { Taken::Yes } else { Taken::Already { since } })
    }

    async fn give_back_capacity(&self, execution: &ExecutionArn) -> Outside<bool> {
        let update = self
            .update(execution)
            .update_expression("SET #inUse = #inUse - #held.#batches REMOVE #held")
            .condition_expression("attribute_exists(#held)")
            .expression_attribute_names("#batches", "batches");
        Ok(update_if(format!("giving back the capacity of {execution}"), update).await?.is_some())
    }
}

impl ListHolders for Capacities {
    async fn list_holders(&self) -> Outside<Vec<Held>> {
        let row = self.row().await?;
        let held =
            row.into_iter().filter_map(|(name, value)| Some((name.strip_prefix(keys::HELD_PREFIX)?.to_owned(), value)));
        held.map(|(name, value)| {
            let Share { batches, since } = share(value)?;
            Ok(Held { execution: ExecutionArn::named(&self.state_machine, &name), batches, since })
        })
        .collect()
    }
}
