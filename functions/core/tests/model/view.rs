//! What the core's own functions say of a state: the decisions of the protocol. Nothing is decided here; rows are put
//! together for the core, and what it answers is taken apart.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use goal_activity_core::admission::{self, Capacity, Held, Order, Shard, in_use};
use goal_activity_core::execution::{BatchState, Cancellation, Change, Ending, Execution, GoalBefore, Status};
use goal_activity_core::goal::{Action, ActionKind, Goal as CoreGoal, GoalHead, GoalStatus, Revision};
use goal_activity_core::ledger::{ActionOutcome, BatchLedger, Failure, Tally};
use goal_activity_core::notice::notice;
use goal_activity_core::outcome::{End, completed_event, ending, goal_status};
use goal_activity_core::placement::ActionTasks;
use goal_activity_core::ports::ExecutionState;
use goal_activity_core::ports::Waiting;
use goal_activity_core::reconcile::{self, Holder, Repair, is_quiet, is_unattended, must_stop};
use goal_activity_core::start::{Scope as StartScope, StartRequest, decide};
use goal_activity_events::{
    ActionId, ClaimSequence, ExecutionArn, FailedAction, FailureCode, PriorityClass, Timestamp, Usage,
};

use crate::state::{Failed, Goal, Line, Machine, Outcome, Reading, Row, Stop, Waiter, Workflow};

/// The moments of a workflow, in seconds. Only their order and the core's limits matter.
const ADMITTED: u64 = 10;
const CANCELLED: u64 = 20;
const PROGRESSED: u64 = 30;
const ENDED: u64 = 40;
const QUIET: u64 = 200;
const OVERDUE: u64 = 2_000;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000).plus(Duration::from_secs(seconds))
}

fn now(overdue: bool) -> Timestamp {
    at(if overdue { OVERDUE } else { QUIET })
}

fn actions() -> [ActionId; 2] {
    ["action-1", "action-2"].map(|id| id.parse().unwrap())
}

static ARNS: LazyLock<[ExecutionArn; 2]> = LazyLock::new(|| {
    let machine = "arn:aws:states:us-east-1:123456789012:stateMachine:goal-activity".parse().unwrap();
    [1, 2].map(|claim| ExecutionArn::derive(&machine, &"goal".parse().unwrap(), ClaimSequence(claim)))
});

fn arn(workflow: Workflow) -> ExecutionArn {
    ARNS[workflow as usize].clone()
}

impl Failed {
    fn code(self) -> FailureCode {
        match self {
            Self::ByAi => FailureCode::AiRejected,
            Self::NotProcessed => FailureCode::NotProcessed,
            Self::Cancelled => FailureCode::Cancelled,
        }
    }

    fn of(code: FailureCode) -> Self {
        match code {
            FailureCode::AiRejected => Self::ByAi,
            FailureCode::NotProcessed => Self::NotProcessed,
            FailureCode::Cancelled => Self::Cancelled,
            other => panic!("{other} is none of the model's failures"),
        }
    }
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Finished => Self::Finished,
            Stop::TimedOut => Self::TimedOut,
            Stop::Aborted => Self::Aborted,
        }
    }
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        match end {
            End::Finished => Self::Finished,
            End::TimedOut => Self::TimedOut,
            End::Aborted => Self::Aborted,
        }
    }
}

/// What the core says of a row, whatever else is the case.
pub(crate) struct Known {
    pub(crate) execution: Execution,
    pub(crate) is_waiting: bool,
    /// How many actions are processed, how many of them with success, and the percentage shown.
    pub(crate) progress: (u32, u32, u32),
    /// Whether the operators must be told of its end.
    pub(crate) warns: bool,
    /// Whether there is an end to be published.
    pub(crate) tells: bool,
    /// Its status once it was seen running.
    pub(crate) started: Status,
}

thread_local! {
    static KNOWN: RefCell<HashMap<Row, Rc<Known>>> = RefCell::default();
    static USED: RefCell<HashMap<(bool, bool, u32), u32>> = RefCell::default();
}

/// The row as the core knows it. There are few different ones, so they are kept.
pub(crate) fn known(row: &Row) -> Rc<Known> {
    let know = || {
        let execution = build(row);
        let progress = execution.progress();
        let mut started = execution.clone();
        started.apply(&Change::Started { event: "started", at: at(ADMITTED) });
        Rc::new(Known {
            started: started.status(),
            is_waiting: execution.is_waiting(),
            progress: (progress.processed, progress.succeeded, progress.percentage),
            warns: notice(&execution).is_some(),
            tells: completed_event(&execution).is_some(),
            execution,
        })
    };
    KNOWN.with_borrow_mut(|known| known.entry(*row).or_insert_with(know).clone())
}

pub(crate) fn is_waiting(row: &Row) -> bool {
    known(row).is_waiting
}

