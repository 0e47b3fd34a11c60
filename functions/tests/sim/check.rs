//! Invariants at every write, by any component: the tables are compared with their previous contents.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use goal_activity_core::admission::{Held, Shard, in_use};
use goal_activity_core::daily::Day;
use goal_activity_core::execution::{BatchReport, BatchReports, Execution, Status};
use goal_activity_core::inbound::{self, ProjectionMessage};
use goal_activity_core::keys;
use goal_activity_core::ledger::{ActionOutcome, BatchLedger, Tally, recorded};
use goal_activity_core::limits::{MAX_ACTIONS, NOTICE_LEASE, NOTICE_WITHIN, PROBE_TIME};
use goal_activity_core::pause::{Pause, Release};
use goal_activity_core::ports::{
    Acquired, ActionCommit, Claim, Claimed, CommitGroup, Committed, Event, ExecutionInput, RequestKey, UserLoad,
};
use goal_activity_core::reconcile::{Holder, former_within};
use goal_activity_core::task::{Task, TaskStatus};
use goal_activity_events::{
    ActionId, BatchMessage, BatchProgressed, Envelope, EventId, ExecutionArn, GoalId, RejectionReason, RequestRef,
    TaskId, Timestamp, UserId,
};
use goal_activity_functions::adapters::memory::State;

use crate::ai::generation;
use crate::app::{App, is_generated};
use crate::archive;
use crate::charts;
use crate::lambda::Run;
use crate::machine;
use crate::people::TICK;
use crate::progress;
use crate::queues::Queue;
use crate::world::{Core, Sim};

/// How often the AI may be called for one action.
pub(crate) const AI_ATTEMPTS: u32 = 3;
/// How many workflows of one user may be open at once.
pub(crate) const RUNNING_AT_MOST: usize = 10;
/// After how many milliseconds a worker has noticed that its work is no longer needed: two heartbeats, in case one
/// fails.
const NOTICED_AFTER: i64 = 45_000;

/// The previous contents of the tables.
#[derive(Default)]
pub(crate) struct Shadow {
    pub(crate) tasks: BTreeMap<(GoalId, String), Task>,
    executions: BTreeMap<ExecutionArn, Execution>,
    ledgers: BTreeMap<(ExecutionArn, u32), BatchLedger>,
    /// Since when a workflow's ledger is sealed.
    sealed: BTreeMap<ExecutionArn, i64>,
    /// The execution of each accepted request, by the key of its record.
    pub(crate) requests: BTreeMap<String, ExecutionArn>,
    /// The claims on notices: when, and whether the operators were already notified, by workflow and invocation.
    notice_claims: BTreeMap<(ExecutionArn, u32), (i64, bool)>,
    /// How often the operators were notified, and by which invocation last.
    pub(crate) notices: BTreeMap<ExecutionArn, (u32, u32)>,
    /// The actions for which a workflow has replaced other tasks.
    replacing: BTreeSet<(ExecutionArn, ActionId)>,
    /// How many outcomes of a batch were reported.
    pub(crate) reported: BTreeMap<(ExecutionArn, u32), usize>,
    /// When a workflow acquired capacity, and what its record of that says.
    pub(crate) acquired: BTreeMap<ExecutionArn, (Duration, Timestamp)>,
    /// Since when a workflow waits for a shard although another has room for it.
    passed_over: BTreeMap<(ExecutionArn, Shard), Duration>,
    /// Since when the first of a shard's list waits although there is room for it.
    kept_waiting: BTreeMap<(ExecutionArn, Shard), Duration>,
    /// Until when the AI's quota is used up, by shard, and for how long by each workflow that holds capacity.
    quota_used_until: BTreeMap<Shard, Timestamp>,
    drawn: BTreeMap<(ExecutionArn, Shard), Held>,
    /// Since when the pause of an operator is that has begun everywhere.
    paused: Option<Timestamp>,
    /// When the amount of a day was first seen to be spent.
    spent: Option<Duration>,
    /// The workflows that were probes, and the one that is.
    pub(crate) probes: BTreeSet<ExecutionArn>,
    probing: Option<Probing>,
    /// When a workflow has released its capacity, and what those that have cost by day.
    pub(crate) released: BTreeMap<ExecutionArn, Duration>,
    costs: BTreeMap<Day, u64>,
    /// The workflows whose cost is counted.
    counted: BTreeSet<ExecutionArn>,
    /// The days on which an operator has ended a pause.
    resumed: BTreeSet<Day>,
    /// How often the AI was called.
    asked: BTreeMap<(ExecutionArn, ActionId), u32>,
}

impl Shadow {
    /// Returns `true` if a workflow has replaced tasks of an action.
    pub(crate) fn has_replaced(&self, execution: &Execution, action: &ActionId) -> bool {
        self.replacing.contains(&(execution.execution_arn.clone(), action.clone()))
    }
}

/// A write about a workflow.
pub(crate) enum Write<'a> {
    Claim(&'a Claim, &'a Claimed),
    Open(u32),
    Commit(&'a CommitGroup<'a>, &'a [Committed]),
    Seal(u32),
    Remove,
    Other,
}

/// The violations: the promise, and how it is violated.
pub(crate) type Found = Vec<(&'static str, String)>;

/// Checks everything that a write about this workflow may have changed.
pub(crate) fn observe(sim: &Sim, arn: &ExecutionArn, write: &Write<'_>) {
    if sim.account.is_some() {
        // Thousands of workflows at once, without duplicates or losses: only their ends are checked.
        return;
    }
    let mut found = Found::new();
    {
        let state = sim.tables.state();
        let mut core = sim.core();
        let Some(execution) = state.executions.get(arn) else { return };
        one_at_a_time(&state, &core.app, execution, &mut found);
        closed_stays_closed(&state, &core.app, execution, &mut found);
        if let Write::Claim(claim, Claimed::Yes) = write {
            claimed(&mut core, claim, &mut found);
            found.extend(charts::claimed(&state, &core, execution).map(|what| ("chart", what)));
        }
        if let Write::Seal(_) = write {
            core.shadow.sealed.entry(arn.clone()).or_insert_with(|| sim.millis());
        }
        if let Write::Open(index) | Write::Seal(index) = write {
            ledger(&state, &mut core.shadow, arn, *index, &mut found);
        }
        if let Write::Commit(group, answers) = write {
            ledger(&state, &mut core.shadow, arn, group.batch_index(), &mut found);
            for commit in saved(group, answers) {
                commit_is_sound(&core, execution, commit, &mut found);
                found.extend(charts::saved(&state, &core, &execution.goal_id, commit).map(|what| ("chart", what)));
            }
        }
        tasks(&state, &mut core, execution, write, &mut found);
        life(&state, sim, &mut core, execution, &mut found);
        // Months later a row may exist without the others of its workflow.
        if !sim.has_leapt() {
            archive::check(&state, execution, &mut found);
        }
    }
    if let Write::Commit(group, answers) = write
        && answers.contains(&Committed::Yes)
    {
        progress::saved(sim, arn, group.batch_index());
    }
    for (promise, what) in found {
        sim.violated(promise, what);
    }
}

/// Those of a group that were saved.
fn saved<'a>(group: &'a CommitGroup<'a>, answers: &'a [Committed]) -> impl Iterator<Item = &'a ActionCommit<'a>> {
    group.commits().zip(answers).filter(|(_, answer)| **answer == Committed::Yes).map(|(commit, _)| commit)
}

