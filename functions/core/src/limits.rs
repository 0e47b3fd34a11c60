//! Every fixed number of the system, once.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The most sub-goals of a goal, and the most actions of a sub-goal: a mandala chart is 8 by 8.
pub const MANDALA_SIDE: u8 = 8;
/// The most actions in one batch.
pub const ACTIONS_PER_BATCH: usize = 8;
/// The most actions in one workflow.
pub const MAX_ACTIONS: usize = goal_activity_events::MAX_ACTIONS;
/// The most batches of one workflow.
pub const MAX_BATCHES: u32 = 8;
/// How long one batch may take from being enqueued, in seconds.
pub const BATCH_SECONDS: u32 = 300;
/// How long one workflow may take, in seconds.
pub const WORKFLOW_SECONDS: u32 = 900;
/// How long a batch may go without a heartbeat before it is sent again, in seconds; its third message without one loses it.
/// Longer than [`LEASE`], the time in which another worker takes over the message of one that died. Three times this fits
/// into the batch's time, so that a worker which cannot start for a minute or two costs no action.
pub const HEARTBEAT_SECONDS: u32 = 90;
/// How long before the end of a batch's time a worker stops, so that it can still record and answer.
pub const DEADLINE_MARGIN: Duration = Duration::from_secs(15);
/// How often the AI is asked for one action.
pub const AI_ATTEMPTS: u32 = 3;
/// The wait after the first failed attempt; doubled after the second.
pub const AI_FIRST_WAIT: Duration = Duration::from_secs(2);
/// How long one call of the AI may take.
pub const AI_CALL: Duration = Duration::from_secs(120);
/// The most tasks that one action gets.
pub const MAX_TASKS_PER_ACTION: usize = 10;
/// How many tasks the AI is asked for when the action is done once, in steps.
pub const EXECUTION_TASKS: RangeInclusive<usize> = 3..=MAX_TASKS_PER_ACTION;
/// How many tasks the AI is asked for when the action is a habit.
pub const HABIT_TASKS: RangeInclusive<usize> = 1..=3;
/// How long a task should take, as the prompt asks for it, in minutes. Well within what is accepted of it.
pub const STEP_MINUTES: RangeInclusive<u16> = 30..=60;
/// How much of one of a user's texts the AI is given, in Unicode scalar values. The rest is cut.
pub const MAX_PROMPT_FIELD: usize = 1_000;
/// The longest answer of the AI that is read, in bytes. Ten tasks of the greatest size are 30 KiB when every character of
/// theirs is written as an escape.
pub const MAX_ANSWER: usize = 64 * 1024;
/// How long a worker waits at least between two reports of the same batch.
pub const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);
/// For how long a worker acts on what it has read of a goal before it reads it again: its user may have closed or changed it.
pub const GOAL_IS_FRESH_FOR: Duration = Duration::from_secs(2);
/// For how long a worker waits for a goal that cannot be read: the goal app may be writing it just now.
pub const UNREADABLE_FOR: Duration = Duration::from_secs(60);
/// How long after the first look at the end of a workflow an action must still be gone before its tasks are removed: the goal
/// app may be moving it, which takes it two writes.
pub const GONE_FOR: Duration = Duration::from_secs(2);
/// A workflow that is still `PENDING` after this was probably never announced: a new start announces it again.
pub const PENDING_IS_STALE_AFTER: Duration = Duration::from_secs(5);
/// The operators are notified within this time of a workflow's end, also when the event of the end is lost.
pub const NOTICE_WITHIN: Duration = Duration::from_secs(60);
/// How many failed actions a notice to the operators lists one by one.
pub const NOTICE_LISTS: usize = 10;
/// A notice is critical when at least this many actions failed although the AI was asked [`AI_ATTEMPTS`] times for each.
pub const EXHAUSTED_ACTIONS: usize = 3;
/// A notice is critical when everything that failed was refused by the AI for good, in at least this many batches.
pub const SYSTEMIC_BATCHES: usize = 2;
/// How long the claim on a notice stands: no other invocation sends it meanwhile. Less than the projection queue's
/// visibility timeout, so that after a crash the redelivered message finds it free.
pub const NOTICE_LEASE: Duration = Duration::from_secs(60);
/// How long outcomes of a batch that are ready wait for others, to be written together with them. What was asked of the AI meanwhile
/// is asked again if the worker dies, so it is short. The last outcome of a batch ends the wait.
pub const GATHERING: Duration = Duration::from_millis(20);
/// For how long a worker's message stays hidden without a new heartbeat: how soon another worker takes over from one that
/// died.
pub const LEASE: Duration = Duration::from_secs(60);
/// How often a worker sends a heartbeat. A third of the lease: one or two that fail cost nothing.
pub const LEASE_RENEWAL: Duration = Duration::from_secs(20);
/// The longest reason of a cancellation that is kept, in characters. A longer one is cut, never refused.
pub const MAX_REASON: usize = 2_000;
/// How often the reconciler runs: every minute by its schedule, and once more half a minute after each tick.
pub const RECONCILE_EVERY: Duration = Duration::from_secs(30);
/// The reconciler checks a workflow that was quiet for this long. Longer than events usually take.
pub const QUIET: Duration = Duration::from_secs(15);
/// How long after the end of its time a workflow counts as overdue: Step Functions itself must have the chance to end it.
pub const OVERDUE_GRACE: Duration = Duration::from_secs(60);
/// The most workflows that one run of the reconciler looks at.
pub const RECONCILED_AT_MOST: usize = 450;
/// About how many of them it asks Step Functions. That answers 15 questions a second and 300 at once; in some regions 10 and 250,
/// of which those of [`RECONCILE_EVERY`] are more than this.
pub const DESCRIBED_AT_MOST: usize = 200;
/// After this time a run of the reconciler begins no further check. What it has begun then takes [`CHECK`] more at
/// most, which its function's timeout leaves.
pub const RECONCILING: Duration = Duration::from_secs(40);
/// How long looking at one workflow and repairing it may take: a few calls, of which one may be tried until it is given up. One
/// that hangs must not hold the others.
pub const CHECK: Duration = Duration::from_secs(10);
/// After how many failures in a row a run of the reconciler stops archiving: the archive is out of order, and each attempt takes
/// seconds.
pub const ARCHIVE_FAILURES: usize = 3;
/// How long launching may take before a request is answered: the answer must come before the function's time is over.
pub const LAUNCHING: Duration = Duration::from_secs(15);
/// After what time the status of a workflow that runs is worth asking for again: its workers report as often.
pub const POLL_RUNNING: Duration = PROGRESS_INTERVAL;
/// The same while it waits for its turn.
pub const POLL_WAITING: Duration = Duration::from_secs(5);
/// The same while launching is paused.
pub const POLL_PAUSED: Duration = Duration::from_secs(30);
/// Up to how many waiting workflows are counted for the answer to a request: one page of the index.
pub const WAITING_COUNTED: u16 = 100;
/// How many workflows the reconciler looks at side by side.
pub const RECONCILED_AT_ONCE: usize = 8;
/// How long an ended workflow stays in the table.
pub const HISTORY: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// How long an accepted request of a service is remembered: for as long as it can be accepted, which is counted from its own time.
pub const REQUEST_MEMORY: Duration = HISTORY.saturating_add(CLOCKS_DIFFER);
/// Over how many partitions the index of open executions is spread.
pub const OPEN_SHARDS: u64 = 8;