fn build(row: &Row) -> Execution {
    let ids = actions();
    let failure = |action: &ActionId, failed: Failed| FailedAction {
        action_id: action.clone(),
        code: failed.code(),
        message: String::new(),
        attempts: 1,
    };
    let batch = |(index, outcome): (usize, &Option<Outcome>)| {
        let outcome = (*outcome)?;
        let failed = (outcome == Outcome::Failed).then(|| failure(&ids[index], Failed::ByAi));
        let state = BatchState {
            sequence: 1,
            total: 1,
            succeeded: u32::from(failed.is_none()),
            failed: failed.into_iter().collect(),
            usage: Usage::default(),
            updated_at: at(PROGRESSED),
        };
        Some((index.to_string(), state))
    };
    let failed: Vec<_> =
        row.end.iter().flat_map(|end| ids.iter().zip(end)).filter_map(|(id, f)| Some(failure(id, (*f)?))).collect();
    let succeeded = row.end.map_or(0, |end| end.iter().filter(|f| f.is_none()).count());
    let tally = Tally { succeeded: u32::try_from(succeeded).unwrap(), failed, usage: Usage::default() };
    let mark = |set: bool| set.then(|| at(ENDED + 1));
    Execution {
        execution_arn: arn(Workflow::First),
        goal_id: "goal".parse().unwrap(),
        user_id: "user".parse().unwrap(),
        request_id: "request".parse().unwrap(),
        request_source: None,
        correlation_id: None,
        traceparent: None,
        operator: None,
        start_date: at(0),
        turn: at(0),
        shard: Shard::FIRST,
        admitted_at: row.admitted.then(|| at(ADMITTED)),
        started_at: (row.status != Status::Pending).then(|| at(ADMITTED)),
        total_actions: 2,
        regenerate: false,
        goal_before: GoalBefore::default(),
        batches: row.batches.iter().enumerate().filter_map(batch).collect(),
        gone_actions: BTreeSet::new(),
        end: row.status.ended().map(|status| Ending { status, stop_date: at(ENDED), tally }),
        timeline: BTreeMap::new(),
        cancellation: row.cancelled.then(|| Cancellation::by_user("user".parse().unwrap(), at(CANCELLED), None)),
        published_at: mark(row.published),
        notified_at: mark(row.notified),
        archived_at: mark(row.archived),
        action_ids: ids.into(),
    }
}

/// Whether a start may be made for a goal that was read like this.
pub(crate) fn may_start(goal: &Goal, running: Option<Workflow>, tasks: &[Option<Workflow>; 2]) -> bool {
    let action = |(id, place): (ActionId, &str)| Action {
        action_id: id,
        position: place.parse().unwrap(),
        title: "title".into(),
        description: String::new(),
        background: String::new(),
        constraints: String::new(),
        kind: ActionKind::Execution,
    };
    let head = GoalHead {
        goal_id: "goal".parse().unwrap(),
        user_id: "user".parse().unwrap(),
        title: "title".into(),
        description: String::new(),
        background: String::new(),
        constraints: String::new(),
        deadline: None,
        status: goal.status,
        claimed_by: goal.claim.map(|claim| arn(claim).into()),
        claims: ClaimSequence(goal.claims.into()),
        revision: Revision(0),
    };
    let (goal_id, user_id) = (head.goal_id.clone(), head.user_id.clone());
    let goal = CoreGoal::new(head, vec![], actions().into_iter().zip(["1#1", "1#2"]).map(action).collect());
    let with_tasks: HashMap<_, _> = actions()
        .into_iter()
        .zip(tasks)
        .filter(|(_, made)| made.is_some())
        .map(|(action, _)| (action, ActionTasks::default()))
        .collect();
    let request =
        StartRequest { goal_id, user_id, scope: StartScope::Goal, regenerate: false, class: PriorityClass::default() };
    decide(&goal, running.map(arn).as_ref(), &with_tasks, &request).is_ok()
}

fn machine(machine: Machine) -> ExecutionState {
    match machine {
        Machine::Absent => ExecutionState::Absent,
        Machine::Batches(_) | Machine::Saves => ExecutionState::Running { since: at(ADMITTED) },
        Machine::Ended(stop) => ExecutionState::Ended { end: stop.into(), at: at(ENDED) },
    }
}

/// What the reconciler does: the core's `Repair`, without its moments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    Announce,
    RecordStart,
    End(Stop),
    Report,
    Archive,
}

impl From<Repair> for Need {
    fn from(repair: Repair) -> Self {
        match repair {
            Repair::None => Self::Nothing,
            Repair::Announce => Self::Announce,
            Repair::RecordStart { .. } => Self::RecordStart,
            Repair::End { end, .. } => Self::End(end.into()),
            Repair::Report => Self::Report,
            Repair::Archive => Self::Archive,
        }
    }
}