/// Counts how many actions are saved together.
pub(crate) fn committed(sim: &Sim, group: &CommitGroup<'_>, answers: &[Committed]) {
    let what = if answers.contains(&Committed::Yes) { "saved" } else { "refused" };
    sim.count(format!("transactions of {} actions {what}", group.len()));
}

/// When the app has written a goal's row back, its claim is meaningless: then the limit is one at a time for each user.
/// Counts how many reports are recorded together.
pub(crate) fn reports_written(sim: &Sim, reports: &BatchReports, changed: bool) {
    let what = if changed { "recorded" } else { "refused" };
    sim.count(format!("writes of {} reports {what}", reports.len()));
}

/// A message of the projection queue is deleted: what it reports is recorded, or something later, or the workflow has ended.
pub(crate) fn projected(sim: &Sim, body: &str) {
    let Ok(envelope) = Envelope::parse(body) else { return };
    let Ok(ProjectionMessage::Progress(event, state)) = inbound::projection(&envelope) else { return };
    if inbound::is_foreign(&envelope) {
        return;
    }
    let BatchProgressed { execution_arn, event_id, batch_index, sequence, .. } = *event;
    let report = BatchReports::of([BatchReport { event: event_id, batch_index, state }]);
    let is_news = {
        let state = sim.tables.state();
        report.and_then(|report| report.new_to(state.executions.get(&execution_arn))).is_some()
    };
    if is_news {
        let name = execution_arn.name();
        sim.violated("P6", format!("the report {sequence} of {name}/{batch_index} is done, and is not recorded"));
    }
}

fn one_at_a_time(state: &State, app: &App, execution: &Execution, found: &mut Found) {
    let goal = &execution.goal_id;
    let rewritten = app.rewritten.contains(goal);
    let of_goal = state.executions.values().filter(|e| e.goal_id == *goal && !e.has_ended());
    let of_goal = of_goal.filter(|e| !rewritten || e.user_id == execution.user_id);
    let open: BTreeSet<_> = of_goal.map(|e| e.execution_arn.clone()).collect();
    let claim = state.goals.get(goal).and_then(|g| g.head.claimed_by.as_ref()?.execution());
    let claim = if rewritten { open.first().cloned() } else { claim };
    if open.len() > 1 || open.first() != claim.as_ref() {
        let (names, claim): (Vec<_>, _) = (open.iter().map(|a| a.name()).collect(), claim.as_ref().map(|c| c.name()));
        found.push(("P1", format!("{goal} has open workflows {names:?} and is claimed by {claim:?}")));
    }
}

/// A goal that the user has closed keeps its status.
fn closed_stays_closed(state: &State, app: &App, execution: &Execution, found: &mut Found) {
    let goal = &execution.goal_id;
    let (closed, head) = (app.closed.get(goal), state.goals.get(goal).map(|g| &g.head));
    if let (Some((status, _)), Some(head)) = (closed, head)
        && head.status != *status
    {
        found.push(("P6", format!("{goal} was closed as {status:?} and is {:?}", head.status)));
    }
}

fn claimed(core: &mut Core, claim: &Claim, found: &mut Found) {
    let name = claim.execution.execution_arn.name();
    if core.shadow.executions.contains_key(&claim.execution.execution_arn) {
        found.push(("P2", format!("{name} is claimed again")));
    }
    // The API generates an id for each call without a key.
    let call = || claim.execution.request_id.to_string();
    let key = claim.request.as_ref().map_or_else(call, |r| keys::request(&r.key));
    if let Some(other) = core.shadow.requests.insert(key, claim.execution.execution_arn.clone()) {
        found.push(("P2", format!("{name} is for the same request as {}", other.name())));
    }
}

/// A user has at most the allowed number of open workflows and of actions in a day, and is refused more only for that
/// reason.
pub(crate) fn room(sim: &Sim, claim: &Claim, claimed: &Claimed) {
    let user = &claim.execution.user_id;
    let (open, day) = (open_of(sim, user), Day::of(claim.execution.start_date));
    let actions = actions_of(sim, user, day);
    let most = sim.profile.daily_limit.actions().unwrap_or(u32::MAX);
    match claimed {
        Claimed::Yes if open > RUNNING_AT_MOST => sim.violated("P10", format!("{user} has {open} workflows open")),
        Claimed::Yes if actions > most => {
            sim.violated("P10", format!("{user} has asked for {actions} actions on {day}, {most} are allowed"));
        }
        Claimed::UserChanged if open <= claim.open_before && claim.started_before.allows(actions) => {
            sim.violated(
                "P10",
                format!("{user} is refused a workflow, has {open} open and {actions} actions on {day}"),
            );
        }
        _ => {}
    }
}

/// Returns how many actions the workflows are for that a user has requested on a day, by the clocks of the functions that
/// accepted them.
fn actions_of(sim: &Sim, user: &UserId, day: Day) -> u32 {
    let state = sim.tables.state();
    let of_day = state.executions.values().filter(|e| e.user_id == *user && Day::of(e.start_date) == day);
    of_day.map(|e| e.total_actions).sum()
}

/// The recorded actions of a user are those of the workflows that were accepted.
pub(crate) fn counted_by_day(sim: &Sim, user: &UserId, load: &UserLoad) {
    let day = Day::of(sim.now());
    let (counted, actual) = (load.started.get(&day).copied().unwrap_or_default(), actions_of(sim, user, day));
    if counted != actual {
        sim.violated("P10", format!("{counted} actions of {user} are counted on {day}, and there are {actual}"));
    }
    if load.started.len() > 3 {
        sim.violated("P10", format!("{} days of {user} are remembered", load.started.len()));
    }
}

/// Returns the number of open workflows of a user.
fn open_of(sim: &Sim, user: &UserId) -> usize {
    let state = sim.tables.state();
    state.executions.values().filter(|e| e.user_id == *user && !e.has_ended()).count()
}

/// The recorded open workflows of a user are the actual ones.
pub(crate) fn counted(sim: &Sim, user: &UserId, count: usize) {
    let open = open_of(sim, user);
    if count >= RUNNING_AT_MOST {
        sim.count("starts refused, for so many are running");
    }
    if count != open {
        sim.violated("P10", format!("{user} counts as one with {count} open workflows and has {open}"));
    }
}

/// What was so before a workflow wanted capacity.
pub(crate) struct BeforeAcquiring {
    pause: Option<Pause>,
    holds: bool,
}

