//! The pipeline with one protection removed. Each flaw must be found by the checks: a simulation that cannot fail
//! proves nothing. They are in the adapters of the simulation, never in the product.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use goal_activity_core::admission::{Held, Room, Shard, in_use};
use goal_activity_core::daily::Day;
use goal_activity_core::edit::ChartChange;
use goal_activity_core::execution::Ending;
use goal_activity_core::execution::{BatchReports, Execution};
use goal_activity_core::goal::{Goal, GoalHead, GoalStatus};
use goal_activity_core::ledger::BatchLedger;
use goal_activity_core::limits::{HISTORY, QUOTA_PERIOD};
use goal_activity_core::outcome::goal_status;
use goal_activity_core::pause::{DailyCost, Load, Passage, Pausing, Release};
use goal_activity_core::placement::TaskRow;
use goal_activity_core::ports::{
    Accepted, Acquired, ActionCommit, ChartWritten, Claim, ClaimGoal, Claimed, CommitGroup, Committed, EndExecution,
    Event, HoldCapacity, OpenExecution, Opened, PortResult, RecordProgress, Released, RequestKey, SealLedger,
    WorkLedger, WriteChart,
};
use goal_activity_core::task::{Task, TaskStatus};
use goal_activity_events::{
    ActionId, BatchMessage, Detail, ExecutionArn, FinalStatus, GoalId, TaskToken, Timestamp, WorkflowCompleted,
};
use goal_activity_functions::adapters::memory::{State, samples};
use tokio::time::sleep;

use crate::lambda::Run;
use crate::machine;
use crate::ports::Ports;
use crate::world::Sim;

