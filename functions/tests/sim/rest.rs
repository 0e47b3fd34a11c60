//! Invariants at the end, when no work is in progress.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use goal_activity_core::execution::{Execution, Status};
use goal_activity_core::facts::Fact;
use goal_activity_core::goal::{Action, Goal, GoalStatus};
use goal_activity_core::keys;
use goal_activity_core::ledger::ActionOutcome;
use goal_activity_core::pause::Verdict;
use goal_activity_core::ports::Event;
use goal_activity_core::task::{Task, TaskStatus};
use goal_activity_events::{ActionId, ExecutionArn, FailedAction, FailureCode, RequestRef, WorkflowCompleted};
use goal_activity_functions::adapters::memory::State;

use crate::ai::generation;
use crate::api::UNAVAILABLE;
use crate::app::is_generated;
use crate::backlog;
use crate::charts;
use crate::check::service_request;
use crate::machine::{ANSWERED, HEARTBEAT_RETRIES};
use crate::people::wish;
use crate::queues::MAX_RECEIVES;
use crate::world::{Core, Sim};

/// The faults after which a write may be made without the caller's knowledge.
const LOSES: [&str; 8] = [
    // The API has given up while a call was under way.
    UNAVAILABLE,
    "fault: the one call",
    "died:",
    "killed:",
    "fault: a call fails though",
    "fault: a call is done twice",
    "fault: a service is out",
    "fault: a service hangs",
];

/// Failures that the user has caused: operators are not notified of them.
const BY_USER: [&str; 4] = ["ACTION_GONE", "GOAL_CLOSED", "CANCELLED", "TASKS_EXIST"];