impl BeforeAcquiring {
    pub(crate) fn of(sim: &Sim, wanted: &Held) -> Self {
        let is_everywhere = sim.core().shadow.paused;
        let state = sim.tables.state();
        // A pause that has begun in the first shard is about to be copied to the others.
        let (pause, copy) = (state.paused(), state.control(wanted.shard).pause);
        let pause = if pause.as_ref().is_some_and(|pause| is_everywhere == Some(pause.since)) { pause } else { copy };
        let is_this = |held: &Held| held.execution == wanted.execution && held.shard == wanted.shard;
        Self { pause, holds: state.held.iter().any(is_this) }
    }
}

/// An operator's pause has begun everywhere.
pub(crate) fn paused(sim: &Sim, pause: &Pause) {
    sim.core().shadow.paused = Some(pause.since);
}

/// The probe of a pause.
pub(crate) struct Probing {
    arn: ExecutionArn,
    /// Since when the pause is.
    paused: Timestamp,
    at: i64,
}

/// Nothing acquires capacity while launching is paused, but for one probe at a time. What had acquired it before goes on.
pub(crate) fn acquired(sim: &Sim, wanted: &Held, before: &BeforeAcquiring, acquired: Acquired) {
    let arn = &wanted.execution;
    let BeforeAcquiring { pause, holds } = before;
    let (now, skew) = (sim.millis(), Duration::from_millis(sim.profile.skew.unsigned_abs()));
    if pause.is_some() {
        sim.count(format!("capacity wanted while launching is paused: {acquired:?}").split(" {").next().unwrap());
    }
    if *holds || !matches!(acquired, Acquired::Yes | Acquired::AsProbe) {
        return;
    }
    let at = sim.elapsed();
    sim.core().shadow.acquired.insert(arn.clone(), (at, wanted.since));
    let name = arn.name();
    drawn(sim, wanted);
    match (pause, acquired) {
        (Some(pause), Acquired::AsProbe) => {
            let probing = Probing { arn: arn.clone(), paused: pause.since, at: now };
            let last = {
                let mut core = sim.core();
                core.shadow.probes.insert(arn.clone());
                core.shadow.probing.replace(probing)
            };
            let time = i64::try_from(PROBE_TIME.as_millis()).unwrap() - 2 * sim.profile.skew;
            if !pause.is_automatic() {
                sim.violated("load", format!("{name} is the probe of an operator's pause"));
            }
            if let Some(last) = last.filter(|last| last.paused == pause.since && now - last.at < time) {
                sim.violated("load", format!("{name} is launched as a probe while {} is one", last.arn.name()));
            }
        }
        (Some(pause), _) if !pause.is_over(sim.now().plus(skew)) => {
            sim.violated("load", format!("{name} acquires capacity while launching is paused"));
        }
        _ => spent(sim, name),
    }
}

/// Nothing is launched while the AI's quota is used up: by what was asked of it, and by what those are expected to ask that hold
/// capacity.
fn drawn(sim: &Sim, wanted: &Held) {
    let (shard, now) = (wanted.shard, wanted.since);
    let mut core = sim.core();
    core.shadow.drawn.insert((wanted.execution.clone(), shard), wanted.clone());
    let known = core.shadow.quota_used_until.get(&shard).copied();
    let Some(bucket) = sim.capacity().room(shard, known).bucket else { return };
    core.stats.count("workflows launched within the AI's quota");
    core.shadow.quota_used_until.insert(shard, bucket.after(wanted.drawn, now).used_until.unwrap_or(now));
    drop(core);
    // What a function knows of a capacity that is just being changed is another share of the quota.
    if bucket.is_in_debt(now) && !sim.is_changed() {
        let name = wanted.execution.name();
        sim.violated("load", format!("{name} is launched while the AI's quota is used up until {known:?}"));
    }
}

/// How long a function may take between the moment that it goes by and the end of its calls, as far as checks allow for it.
const CALLS: Duration = Duration::from_secs(20);

/// What a workflow has asked the AI is settled with the release.
fn settled(sim: &Sim, release: &Release) {
    let found = sim.tables.state().executions.get(&release.execution).cloned();
    let mut core = sim.core();
    let key = (release.execution.clone(), release.shard);
    let Some(held) = core.shadow.drawn.remove(&key) else { return };
    let Some(until) = core.shadow.quota_used_until.get_mut(&release.shard) else { return };
    let settled = match &found {
        // When it was read it may not have ended yet.
        Some(execution) if execution.cancellation.is_some() => release.settled,
        _ if Holder::of(found.as_ref(), &held) == Holder::Surplus => -i64::try_from(held.drawn.as_millis()).unwrap(),
        _ => {
            let more = sim.capacity().settlement(&held, found.as_ref());
            // Of a debt of more than a minute the rest does not count: by the clock of the function, when it read the row.
            let of =
                |now| sim.capacity().room(release.shard, Some(*until)).bucket.map_or(more, |b| b.settled(more, now));
            let skew = Duration::from_millis(sim.profile.skew.unsigned_abs());
            release.settled.clamp(of(sim.now().minus(skew + CALLS)), of(sim.now().plus(skew)))
        }
    };
    *until = Timestamp::from_millis(until.as_millis() + settled);
}

/// Nothing is launched any more on a day whose amount is spent, unless an operator has ended the pause.
fn spent(sim: &Sim, name: &str) {
    let Some(most) = sim.profile.daily_cost.micro_usd() else { return };
    let margin = Duration::from_secs(5);
    let today = Day::of(sim.now());
    if Day::of(sim.now().minus(margin)) != today || Day::of(sim.now().plus(margin)) != today {
        return;
    }
    let spent = sim.tables.state().costs().get(&today).copied().unwrap_or_default();
    if sim.capacity().is_sharded() || sim.is_changed() {
        // Releases of the same moment in two shards do not see each other's costs: the next one does, or the reconciler.
        let at = sim.elapsed();
        let first = (spent >= most).then(|| *sim.core().shadow.spent.get_or_insert(at));
        if first.is_none_or(|first| at.saturating_sub(first) < AGREED_WITHIN) {
            return;
        }
    }
    if spent >= most && !sim.core().shadow.resumed.contains(&today) {
        sim.violated("load", format!("{name} is launched after {spent} of {most} were spent on {today}"));
    }
}

/// How long after the costs of all shards together have reached the amount of a day nothing is launched any more.
const AGREED_WITHIN: Duration = Duration::from_secs(150);

/// An operator has ended a pause.
pub(crate) fn resumed(sim: &Sim) {
    let today = Day::of(sim.now());
    sim.core().shadow.resumed.insert(today);
}

