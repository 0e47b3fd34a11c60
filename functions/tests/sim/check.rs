//! What must hold at every write, whoever makes it: the tables are compared with what they held before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use goal_activity_core::admission::in_use;
use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::keys;
use goal_activity_core::ledger::{ActionOutcome, BatchLedger, Tally, recorded};
use goal_activity_core::limits::{NOTICE_LEASE, NOTICE_WITHIN};
use goal_activity_core::ports::{ActionCommit, Claim, Claimed, Committed, Event, ExecutionInput, RequestKey};
use goal_activity_core::task::Task;
use goal_activity_events::{ActionId, EventId, ExecutionArn, GoalId, TaskId, Timestamp, UserId};
use goal_activity_functions::memory::State;

use crate::ai::generation;
use crate::archive;
use crate::lambda::Run;
use crate::world::{Core, Sim};

/// How often the AI may be asked for one action.
pub(crate) const AI_ATTEMPTS: u32 = 3;
/// How many workflows of one user may be open at once.
pub(crate) const RUNNING_AT_MOST: usize = 10;
/// After how many milliseconds a worker has noticed that nobody wants its work: two signs of life, in case one fails.
const NOTICED_AFTER: i64 = 45_000;

/// The tables as they were.
#[derive(Default)]
pub(crate) struct Shadow {
    pub(crate) tasks: BTreeMap<(GoalId, String), Task>,
    executions: BTreeMap<ExecutionArn, Execution>,
    ledgers: BTreeMap<(ExecutionArn, u32), BatchLedger>,
    /// Since when which workflow's ledger is sealed.
    sealed: BTreeMap<ExecutionArn, i64>,
    /// As what each request was accepted: by what it is remembered under.
    pub(crate) requests: BTreeMap<String, ExecutionArn>,
    /// Who has taken the telling of the operators upon itself, when, and whether they were told already: by workflow and
    /// invocation.
    notice_claims: BTreeMap<(ExecutionArn, u32), (i64, bool)>,
    /// How often the operators were told, and by which invocation last.
    pub(crate) notices: BTreeMap<ExecutionArn, (u32, u32)>,
    /// How often the AI was asked.
    asked: BTreeMap<(ExecutionArn, ActionId), u32>,
}

/// What somebody has just written about a workflow.
pub(crate) enum Write<'a> {
    Claim(&'a Claim, &'a Claimed),
    Open(u32),
    Commit(&'a ActionCommit<'a>, Committed),
    Seal(u32),
    Remove,
    Other,
}