type Found = Vec<(&'static str, String)>;

/// Returns `true` if any work is still in progress.
pub(crate) fn is_at_rest(sim: &Sim) -> bool {
    let still = {
        let core = sim.core();
        core.in_flight == 0 && core.busy == 0 && core.queues.is_empty() && core.machines.all_ended()
    };
    let state = sim.tables.state();
    still && state.held.is_empty() && state.executions.values().all(|e| e.is_complete())
}

/// Checks the end of a run.
pub(crate) fn check(sim: &Sim, rested: bool) {
    let mut found = Found::new();
    let mut fallen = None;
    {
        let state = sim.tables.state();
        let core = sim.core();
        let mut all: Vec<_> = state.executions.values().filter(|e| !backlog::has(&e.goal_id)).collect();
        // In the order of their claims. Their start dates are from inexact clocks: a later one may have an earlier
        // time.
        all.sort_by_key(|e| (claim(&e.execution_arn), e.execution_arn.clone()));
        if !rested {
            let (in_flight, busy, held) = (core.in_flight, core.busy, state.held.len());
            found.push(("P7", format!("no rest: {in_flight} in flight, {busy} busy, {held} hold capacity")));
        }
        every_request(&state, &core, &mut found);
        for execution in &all {
            told(&state, &core, execution, &mut found);
            let touched = core.app.has_touched(&execution.goal_id);
            if sim.profile.strict && !touched && !core.excused.contains(&execution.execution_arn) {
                all_that_could_be(&state, &core, execution, &mut found);
            }
        }
        let mut goals: Vec<_> = state.goals.values().collect();
        goals.sort_by_key(|g| &g.head.goal_id);
        for goal in goals {
            let of_goal: Vec<_> = all.iter().copied().filter(|e| e.goal_id == goal.head.goal_id).collect();
            if core.app.has_touched(&goal.head.goal_id) {
                changed_goal(&state, &core, goal, &mut found);
                continue;
            }
            goal_is_free(&state, &core, goal, &of_goal, &mut found);
            found.extend(charts::at_rest(&state, &core, goal).map(|what| ("chart", what)));
            tasks(&state, &core, goal, &of_goal, &mut found);
        }
        // What an operator resumes is launched, whatever the AI does.
        if let Some(down) = sim.profile.ai_down.filter(|_| !sim.profile.pauses) {
            fallen = Some(spared(&core, down, &all, &mut found));
        }
        bounds(&core, &mut found);
        counts(&state, &core, &mut found);
    }
    for (promise, what) in found {
        sim.violated(promise, what);
    }
    if let Some(Fallen { workflows, probes, unnoticed }) = fallen {
        sim.count(format!("AI down: {unnoticed} workflows launched before it was noticed"));
        let mut core = sim.core();
        core.stats.longest("workflows that an AI that is down has cost".to_owned(), workflows as u64);
        core.stats.longest("of them probes".to_owned(), probes as u64);
    }
    for execution in sim.tables.state().executions.values() {
        sim.count(format!("workflow {}", execution.status()));
    }
}

/// What an AI that is down has cost.
struct Fallen {
    workflows: usize,
    probes: usize,
    /// How many were launched after it went down and before a workflow's end showed that.
    unnoticed: usize,
}

/// An AI that is down costs the workflows that were launched before the end of one shows it, and no others but probes.
fn spared(core: &Core, down: (Duration, Duration), all: &[&Execution], found: &mut Found) -> Fallen {
    let by_the_ai = |e: &&&Execution| e.failed_actions().iter().any(|f| f.code == FailureCode::AiUnavailable);
    let fallen: Vec<_> = all.iter().filter(by_the_ai).collect();
    let arns = || fallen.iter().map(|e| &e.execution_arn);
    let says = |e: &Execution, verdict| e.end.as_ref().is_some_and(|end| Verdict::of(end) == verdict);
    let released = |e: &Execution| core.shadow.released.get(&e.execution_arn);
    let acquired = |arn: &ExecutionArn| core.shadow.acquired.get(arn).copied();
    let began = |e: &Execution| acquired(&e.execution_arn).map(|(_, since)| since);
    // The AI has worked for one that began later, as far as the functions' clocks tell, and ended before.
    let is_doubted = |e: &Execution| {
        let works = |other: &&&Execution| says(other, Verdict::Works) && released(other) < released(e);
        all.iter().filter(works).any(|other| began(other) > began(e))
    };
    let tells = |e: &&&&Execution| says(e, Verdict::Down) && !is_doubted(e);
    let known_at = fallen.iter().filter(tells).filter_map(|e| core.shadow.released.get(&e.execution_arn)).min();
    let is_probe = |arn: &&ExecutionArn| core.shadow.probes.contains(*arn);
    let launched = |arn: &ExecutionArn| acquired(arn).map(|(at, _)| at).unwrap_or_default();
    for arn in arns().filter(|arn| !is_probe(arn) && known_at.is_some_and(|at| launched(arn) > *at)) {
        found.push(("load", format!("{} is launched though the AI is known to be down", arn.name())));
    }
    let unnoticed = arns().filter(|arn| !is_probe(arn) && launched(arn) > down.0).count();
    Fallen { workflows: fallen.len(), probes: arns().filter(is_probe).count(), unnoticed }
}

/// Returns the number of a workflow's claim on its goal, from 1: its name ends with that.
fn claim(arn: &ExecutionArn) -> u64 {
    arn.name().rsplit('-').next().and_then(|n| n.parse().ok()).expect("a name that ends with a number")
}

fn every_request(state: &State, core: &Core, found: &mut Found) {
    for arn in &core.accepted {
        if !state.executions.contains_key(arn) {
            found.push(("P7", format!("{} was accepted and is gone", arn.name())));
        }
    }
    for ((source, event), wishes) in &core.asked {
        let request = RequestRef { source: source.clone(), event_id: event.parse().unwrap() };
        if core.queues.dead.iter().any(|(_, body)| body.contains(event.as_str())) {
            continue;
        }
        let mut acceptances = 0;
        for number in 0..wishes.len() {
            let wish = Some(wish(number));
            let rejected = |e: &Event| matches!(e, Event::Rejected(r) if r.request.as_ref() == Some(&request) && r.correlation_id == wish);
            let accepted =
                |e: &Event| matches!(e, Event::Accepted(a) if a.request == request && a.correlation_id == wish);
            let is_accepted = state.events.iter().any(accepted);
            acceptances += u32::from(is_accepted);
            if !is_accepted && !state.events.iter().any(rejected) {
                found.push(("P7", format!("the request {event} of {source} has no answer")));
            }
        }
        let recorded = state.requests.contains_key(&service_request(source, request.event_id));
        if acceptances != u32::from(recorded) {
            found.push(("P2", format!("the request {event} of {source} is accepted {acceptances} times")));
        }
    }
    for ((source, event), arn) in &core.followed_up {
        let request = RequestRef { source: source.clone(), event_id: event.parse().unwrap() };
        let accepted = state.events.iter().any(|e| matches!(e, Event::Accepted(a) if a.request == request));
        let rejected =
            state.events.iter().any(|e| matches!(e, Event::Rejected(r) if r.request.as_ref() == Some(&request)));
        let dead = core.queues.dead.iter().any(|(_, body)| body.contains(event.as_str()));
        if !accepted && !rejected && !dead {
            found.push(("P7", format!("{event} of {source} has no answer")));
        }
        if accepted && state.executions.get(arn).is_some_and(|e| e.request_source.as_ref() != Some(source)) {
            found.push(("P9", format!("{event} of {source}, which has not asked for it, is accepted")));
        }
    }
    for input in core.machines.inputs() {
        if !state.executions.contains_key(&input.execution_arn) {
            found.push(("P2", format!("{} runs for no request", input.execution_arn.name())));
        }
    }
}

/// The end is published and notified, under one id and with one content.
fn told(state: &State, core: &Core, execution: &Execution, found: &mut Found) {
    let (arn, name) = (&execution.execution_arn, execution.execution_arn.name());
    if !execution.is_complete() {
        let (told, archived) = (execution.is_reported(), execution.archived_at.is_some());
        found.push(("P7", format!("{name} is {}, told: {told}, archived: {archived}", execution.status())));
        return;
    }
    // A workflow that is not launched because its goal was closed counts as cancelled.
    let wanted = !core.unwanted.contains(arn) && !core.app.has_touched(&execution.goal_id);
    if execution.status() == Status::Aborted && wanted {
        found.push(("P7", format!("{name} was aborted, and nobody wanted that")));
    }
    let completed = |e: &'_ Event| if let Event::Completed(c) = e { Some(c.clone()) } else { None };
    let told: Vec<_> = state.events.iter().filter_map(completed).filter(|c| c.execution_arn == *arn).collect();
    let id = WorkflowCompleted::event_id_for(arn);
    if told.is_empty() {
        found.push(("P7", format!("the end of {name} was not published")));
    }
    if told.iter().any(|c| c.event_id != id || *c != told[0]) {
        found.push(("P7", format!("the end of {name} was told in different ways")));
    }
    let failed = matches!(execution.status(), Status::Failed | Status::PartiallySucceeded | Status::TimedOut);
    let by_user = |f: &FailedAction| BY_USER.contains(&f.code.to_string().as_str());
    // A workflow whose actions all succeeded may still have timed out.
    let nothing_failed = execution.failed_actions().is_empty();
    let alarming = failed && (nothing_failed || !execution.failed_actions().iter().all(by_user));
    let notices = core.shadow.notices.get(arn).map_or(0, |(times, ..)| *times);
    if alarming != (notices > 0) {
        found.push(("P7", format!("{name} ended as {}, {notices} notices", execution.status())));
    }
}

fn outcome<'a>(state: &'a State, execution: &Execution, action: &ActionId) -> Option<&'a ActionOutcome> {
    let ledger = |index| state.ledgers.get(&(execution.execution_arn.clone(), index));
    (0..execution.batch_count()).filter_map(ledger).find_map(|l| l.outcomes.get(action))
}