/// A workflow has released its capacity: its cost is counted once.
pub(crate) fn released(sim: &Sim, release: &Release) {
    let (counted, at) = (sim.tables.state().costs(), sim.elapsed());
    // Nothing tells what it was launched with from what was acquired after its end: ARCHITECTURE.md names that.
    let is_unmarked = |e: &Execution| e.admitted_at.is_none();
    let is_unmarked = sim.tables.state().executions.get(&release.execution).is_some_and(is_unmarked);
    settled(sim, release);
    let mut core = sim.core();
    let shadow = &mut core.shadow;
    if shadow.probing.as_ref().is_some_and(|probing| probing.arn == release.execution) {
        shadow.probing = None;
    }
    shadow.released.insert(release.execution.clone(), at);
    if let Some(cost) = release.cost.filter(|_| shadow.counted.insert(release.execution.clone()) || is_unmarked) {
        *shadow.costs.entry(cost.day).or_default() += cost.micro_usd;
    }
    // Days that are over are forgotten, in each shard when it is next written to.
    let today = Day::of(sim.now());
    let mut counted = counted.into_iter().filter(|(day, _)| !day.is_over(today));
    let wrong = counted.find(|(day, sum)| shadow.costs.get(day).copied().unwrap_or_default() != *sum);
    let truth = wrong.map(|(day, sum)| (day, sum, shadow.costs.get(&day).copied().unwrap_or_default()));
    drop(core);
    if let Some((day, counted, truth)) = truth {
        sim.violated("load", format!("{counted} are counted on {day}, and the workflows have cost {truth}"));
    }
}

/// For how long a workflow may hold capacity without being started: until the reconciler has announced it and the
/// announcement is processed.
const STALLED: Duration = Duration::from_secs(150);

/// A workflow that holds capacity is started, if calls succeed.
pub(crate) fn stalled(sim: &Sim) {
    let p = &sim.profile;
    if p.fail > 0.0 || p.crash > 0.0 || p.lose_event > 0.0 || sim.account.is_some() {
        return;
    }
    let works_since = p.outage.map_or(Duration::ZERO, |o| o.to);
    let Some(works) = sim.elapsed().checked_sub(works_since).filter(|_| sim.elapsed() >= works_since) else { return };
    let now = sim.now();
    let stalled = {
        let state = sim.tables.state();
        let waits = |arn| state.executions.get(arn).is_some_and(Execution::is_waiting);
        let mut long = state.held.iter().filter(|h| now.since(h.since).min(works) > STALLED && waits(&h.execution));
        long.next().map(|h| h.execution.clone())
    };
    if let Some(arn) = stalled {
        sim.violated("load", format!("{} holds capacity for long and is not started", arn.name()));
    }
}

/// For how long a workflow may wait although another shard has room for it: until the reconciler has announced it and the
/// announcement is processed.
const PASSED_OVER: Duration = Duration::from_secs(80);

/// A shard that has room, and for which nobody waits, gives to the others, if calls succeed.
pub(crate) fn passed_over(sim: &Sim) {
    let p = &sim.profile;
    if p.fail > 0.0 || p.crash > 0.0 || p.kill > 0.0 || p.lose_event > 0.0 || p.outage.is_some() || p.nth.is_some() {
        return;
    }
    let (at, capacity) = (sim.elapsed(), sim.capacity());
    if sim.account.is_some() || !capacity.is_sharded() {
        return;
    }
    let now = sim.now();
    let over: BTreeSet<_> = {
        let state = sim.tables.state();
        let is_used = |shard: Shard| capacity.room(shard, state.control(shard).quota_used_until).is_in_debt(now);
        let waiting: Vec<_> =
            state.waiting.iter().filter_map(|arn| state.executions.get(arn)).filter(|e| e.is_waiting()).collect();
        let is_idle = |shard: &Shard| waiting.iter().all(|e| e.shard != *shard);
        let room = |shard: Shard| capacity.of(shard).saturating_sub(in_use(&state.held_in(shard)));
        let used = capacity.shards().map(|shard| in_use(&state.held_in(shard))).sum::<u32>();
        // What was launched with a greater shard, before that was changed, may use the room of the others.
        let is_room = |_: &Shard| used < capacity.batches();
        let free = capacity.shards().filter(|shard| !is_used(*shard)).filter(is_idle).filter(is_room);
        let most = free.map(room).max().unwrap_or_default();
        let is_over = |e: &&&Execution| state.paused().is_none() && capacity.share(e.batch_count()) <= most;
        // One that is not wanted any more is not launched.
        let is_wanted = |e: &&&Execution| state.goals.get(&e.goal_id).is_some_and(|g| !g.head.status.is_closed());
        waiting.iter().filter(is_over).filter(is_wanted).map(|e| (e.execution_arn.clone(), e.shard)).collect()
    };
    // One that waits for a shard that there is no more is found when that shard is looked at.
    let within = |shard: Shard| if capacity.has(shard) { PASSED_OVER } else { former_within(capacity) + TICK };
    let mut core = sim.core();
    core.shadow.passed_over.retain(|waits, _| over.contains(waits));
    for waits in over {
        core.shadow.passed_over.entry(waits).or_insert(at);
    }
    let found = core
        .shadow
        .passed_over
        .iter()
        .find(|((_, shard), since)| at.saturating_sub(**since) > within(*shard))
        .map(|((arn, _), _)| arn.clone());
    drop(core);
    if let Some(arn) = found {
        sim.violated("load", format!("{} waits, and another shard has had room for it for long", arn.name()));
    }
}

/// The first of a shard's list is launched when there is room for it, also where the AI's quota is what it has waited for and nothing
/// ends or comes meanwhile, if calls succeed.
pub(crate) fn kept_waiting(sim: &Sim) {
    let p = &sim.profile;
    if p.fail > 0.0 || p.crash > 0.0 || p.kill > 0.0 || p.lose_event > 0.0 || p.outage.is_some() || p.nth.is_some() {
        return;
    }
    let (at, now, capacity) = (sim.elapsed(), sim.now(), sim.capacity());
    if sim.account.is_some() || sim.is_changed() {
        return;
    }
    let kept: BTreeSet<_> = {
        let state = sim.tables.state();
        let waiting = || state.waiting.iter().filter_map(|arn| state.executions.get(arn)).filter(|e| e.is_waiting());
        let first =
            |shard: Shard| waiting().filter(|e| e.shard == shard).min_by_key(|e| (e.turn, e.execution_arn.clone()));
        let fits = |e: &&Execution| {
            let room = capacity.room(e.shard, state.control(e.shard).quota_used_until);
            room.fits(in_use(&state.held_in(e.shard)), capacity.share(e.batch_count()), now)
        };
        let firsts = capacity.shards().filter_map(first).filter(fits).filter(|_| state.paused().is_none());
        firsts.map(|e| (e.execution_arn.clone(), e.shard)).collect()
    };
    let mut core = sim.core();
    core.shadow.kept_waiting.retain(|waits, _| kept.contains(waits));
    for waits in kept {
        core.shadow.kept_waiting.entry(waits).or_insert(at);
    }
    let is_long = |(_, since): &(_, &Duration)| at.saturating_sub(**since) > PASSED_OVER;
    let found = core.shadow.kept_waiting.iter().find(is_long).map(|((arn, _), _)| arn.clone());
    drop(core);
    if let Some(arn) = found {
        sim.violated("load", format!("{} waits, and there has been room for it for long", arn.name()));
    }
}

