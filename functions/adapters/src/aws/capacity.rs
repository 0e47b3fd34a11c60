//! The capacity: one row of `WorkflowExecutions` for each state machine, so that one conditional update counts what is acquired
//! and says by which execution. The row knows executions by their names, which makes it small.

use aws_sdk_dynamodb::types::ReturnValue;
use goal_activity_core::admission::{Held, Pause};
use goal_activity_core::keys;
use goal_activity_core::ports::{
    Acquired, FindPause, HoldCapacity, ListHolders, PauseLaunches, PortResult, Unavailable,
};
use goal_activity_events::{ExecutionArn, StateMachineArn, Timestamp};
use serde::{Deserialize, Serialize};

use super::dynamo::{Item, attribute, get_row, number, text};
use super::write::{Condition, Write};
use super::{Tables, unavailable};

/// What one execution holds, as it is stored.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Share {
    batches: u32,
    since: Timestamp,
}

impl Tables {
    /// A write of the capacity that the executions of a state machine share.
    fn capacity(&self, state_machine: &StateMachineArn) -> Write {
        let key = [(keys::EXECUTION_ARN, text(state_machine)), (keys::ITEM, text(keys::CAPACITY))];
        Write::of(&self.names.executions, key)
    }

    async fn capacity_row(&self, state_machine: &StateMachineArn) -> PortResult<Item> {
        let get = get_row(&self.client, &self.names.executions, state_machine, keys::CAPACITY);
        let answer = get.send().await.map_err(unavailable("reading who holds capacity"))?;
        Ok(answer.item.unwrap_or_default())
    }
}

fn held_by(execution: &ExecutionArn) -> String {
    format!("{}{}", keys::HELD_PREFIX, execution.name())
}

fn share(value: aws_sdk_dynamodb::types::AttributeValue) -> PortResult<Share> {
    serde_dynamo::from_attribute_value(value).map_err(|e| Unavailable::new("reading what an execution holds", e))
}

impl HoldCapacity for Tables {
    async fn acquire_capacity(&self, wanted: &Held, most: u32) -> PortResult<Acquired> {
        // The condition compares with what is in use; before anything was ever held there is nothing to compare.
        if wanted.batches > most {
            return Ok(Acquired::Full);
        }
        let mine = Share { batches: wanted.batches, since: wanted.since };
        let (state_machine, held) = (wanted.execution.state_machine(), held_by(&wanted.execution));
        let leaves_room = Condition::at_most(keys::IN_USE, number(most - wanted.batches));
        let write = self
            .capacity(&state_machine)
            .set(held.as_str(), attribute(mine)?)
            .add(keys::IN_USE, number(wanted.batches))
            .when(Condition::missing(held.as_str()))
            .when(Condition::missing(keys::PAUSED))
            .when(Condition::missing(keys::IN_USE).or(leaves_room));
        if write.send(&self.client, format!("taking capacity for {}", wanted.execution)).await? {
            return Ok(Acquired::Yes);
        }
        let mut row = self.capacity_row(&state_machine).await?;
        let Some(held) = row.remove(&held) else {
            return Ok(if row.contains_key(keys::PAUSED) { Acquired::Paused } else { Acquired::Full });
        };
        let since = share(held)?.since;
        // The SDK may have sent it twice, and the first have been the one that counted.
        Ok(if since == wanted.since { Acquired::Yes } else { Acquired::Already { since } })
    }

    async fn release_capacity(&self, execution: &ExecutionArn) -> PortResult<bool> {
        let held = held_by(execution);
        let write = self
            .capacity(&execution.state_machine())
            .subtract(keys::IN_USE, [&held, "batches"])
            .remove(held.as_str())
            .when(Condition::exists(held.as_str()));
        write.send(&self.client, format!("giving back the capacity of {execution}")).await
    }
}

impl ListHolders for Tables {
    async fn list_holders(&self, state_machine: &StateMachineArn) -> PortResult<Vec<Held>> {
        let row = self.capacity_row(state_machine).await?;
        let held =
            row.into_iter().filter_map(|(name, value)| Some((name.strip_prefix(keys::HELD_PREFIX)?.to_owned(), value)));
        held.map(|(name, value)| {
            let Share { batches, since } = share(value)?;
            Ok(Held { execution: ExecutionArn::named(state_machine, &name), batches, since })
        })
        .collect()
    }
}

fn pause(mut row: Item) -> PortResult<Option<Pause>> {
    let paused = row.remove(keys::PAUSED).map(serde_dynamo::from_attribute_value);
    paused.transpose().map_err(|e| Unavailable::new("reading the pause of launches", e))
}

impl FindPause for Tables {
    async fn find_pause(&self, state_machine: &StateMachineArn) -> PortResult<Option<Pause>> {
        pause(self.capacity_row(state_machine).await?)
    }
}

impl PauseLaunches for Tables {
    async fn pause_launches(&self, state_machine: &StateMachineArn, new: &Pause) -> PortResult<Option<Pause>> {
        let write = self.capacity(state_machine).set(keys::PAUSED, attribute(new)?);
        let before = write.returning(ReturnValue::UpdatedOld, &self.client, "pausing launches").await?;
        pause(before.unwrap_or_default())
    }

    async fn resume_launches(&self, state_machine: &StateMachineArn) -> PortResult<Option<Pause>> {
        let write = self.capacity(state_machine).remove(keys::PAUSED).when(Condition::exists(keys::PAUSED));
        let before = write.returning(ReturnValue::UpdatedOld, &self.client, "resuming launches").await?;
        pause(before.unwrap_or_default())
    }
}