/// In a profile that promises it: every action that the AI could generate has its tasks.
fn all_that_could_be(state: &State, core: &Core, execution: &Execution, found: &mut Found) {
    if execution.cancellation.is_some() {
        return;
    }
    let done = |action: &ActionId| {
        let mut tasks = state.tasks.values();
        tasks.any(|t| t.goal_id == execution.goal_id && t.action_id == *action && t.status == TaskStatus::Completed)
    };
    for action in &execution.action_ids {
        let script = core.scripts[&(execution.goal_id.clone(), action.clone())];
        let saved = matches!(outcome(state, execution, action), Some(ActionOutcome::Succeeded { .. }));
        let outcome = outcome(state, execution, action);
        let exists = matches!(outcome, Some(ActionOutcome::Failed(f)) if f.code == FailureCode::TasksExist);
        if script.is_generatable() && !saved && !(exists && execution.regenerate && done(action)) {
            found.push(("P5", format!("{} has no tasks for {action}: {outcome:?}", execution.execution_arn.name())));
        }
    }
}

fn goal_is_free(state: &State, core: &Core, goal: &Goal, executions: &[&Execution], found: &mut Found) {
    let (id, head) = (&goal.head.goal_id, &goal.head);
    if head.claimed_by.is_some() || head.status == GoalStatus::Processing {
        found.push(("P7", format!("{id} is {:?} and claimed by {:?}", head.status, head.claimed_by)));
    }
    if let Some(last) = executions.last()
        && (last.status() == Status::Aborted) != (head.status == GoalStatus::Draft)
    {
        found.push(("P7", format!("{id} is {:?} after a workflow that was {}", head.status, last.status())));
    }
    let with_tasks =
        goal.actions.iter().filter(|a| state.tasks.values().any(|t| t.goal_id == *id && t.action_id == a.action_id));
    let with_tasks = with_tasks.count();
    let wrong = match head.status {
        // Actions may be new since the end.
        GoalStatus::Active => with_tasks < goal.actions.len() && !core.charts.has_written(id),
        GoalStatus::Partial => with_tasks == 0,
        GoalStatus::Failed => with_tasks > 0,
        _ => false,
    };
    if wrong {
        found.push((
            "P6",
            format!("{id} is {:?}, {with_tasks} of {} actions have tasks", head.status, goal.actions.len()),
        ));
    }
}