/// How long services may be out without a message becoming a dead letter.
const BORNE: Duration = Duration::from_secs(600);

/// A message is dead-lettered. This must not happen because of faults that last minutes only.
pub(crate) fn dead_letter(sim: &Sim, queue: Queue, body: &str) {
    let p = &sim.profile;
    let clean = p.fail == 0.0 && p.crash == 0.0 && p.kill == 0.0 && p.nth.is_none();
    let short = p.outage.is_none_or(|o| o.to.saturating_sub(o.from) < BORNE);
    // A batch lives for minutes only; forged messages are expected to be dead-lettered.
    if clean && short && queue != Queue::Batch && !body.contains("forge") {
        sim.violated("P7", format!("a message is given up: {}", body.chars().take(300).collect::<String>()));
    }
}

/// The capacity in use never exceeds the total.
pub(crate) fn capacity(sim: &Sim) {
    let capacities = [sim.profile.capacity].into_iter().chain(sim.profile.changed.map(|(_, capacity)| capacity));
    for shard in Shard::all() {
        // What runs when it is changed goes on.
        let most = capacities.clone().map(|capacity| capacity.of(shard)).max().unwrap_or_default();
        let held = in_use(&sim.tables.state().held_in(shard));
        if held > most {
            sim.violated("load", format!("{held} batches are held of {most} of shard {shard}"));
        }
    }
    let (held, most) = (in_use(&sim.tables.state().held), sim.profile.capacity.batches());
    if sim.profile.changed.is_none() {
        sim.core().stats.longest("% of the capacity in use".to_owned(), u64::from(held * 100 / most));
    }
}

/// Capacity is released for a workflow that no longer needs it.
pub(crate) fn given_back(sim: &Sim, arn: &ExecutionArn, shard: Shard) {
    let runs = {
        let state = sim.tables.state();
        let holds = state.held_in(shard).iter().any(|h| h.execution == *arn);
        // It may hold some in another shard beside what it runs with.
        let runs_with_it = |e: &Execution| e.admitted_at.is_none() || e.shard == shard;
        let open = |e: &Execution| !e.has_ended() && e.cancellation.is_none() && runs_with_it(e);
        holds && state.executions.get(arn).is_some_and(open)
    };
    if runs {
        sim.violated("load", format!("the capacity of {} is given back, and it has not ended", arn.name()));
    }
}

/// Without faults, the capacity of an ended workflow is released within moments, not only by the reconciler.
pub(crate) fn freed_by_reconciler(sim: &Sim, arn: &ExecutionArn) {
    let now = sim.now();
    let since_end = sim.tables.state().executions.get(arn).and_then(|e| Some(now.since(e.stop_date()?)));
    let late = since_end.is_some_and(|since| since > Duration::from_secs(20));
    if late && sim.profile.name == "calm" {
        sim.violated("load", format!("the capacity of {} was left to the reconciler", arn.name()));
    }
}

fn ledger(state: &State, shadow: &mut Shadow, arn: &ExecutionArn, index: u32, found: &mut Found) {
    let key = (arn.clone(), index);
    let now = state.ledgers.get(&key).cloned().unwrap_or_default();
    let name = arn.name();
    if let Some(before) = shadow.ledgers.get(&key) {
        if before.sealed && now != *before {
            found.push(("P4", format!("{name}/{index} has changed after its seal")));
        }
        for (action, outcome) in &before.outcomes {
            if now.outcomes.get(action) != Some(outcome) {
                found.push(("P3", format!("{name}/{index}: the outcome of {action} has changed")));
            }
        }
    }
    shadow.ledgers.insert(key, now);
}

fn commit_is_sound(core: &Core, execution: &Execution, commit: &ActionCommit<'_>, found: &mut Found) {
    let (name, action) = (execution.execution_arn.name(), commit.action);
    if !execution.action_ids.contains(action) {
        found.push(("P9", format!("{name} saves {action}, which it was not asked for")));
    }
    let attempts = match &commit.outcome {
        ActionOutcome::Succeeded { tasks, usage, .. } => {
            let numbers: BTreeSet<_> = commit.tasks.iter().map(|t| generation(&t.title)).collect();
            let whole = numbers.len() == 1 && numbers.first().map(|n| core.generations[*n]) == Some(*tasks);
            if !whole || commit.tasks.len() != *tasks {
                found.push(("P3", format!("{name} saves {action} with parts of generations {numbers:?}")));
            }
            usage.attempts
        }
        ActionOutcome::Failed(failure) => failure.usage.attempts,
    };
    if attempts > AI_ATTEMPTS {
        found.push(("P10", format!("{name} has asked {attempts} times for {action}")));
    }
}

/// Up to this number of tasks, all are compared at each write. With more, only those of the goal of the write.
const COMPARED_WHOLE: usize = 2_000;