macro_rules! flaws {
    ($($(#[$doc:meta])* $name:ident => $promise:literal,)*) => {
        /// A missing protection.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Flaw {
            $($(#[$doc])* $name,)*
        }

        impl Flaw {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            /// The promise that it violates first.
            pub(crate) fn promise(self) -> &'static str {
                match self {
                    $(Self::$name => $promise,)*
                }
            }
        }
    };
}

flaws! {
    /// A goal is claimed even if another workflow has claimed it.
    ClaimNotConditional => "P1",
    /// The end of a workflow releases its goal in a second step, which a crash prevents.
    GoalFreedApart => "P1",
    /// A request of another service is not recorded.
    RequestForgotten => "P2",
    /// What a request of another service asks for is not recorded with it.
    ReusedIdUnseen => "P2",
    /// A service is not told that its request was accepted.
    AcceptanceUntold => "P7",
    /// A start or a retry of a user is not recorded under its key.
    KeyIgnored => "P2",
    /// The operators are notified by every invocation that finds a missing notice.
    NoticeUnclaimed => "P2",
    /// An action's outcome is written over an earlier one.
    OutcomeNotConditional => "P3",
    /// An action's tasks are saved first, its outcome afterwards.
    TasksSavedApart => "P3",
    /// Every save gives the tasks new ids.
    TaskIdsRandom => "P3",
    /// Tasks replace others that must not be replaced.
    TasksReplaced => "P3",
    /// Of actions that are saved together only the first ones are, and all are answered as saved.
    GroupPartlySaved => "P6",
    /// When one of the actions that are saved together is refused, all are given up.
    GroupGivenUp => "P5",
    /// Actions that are saved together count as one outcome of the ledger.
    GroupCountedOnce => "P6",
    /// A worker writes to a sealed ledger.
    SealIgnored => "P4",
    /// Ledgers are not sealed.
    SealForgotten => "P4",
    /// The ledger is read first and sealed afterwards.
    SealedAfterReading => "P4",
    /// An ended workflow can end again.
    EndNotFinal => "P4",
    /// A cancelled workflow can end as finished.
    CancellationIgnored => "P4",
    /// An invocation that finds a workflow ended counts its end as well.
    EndCountedByAll => "counts",
    /// A worker does not renew its lease.
    LeaseNotRenewed => "P10",
    /// A worker does not acquire a lease at all: after its death no other worker gets the message in time.
    LeaseNotTaken => "P5",
    /// Of the messages of an invocation only the first one is leased.
    LeaseOfFirst => "P5",
    /// A message that is done stays in its queue until all others of the invocation are.
    DoneNotDeleted => "P10",
    /// The batches of an invocation are answered when all of them are done.
    AnsweredTogether => "P10",
    /// A worker sends no heartbeat to the state machine.
    HeartbeatNotSent => "P10",
    /// The answer for one batch, sent twice, counts for another as well.
    AnswerCountsTwice => "P5",
    /// Of several reports of a batch, the last to arrive counts.
    ProgressUnordered => "P6",
    /// Reports count after the end, too.
    ProgressAfterEnd => "P4",
    /// When one of the reports that are recorded together is refused, all are given up.
    ReportsGivenUp => "P6",
    /// Of reports that are recorded together only the first one is.
    ReportsPartlyRecorded => "P6",
    /// The reconciler never runs.
    ReconcilerOff => "P7",
    /// The reconciler runs once a minute only.
    RunNotRepeated => "P7",
    /// It is not recorded that the end was published and notified.
    MarkForgotten => "P7",
    /// The end is not published.
    EndNotPublished => "P7",
    /// The end is published under a new id each time.
    EventIdRandom => "P7",
    /// Rows expire from the end on, archived or not.
    ExpiresBeforeArchived => "P7",
    /// The rows of the ledger expire from the end on, archived or not.
    LedgerExpiresBeforeArchived => "P7",
    /// The rows of the ledger do not expire.
    LedgerNeverExpires => "P7",
    /// Nothing is written to the archive.
    ArchiveForgotten => "P7",
    /// A published and notified workflow is removed from the reconciler's list, archived or not.
    ListedUntilReported => "P7",
    /// A cancelled workflow's tasks stay.
    TasksLeftBehind => "P6",
    /// Batches are formed in another order.
    OrderReversed => "P8",
    /// A worker writes into another goal.
    ForeignGoal => "P9",
    /// Actions with an outcome in the ledger are generated again.
    LedgerNotConsulted => "P10",
    /// The open workflows of a user are not counted.
    LimitIgnored => "P10",
    /// A workflow that has ended counts among the open ones of its user.
    RoomNotFreed => "P10",
    /// A workflow counts as one action of its user's day.
    DayCountsWorkflows => "P10",
    /// Capacity is acquired even if none is free.
    CapacityIgnored => "load",
    /// Capacity is acquired even while launching is paused.
    PauseIgnored => "load",
    /// Launching is not paused while the AI is down.
    AiFailureIgnored => "load",
    /// Capacity is released first, and launching paused in a second step.
    PausedAfterRelease => "load",
    /// It is not recorded which workflow is the probe.
    ProbeNotRecorded => "load",
    /// Launching is not paused when the day's amount is spent.
    CostIgnored => "load",
    /// The cost of a workflow is counted first, and its capacity released in a second step.
    CostCountedApart => "load",
    /// No shard of the capacity gives to another: a workflow waits for its own.
    IdleShardsKeep => "load",
    /// A workflow releases capacity of the shard that its name says, wherever it holds some.
    ReleasedByName => "P7",
    /// An operator's pause is written to the first shard, and the others are left to the reconciler.
    PauseNotCopied => "load",
    /// Every shard has a probe of its own.
    ProbeInEveryShard => "load",
    /// What waits for a shard that there is no more is not listed.
    FormerListForgotten => "P7",
    /// The AI's quota is not asked for.
    QuotaIgnored => "load",
    /// What a workflow has asked the AI beyond what was expected is not settled.
    QuotaNotSettled => "load",
    /// Nobody is launched because the AI's quota is free again: only with what comes and ends.
    RefillUnseen => "load",
    /// Capacity is never released.
    CapacityKept => "P7",
    /// An end launches no workflow: waiting workflows are left to the reconciler.
    EndMakesNoRoom => "load",
    /// A queue gives a message up after three receives.
    FewReceives => "P7",
    /// A batch without a heartbeat is not sent again.
    HeartbeatNotRetried => "P5",
    /// A workflow that holds capacity is delayed by one with an earlier turn that does not fit.
    HolderNotFirst => "load",
    /// Tasks at an action's place count as its own.
    TasksByPlace => "P3",
    /// Finished tasks are treated like any others.
    FinishedTasksReplaced => "P3",
    /// A cancel also removes tasks that have replaced others.
    CancelLeavesNothing => "P3",
    /// It is not checked whether the user has closed the goal.
    ClosedGoalIgnored => "P10",
    /// The end overwrites the goal's status that the user has set.
    GoalStatusOverwritten => "P6",
    /// A claim blocks a goal, even after its execution has ended.
    StaleClaimBlocks => "P7",
    /// Only the goal's claim shows that it has a workflow.
    OpenWorkflowForgotten => "P1",
    /// An end leaves the tasks of deleted actions.
    OrphansLeft => "P6",
    /// A notice that could not be sent stays claimed.
    NoticeClaimKept => "P7",
    /// The operators are notified only after the end is published.
    NoticeAfterPublish => "P7",
    /// A claim of a notice that the SDK repeats is refused.
    NoticeClaimedOnce => "P7",
    /// A batch is reported when all of it is done.
    ReportsWhenDone => "P6",
    /// An end event of any source ends a workflow.
    ForgedEndTaken => "load",
    /// A name is free again when its row has expired.
    NameUsedAgain => "P2",
    /// A request counts as recorded until its row is deleted.
    RequestRemembersTooLong => "P7",
    /// A months-old event is treated as a new one.
    OldEventsTaken => "P2",
    /// A chart is written over another one than it was decided on.
    ChartMixed => "chart",
    /// A chart is written first in the goal's own row, and then in the others.
    ChartWrittenApart => "chart",
    /// A chart is written although a workflow has claimed the goal since it was read.
    ChartClaimIgnored => "chart",
    /// A chart is written although workflows have come and gone since it was read.
    ChartClaimsUncounted => "chart",
    /// A goal is claimed for another chart than the one that was read.
    ClaimedForOldChart => "chart",
    /// Actions that have tasks are changed and removed like any others.
    CellsUnprotected => "chart",
    /// Messages contain texts.
    TextsInMessages => "P10",
}

/// A goal as it is read.
pub(crate) fn goal_as_read(sim: &Sim, run: &Run, mut goal: Goal) -> Goal {
    if sim.has(Flaw::ClaimNotConditional) && !run.is_worker() {
        goal.head.claimed_by = None;
    }
    if sim.has(Flaw::ClosedGoalIgnored) && run.is_worker() {
        goal.head = head_as_read(sim, goal.head);
    }
    if sim.has(Flaw::OrderReversed) {
        goal.actions.reverse();
    }
    goal
}

/// A goal's own row as it is read.
pub(crate) fn head_as_read(sim: &Sim, mut head: GoalHead) -> GoalHead {
    if sim.has(Flaw::ClosedGoalIgnored) && head.status.is_closed() {
        head.status = GoalStatus::Processing;
    }
    head
}

/// A goal's tasks as they are read.
pub(crate) fn rows_as_read(sim: &Sim, mut rows: Vec<TaskRow>) -> Vec<TaskRow> {
    if sim.has(Flaw::FinishedTasksReplaced) {
        for row in &mut rows {
            (row.status, row.has_completion) = (Some(TaskStatus::NotStarted.as_str().to_owned()), false);
        }
    }
    rows
}

/// A user's open workflows as they are read.
pub(crate) fn open_as_read(sim: &Sim, open: BTreeSet<ExecutionArn>) -> BTreeSet<ExecutionArn> {
    let unknown = |n| ExecutionArn::named(&samples::state_machine(), &format!("unknown-{n}"));
    match sim.flaw {
        Some(Flaw::LimitIgnored) => BTreeSet::new(),
        Some(Flaw::OpenWorkflowForgotten) => (0..open.len()).map(unknown).collect(),
        _ => open,
    }
}

/// Returns `true` if the task is one that a workflow's end removes.
pub(crate) fn is_removed(sim: &Sim, execution: &ExecutionArn, actions: &[ActionId], task: &Task) -> bool {
    let asked = actions.contains(&task.action_id);
    let cancelled = || {
        let state = sim.tables.state();
        state.executions.get(execution).is_some_and(|e| e.cancellation.is_some())
    };
    match sim.flaw {
        Some(Flaw::OrphansLeft) => asked && cancelled(),
        _ => asked,
    }
}

/// What there is room for.
pub(crate) fn room(sim: &Sim, room: Room) -> Room {
    match sim.flaw {
        Some(Flaw::CapacityIgnored) => Room { batches: u32::MAX, ..room },
        Some(Flaw::QuotaIgnored) => Room { bucket: None, ..room },
        _ => room,
    }
}

/// A shard as it is read.
pub(crate) fn load_as_read(sim: &Sim, run: &Run, load: Load) -> Load {
    let unseen = sim.has(Flaw::RefillUnseen) && run.is_reconciler();
    let quota_used_until = load.quota_used_until.map(|until| if unseen { sim.now().plus(QUOTA_PERIOD) } else { until });
    Load { quota_used_until, ..load }
}

/// Acquires capacity.
pub(crate) async fn acquire(sim: &Sim, wanted: &Held, room: Room) -> PortResult<Acquired> {
    let copy = || sim.tables.state().control(wanted.shard).pause;
    let put = |pause| sim.tables.state().control_mut(wanted.shard).pause = pause;
    let before = copy();
    if sim.has(Flaw::PauseIgnored) {
        put(None);
    }
    let passage = before.as_ref().map(|pause| pause.passage(Shard::FIRST, &wanted.execution, wanted.since));
    if let (Some(Flaw::ProbeInEveryShard), false, Some(Passage::Probe(after))) =
        (sim.flaw, wanted.shard.is_first(), passage)
    {
        put(None);
        let acquired = sim.tables.acquire_capacity(wanted, room).await?;
        let is_new = acquired == Acquired::Yes;
        put(if is_new { Some(after) } else { before });
        return Ok(if is_new { Acquired::AsProbe } else { acquired });
    }
    let acquired = sim.tables.acquire_capacity(wanted, room).await;
    let is_probe = matches!(acquired, Ok(Acquired::AsProbe));
    if sim.has(Flaw::PauseIgnored) && before.is_some() || sim.has(Flaw::ProbeNotRecorded) && is_probe {
        put(before);
    }
    acquired
}

/// Releases capacity.
pub(crate) async fn release(sim: &Sim, release: &Release) -> PortResult<Released> {
    let by_name = Release { shard: sim.capacity().shard_of(&release.execution), ..release.clone() };
    let settled = if sim.has(Flaw::QuotaNotSettled) { 0 } else { release.settled };
    let release = if sim.has(Flaw::ReleasedByName) { &by_name } else { &Release { settled, ..release.clone() } };
    match (sim.flaw, &release.cost) {
        (Some(Flaw::PausedAfterRelease), _) if release.after != release.before => {
            let alone = Release { after: release.before.clone(), ..release.clone() };
            let released = sim.tables.release_capacity(&alone).await?;
            let (sim, release, later) = (sim.clone(), release.clone(), sim.some_millis(50, 500));
            tokio::task::spawn_local(async move {
                sleep(later).await;
                let mut state = sim.tables.state();
                let pause = &mut state.control_mut(release.shard).pause;
                if released == Released::Yes && *pause == release.before {
                    *pause = release.after;
                }
            });
            Ok(released)
        }
        (Some(Flaw::CostCountedApart), Some(cost)) => {
            *sim.tables.state().control_mut(release.shard).costs.entry(cost.day).or_default() += cost.micro_usd;
            sleep(sim.some_millis(1, 100)).await;
            sim.tables.release_capacity(&Release { cost: None, ..release.clone() }).await
        }
        _ => sim.tables.release_capacity(release).await,
    }
}

/// Returns `true` if a workflow that holds capacity is refused it, because of one with an earlier turn that does not
/// fit.
pub(crate) fn holds_up(sim: &Sim, wanted: &Held, most: u32) -> bool {
    let state = sim.tables.state();
    let holds = |arn: &ExecutionArn| state.held.iter().any(|h| h.execution == *arn);
    let turn = |arn: &ExecutionArn| state.executions.get(arn).map(|e| (e.turn, e.batch_count().min(most)));
    let own = turn(&wanted.execution);
    let before = state.waiting.iter().filter(|arn| !holds(arn)).filter_map(turn);
    let mut before = before.filter(|(turn, _)| own.is_some_and(|(own, _)| *turn < own));
    sim.has(Flaw::HolderNotFirst)
        && holds(&wanted.execution)
        && before.any(|(_, batches)| in_use(&state.held_in(wanted.shard)) + batches > most)
}

/// Returns `true` if the operators are not notified yet, because the bus does not answer.
pub(crate) fn withholds_notice(sim: &Sim, execution: &ExecutionArn) -> bool {
    let unpublished = |e: &Execution| e.published_at.is_none();
    let is_out = || sim.profile.outage.is_some_and(|o| o.has("publish", sim.elapsed()));
    sim.has(Flaw::NoticeAfterPublish)
        && sim.tables.state().executions.get(execution).is_some_and(unpublished)
        && is_out()
}

/// For [`Flaw::ForgedEndTaken`].
pub(crate) async fn take_forged_end(sim: &Sim, body: &str) {
    let forged = || serde_json::from_str::<serde_json::Value>(body).ok().filter(|b| b["detail"]["eventId"] == "forged");
    let Some(body) = Some(()).filter(|()| sim.has(Flaw::ForgedEndTaken)).and_then(|()| forged()) else { return };
    if let (true, Some(arn)) = (body["detail-type"] == WorkflowCompleted::TYPE, body["detail"]["executionArn"].as_str())
    {
        let arn = arn.parse().expect("an ARN");
        let load = Load { pause: sim.tables.state().paused(), ..Load::default() };
        let pausing = Pausing { on_ai_failure: true, daily_cost: DailyCost::NONE };
        let shard = sim.tables.state().held.iter().find(|h| h.execution == arn).map(|h| h.shard).unwrap_or_default();
        crate::check::given_back(sim, &arn, shard);
        let release = Release { shard, ..Release::decide(&arn, None, &load, pausing, sim.now()) };
        let _given_back = sim.tables.release_capacity(&release).await;
    }
}

/// An event as it is replayed.
pub(crate) fn replayed(sim: &Sim, body: &str) -> String {
    let mut body: serde_json::Value = serde_json::from_str(body).expect("an event");
    if sim.has(Flaw::OldEventsTaken) {
        body["detail"]["occurredAt"] = serde_json::json!(sim.now());
    }
    body.to_string()
}

/// An execution as it is read.
pub(crate) fn execution_as_read(sim: &Sim, run: &Run, execution: Execution) -> Execution {
    if sim.has(Flaw::StaleClaimBlocks) && run.is_api() && execution.has_ended() {
        let state = sim.tables.state();
        let claim = state.goals.get(&execution.goal_id).and_then(|g| g.head.claimed_by.clone());
        if claim.is_some_and(|c| c == execution.execution_arn) {
            return running(execution);
        }
    }
    match sim.has(Flaw::EndNotFinal) && execution.has_ended() && sim.chance(0.3) {
        true => running(execution),
        false => execution,
    }
}

/// The execution as if it had not ended.
fn running(execution: Execution) -> Execution {
    Execution { started_at: Some(execution.start_date), end: None, ..execution }
}

/// Whether that request is not remembered.
pub(crate) fn forgets(sim: &Sim, request: &RequestKey) -> bool {
    match request {
        RequestKey::Service { .. } => sim.has(Flaw::RequestForgotten),
        RequestKey::User { .. } | RequestKey::Operator { .. } => sim.has(Flaw::KeyIgnored),
    }
}

pub(crate) async fn claim(sim: &Sim, claim: &Claim) -> PortResult<Claimed> {
    match sim.flaw {
        Some(Flaw::RequestForgotten | Flaw::KeyIgnored) => {
            let request = claim.request.clone().filter(|r| !forgets(sim, &r.key));
            sim.tables.claim_goal(&Claim { request, ..claim.clone() }).await
        }
        Some(Flaw::LimitIgnored) => {
            sim.tables.state().running.remove(&claim.execution.user_id);
            sim.tables.claim_goal(claim).await
        }
        Some(Flaw::DayCountsWorkflows) => {
            let claimed = sim.tables.claim_goal(claim).await?;
            let Execution { user_id, start_date, total_actions, .. } = &claim.execution;
            let mut state = sim.tables.state();
            let days = state.started_actions.get_mut(user_id);
            let count = days.and_then(|days| days.get_mut(&Day::of(*start_date)));
            if let (Claimed::Yes, Some(count)) = (&claimed, count) {
                *count = *count + 1 - total_actions;
            }
            Ok(claimed)
        }
        Some(Flaw::ClaimNotConditional) => {
            if let Some(goal) = sim.tables.state().goals.get_mut(&claim.execution.goal_id) {
                goal.head.claimed_by = None;
            }
            sim.tables.claim_goal(claim).await
        }
        Some(Flaw::ClaimedForOldChart) => {
            let goal = &claim.execution.goal_id;
            let was = as_if(sim, goal, &|head| head.revision = claim.revision);
            let claimed = sim.tables.claim_goal(claim).await;
            if let (Some(was), Some(goal)) = (was, sim.tables.state().goals.get_mut(goal)) {
                goal.head.revision = was.revision;
            }
            claimed
        }
        _ => sim.tables.claim_goal(claim).await,
    }
}

/// For [`Flaw::ChartClaimsUncounted`]: a workflow begins and ends during a write only where the AI is quick.
pub(crate) fn latency(sim: &Sim, drawn: Duration) -> Duration {
    if sim.has(Flaw::ChartClaimsUncounted) { drawn.min(Duration::from_millis(500)) } else { drawn }
}

/// For the same: the write is slow.
pub(crate) async fn before_writing(sim: &Sim) {
    if sim.has(Flaw::ChartClaimsUncounted) {
        sleep(sim.some_millis(5_000, 6_500)).await;
    }
}

pub(crate) async fn write_chart(ports: &Ports, change: &ChartChange, at: Timestamp) -> PortResult<ChartWritten> {
    let (sim, goal) = (&ports.sim, &change.goal.head.goal_id);
    let Some(before) = &change.before else { return sim.tables.write_chart(change, at).await };
    let seems = |seem: &dyn Fn(&mut GoalHead)| Some(as_if(sim, goal, seem));
    let really = match sim.flaw {
        Some(Flaw::ChartMixed) => seems(&|head| head.revision = before.revision),
        Some(Flaw::ChartClaimIgnored) => seems(&|head| {
            (head.claimed_by, head.claims) = (before.claimed_by.clone(), before.claims);
        }),
        Some(Flaw::ChartClaimsUncounted) => seems(&|head| head.claims = before.claims),
        Some(Flaw::ChartWrittenApart) => {
            let head = ChartChange { sub_goals: BTreeMap::new(), actions: BTreeMap::new(), ..change.clone() };
            if sim.tables.write_chart(&head, at).await? == ChartWritten::GoalChanged {
                return Ok(ChartWritten::GoalChanged);
            }
            sleep(sim.some_millis(1, 30)).await;
            if sim.goes_wrong(sim.profile.crash, "a function dies between two writes") {
                ports.run.die::<()>(sim, "between two rows of a chart").await;
            }
            let before = sim.tables.state().goals.get(goal).map(|goal| goal.head.clone());
            return sim.tables.write_chart(&ChartChange { before, ..change.clone() }, at).await;
        }
        _ => None,
    };
    let written = sim.tables.write_chart(change, at).await;
    if let (Some(Some(was)), Some(goal)) = (really, sim.tables.state().goals.get_mut(goal)) {
        (goal.head.claimed_by, goal.head.claims) = (was.claimed_by, was.claims);
        if !matches!(written, Ok(ChartWritten::Yes)) {
            goal.head.revision = was.revision;
        }
    }
    written
}

/// Lets a goal's own row seem another one. Returns what it was.
fn as_if(sim: &Sim, goal: &GoalId, seem: &dyn Fn(&mut GoalHead)) -> Option<GoalHead> {
    let mut state = sim.tables.state();
    let head = &mut state.goals.get_mut(goal)?.head;
    let was = head.clone();
    seem(head);
    Some(was)
}

pub(crate) fn opened(sim: &Sim, opened: Opened) -> Opened {
    match opened {
        Opened::Open(ledger) if sim.has(Flaw::LedgerNotConsulted) || sim.has(Flaw::OutcomeNotConditional) => {
            Opened::Open(BatchLedger { outcomes: BTreeMap::default(), ..ledger })
        }
        other => other,
    }
}

pub(crate) async fn commit(ports: &Ports, group: &CommitGroup<'_>) -> PortResult<Vec<Committed>> {
    let sim = &ports.sim;
    let tables = &sim.tables;
    let all = vec![Committed::Yes; group.len()];
    match sim.flaw {
        Some(
            Flaw::TasksByPlace
            | Flaw::FinishedTasksReplaced
            | Flaw::OutcomeNotConditional
            | Flaw::SealIgnored
            | Flaw::TasksSavedApart
            | Flaw::TaskIdsRandom
            | Flaw::TasksReplaced
            | Flaw::ForeignGoal,
        ) => {
            let mut answers = Vec::new();
            for commit in group.commits() {
                answers.push(commit_one(ports, commit).await?);
            }
            Ok(answers)
        }
        Some(Flaw::GroupPartlySaved) if group.len() > 1 => {
            let mut commits = group.commits().take(group.len() / 2).cloned();
            let mut part = commits.next().map(CommitGroup::of).expect("at least one");
            let _fits = commits.all(|commit| part.add(commit));
            let answers = tables.commit_group(&part).await?;
            Ok(if answers.contains(&Committed::Yes) { all } else { tables.commit_group(group).await? })
        }
        Some(Flaw::GroupGivenUp) => {
            let answers = tables.commit_group(group).await?;
            Ok(if answers == all { all } else { vec![Committed::TooLate; group.len()] })
        }
        Some(Flaw::GroupCountedOnce) => {
            let answers = tables.commit_group(group).await?;
            let key = (group.execution().clone(), group.batch_index());
            if let (true, Some(ledger)) = (answers == all, tables.state().ledgers.get_mut(&key)) {
                ledger.sequence -= group.len() as u64 - 1;
            }
            Ok(answers)
        }
        _ => tables.commit_group(group).await,
    }
}

/// Saves one of a group, without the others.
async fn commit_one(ports: &Ports, commit: &ActionCommit<'_>) -> PortResult<Committed> {
    let sim = &ports.sim;
    let tables = &sim.tables;
    let save = async |commit: &ActionCommit<'_>| {
        let answers = tables.commit_group(&CommitGroup::of(commit.clone())).await?;
        PortResult::Ok(answers[0])
    };
    let key = (commit.execution.clone(), commit.batch_index);
    // Only where it is needed: it checks all existing tasks.
    let replacing = || {
        let state = tables.state();
        let same_place = |task: &&Task| commit.tasks.iter().any(|new| new.position == task.position);
        let replaces = state.tasks.values().filter(same_place).map(TaskRow::from).collect();
        ActionCommit { replaces, ..commit.clone() }
    };
    match sim.flaw {
        Some(Flaw::TasksByPlace) => {
            clear_place(&mut tables.state(), commit);
            save(commit).await
        }
        Some(Flaw::FinishedTasksReplaced) => {
            for row in &commit.replaces {
                if let Some(task) = tables.state().tasks.get_mut(&(commit.goal.clone(), row.position.clone())) {
                    (task.status, task.completed_at) = (TaskStatus::NotStarted, None);
                }
            }
            save(commit).await
        }
        Some(Flaw::OutcomeNotConditional) => {
            if let Some(ledger) = tables.state().ledgers.get_mut(&key) {
                ledger.outcomes.remove(commit.action);
            }
            save(&replacing()).await
        }
        Some(Flaw::SealIgnored) => {
            let sealed = tables.state().ledgers.get_mut(&key).map(|l| std::mem::replace(&mut l.sealed, false));
            let done = save(commit).await;
            if let (Some(true), Some(ledger)) = (sealed, tables.state().ledgers.get_mut(&key)) {
                ledger.sealed = true;
            }
            done
        }
        Some(Flaw::TasksSavedApart) => {
            let tasks = commit.tasks.iter().map(|t| ((t.goal_id.clone(), t.position.clone()), t.clone()));
            tables.state().tasks.extend(tasks);
            sleep(sim.some_millis(1, 30)).await;
            if sim.goes_wrong(sim.profile.crash, "a function dies between two writes") {
                ports.run.die::<()>(sim, "between tasks and outcome").await;
            }
            save(&replacing()).await
        }
        Some(Flaw::TaskIdsRandom) => {
            let tasks = commit.tasks.iter().cloned().map(|t| Task { task_id: random_id(sim), ..t }).collect();
            save(&ActionCommit { tasks, ..commit.clone() }).await
        }
        Some(Flaw::TasksReplaced) => save(&replacing()).await,
        Some(Flaw::ForeignGoal) => {
            let goals = tables.state().goals.len();
            let goal: GoalId = format!("goal-{}", sim.between(1, goals as u64)).parse().expect("a goal id");
            let tasks = commit.tasks.iter().cloned().map(|t| Task { goal_id: GoalId::clone(&goal), ..t }).collect();
            save(&ActionCommit { tasks, ..commit.clone() }).await
        }
        _ => save(commit).await,
    }
}

/// Removes the tasks of other actions at the place of the new tasks, if these may replace some.
fn clear_place(state: &mut State, commit: &ActionCommit<'_>) {
    let regenerates = state.executions.get(commit.execution).is_some_and(|e| e.regenerate);
    let Some(first) = commit.tasks.first().filter(|_| regenerates) else { return };
    let place = first.position.trim_end_matches(|c| c != '#').to_owned();
    let at = |k: &(GoalId, String)| k.0 == *commit.goal && k.1.starts_with(&place);
    state.tasks.retain(|key, task| !at(key) || task.action_id == *commit.action);
}

fn random_id(sim: &Sim) -> goal_activity_events::TaskId {
    format!("task-{}", sim.between(0, u64::MAX)).parse().expect("a task id")
}

/// Seals one batch.
pub(crate) async fn seal(sim: &Sim, execution: &ExecutionArn, index: u32) -> PortResult<BatchLedger> {
    let read = sim.tables.read_batch(execution, index).await?;
    match sim.flaw {
        Some(Flaw::SealForgotten) => return Ok(read),
        Some(Flaw::SealedAfterReading) => sleep(Duration::from_millis(200)).await,
        _ => {}
    }
    let sealed = sim.tables.seal_ledger(execution, index + 1).await?.pop();
    Ok(if sim.has(Flaw::SealedAfterReading) { read } else { sealed.expect("at least one batch") })
}

pub(crate) async fn record_batches(sim: &Sim, execution: &ExecutionArn, reports: &BatchReports) -> PortResult<bool> {
    if let Some(e) = sim.tables.state().executions.get_mut(execution) {
        let ended = e.has_ended();
        if (sim.has(Flaw::ProgressUnordered) && !ended) || (sim.has(Flaw::ProgressAfterEnd) && ended) {
            e.batches.extend(reports.latest().map(|r| (r.batch_index.to_string(), r.state.clone())));
        }
    }
    let first = || BatchReports::of(reports.iter().take(1).cloned());
    let recorded = match first().filter(|_| sim.has(Flaw::ReportsPartlyRecorded)) {
        Some(first) => sim.tables.record_batches(execution, &first).await?,
        None => sim.tables.record_batches(execution, reports).await?,
    };
    Ok(recorded || (sim.has(Flaw::ReportsGivenUp) && reports.len() > 1))
}

pub(crate) async fn end(ports: &Ports, execution: &Execution, end: &Ending) -> PortResult<bool> {
    let (sim, arn) = (&ports.sim, &execution.execution_arn);
    match sim.flaw {
        Some(Flaw::EndNotFinal) => with_execution(sim, arn, |e| {
            if e.has_ended() {
                e.end = Some(Ending { stop_date: sim.now(), ..end.clone() });
            }
        }),
        Some(Flaw::CancellationIgnored) => with_execution(sim, arn, |e| {
            if !e.has_ended() {
                e.cancellation = None;
            }
        }),
        Some(Flaw::CancelLeavesNothing) if end.status == FinalStatus::Aborted => {
            sim.tables.state().tasks.retain(|_, task| task.execution_arn != *arn);
            crate::check::observe(sim, arn, &crate::check::Write::Remove);
        }
        Some(Flaw::GoalFreedApart) => {
            let mut ended = false;
            with_execution(sim, arn, |e| {
                ended = !e.has_ended() && e.cancellation.is_none();
                if ended {
                    e.end = Some(end.clone());
                }
            });
            crate::check::observe(sim, arn, &crate::check::Write::Other);
            let mut state = sim.tables.state();
            if let (true, Some(goal)) = (ended, state.goals.get_mut(&execution.goal_id)) {
                (goal.head.claimed_by, goal.head.status) = (None, GoalStatus::Active);
            }
        }
        _ => {}
    }
    let ended = sim.tables.end_execution(execution, end).await?;
    let overwritten = ended && sim.has(Flaw::GoalStatusOverwritten);
    if let (true, Some(goal)) = (overwritten, sim.tables.state().goals.get_mut(&execution.goal_id)) {
        goal.head.status = goal_status(end, execution.goal_before);
    }
    let expires = end.stop_date.plus(HISTORY);
    if sim.has(Flaw::ExpiresBeforeArchived) {
        sim.tables.state().expiring.insert(arn.clone(), expires);
    }
    if sim.has(Flaw::LedgerExpiresBeforeArchived) {
        sim.tables.state().expiring_ledgers.insert((arn.clone(), 0), expires);
    }
    if sim.has(Flaw::RoomNotFreed) {
        let user = execution.user_id.clone();
        sim.tables.state().running.entry(user).or_default().insert(arn.clone());
    }
    Ok(ended || sim.has(Flaw::EndCountedByAll))
}

/// Returns `true` if a workflow that is listed for the reconciler is shown to it.
pub(crate) fn is_listed(sim: &Sim, open: &OpenExecution) -> bool {
    let told = |state: &State| state.executions.get(&open.execution_arn).is_some_and(Execution::is_reported);
    !(sim.has(Flaw::ListedUntilReported) && told(&sim.tables.state()))
}

fn with_execution(sim: &Sim, arn: &ExecutionArn, change: impl FnOnce(&mut Execution)) {
    if let Some(execution) = sim.tables.state().executions.get_mut(arn) {
        change(execution);
    }
}

/// What is remembered of an accepted request.
pub(crate) fn accepted_as_read(sim: &Sim, request: &RequestKey, accepted: Accepted) -> Accepted {
    let unseen = sim.has(Flaw::ReusedIdUnseen) && matches!(request, RequestKey::Service { .. });
    if unseen { Accepted { digest: None, ..accepted } } else { accepted }
}

/// An event as it is published.
pub(crate) fn published(sim: &Sim, event: &Event) -> Option<Event> {
    match (sim.flaw, event) {
        (Some(Flaw::EndNotPublished), Event::Completed(_)) | (Some(Flaw::AcceptanceUntold), Event::Accepted(_)) => None,
        (Some(Flaw::ReportsWhenDone), Event::Progressed(e))
            if u64::from(e.succeeded_actions) + (e.failed_actions.len() as u64) < u64::from(e.total_actions) =>
        {
            None
        }
        (Some(Flaw::EventIdRandom), Event::Completed(e)) => {
            let mut event = e.clone();
            event.event_id = format!("event-{}", sim.between(0, u64::MAX)).parse().expect("an event id");
            Some(Event::Completed(event))
        }
        _ => Some(event.clone()),
    }
}

/// Returns `true` if a worker's call to hide its message has an effect.
pub(crate) fn lease(sim: &Sim, run: &Run, receipt: &str, time: Duration) -> bool {
    if time != goal_activity_core::limits::LEASE {
        return true;
    }
    match sim.flaw {
        Some(Flaw::LeaseNotTaken) => false,
        Some(Flaw::LeaseNotRenewed) => !run.has_shown_life(receipt),
        Some(Flaw::LeaseOfFirst) => run.is_first_lease(receipt),
        _ => true,
    }
}

/// For [`Flaw::AnsweredTogether`].
pub(crate) async fn before_answering(sim: &Sim, run: &Run) {
    if sim.has(Flaw::AnsweredTogether) {
        let all = run.wants_to_answer();
        while !all() {
            sleep(Duration::from_millis(100)).await;
        }
    }
}

/// A batch as the state machine sends it.
pub(crate) fn batch_body(sim: &Sim, batch: &BatchMessage) -> String {
    let mut body = serde_json::to_value(batch).expect("a message");
    if sim.has(Flaw::TextsInMessages) {
        body["texts"] = "目標".repeat(1_500 * batch.action_ids.len()).into();
    }
    body.to_string()
}

/// For [`Flaw::AnswerCountsTwice`].
pub(crate) fn answer_counts_for_another(sim: &Sim, token: &TaskToken) {
    let name = token.reveal().split('/').next().unwrap_or_default();
    machine::end_another_batch(sim, name);
}