/// A goal that the app has changed: the tasks of each action are from one workflow, and unchanged since their last
/// write.
fn changed_goal(state: &State, core: &Core, goal: &Goal, found: &mut Found) {
    let (id, head) = (&goal.head.goal_id, &goal.head);
    let free = head.claimed_by.is_none() && head.status != GoalStatus::Processing;
    if !core.app.rewritten.contains(id) && !free {
        found.push(("P7", format!("{id} is {:?} and claimed by {:?}", head.status, head.claimed_by)));
    }
    if core.app.closed.get(id).is_some_and(|(status, _)| head.status != *status) {
        found.push(("P6", format!("{id} is {:?}, and the user has closed it", head.status)));
    }
    let mut by_action = BTreeMap::<_, BTreeSet<_>>::new();
    for task in state.tasks.values().filter(|t| t.goal_id == *id) {
        if is_generated(task) {
            let of = (task.execution_arn.name(), generation(&task.title));
            by_action.entry(&task.action_id).or_default().insert(of);
        }
        if core.shadow.tasks.get(&(task.goal_id.clone(), task.position.clone())) != Some(task) {
            found.push(("P3", format!("{id} {} is not as it was left", task.position)));
        }
    }
    for (action, of) in by_action {
        if of.len() > 1 && !core.app.given.contains(id) {
            found.push(("P3", format!("{id} {action} has tasks of {of:?}")));
        }
    }
}

/// Every action has all tasks of the last workflow that had to save some and did, and no others.
fn tasks(state: &State, core: &Core, goal: &Goal, executions: &[&Execution], found: &mut Found) {
    let id = &goal.head.goal_id;
    let of_goal: Vec<&Task> = state.tasks.values().filter(|t| t.goal_id == *id).collect();
    let mut expected = BTreeSet::new();
    for action in &goal.actions {
        let owner = owner(state, core, executions, action);
        let prefix = keys::tasks_of(action.position);
        let there: Vec<_> = of_goal.iter().filter(|t| t.action_id == action.action_id).collect();
        let count = owner.map_or(0, |(_, n)| n);
        let by: BTreeMap<_, usize> = there.iter().fold(BTreeMap::new(), |mut by, t| {
            *by.entry((t.execution_arn.name(), generation(&t.title))).or_default() += 1;
            by
        });
        let sound = there.len() == count
            && by.len() <= 1
            && there.iter().all(|t| owner.is_some_and(|(arn, _)| t.execution_arn == *arn))
            // Tasks stay where they are when their action moves.
            && (core.charts.has_written(id) || there.iter().all(|t| t.position.starts_with(&prefix)));
        if !sound {
            let owner = owner.map(|(arn, n)| (arn.name(), n));
            found.push(("P3", format!("{id} {}: {by:?}, expected {owner:?}", action.action_id)));
        }
        expected.extend(there.iter().map(|t| &t.task_id));
    }
    if of_goal.iter().any(|t| !expected.contains(&t.task_id)) {
        found.push(("P9", format!("{id} has tasks of actions that it does not have")));
    }
    // Users' changes to their tasks are kept.
    for task in of_goal {
        if core.shadow.tasks.get(&(task.goal_id.clone(), task.position.clone())) != Some(task) {
            found.push(("P3", format!("{id} {} is not as it was left", task.position)));
        }
    }
}

