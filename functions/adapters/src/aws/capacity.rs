//! The capacity: one row of `WorkflowExecutions` for each shard of a state machine's, so that one conditional update counts what
//! is acquired and says by which execution. The row knows executions by their names, which makes it small.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use goal_activity_core::admission::{Held, Shard};
use goal_activity_core::daily::Day;
use goal_activity_core::keys;
use goal_activity_core::pause::{Cost, Ends, Load, Passage, Pause, Release};
use goal_activity_core::ports::{
    Acquired, ChangePause, FindLoad, FindPause, HoldCapacity, ListHolders, PauseChange, PauseLaunches, PortResult,
    Released, Unavailable,
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
    /// A write of a shard of the capacity that the executions of a state machine share.
    fn capacity(&self, state_machine: &StateMachineArn, shard: Shard) -> Write {
        let row = keys::capacity(state_machine, shard);
        let key = [(keys::EXECUTION_ARN, text(row)), (keys::ITEM, text(keys::CAPACITY))];
        Write::of(&self.names.executions, key)
    }

    async fn capacity_row(&self, state_machine: &StateMachineArn, shard: Shard) -> PortResult<Item> {
        let row = keys::capacity(state_machine, shard);
        let get = get_row(&self.client, &self.names.executions, row, keys::CAPACITY);
        let answer = get.send().await.map_err(unavailable("reading who holds capacity"))?;
        Ok(answer.item.unwrap_or_default())
    }
}

fn held_by(execution: &ExecutionArn) -> String {
    format!("{}{}", keys::HELD_PREFIX, execution.name())
}

fn share(value: AttributeValue) -> PortResult<Share> {
    serde_dynamo::from_attribute_value(value).map_err(|e| Unavailable::new("reading what an execution holds", e))
}

/// The attributes of the pause that a write may depend on.
const SINCE: &str = "since";
const ENDS: &str = "ends";
const AT: &str = "at";
const NEXT_AT: &str = "nextAt";

impl Tables {
    /// The write by which a workflow takes capacity, if that leaves at most `most` in use.
    fn taking(&self, wanted: &Held, most: u32) -> PortResult<Write> {
        let mine = Share { batches: wanted.batches, since: wanted.since };
        let held = held_by(&wanted.execution);
        // The condition compares with what is in use; before anything was ever held there is nothing to compare.
        let leaves_room = Condition::at_most(keys::IN_USE, number(most.saturating_sub(wanted.batches)));
        Ok(self
            .capacity(&wanted.execution.state_machine(), wanted.shard)
            .set(held.as_str(), attribute(mine)?)
            .add(keys::IN_USE, number(wanted.batches))
            .when(Condition::missing(held.as_str()))
            .when(Condition::missing(keys::IN_USE).or(leaves_room)))
    }
}

/// The condition that the pause is this one. Any of an operator is like any other, where it stays as it is.
fn is_still(pause: Option<&Pause>) -> PortResult<Condition> {
    let Some(pause) = pause else { return Ok(Condition::missing(keys::PAUSED)) };
    let same = Condition::equals([keys::PAUSED, SINCE], attribute(pause.since)?);
    Ok(match &pause.ends {
        // An operator's, whichever: nothing here changes it.
        None => Condition::exists(keys::PAUSED).and(Condition::missing([keys::PAUSED, ENDS])),
        Some(Ends::Time { at }) => same.and(Condition::equals([keys::PAUSED, ENDS, AT], attribute(at)?)),
        // It changes with each probe.
        Some(Ends::Probe(probe)) => {
            same.and(Condition::equals([keys::PAUSED, ENDS, NEXT_AT], attribute(probe.next_at)?))
        }
    })
}

/// The write with which the pause becomes that one.
fn pausing(write: Write, pause: Option<&Pause>) -> PortResult<Write> {
    Ok(match pause {
        Some(pause) => write.set(keys::PAUSED, attribute(pause)?),
        None => write.remove(keys::PAUSED),
    })
}

impl HoldCapacity for Tables {
    async fn acquire_capacity(&self, wanted: &Held, most: u32) -> PortResult<Acquired> {
        if wanted.batches > most {
            return Ok(Acquired::Full);
        }
        let (state_machine, held) = (wanted.execution.state_machine(), held_by(&wanted.execution));
        let what = || format!("taking capacity for {}", wanted.execution);
        let write = self.taking(wanted, most)?.when(Condition::missing(keys::PAUSED));
        if write.send(&self.client, what()).await? {
            return Ok(Acquired::Yes);
        }
        let mut row = self.capacity_row(&state_machine, wanted.shard).await?;
        // The SDK may have sent it twice, and the first have been the one that counted.
        let already = |since| if since == wanted.since { Acquired::Yes } else { Acquired::Already { since } };
        if let Some(held) = row.remove(&held) {
            return Ok(already(share(held)?.since));
        }
        let Some(pause) = pause(row)? else { return Ok(Acquired::Full) };
        let (after, acquired) = match pause.passage(wanted.shard, &wanted.execution, wanted.since) {
            Passage::Closed => return Ok(Acquired::Paused),
            Passage::Over => (None, Acquired::Yes),
            Passage::Probe(after) => (Some(after), Acquired::AsProbe),
        };
        let write = pausing(self.taking(wanted, most)?.when(is_still(Some(&pause))?), after.as_ref())?;
        if write.send(&self.client, what()).await? {
            return Ok(acquired);
        }
        // Another workflow came first, there is no room, or the SDK has sent it twice.
        let mut row = self.capacity_row(&state_machine, wanted.shard).await?;
        row.remove(&held).map_or(Ok(Acquired::Paused), |held| Ok(already(share(held)?.since)))
    }