/// The greatest count of claims that a goal's row is believed. With more digits, and the longest id of a goal, the name of an
/// execution would be longer than Step Functions takes.
pub const MAX_CLAIMS: u64 = 1_000_000_000_000;
/// The most items of one transaction (DynamoDB API reference, `TransactWriteItems`).
pub const MAX_TRANSACTION: usize = 100;
/// How far in the future the time of a request may be: no sender's clock is off by more.
pub const CLOCKS_DIFFER: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the API waits for the bus: the answer must come before the function's time is over. The reconciler publishes what was not.
pub const ANNOUNCING: Duration = Duration::from_secs(3);
/// How many workflows of one user may be open at once. How many actions a user may ask for in a day is a setting: see
/// [`DailyLimit`](crate::daily::DailyLimit).
pub const MAX_RUNNING_PER_USER: usize = 10;

/// How many goals a user may have when another one is created through the API. Counted from an index that can be a second behind.
pub const MAX_GOALS_PER_USER: usize = 500;
/// How many goals of a user are listed at most: another program may have stored more than [`MAX_GOALS_PER_USER`].
pub const LISTED_GOALS: usize = 2_000;

/// How far a user's next open workflow stands behind the one before on the waiting list: see
/// [`turn`](crate::admission::turn). The tenth of one user stands 45 minutes behind.
pub const FAIR_STEP: Duration = Duration::from_secs(5 * 60);
/// How far a request of bulk stands behind one that a user is waiting for: see [`turn`](crate::admission::turn).
pub const BULK_STEP: Duration = Duration::from_secs(60 * 60);
/// How many batches one shard of the capacity has at most: as many as one row can count, up to 4.6 goals a second.
/// docs/SCALING.md calculates it.
pub const BATCHES_PER_SHARD: u32 = 1_000;
/// How many shards of the capacity there are at most. Shards that there may have been are looked at, so this is a bound of
/// what that costs.
pub const MAX_SHARDS: u16 = 20;
/// How many of the shards that there may have been before the capacity was changed a run of the reconciler looks at.
pub const FORMER_SHARDS: usize = 4;
/// How many of each other shard's waiting list are looked at when a shard has room.
pub const LOOKED_ACROSS: u16 = 4;
/// By how much the turn of a workflow of another shard must be earlier to come before those of a shard that has room. To take
/// it over costs a write more.
pub const FAIR_ACROSS: Duration = Duration::from_secs(15);
/// How many workflows are looked at each time that some of those waiting may be launched.
pub const ADMITTED_AT_ONCE: u16 = 16;
/// For how long a workflow that has acquired capacity is left to the invocation that launches it. As long as a run of `launch` can take.
pub const HANDOVER: Duration = Duration::from_secs(30);