/// Returns the workflow whose tasks an action must have, and how many.
fn owner<'a>(
    state: &State,
    core: &Core,
    executions: &[&'a Execution],
    action: &Action,
) -> Option<(&'a ExecutionArn, usize)> {
    let mut owner = None;
    for execution in executions {
        match outcome(state, execution, &action.action_id) {
            // Its saved tasks were removed, unless they had replaced others.
            Some(ActionOutcome::Succeeded { .. })
                if execution.status() == Status::Aborted && !core.shadow.has_replaced(execution, &action.action_id) =>
            {
                owner = None;
            }
            Some(ActionOutcome::Succeeded { tasks, .. }) => owner = Some((&execution.execution_arn, *tasks)),
            Some(ActionOutcome::Failed(_)) | None => {}
        }
    }
    owner
}

/// A fact is never counted twice. It is counted unless its write was made and its function died, or gave up, before it got
/// the answer.
fn counts(state: &State, core: &Core, found: &mut Found) {
    const ENDED: &str = "ActionsEnded";
    let actions = |f: &Fact| if let Fact::ActionsEnded { actions, .. } = f { *actions } else { 0 };
    let actions = usize::try_from(state.facts.iter().map(actions).sum::<u32>()).unwrap();
    let facts = |is: &dyn Fn(&Fact) -> bool| state.facts.iter().filter(|f| is(f)).count();
    let outcomes = state.ledgers.values().flat_map(|l| l.outcomes.values());
    let own = state.executions.values().filter(|e| !backlog::has(&e.goal_id));
    let ends = own.clone().filter_map(|e| e.status().ended());
    let mut compared = vec![
        ("WorkflowStarted".to_owned(), facts(&|f| *f == Fact::WorkflowStarted), own.count()),
        (ENDED.to_owned(), actions, outcomes.count()),
        (
            "BatchAnswered".to_owned(),
            facts(&|f| matches!(f, Fact::BatchAnswered { .. })),
            usize::try_from(core.stats.counts.get(ANSWERED).copied().unwrap_or(0)).unwrap(),
        ),
    ];
    let by_status = ends.fold(BTreeMap::new(), |mut by, end| {
        *by.entry(end.to_string()).or_insert(0) += 1;
        by
    });
    for (end, truth) in by_status {
        let counted = facts(&|f| matches!(f, Fact::WorkflowEnded { status, .. } if status.to_string() == end));
        compared.push((format!("WorkflowEnded {end}"), counted, truth));
    }
    let lossless = !core.stats.counts.keys().any(|what| LOSES.iter().any(|start| what.starts_with(start)));
    // A worker that learns while saving that its work is no longer needed stops at once.
    let stopped = state.facts.contains(&Fact::TokenStale);
    for (what, counted, truth) in compared {
        let lossless = lossless && !(stopped && what == ENDED);
        if counted > truth || (lossless && counted < truth) {
            found.push(("counts", format!("{what} is counted {counted} times, and happened {truth} times")));
        }
    }
}

fn bounds(core: &Core, found: &mut Found) {
    for ((arn, index), times) in &core.queues.deliveries {
        // Sent three times by the state machine, each time perhaps repeated, each delivered at most twice, and redriven
        // once.
        if *times > MAX_RECEIVES * (1 + HEARTBEAT_RETRIES.0) * 2 * 2 * 2 {
            found.push(("P10", format!("{}/{index} was delivered {times} times", arn.name())));
        }
    }
}