    async fn release_capacity(&self, release: &Release) -> PortResult<Released> {
        let Release { execution, shard, cost, before, after, paused_for, past_days, worked_since } = release;
        let (state_machine, held) = (execution.state_machine(), held_by(execution));
        let mut write = self
            .capacity(&state_machine, *shard)
            .subtract(keys::IN_USE, [&held, "batches"])
            .remove(held.as_str())
            .when(Condition::exists(held.as_str()))
            .when(is_still(before.as_ref())?);
        if after != before {
            write = pausing(write, after.as_ref())?;
        }
        if let Some(Cost { day, micro_usd, below }) = cost {
            let sum = keys::cost(*day);
            write = write.add(&sum, number(micro_usd));
            if let Some(below) = below {
                let under = Condition::less(sum.as_str(), number(below.saturating_sub(*micro_usd)));
                write = write.when(Condition::missing(sum.as_str()).or(under));
            }
        }
        if let Some((day, amount)) = paused_for {
            write = write.set(keys::paused_for(*day).as_str(), number(amount));
        }
        if let Some(since) = worked_since {
            write = write.set(keys::WORKED_SINCE, attribute(since)?);
        }
        for day in past_days {
            write = write.remove(keys::cost(*day).as_str()).remove(keys::paused_for(*day).as_str());
        }
        if write.send(&self.client, format!("giving back the capacity of {execution}")).await? {
            return Ok(Released::Yes);
        }
        let holds = self.capacity_row(&state_machine, *shard).await?.contains_key(&held);
        Ok(if holds { Released::Changed } else { Released::NotHeld })
    }
}

impl FindLoad for Tables {
    async fn find_load(&self, state_machine: &StateMachineArn, shard: Shard) -> PortResult<Load> {
        let mut row = self.capacity_row(state_machine, shard).await?;
        let (costs, paused_for) = (amounts(&row, keys::COST_PREFIX), amounts(&row, keys::PAUSED_FOR_PREFIX));
        let pause = row.remove(keys::PAUSED).map(read_pause).transpose()?;
        let worked_since = row.remove(keys::WORKED_SINCE).and_then(|at| serde_dynamo::from_attribute_value(at).ok());
        Ok(Load { held: holders(state_machine, shard, row)?, pause, costs, paused_for, worked_since })
    }
}

/// The amounts of days, of those attributes whose names begin like this. What is no such amount is not this program's.
fn amounts(row: &Item, prefix: &str) -> BTreeMap<Day, u64> {
    let amount = |(name, value): (&String, &AttributeValue)| {
        Some((name.strip_prefix(prefix)?.parse().ok()?, value.as_n().ok()?.parse().ok()?))
    };
    row.iter().filter_map(amount).collect()
}

fn holders(state_machine: &StateMachineArn, shard: Shard, row: Item) -> PortResult<Vec<Held>> {
    let held =
        row.into_iter().filter_map(|(name, value)| Some((name.strip_prefix(keys::HELD_PREFIX)?.to_owned(), value)));
    held.map(|(name, value)| {
        let Share { batches, since } = share(value)?;
        Ok(Held { execution: ExecutionArn::named(state_machine, &name), batches, since, shard })
    })
    .collect()
}

impl ListHolders for Tables {
    async fn list_holders(&self, state_machine: &StateMachineArn, shard: Shard) -> PortResult<Vec<Held>> {
        holders(state_machine, shard, self.capacity_row(state_machine, shard).await?)
    }
}

fn pause(mut row: Item) -> PortResult<Option<Pause>> {
    row.remove(keys::PAUSED).map(read_pause).transpose()
}

fn read_pause(value: AttributeValue) -> PortResult<Pause> {
    serde_dynamo::from_attribute_value(value).map_err(|e| Unavailable::new("reading the pause of launches", e))
}

impl FindPause for Tables {
    async fn find_pause(&self, state_machine: &StateMachineArn) -> PortResult<Option<Pause>> {
        pause(self.capacity_row(state_machine, Shard::FIRST).await?)
    }
}

impl PauseLaunches for Tables {
    async fn pause_launches(&self, state_machine: &StateMachineArn, new: &Pause) -> PortResult<Option<Pause>> {
        let write = self.capacity(state_machine, Shard::FIRST).set(keys::PAUSED, attribute(new)?);
        let before = write.returning(ReturnValue::UpdatedOld, &self.client, "pausing launches").await?;
        pause(before.unwrap_or_default())
    }

    async fn resume_launches(&self, state_machine: &StateMachineArn) -> PortResult<Option<Pause>> {
        let write =
            self.capacity(state_machine, Shard::FIRST).remove(keys::PAUSED).when(Condition::exists(keys::PAUSED));
        let before = write.returning(ReturnValue::UpdatedOld, &self.client, "resuming launches").await?;
        pause(before.unwrap_or_default())
    }
}

impl ChangePause for Tables {
    async fn change_pause(
        &self,
        state_machine: &StateMachineArn,
        shard: Shard,
        change: &PauseChange,
    ) -> PortResult<bool> {
        let PauseChange { before, after, paused_for } = change;
        let mut write = pausing(self.capacity(state_machine, shard).when(is_still(before.as_ref())?), after.as_ref())?;
        if let Some(before) = before {
            // Another operator's would be lost.
            write = write.when(Condition::equals([keys::PAUSED, SINCE], attribute(before.since)?));
        }
        if let Some((day, amount)) = paused_for {
            write = write.set(keys::paused_for(*day).as_str(), number(amount));
        }
        write.send(&self.client, format!("writing the pause to shard {shard} of the capacity")).await
    }
}