/// What is broken: the promise, and how.
pub(crate) type Found = Vec<(&'static str, String)>;

/// Checks everything that a write about this workflow may have touched.
pub(crate) fn observe(sim: &Sim, arn: &ExecutionArn, write: &Write<'_>) {
    if sim.account.is_some() {
        // Thousands at once, of which nothing is done twice or lost: what is checked there is how they end.
        return;
    }
    let mut found = Found::new();
    {
        let state = sim.tables.state();
        let mut core = sim.core();
        let Some(execution) = state.executions.get(arn) else { return };
        one_at_a_time(&state, execution, &mut found);
        if let Write::Claim(claim, Claimed::Yes) = write {
            claimed(&mut core, claim, &mut found);
        }
        if let Write::Seal(_) = write {
            core.shadow.sealed.entry(arn.clone()).or_insert_with(|| sim.millis());
        }
        if let Write::Open(index) | Write::Seal(index) = write {
            ledger(&state, &mut core.shadow, arn, *index, &mut found);
        }
        if let Write::Commit(commit, committed) = write {
            ledger(&state, &mut core.shadow, arn, commit.batch_index, &mut found);
            if *committed == Committed::Yes {
                commit_is_sound(&core, execution, commit, &mut found);
            }
        }
        tasks(&state, &mut core.shadow, execution, write, &mut found);
        life(&state, &mut core.shadow, execution, &mut found);
        archive::check(&state, execution, &mut found);
    }
    for (promise, what) in found {
        sim.violated(promise, what);
    }
}

fn one_at_a_time(state: &State, execution: &Execution, found: &mut Found) {
    let goal = &execution.goal_id;
    let of_goal = state.executions.values().filter(|e| e.goal_id == *goal && e.status.ended().is_none());
    let open: BTreeSet<_> = of_goal.map(|e| &e.execution_arn).collect();
    let claim = state.goals.get(goal).and_then(|g| g.head.claimed_by.as_ref()?.execution());
    if open.len() > 1 || open.first().copied() != claim.as_ref() {
        let (names, claim): (Vec<_>, _) = (open.iter().map(|a| a.name()).collect(), claim.as_ref().map(|c| c.name()));
        found.push(("P1", format!("{goal} has open workflows {names:?} and is claimed by {claim:?}")));
    }
}

fn claimed(core: &mut Core, claim: &Claim, found: &mut Found) {
    let name = claim.execution.execution_arn.name();
    if core.shadow.executions.contains_key(&claim.execution.execution_arn) {
        found.push(("P2", format!("{name} is claimed again")));
    }
    // The API makes an id of its own for each call without a key.
    let call = || claim.execution.request_id.to_string();
    let key = claim.request.as_ref().map_or_else(call, |r| keys::request(&r.key));
    if let Some(other) = core.shadow.requests.insert(key, claim.execution.execution_arn.clone()) {
        found.push(("P2", format!("{name} is for the same request as {}", other.name())));
    }
}

/// A user has as many workflows open as may be and no more, and is refused another for no other reason.
pub(crate) fn room(sim: &Sim, claim: &Claim, claimed: &Claimed) {
    let user = &claim.execution.user_id;
    let open = open_of(sim, user);
    match claimed {
        Claimed::Yes if open > RUNNING_AT_MOST => sim.violated("P10", format!("{user} has {open} workflows open")),
        Claimed::MoreOpen if open <= claim.open_before => {
            sim.violated("P10", format!("{user} is refused a workflow and has {open} open"));
        }
        _ => {}
    }
}

/// How many workflows of a user are open.
fn open_of(sim: &Sim, user: &UserId) -> usize {
    let state = sim.tables.state();
    state.executions.values().filter(|e| e.user_id == *user && e.status.ended().is_none()).count()
}

/// What is counted of a user's open workflows is what is there.
pub(crate) fn counted(sim: &Sim, user: &UserId, count: usize) {
    let open = open_of(sim, user);
    if count >= RUNNING_AT_MOST {
        sim.count("starts refused, for so many are running");
    }
    if count != open {
        sim.violated("P10", format!("{user} counts as one with {count} open workflows and has {open}"));
    }
}

/// Never more is held than there is.
pub(crate) fn capacity(sim: &Sim) {
    let (held, most) = (in_use(&sim.tables.state().held), sim.profile.capacity.batches());
    sim.core().stats.longest("% of the capacity in use".to_owned(), u64::from(held * 100 / most));
    if held > most {
        sim.violated("load", format!("{held} batches are held of {most}"));
    }
}

/// What an end frees is free within moments, not only when the reconciler comes, where nothing goes wrong.
pub(crate) fn freed_by_reconciler(sim: &Sim, arn: &ExecutionArn) {
    let now = sim.now();
    let since_end = sim.tables.state().executions.get(arn).and_then(|e| Some(now.since(e.stop_date?)));
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

/// Tasks change only by the commit of their action, or by the removal of a cancelled workflow's.
fn tasks(state: &State, shadow: &mut Shadow, execution: &Execution, write: &Write<'_>, found: &mut Found) {
    if matches!(write, Write::Claim(..) | Write::Open(_) | Write::Seal(_)) {
        return;
    }
    let arn = &execution.execution_arn;
    let name = arn.name();
    for (key, task) in &state.tasks {
        if shadow.tasks.get(key) == Some(task) {
            continue;
        }
        let (promise, what) = match write {
            _ if key.0 != execution.goal_id || task.goal_id != execution.goal_id => ("P9", "writes a foreign task"),
            Write::Commit(c, Committed::Yes) if *c.action != task.action_id => ("P3", "writes another action's task"),
            Write::Commit(c, Committed::Yes) if !c.tasks.iter().any(|t| t.position == task.position) => {
                ("P3", "writes a task that is not its own")
            }
            Write::Commit(..) if !id_is_derived(task, arn) => ("P3", "writes a task under a strange id"),
            Write::Commit(..) if replaced_needlessly(shadow, key, execution) => ("P3", "replaces a task"),
            Write::Commit(_, Committed::Yes) => continue,
            _ => ("P3", "changes a task without a commit"),
        };
        found.push((promise, format!("{name} {what}: {} {}", key.0, key.1)));
    }
    for (key, task) in shadow.tasks.iter().filter(|(key, _)| !state.tasks.contains_key(key)) {
        let (promise, what) = match write {
            Write::Remove if task.execution_arn != *arn => ("P9", "removes another workflow's task"),
            Write::Remove if execution.cancellation.is_none() => ("P4", "removes tasks without a cancellation"),
            Write::Commit(c, Committed::Yes) if *c.action != task.action_id => ("P3", "removes another action's task"),
            Write::Commit(..) if !execution.regenerate => ("P3", "removes a task it may not replace"),
            Write::Remove | Write::Commit(_, Committed::Yes) => continue,
            _ => ("P3", "removes a task without reason"),
        };
        found.push((promise, format!("{name} {what}: {} {}", key.0, key.1)));
    }
    if !matches!(write, Write::Other) {
        shadow.tasks.clone_from(&state.tasks);
    }
}

fn id_is_derived(task: &Task, arn: &ExecutionArn) -> bool {
    let number = task.position.rsplit('#').next().and_then(|n| n.parse().ok()).unwrap_or(0);
    task.execution_arn == *arn && task.task_id == TaskId::derived(arn, &task.action_id, number)
}

fn replaced_needlessly(shadow: &Shadow, key: &(GoalId, String), execution: &Execution) -> bool {
    !execution.regenerate && shadow.tasks.contains_key(key)
}

/// The read model only moves forward, and not at all after the end.
fn life(state: &State, shadow: &mut Shadow, now: &Execution, found: &mut Found) {
    let name = now.execution_arn.name();
    let before = shadow.executions.insert(now.execution_arn.clone(), now.clone());
    let progress = now.progress();
    if progress.processed > now.total_actions {
        found.push(("P6", format!("{name} has processed {} of {}", progress.processed, now.total_actions)));
    }
    if now.status.ended().is_none() && progress.percentage >= 100 {
        found.push(("P6", format!("{name} is at 100 % before its end")));
    }
    let Some(before) = before else { return };
    let earlier = before.progress();
    if progress.processed < earlier.processed || progress.percentage < earlier.percentage {
        found.push(("P6", format!("{name} goes back from {} to {}", earlier.processed, progress.processed)));
    }
    if before.status.ended().is_some() {
        let Execution { published_at, notified_at, archived_at, .. } = *now;
        let marks = Execution { published_at, notified_at, archived_at, ..before };
        if marks != *now {
            found.push(("P4", format!("{name} has changed after its end")));
        }
        return;
    }
    if before.status == Status::Running && now.status == Status::Pending {
        found.push(("P6", format!("{name} goes back to PENDING")));
    }
    if before.cancellation.is_some() && now.cancellation != before.cancellation {
        found.push(("P4", format!("{name} loses its cancellation")));
    }
    if now.status.ended().is_some() {
        the_end(state, shadow, now, found);
    }
}

/// A workflow has just ended.
fn the_end(state: &State, shadow: &Shadow, now: &Execution, found: &mut Found) {
    let (arn, name) = (&now.execution_arn, now.execution_arn.name());
    let key = |index| (arn.clone(), index);
    let ledgers: Vec<_> =
        (0..now.batch_count()).map(|i| state.ledgers.get(&key(i)).cloned().unwrap_or_default()).collect();
    if ledgers.iter().any(|l| !l.sealed) {
        found.push(("P4", format!("{name} ends before its ledger is sealed")));
    }
    let of_this = shadow.tasks.values().filter(|t| t.execution_arn == *arn);
    let with_tasks = of_this.map(|t| &t.action_id).collect::<BTreeSet<_>>().len();
    let tally = match now.status {
        Status::Aborted => Tally::cancelled(&now.action_ids, &ledgers, &kept(&now.action_ids, &ledgers)),
        _ => Tally::at_end(&now.action_ids, &ledgers, &BTreeSet::new()),
    };
    let (counted, expected) =
        ((now.succeeded_actions, now.failed_count), (Some(tally.succeeded), Some(tally.failed_count())));
    if counted != expected || u32::try_from(with_tasks) != Ok(tally.succeeded) {
        let what = format!("{name} ends with {counted:?}; its ledger has {expected:?}, {with_tasks} have tasks");
        found.push(("P6", what));
    }
    if now.failed_actions != tally.failed {
        found.push(("P4", format!("{name} tells other failures than its ledger")));
    }
    if now.usage != Some(tally.usage) {
        found.push(("P6", format!("{name} tells {:?}; its ledger has {:?}", now.usage, tally.usage)));
    }
    if now.progress().processed != now.total_actions {
        found.push(("P6", format!("{name} ends with {} of {}", now.progress().processed, now.total_actions)));
    }
    if now.cancellation.is_some() != (now.status == Status::Aborted) {
        found.push(("P4", format!("{name} ends as {} with cancellation {:?}", now.status, now.cancellation)));
    }
}

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
    let goal = &state.goals[&input.goal_id];
    let positions: Vec<_> = input.action_ids.iter().filter_map(|a| goal.action(a)).map(|a| a.position).collect();
    let ordered = positions.len() == input.action_ids.len() && positions.is_sorted();
    let execution = &state.executions[&input.execution_arn];
    let wanted = execution.status.ended().is_none() && execution.cancellation.is_none();
    let unheld = wanted && !state.held.iter().any(|h| h.execution == input.execution_arn);
    let (size, owner) = (serde_json::to_string(input).unwrap().len(), goal.head.user_id == input.user_id);
    drop(state);
    if unheld {
        sim.violated("load", format!("{name} is started without capacity"));
    }
    if !ordered {
        sim.violated("P8", format!("{name} is not in mandala order"));
    }
    if !owner {
        sim.violated("P9", format!("{name} runs for another user's goal"));
    }
    if size > 8 * 1024 {
        sim.violated("P10", format!("{name} has an input of {size} bytes"));
    }
}

/// The AI is asked.
pub(crate) fn asked(sim: &Sim, run: &Run, action: &ActionId) {
    let Some(arn) = run.subject().filter(|_| sim.account.is_none()) else { return };
    if run.has_outcome_of(action) {
        sim.violated("P10", format!("{} asks for {action}, whose outcome it knows", arn.name()));
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
    // One delivery is enough where nothing is delivered twice and nobody dies.
    let calm = ["calm", "slow-ai", "losses"].contains(&sim.profile.name);
    let most = if calm { AI_ATTEMPTS } else { most };
    if times > most {
        sim.violated("P10", format!("{} has asked {times} times for {action}", arn.name()));
    }
}

/// Somebody takes the telling of the operators upon itself, at that moment by its own clock.
pub(crate) fn notice_claimed(sim: &Sim, run: &Run, arn: &ExecutionArn, at: Timestamp) {
    let key = (arn.clone(), run.number());
    let noted = sim.tables.state().executions[arn].notified_at.is_some();
    sim.core().shadow.notice_claims.insert(key, (at.as_millis(), noted));
}

/// The notice could not be sent, as far as its sender knows: whoever comes next may send it again at once.
pub(crate) fn notice_released(sim: &Sim, run: &Run, arn: &ExecutionArn, at: Timestamp) {
    let key = (arn.clone(), run.number());
    let claims = &mut sim.core().shadow.notice_claims;
    if claims.get(&key).is_some_and(|(claimed, _)| *claimed == at.as_millis()) {
        claims.remove(&key);
    }
}

/// The operators are told. A second time only when the first teller did not live to note it, and its claim had run out when
/// the second one claimed; or when the SDK or a slow network repeats what one teller has sent.
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
                // One that is slow and has lost its claim may come late.
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

/// Under what the request of a service is remembered.
pub(crate) fn service_request(source: &str, event_id: EventId) -> String {
    keys::request(&RequestKey::Service { source: source.to_owned(), event_id })
}

/// An event is put on the bus. Whose request was accepted is not told that it was rejected.
pub(crate) fn published(sim: &Sim, event: &Event) {
    let Event::Rejected(rejected) = event else { return };
    let accepted = {
        let (core, state) = (sim.core(), sim.tables.state());
        let asked = core.asked.iter().map(|(source, event)| (source, event.parse::<EventId>().unwrap()));
        let mut of_this = asked.filter(|(source, event)| event.rejection(source) == rejected.event_id);
        of_this.any(|(source, event)| state.requests.contains_key(&service_request(source, event)))
    };
    if accepted {
        sim.violated("P2", format!("{} is accepted and then rejected", rejected.request_event_id));
    }
}