/// Tasks change only by the commit of their action, or by the removal of a cancelled workflow's and of those whose
/// action is gone. Tasks that the user has finished or added are not changed.
fn tasks(state: &State, core: &mut Core, execution: &Execution, write: &Write<'_>, found: &mut Found) {
    if matches!(write, Write::Claim(..) | Write::Open(_) | Write::Seal(_)) {
        return;
    }
    let arn = &execution.execution_arn;
    let name = arn.name();
    let (mut replaced, mut changed) = (BTreeSet::new(), Vec::new());
    let all = state.tasks.len().max(core.shadow.tasks.len()) <= COMPARED_WHOLE;
    let compared = |key: &&(GoalId, String)| all || key.0 == execution.goal_id;
    for (key, task) in state.tasks.iter().filter(|(key, _)| compared(key)) {
        let before = core.shadow.tasks.get(key);
        if before == Some(task) {
            continue;
        }
        changed.push(key);
        let own = commit_of(write, &task.action_id);
        let (promise, what) = match write {
            _ if key.0 != execution.goal_id || task.goal_id != execution.goal_id => ("P9", "writes a foreign task"),
            Write::Commit(_, answers) if answers.contains(&Committed::Yes) && own.is_none() => {
                ("P3", "writes another action's task")
            }
            Write::Commit(..) if own.is_some_and(|c| !c.tasks.iter().any(|t| t.position == task.position)) => {
                ("P3", "writes a task that is not its own")
            }
            Write::Commit(..) if !id_is_derived(task, arn) => ("P3", "writes a task under a strange id"),
            Write::Commit(..) if before.is_some_and(|old| old.action_id != task.action_id) => {
                ("P3", "replaces another action's task")
            }
            Write::Commit(..) if before.is_some_and(is_of_the_user) => ("P3", "replaces what the user has done"),
            Write::Commit(..) if before.is_some() && !execution.regenerate => ("P3", "replaces a task"),
            Write::Commit(..) if own.is_some() => {
                if before.is_some() {
                    replaced.insert(task.action_id.clone());
                }
                continue;
            }
            _ => ("P3", "changes a task without a commit"),
        };
        found.push((promise, format!("{name} {what}: {} {}", key.0, key.1)));
    }
    let removed = core.shadow.tasks.iter().filter(|(key, _)| compared(key) && !state.tasks.contains_key(key));
    for (key, task) in removed {
        let gone = is_gone(&core.app, &task.goal_id, &task.action_id);
        let replacing = || core.shadow.replacing.contains(&(arn.clone(), task.action_id.clone()));
        let own = commit_of(write, &task.action_id);
        let (promise, what) = match write {
            Write::Remove if task.execution_arn != *arn => ("P9", "removes another workflow's task"),
            Write::Remove if gone => continue,
            Write::Remove if execution.cancellation.is_none() => ("P4", "removes tasks without a cancellation"),
            Write::Remove if replacing() => ("P3", "leaves neither the old nor the new tasks"),
            Write::Commit(_, answers) if answers.contains(&Committed::Yes) && own.is_none() => {
                ("P3", "removes another action's task")
            }
            Write::Commit(..) if !execution.regenerate => ("P3", "removes a task it may not replace"),
            Write::Commit(..) if is_of_the_user(task) => ("P3", "removes what the user has done"),
            Write::Remove => continue,
            Write::Commit(..) if own.is_some() => {
                replaced.insert(task.action_id.clone());
                continue;
            }
            _ => ("P3", "removes a task without reason"),
        };
        found.push((promise, format!("{name} {what}: {} {}", key.0, key.1)));
    }
    core.shadow.replacing.extend(replaced.into_iter().map(|action| (arn.clone(), action)));
    if !matches!(write, Write::Other) {
        let shadow = &mut core.shadow.tasks;
        shadow.retain(|key, _| !compared(&key) || state.tasks.contains_key(key));
        for key in changed {
            shadow.insert(key.clone(), state.tasks[key].clone());
        }
    }
}

/// What was saved of an action by a write.
fn commit_of<'a>(write: &'a Write<'a>, action: &ActionId) -> Option<&'a ActionCommit<'a>> {
    let Write::Commit(group, answers) = write else { return None };
    saved(group, answers).find(|commit| commit.action == action)
}

/// Returns `true` if it belongs to the user: finished, or added by the user.
fn is_of_the_user(task: &Task) -> bool {
    task.status == TaskStatus::Completed || !is_generated(task)
}

/// Returns `true` if an action is not part of its goal, or may have appeared so a moment ago.
fn is_gone(app: &App, goal: &GoalId, action: &ActionId) -> bool {
    app.gone.contains_key(&(goal.clone(), action.clone())) || app.rewritten.contains(goal)
}

/// Returns `true` if this workflow has generated the task: its id is derived, whatever its number.
fn id_is_derived(task: &Task, arn: &ExecutionArn) -> bool {
    let number = task.position.rsplit('#').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    let mut numbers = std::iter::once(number).chain(1..100);
    task.execution_arn == *arn && numbers.any(|n| task.task_id == TaskId::derived(arn, &task.action_id, n))
}

/// The read model only moves forward, and never changes after the end.
fn life(state: &State, sim: &Sim, core: &mut Core, now: &Execution, found: &mut Found) {
    let name = now.execution_arn.name();
    let before = core.shadow.executions.insert(now.execution_arn.clone(), now.clone());
    let progress = now.progress();
    if progress.processed > now.total_actions {
        found.push(("P6", format!("{name} has processed {} of {}", progress.processed, now.total_actions)));
    }
    for (index, batch) in now.batches.iter().filter(|_| !now.has_ended()) {
        let index = index.parse().unwrap_or(u32::MAX);
        let saved = state.ledgers.get(&(now.execution_arn.clone(), index)).map_or(0, |l| l.outcomes.len());
        if batch.processed() as usize > saved {
            found.push(("P6", format!("{name}/{index} shows {} outcomes, {saved} are saved", batch.processed())));
        }
    }
    if !now.has_ended() && progress.percentage >= 100 {
        found.push(("P6", format!("{name} is at 100 % before its end")));
    }
    if now.status() == Status::Aborted && progress.percentage >= 100 {
        found.push(("P6", format!("{name} was cancelled and shows 100 %")));
    }
    let Some(before) = before else { return };
    let earlier = before.progress();
    if progress.processed < earlier.processed || progress.percentage < earlier.percentage {
        found.push(("P6", format!("{name} goes back from {} to {}", earlier.processed, progress.processed)));
    }
    if before.has_ended() {
        let Execution { published_at, notified_at, archived_at, .. } = *now;
        let marks = Execution { published_at, notified_at, archived_at, ..before };
        if marks != *now {
            found.push(("P4", format!("{name} has changed after its end")));
        }
        return;
    }
    if before.status() == Status::Running && now.status() == Status::Pending {
        found.push(("P6", format!("{name} goes back to PENDING")));
    }
    if before.cancellation.is_some() && now.cancellation != before.cancellation {
        found.push(("P4", format!("{name} loses its cancellation")));
    }
    if now.has_ended() {
        late_end(sim, core, now, found);
        the_end(state, core, now, found);
    }
}

/// The end of an execution is recorded in time, also when no event reports it and other work waits.
fn late_end(sim: &Sim, core: &Core, now: &Execution, found: &mut Found) {
    let Some(ended) = core.machines.ended_at(&now.execution_arn).filter(|_| sim.profile.prompt) else { return };
    // Workers that still report delay its check: an operator's stop does not reach them.
    let reported = now.batches.values().map(|b| b.updated_at.as_millis()).max().unwrap_or(0);
    // So does a cancellation by event, which is a sign of life: the one of the API ends the workflow itself.
    let cancelled = now.cancellation.as_ref().map_or(0, |c| c.at.as_millis());
    let late = sim.millis() - ended.max(reported).max(cancelled);
    if late > i64::try_from(NOTICE_WITHIN.as_millis()).unwrap() {
        found.push(("P7", format!("the end of {} is recorded after {late} ms", now.execution_arn.name())));
    }
}