/// How many tokens the AI is expected to read and to write for an action, until what it has is known. Counted for the sample goal:
/// docs/GENERATORS.md.
pub const EXPECTED_INPUT_TOKENS: u64 = 1_032;
/// The same of what it writes.
pub const EXPECTED_OUTPUT_TOKENS: u64 = 347;
/// How much of the AI's quota may be saved up, as time. As long as nothing may wake those who wait when the quota is free again: a
/// run of the reconciler. docs/SCALING.md has what less and more do.
pub const QUOTA_SAVED: Duration = RECONCILE_EVERY;
/// The least of it that may be saved up: without any, what becomes free between two runs of the reconciler would be lost.
pub const QUOTA_SAVED_AT_LEAST: Duration = Duration::from_secs(RECONCILE_EVERY.as_secs() / 2);
/// What a provider counts its quotas by. What is saved up and the largest workflow together are no more, but for
/// [`QUOTA_SAVED_AT_LEAST`]; and by no more is a quota owed because more was asked than expected, as providers forget what is older.
pub const QUOTA_PERIOD: Duration = Duration::from_secs(60);
/// For how long one workflow can use up the AI's quota.
pub const LONGEST_DRAW: Duration = Duration::from_secs(WORKFLOW_SECONDS as u64);

/// How long a pause for an AI that is down lasts at least: until the first probe may be launched.
pub const PROBE_WAIT: Duration = Duration::from_secs(30);
/// The longest time from the failure of a probe to the next one. The waits between are doubled.
pub const LONGEST_PROBE_WAIT: Duration = Duration::from_secs(4 * 60);
/// How long a probe is waited for before another one may be launched: its batches begin at its launch, and its end takes a
/// moment.
pub const PROBE_TIME: Duration = Duration::from_secs(BATCH_SECONDS as u64 + 60);

/// How long before its timeout a function stops working: time to return its messages ([`GIVE_BACK`]), to answer, and to
/// send its spans.
pub const BUDGET_MARGIN: Duration = Duration::from_secs(3);
/// How long returning one message may take. All messages of a batch are returned side by side.
pub const GIVE_BACK: Duration = Duration::from_millis(1_500);
/// How often a message is received before it ends in its dead-letter queue. With the waits between, an outage of 20 minutes
/// costs no message.
pub const MAX_RECEIVES: u32 = 10;
/// How long a message rests after its first failure. Doubled after each further one.
pub const FIRST_REST: Duration = Duration::from_secs(5);
/// The longest time that a message rests after a failure.
pub const LONGEST_REST: Duration = Duration::from_secs(300);
/// How long telling the operators may take. Longer than the SDK tries, so that its own answer usually comes first.
pub const NOTIFYING: Duration = Duration::from_secs(8);
/// How long a workflow may take to be archived where others wait for that. What takes longer is left to the reconciler.
pub const ARCHIVING: Duration = Duration::from_secs(5);

/// How many batches that many actions make.
pub fn batch_count(actions: usize) -> u32 {
    u32::try_from(actions.div_ceil(ACTIONS_PER_BATCH)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_full_but_for_the_last() {
        let counts = [1, 5, 8, 9, 16, 17, 63, 64].map(batch_count);
        assert_eq!(counts, [1, 1, 1, 2, 2, 3, 8, 8]);
    }

    #[test]
    fn a_lost_event_is_noticed_early_enough_to_tell_the_operators_in_time() {
        // A run that comes just before a workflow counts as quiet leaves it to the next one. The rest is for what that one
        // does, for an index that is behind, and for a schedule that is not exact.
        let rest = NOTICE_WITHIN.checked_sub(RECONCILE_EVERY + QUIET);
        assert!(rest >= Some(Duration::from_secs(15)), "{rest:?}");
    }

    #[test]
    fn a_message_comes_back_from_a_dead_worker_before_the_batch_is_sent_again() {
        let heartbeat = Duration::from_secs(HEARTBEAT_SECONDS.into());
        assert!(LEASE + LEASE_RENEWAL < heartbeat);
        assert!(3 * heartbeat + DEADLINE_MARGIN < Duration::from_secs(BATCH_SECONDS.into()));
    }

    #[test]
    fn a_whole_mandala_chart_fits_into_one_workflow() {
        assert_eq!(usize::from(MANDALA_SIDE) * usize::from(MANDALA_SIDE), MAX_ACTIONS);
        assert_eq!(batch_count(MAX_ACTIONS), MAX_BATCHES);
    }
}
