//! The capacity: one row of `WorkflowExecutions` for each shard of a state machine's, so that one conditional update counts what
//! is acquired and says by which execution. The row knows executions by their names, which makes it small.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use goal_activity_core::admission::{Held, Room, Shard};
use goal_activity_core::daily::Day;
use goal_activity_core::keys;
use goal_activity_core::pause::{Cost, Ends, Load, Passage, Pause, Release};
use goal_activity_core::ports::{
    Acquired, ChangePause, FindLoad, FindPause, HoldCapacity, PauseChange, PauseLaunches, PortResult, Released,
    Unavailable,
};
use goal_activity_core::quota::Bucket;
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
    /// For how long it uses up the AI's quota, in milliseconds.
    #[serde(default, skip_serializing_if = "is_zero")]
    drawn: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_zero(drawn: &u64) -> bool {
    *drawn == 0
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
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
    /// The write by which a workflow takes capacity, if there is room.
    fn taking(&self, wanted: &Held, room: &Room) -> PortResult<Write> {
        let mine = Share { batches: wanted.batches, since: wanted.since, drawn: millis(wanted.drawn) };
        let held = held_by(&wanted.execution);
        // The condition compares with what is in use; before anything was ever held there is nothing to compare.
        let leaves_room = Condition::at_most(keys::IN_USE, number(room.batches.saturating_sub(wanted.batches)));
        let write = self
            .capacity(&wanted.execution.state_machine(), wanted.shard)
            .set(held.as_str(), attribute(mine)?)
            .add(keys::IN_USE, number(wanted.batches))
            .when(Condition::missing(held.as_str()))
            .when(Condition::missing(keys::IN_USE).or(leaves_room));
        Ok(drawing(write, wanted, room))
    }
}

/// The same, if the bucket is not in debt. No update can say "whichever is later", so there are two: one for a bucket that is full,
/// which begins anew, and one for any other, which is added to. Each is made only where it is the right one.
fn drawing(write: Write, wanted: &Held, room: &Room) -> Write {
    let Some(bucket) = room.bucket else { return write };
    let until = keys::QUOTA_USED_UNTIL;
    let moment = |at: Timestamp| number(at.as_millis());
    let full_since = bucket.full_since(wanted.since);
    if bucket.is_full(wanted.since) {
        let beyond = Condition::more(until, moment(Bucket::beyond(wanted.since)));
        let is_full = Condition::missing(until).or(Condition::at_most(until, moment(full_since))).or(beyond);
        return write.set(until, moment(full_since.plus(wanted.drawn))).when(is_full);
    }
    write
        .add(until, number(millis(wanted.drawn)))
        .when(Condition::more(until, moment(full_since)))
        .when(Condition::at_most(until, moment(wanted.since)))
}

/// The room as the row says it is.
fn room_now(room: Room, row: &Item) -> Room {
    let used_until = quota_used_until(row);
    Room { bucket: room.bucket.map(|bucket| Bucket { used_until, ..bucket }), ..room }
}

/// What is no such number is not this program's.
fn quota_used_until(row: &Item) -> Option<Timestamp> {
    row.get(keys::QUOTA_USED_UNTIL)?.as_n().ok()?.parse().ok().map(Timestamp::from_millis)
}

fn in_use(row: &Item) -> u32 {
    row.get(keys::IN_USE).and_then(|sum| sum.as_n().ok()?.parse().ok()).unwrap_or_default()
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

/// How often capacity is tried to be taken where the bucket of the AI's quota is not as it was taken to be.
const GUESSES: usize = 3;

impl Tables {
    /// Takes capacity while launching is paused, if that pause lets the workflow through.
    async fn acquire_in_pause(&self, wanted: &Held, room: &Room, pause: &Pause) -> PortResult<Acquired> {
        let (after, acquired) = match pause.passage(wanted.shard, &wanted.execution, wanted.since) {
            Passage::Closed => return Ok(Acquired::Paused),
            Passage::Over => (None, Acquired::Yes),
            Passage::Probe(after) => (Some(after), Acquired::AsProbe),
        };
        let write = pausing(self.taking(wanted, room)?.when(is_still(Some(pause))?), after.as_ref())?;
        if write.send(&self.client, format!("taking capacity for {}", wanted.execution)).await? {
            return Ok(acquired);
        }
        // Another workflow came first, there is no room, or the SDK has sent it twice.
        let mut row = self.capacity_row(&wanted.execution.state_machine(), wanted.shard).await?;
        let Some(held) = row.remove(&held_by(&wanted.execution)) else { return Ok(Acquired::Paused) };
        let since = share(held)?.since;
        Ok(if since == wanted.since { Acquired::Yes } else { Acquired::Already { since } })
    }
}

impl HoldCapacity for Tables {
    async fn acquire_capacity(&self, wanted: &Held, mut room: Room) -> PortResult<Acquired> {
        if wanted.batches > room.batches {
            return Ok(Acquired::Full);
        }
        let (state_machine, held) = (wanted.execution.state_machine(), held_by(&wanted.execution));
        let what = || format!("taking capacity for {}", wanted.execution);
        // The SDK may have sent it twice, and the first have been the one that counted.
        let already = |since| if since == wanted.since { Acquired::Yes } else { Acquired::Already { since } };
        for _ in 0..GUESSES {
            let write = self.taking(wanted, &room)?.when(Condition::missing(keys::PAUSED));
            if write.send(&self.client, what()).await? {
                return Ok(Acquired::Yes);
            }
            let mut row = self.capacity_row(&state_machine, wanted.shard).await?;
            if let Some(held) = row.remove(&held) {
                return Ok(already(share(held)?.since));
            }
            room = room_now(room, &row);
            let in_use = in_use(&row);
            if let Some(pause) = pause(row)? {
                return self.acquire_in_pause(wanted, &room, &pause).await;
            }
            if room.bucket.is_none() || in_use.saturating_add(wanted.batches) > room.batches {
                return Ok(Acquired::Full);
            }
            if room.is_in_debt(wanted.since) {
                return Ok(Acquired::QuotaUsed);
            }
            // The bucket was not as it was taken to be, or others came first.
        }
        Ok(Acquired::Full)
    }

    async fn release_capacity(&self, release: &Release) -> PortResult<Released> {
        let Release { execution, shard, since, cost, before, after, paused_for, past_days, worked_since, settled } =
            release;
        let (state_machine, held) = (execution.state_machine(), held_by(execution));
        let mut write = self
            .capacity(&state_machine, *shard)
            .subtract(keys::IN_USE, [&held, "batches"])
            .remove(held.as_str())
            .when(Condition::exists(held.as_str()))
            .when(is_still(before.as_ref())?);
        if let Some(since) = since {
            write = write.when(Condition::equals([held.as_str(), SINCE], attribute(since)?));
        }
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
        if *settled != 0 {
            write = write.add(keys::QUOTA_USED_UNTIL, number(settled));
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
        let quota_used_until = quota_used_until(&row);
        let held = holders(state_machine, shard, row)?;
        Ok(Load { held, pause, costs, paused_for, worked_since, quota_used_until })
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
        let Share { batches, since, drawn } = share(value)?;
        let (execution, drawn) = (ExecutionArn::named(state_machine, &name), Duration::from_millis(drawn));
        Ok(Held { execution, batches, since, shard, drawn })
    })
    .collect()
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