/// A workflow has just ended.
fn the_end(state: &State, core: &Core, now: &Execution, found: &mut Found) {
    let shadow = &core.shadow;
    let touched = core.app.has_touched(&now.goal_id);
    let (arn, name) = (&now.execution_arn, now.execution_arn.name());
    let key = |index| (arn.clone(), index);
    let ledgers: Vec<_> =
        (0..now.batch_count()).map(|i| state.ledgers.get(&key(i)).cloned().unwrap_or_default()).collect();
    if ledgers.iter().any(|l| !l.sealed) {
        found.push(("P4", format!("{name} ends before its ledger is sealed")));
    }
    let of_this = shadow.tasks.values().filter(|t| t.execution_arn == *arn);
    let with_tasks = of_this.map(|t| &t.action_id).collect::<BTreeSet<_>>().len();
    let tally = match now.status() {
        Status::Aborted => Tally::cancelled(&now.action_ids, &ledgers, &kept(&now.action_ids, &ledgers)),
        _ => Tally::at_end(&now.action_ids, &ledgers, &BTreeSet::new()),
    };
    let (counted, expected) = (
        (now.tally().map(|t| t.succeeded), now.tally().map(|t| t.failed_count())),
        (Some(tally.succeeded), Some(tally.failed_count())),
    );
    if touched {
        the_end_of_a_changed_goal(core, now, found);
    } else if counted != expected || u32::try_from(with_tasks) != Ok(tally.succeeded) {
        let what = format!("{name} ends with {counted:?}; its ledger has {expected:?}, {with_tasks} have tasks");
        found.push(("P6", what));
    }
    if !touched && now.failed_actions() != tally.failed {
        found.push(("P4", format!("{name} tells other failures than its ledger")));
    }
    if now.tally().map(|t| t.usage) != Some(tally.usage) {
        found
            .push(("P6", format!("{name} tells {:?}; its ledger has {:?}", now.tally().map(|t| t.usage), tally.usage)));
    }
    if now.status() != Status::Aborted && now.progress().processed != now.total_actions {
        found.push(("P6", format!("{name} ends with {} of {}", now.progress().processed, now.total_actions)));
    }
    if now.cancellation.is_some() != (now.status() == Status::Aborted) {
        found.push(("P4", format!("{name} ends as {} with cancellation {:?}", now.status(), now.cancellation)));
    }
}

/// Which of a goal's tasks the user has changed is not known here; the workflow's results must agree with the tables.
fn the_end_of_a_changed_goal(core: &Core, now: &Execution, found: &mut Found) {
    let (arn, name) = (&now.execution_arn, now.execution_arn.name());
    if now
        .tally()
        .map(|t| t.succeeded)
        .zip(now.tally().map(|t| t.failed_count()))
        .is_none_or(|(s, f)| s + f != now.total_actions)
    {
        let counted = (now.tally().map(|t| t.succeeded), now.tally().map(|t| t.failed_count()));
        found.push(("P6", format!("{name} ends with {counted:?} of {}", now.total_actions)));
    }
    let sealed = core.shadow.sealed.get(arn).copied();
    for task in core.shadow.tasks.values().filter(|t| t.execution_arn == *arn) {
        let action = &task.action_id;
        if now.failed_actions().iter().any(|f| f.action_id == *action) {
            found.push(("P6", format!("{name} tells that {action} failed, and it has tasks")));
        }
        // Deleted before the seal: a later sweep can detect it.
        let gone = core.app.gone.get(&(now.goal_id.clone(), action.clone()));
        if gone.zip(sealed).is_some_and(|(gone, sealed)| *gone < sealed) {
            found.push(("P6", format!("{name} leaves tasks of {action}, which is gone")));
        }
    }
}

/// After how many milliseconds no decision from an earlier state of a goal takes effect: the maximum duration of a run
/// of `launch`.
const DECIDED: i64 = 31_000;
/// The same for a worker, which checks just before it calls the AI.
const LOOKED: i64 = 5_000;

/// The actions of a cancelled workflow whose tasks have replaced others: these stay.
fn kept(actions: &[ActionId], ledgers: &[BatchLedger]) -> BTreeSet<ActionId> {
    let replaced =
        |id: &&ActionId| matches!(recorded(ledgers, id), Some(ActionOutcome::Succeeded { replaced: 1.., .. }));
    actions.iter().filter(replaced).cloned().collect()
}

/// The state machine has started an execution.
pub(crate) fn started(sim: &Sim, input: &ExecutionInput) {
    let name = input.execution_arn.name();
    let state = sim.tables.state();
    let (closed, changed) = {
        let core = sim.core();
        (core.app.closed_since(&input.goal_id), core.app.has_touched(&input.goal_id))
    };
    let goal = state.goals.get(&input.goal_id);
    let place = |a| goal.and_then(|g| g.action(a)).map(|a| a.position);
    let positions: Vec<_> = input.action_ids.iter().filter_map(place).collect();
    let ordered = positions.len() == input.action_ids.len() && positions.is_sorted();
    let execution = &state.executions[&input.execution_arn];
    let wanted = !execution.has_ended() && execution.cancellation.is_none();
    let held = state.held.iter().find(|h| h.execution == input.execution_arn).map(|h| h.since.as_millis());
    let unheld = wanted && held.is_none();
    let owner = goal.is_some_and(|g| g.head.user_id == input.user_id);
    let size = serde_json::to_string(input).unwrap().len();
    drop(state);
    if unheld {
        sim.violated("load", format!("{name} is started without capacity"));
    }
    // A workflow that held capacity by then may already run: its worker handles this.
    if closed.is_some_and(|since| held.unwrap_or(sim.millis()) - since > DECIDED) {
        sim.violated("P10", format!("{name} is started for a goal that was closed or deleted long ago"));
    }
    if !changed && !ordered {
        sim.violated("P8", format!("{name} is not in mandala order"));
    }
    if !changed && !owner {
        sim.violated("P9", format!("{name} runs for another user's goal"));
    }
    let twice = input.action_ids.iter().collect::<BTreeSet<_>>().len() < input.action_ids.len();
    if input.action_ids.len() > MAX_ACTIONS || twice {
        sim.violated("P10", format!("{name} has {} actions, some twice: {twice}", input.action_ids.len()));
    }
    if size > 8 * 1024 {
        sim.violated("P10", format!("{name} has an input of {size} bytes"));
    }
}

/// The workflow for which a worker asks the AI. Not known where it has batches of several for the same action.
pub(crate) fn subject(sim: &Sim, run: &Run, goal: &GoalId, action: &ActionId) -> Option<ExecutionArn> {
    let (all, state) = (run.subjects(), sim.tables.state());
    let is_of = |e: &Execution| e.goal_id == *goal && e.action_ids.contains(action);
    let asks = |arn: &&&ExecutionArn| all.len() == 1 || state.executions.get(**arn).is_some_and(is_of);
    let mut found = all.iter().filter(asks);
    let first = found.next();
    first.filter(|_| found.next().is_none()).map(|arn| ExecutionArn::clone(arn))
}

/// A worker gets a batch. One that is answered must not come again where nothing goes wrong.
pub(crate) fn delivered(sim: &Sim, batch: &BatchMessage) {
    if progress::HEALTHY.contains(&sim.profile.name) && machine::is_answered(sim, &batch.task_token) {
        let name = batch.execution_arn.name();
        sim.violated("P10", format!("{name}/{} is answered, and is delivered again", batch.batch_index));
    }
}