pub(crate) fn repair(row: &Row, seen: Machine, overdue: bool) -> Need {
    let (known, now) = (known(row), now(overdue));
    match is_quiet(&known.execution, now) {
        true => reconcile::repair(&known.execution, machine(seen), now).into(),
        false => Need::Nothing,
    }
}

pub(crate) fn stops(row: &Row, runs: bool) -> bool {
    runs && must_stop(&known(row).execution, ExecutionState::Running { since: at(ADMITTED) })
}

/// What a holder of capacity needs; nothing at all when it is to give back.
pub(crate) fn attend(row: Option<&Row>, seen: Machine, overdue: bool) -> Option<Need> {
    let held = Held {
        execution: arn(Workflow::First),
        batches: 1,
        since: at(ADMITTED),
        shard: Shard::FIRST,
        drawn: Duration::ZERO,
    };
    assert!(is_unattended(&held, now(overdue)));
    let row = row.map(known);
    match Holder::of(row.as_ref().map(|known| &known.execution), &held) {
        Holder::Launched | Holder::Surplus => Some(Need::Nothing),
        Holder::Unmarked => Some(reconcile::repair_launch(&held, machine(seen), now(overdue)).into()),
        Holder::Gone => None,
    }
}

fn capacity(batches: u32) -> Capacity {
    Capacity::new(NonZeroU32::new(batches).unwrap())
}

/// How much is in use when these hold what they need. The neighbour needs all.
pub(crate) fn used(held: bool, neighbour: bool, most: u32) -> u32 {
    let of = |workflow, batches| Held {
        execution: arn(workflow),
        batches,
        since: at(ADMITTED),
        shard: Shard::FIRST,
        drawn: Duration::ZERO,
    };
    let sum = || {
        let first = held.then(|| of(Workflow::First, capacity(most).share(2)));
        let other = neighbour.then(|| of(Workflow::Second, most));
        in_use(&first.into_iter().chain(other).collect::<Vec<_>>())
    };
    USED.with_borrow_mut(|used| *used.entry((held, neighbour, most)).or_insert_with(sum))
}

/// In which order those that wait are launched. The neighbour has the earlier turn, and holds nothing while it waits.
pub(crate) fn order(first: bool, neighbour: bool, held: bool, own: bool, unattended: bool) -> Line {
    let (own_arn, other) = (arn(Workflow::First), arn(Workflow::Second));
    let wait = |turn, arn: &ExecutionArn| Waiting { turn: at(turn), execution_arn: arn.clone() };
    let waiting: Vec<_> =
        neighbour.then(|| wait(0, &other)).into_iter().chain(first.then(|| wait(1, &own_arn))).collect();
    let since = at(if unattended { ADMITTED } else { QUIET });
    let held = held.then(|| Held {
        execution: own_arn.clone(),
        batches: 1,
        since,
        shard: Shard::FIRST,
        drawn: Duration::ZERO,
    });
    let held: Vec<_> = held.into_iter().collect();
    let Order { holders, in_turn } = admission::order(&waiting, &held, own.then_some(&own_arn), now(false));
    let mut line = Line::NOBODY;
    for arn in holders.iter().chain(&in_turn) {
        line.push(if *arn == other { Waiter::Neighbour } else { Waiter::First });
    }
    line
}

/// The end that is written: status, goal's status, and what became of each action.
pub(crate) fn end(row: &Row, stop: Stop, reading: &Reading) -> (Status, GoalStatus, [Option<Failed>; 2]) {
    let ids = actions();
    let recorded = |outcome: Outcome| match outcome {
        Outcome::Tasks => ActionOutcome::Succeeded { tasks: 1, replaced: 0, usage: Usage::default() },
        Outcome::Failed => ActionOutcome::Failed(Failure::new(FailureCode::AiRejected, "", Usage::default())),
    };
    let ledger = |(id, outcome): (&ActionId, &Option<Outcome>)| {
        let outcomes = outcome.map(|o| (id.clone(), recorded(o))).into_iter().collect();
        BatchLedger { sealed: true, sequence: 1, outcomes }
    };
    let ledgers: Vec<_> = ids.iter().zip(reading).map(ledger).collect();
    let tally = match stop {
        Stop::Aborted => Tally::cancelled(&ids, &ledgers, &BTreeSet::new()),
        Stop::Finished | Stop::TimedOut => Tally::at_end(&ids, &ledgers, &BTreeSet::new()),
    };
    let execution = &known(row).execution;
    let end = ending(execution, stop.into(), tally, at(ENDED));
    let failed = |id: &ActionId| end.tally.failed.iter().find(|f| f.action_id == *id).map(|f| Failed::of(f.code));
    (end.status.into(), goal_status(&end, execution.goal_before), [failed(&ids[0]), failed(&ids[1])])
}