/// The AI is called.
pub(crate) fn asked(sim: &Sim, run: &Run, goal: &GoalId, action: &ActionId) {
    let Some(arn) = subject(sim, run, goal, action).filter(|_| sim.account.is_none()) else { return };
    let arn = &arn;
    if run.has_outcome_of(arn, action) {
        sim.violated("P10", format!("{} asks for {action}, whose outcome it knows", arn.name()));
    }
    let p = &sim.profile;
    // Where the goal cannot be read, also because an answer is lost, a worker acts on its last reading.
    let readable = p.fail == 0.0 && p.applied == 0.0 && p.stall == 0.0;
    let sound = readable && p.crash == 0.0 && p.nth.is_none() && p.outage.is_none();
    let unwanted = sim.core().app.unwanted_since(goal, action);
    if sound && unwanted.is_some_and(|since| sim.millis() - since > LOOKED) {
        sim.violated("P10", format!("{} asks for {action}, which the user has closed or removed", arn.name()));
    }
    let sealed = sim.core().shadow.sealed.get(arn).copied();
    if sim.profile.strict && sealed.is_some_and(|at| sim.millis() - at > NOTICED_AFTER) {
        sim.violated("P10", format!("{} asks for {action} long after its seal", arn.name()));
    }
    let (times, most) = {
        let mut core = sim.core();
        let most: u32 = core.queues.deliveries.iter().filter(|((a, _), _)| a == arn).map(|(_, n)| n).sum();
        let times = core.shadow.asked.entry((arn.clone(), action.clone())).or_default();
        *times += 1;
        (*times, most * AI_ATTEMPTS)
    };
    // One delivery is enough when nothing is delivered twice and no function dies.
    let calm = ["calm", "slow-ai", "losses"].contains(&sim.profile.name);
    let most = if calm { AI_ATTEMPTS } else { most };
    if times > most {
        sim.violated("P10", format!("{} has asked {times} times for {action}", arn.name()));
    }
}

/// An invocation claims the notice, at that time by its own clock.
pub(crate) fn notice_claimed(sim: &Sim, run: &Run, arn: &ExecutionArn, at: Timestamp) {
    let key = (arn.clone(), run.number());
    let noted = sim.tables.state().executions[arn].notified_at.is_some();
    sim.core().shadow.notice_claims.insert(key, (at.as_millis(), noted));
}

/// The notice could not be sent, as far as its sender knows: the next invocation may send it again at once.
pub(crate) fn notice_released(sim: &Sim, run: &Run, arn: &ExecutionArn, at: Timestamp) {
    let key = (arn.clone(), run.number());
    let claims = &mut sim.core().shadow.notice_claims;
    if claims.get(&key).is_some_and(|(claimed, _)| *claimed == at.as_millis()) {
        claims.remove(&key);
    }
}

/// The operators are notified. A second time only when the first sender died before recording it, and its claim had
/// expired when the second one claimed; or when the SDK or a slow network repeats a sent notice.
pub(crate) fn notified(sim: &Sim, run: &Run, execution: &Execution) {
    let (arn, now) = (&execution.execution_arn, sim.millis());
    let lease = i64::try_from(NOTICE_LEASE.as_millis()).unwrap();
    let (again, late) = {
        let mut core = sim.core();
        let claim_of = |core: &Core, run: u32| core.shadow.notice_claims.get(&(arn.clone(), run)).copied();
        let (times, teller) = core.shadow.notices.get(arn).copied().unwrap_or_default();
        core.shadow.notices.insert(arn.clone(), (times + 1, run.number()));
        let (own, first) = (claim_of(&core, run.number()), claim_of(&core, teller));
        let again = times > 0
            && teller != run.number()
            && own.zip(first).is_some_and(|((own, noted), (first, _))| {
                // A slow sender that has lost its claim may be late.
                now - own < lease - 2 * sim.profile.skew && (noted || own - first < lease)
            });
        (again, core.machines.ended_at(arn).filter(|_| times == 0).map(|end| now - end))
    };
    if let (true, Some(late)) = (sim.profile.prompt, late) {
        sim.core().stats.longest(format!("ms to a notice, {}", sim.profile.name), late.unsigned_abs());
        if late > i64::try_from(NOTICE_WITHIN.as_millis()).unwrap() {
            sim.violated("P7", format!("the operators are told of {} after {late} ms", arn.name()));
        }
    }
    if again {
        sim.violated("P2", format!("the operators are told again of {}", arn.name()));
    }
}

/// The key under which the request of a service is recorded.
pub(crate) fn service_request(source: &str, event_id: EventId) -> String {
    keys::request(&RequestKey::Service { source: source.to_owned(), event_id })
}

/// An event is put on the bus.
pub(crate) fn published(sim: &Sim, event: &Event) {
    if let Event::Progressed(report) = event {
        progress::reported(sim, report);
    }
}

/// A function is about to publish an event. No rejection is for an accepted request. While the call is under way another
/// delivery of the same request may be accepted: that is not promised (docs/RELIABILITY.md).
pub(crate) fn publishing(sim: &Sim, event: &Event) {
    if let Event::Progressed(report) = event {
        reporting(sim, report);
    }
    let Event::Rejected(rejected) = event else { return };
    let Some(RequestRef { source, event_id }) = rejected.request.clone() else { return };
    // Of months ago nothing is known any more.
    if !sim.core().asked.contains_key(&(source.clone(), event_id.to_string())) {
        return;
    }
    // Under one id may come different requests, each with a correlation id of its own.
    let accepted = {
        let state = sim.tables.state();
        let recorded = state.requests.get(&service_request(&source, event_id));
        let execution = recorded.and_then(|request| state.executions.get(&request.accepted.execution));
        execution.map(|execution| execution.correlation_id == rejected.correlation_id)
    };
    let fits = match rejected.reason {
        RejectionReason::RequestIdReused => accepted == Some(false),
        _ => accepted != Some(true),
    };
    if !fits {
        sim.violated(
            "P2",
            format!(
                "{} is rejected as {}, which does not fit what was accepted",
                rejected.request_event_id, rejected.reason
            ),
        );
    }
}

/// A report is what the ledger holds, or held.
fn reporting(sim: &Sim, report: &BatchProgressed) {
    let key = (report.execution_arn.clone(), report.batch_index);
    let Some(ledger) = sim.tables.state().ledgers.get(&key).cloned() else { return };
    let told = report.succeeded_actions as usize + report.failed_actions.len();
    let saved = ledger.outcomes.len();
    if report.sequence > ledger.sequence || (report.sequence == ledger.sequence) != (told == saved) {
        let (name, index) = (key.0.name(), key.1);
        let what = format!(
            "{name}/{index} reports {told} outcomes as {}, and its ledger has {saved} as {}",
            report.sequence, ledger.sequence
        );
        sim.violated("P6", what);
    }
}
