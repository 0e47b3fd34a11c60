//! The goal app at work: it changes goals, actions and tasks at every moment of a workflow's life, and writes to its
//! tables without regard to this pipeline's attributes.
//!
//! `PutItem` replaces a whole item (DynamoDB API reference): an app that reads a goal, lets its user think, and puts it
//! back resets the claim and its count to their old values.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use goal_activity_core::goal::{Action, Goal, GoalStatus, Position};
use goal_activity_core::keys;
use goal_activity_core::placement::TaskRow;
use goal_activity_core::task::{Task, TaskStatus};
use goal_activity_events::{ActionId, ClaimSequence, ExecutionArn, GoalId};
use goal_activity_functions::adapters::memory::samples;
use serde_json::json;
use tokio::time::sleep;

use crate::ai::Script;
use crate::api::Ask;
use crate::world::Sim;

/// The user to whom goals are transferred.
const HEIR: &str = "heir";

/// The app's changes.
#[derive(Default)]
pub(crate) struct App {
    /// The goals that it has changed: their expected state and tasks are no longer known exactly.
    pub(crate) touched: BTreeSet<GoalId>,
    /// Those whose own row was written back whole, or that were deleted or transferred.
    pub(crate) rewritten: BTreeSet<GoalId>,
    /// Those that had another owner for a while.
    pub(crate) given: BTreeSet<GoalId>,
    /// The status as which a goal is closed, and since when, in milliseconds.
    pub(crate) closed: BTreeMap<GoalId, (GoalStatus, i64)>,
    /// Since when a goal is deleted or belongs to another user.
    pub(crate) lost: BTreeMap<GoalId, i64>,
    /// Since when an action is not part of its goal.
    pub(crate) gone: BTreeMap<(GoalId, ActionId), i64>,
    /// When a goal, or its actions, were changed last.
    pub(crate) changed: BTreeMap<GoalId, i64>,
    deleted: BTreeMap<GoalId, Goal>,
    ids: u64,
}

impl App {
    pub(crate) fn has_touched(&self, goal: &GoalId) -> bool {
        self.touched.contains(goal)
    }

    /// Since when nothing should be generated for an action.
    pub(crate) fn unwanted_since(&self, goal: &GoalId, action: &ActionId) -> Option<i64> {
        let gone = self.gone.get(&(goal.clone(), action.clone())).copied();
        self.closed_since(goal).into_iter().chain(gone).min()
    }

    /// Since when nothing should be started for a goal.
    pub(crate) fn closed_since(&self, goal: &GoalId) -> Option<i64> {
        let closed = self.closed.get(goal).map(|(_, since)| *since);
        // A transferred goal may have a workflow of its new owner.
        let lost = self.lost.get(goal).filter(|_| !self.given.contains(goal)).copied();
        closed.into_iter().chain(lost).min()
    }
}

/// A change.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Edit {
    Add,
    /// An action at an occupied place.
    Crowd,
    /// A second row with the id of another action.
    Twin,
    Remove,
    Rename,
    Move,
    Swap,
    /// Another action at the same place.
    Replace,
    Blank,
    /// More rows than a chart has places.
    Overfill,
    SubGoals,
    Close,
    Reopen,
    Delete,
    GiveAway,
    WriteBack,
    CompleteTasks,
    DeleteTasks,
    RewriteTasks,
    AddTasks,
}

impl Edit {
    pub(crate) fn draw(sim: &Sim) -> Self {
        let all = [
            Self::Add,
            Self::Crowd,
            Self::Twin,
            Self::Remove,
            Self::Rename,
            Self::Move,
            Self::Swap,
            Self::Swap,
            Self::Replace,
            Self::Blank,
            Self::Overfill,
            Self::SubGoals,
            Self::Close,
            Self::Close,
            Self::Reopen,
            Self::Reopen,
            Self::Delete,
            Self::GiveAway,
            Self::WriteBack,
            Self::WriteBack,
            Self::CompleteTasks,
            Self::CompleteTasks,
            Self::DeleteTasks,
            Self::RewriteTasks,
            Self::AddTasks,
        ];
        all[pick(sim, all.len())]
    }

    /// Returns `true` if it changes tasks only.
    fn is_of_tasks(self) -> bool {
        matches!(self, Self::CompleteTasks | Self::DeleteTasks | Self::RewriteTasks | Self::AddTasks)
    }
}

fn pick(sim: &Sim, of: usize) -> usize {
    usize::try_from(sim.between(0, of as u64 - 1)).unwrap()
}

/// Makes a change. Some take time: the app shows a form, and saves it later.
pub(crate) async fn edit(sim: &Sim, goal: &GoalId, user: &str, edit: Edit) {
    sim.note("app", || format!("{edit:?} {goal}"));
    sim.count(format!("edit {edit:?}"));
    {
        let mut core = sim.core();
        core.app.touched.insert(goal.clone());
        if !edit.is_of_tasks() {
            core.app.changed.insert(goal.clone(), sim.millis());
        }
    }
    match edit {
        Edit::CompleteTasks => each_task(sim, goal, 0.5, complete),
        Edit::RewriteTasks => each_task(sim, goal, 0.3, |task, _| task.title = format!("{}/edited", task.title)),
        Edit::DeleteTasks => delete_tasks(sim, goal, |_| true, 0.3),
        Edit::AddTasks => add_tasks(sim, goal),
        Edit::Delete => delete(sim, goal, user).await,
        Edit::GiveAway => give_away(sim, goal, user).await,
        Edit::WriteBack => write_back(sim, goal, user).await,
        Edit::Close | Edit::Reopen => set_status(sim, goal, matches!(edit, Edit::Close)),
        _ => change_chart(sim, goal, edit),
    }
}

/// The user works on some tasks.
pub(crate) fn do_tasks(sim: &Sim, goal: &GoalId) {
    each_task(sim, goal, 0.5, complete);
}

fn complete(task: &mut Task, sim: &Sim) {
    let now = sim.now();
    (task.status, task.updated_at, task.completed_at) = (TaskStatus::Completed, now, Some(now));
}

fn each_task(sim: &Sim, goal: &GoalId, share: f64, change: impl Fn(&mut Task, &Sim)) {
    let keys: Vec<_> = sim.tables.state().tasks.keys().filter(|k| k.0 == *goal).cloned().collect();
    for key in keys {
        if sim.chance(1.0 - share) {
            continue;
        }
        let mut state = sim.tables.state();
        let task = state.tasks.get_mut(&key).unwrap();
        change(task, sim);
        let task = task.clone();
        drop(state);
        sim.core().shadow.tasks.insert(key, task);
    }
}

fn delete_tasks(sim: &Sim, goal: &GoalId, of: impl Fn(&Task) -> bool, share: f64) {
    let state = sim.tables.state();
    let keys: Vec<_> = state.tasks.iter().filter(|(k, t)| k.0 == *goal && of(t)).map(|(k, _)| k.clone()).collect();
    drop(state);
    for key in keys {
        if sim.chance(share) {
            sim.tables.state().tasks.remove(&key);
            sim.core().shadow.tasks.remove(&key);
        }
    }
}

/// The user's own tasks: beside generated ones, at the place of the next generated one, and at places without generated
/// ones.
fn add_tasks(sim: &Sim, goal: &GoalId) {
    let action = {
        let state = sim.tables.state();
        let Some(of) = state.goals.get(goal).filter(|g| !g.actions.is_empty()) else { return };
        of.actions[pick(sim, of.actions.len())].clone()
    };
    let foreign = sim.chance(0.3);
    for n in 0..sim.between(1, 3) {
        let position = match sim.between(0, 4) {
            0 => format!("x{n}"),
            1 => format!("{}#50", action.position),
            2 => keys::task(action.position, 50),
            3 => keys::task(action.position, 1),
            _ => keys::task(action.position, usize::try_from(n).unwrap() + 2),
        };
        let key = (goal.clone(), position.clone());
        if sim.tables.state().tasks.contains_key(&key) {
            continue;
        }
        let task = own_task(sim, goal, &action, position, foreign);
        sim.tables.state().tasks.insert(key.clone(), task.clone());
        sim.core().shadow.tasks.insert(key, task);
    }
}

/// The execution of a task that was not generated by a workflow.
pub(crate) fn no_execution() -> ExecutionArn {
    ExecutionArn::named(&samples::state_machine(), "by-the-app")
}

/// A goal's tasks as in the table: those of the app name no workflow.
pub(crate) fn rows(rows: Vec<TaskRow>) -> Vec<TaskRow> {
    let own = |row: TaskRow| TaskRow { made_by: row.made_by.filter(|arn| *arn != no_execution()), ..row };
    rows.into_iter().map(own).collect()
}

/// Returns `true` if a workflow has generated a task.
pub(crate) fn is_generated(task: &Task) -> bool {
    task.execution_arn != no_execution()
}

fn own_task(sim: &Sim, goal: &GoalId, action: &Action, position: String, foreign: bool) -> Task {
    let id = next_id(sim);
    let action_id = if foreign { format!("other-{id}").parse().unwrap() } else { action.action_id.clone() };
    let now = sim.now();
    Task {
        goal_id: goal.clone(),
        position,
        task_id: format!("own-{id}").parse().unwrap(),
        action_id,
        execution_arn: no_execution(),
        title: "of the user's own".to_owned(),
        description: String::new(),
        kind: action.kind,
        estimated_minutes: 15,
        priority: goal_activity_core::task::Priority::Medium,
        status: if sim.chance(0.3) { TaskStatus::Completed } else { TaskStatus::NotStarted },
        created_at: now,
        updated_at: now,
        completed_at: None,
        generator: None,
    }
}

fn next_id(sim: &Sim) -> u64 {
    let mut core = sim.core();
    core.app.ids += 1;
    core.app.ids
}

/// Adds, moves and removes actions and sub-goals.
fn change_chart(sim: &Sim, goal: &GoalId, edit: Edit) {
    let Some(before) = sim.tables.state().goals.get(goal).cloned() else { return };
    let (mut actions, mut sub_goals) = (before.actions.clone(), before.sub_goals.clone());
    let place = |n: usize| format!("{}#{}", n / 8 + 1, n % 8 + 1).parse::<Position>().unwrap();
    let free: Vec<_> = (0..64).map(place).filter(|p| actions.iter().all(|a| a.position != *p)).collect();
    let mut added = Vec::new();
    let mut new = |position: Position| {
        let id: ActionId = format!("new-{}", next_id(sim)).parse().unwrap();
        added.push(id.clone());
        let title = "an action of later".to_owned();
        Action { action_id: id, position, title, ..samples::goal("g", "u", 1).actions.remove(0) }
    };
    let any = |sim: &Sim, actions: &[Action]| (!actions.is_empty()).then(|| pick(sim, actions.len()));
    match edit {
        Edit::Add if !free.is_empty() => actions.push(new(free[pick(sim, free.len())])),
        Edit::Crowd => {
            if let Some(n) = any(sim, &actions) {
                actions.push(new(actions[n].position));
            }
        }
        Edit::Twin if !free.is_empty() => {
            if let Some(n) = any(sim, &actions) {
                let twin = Action { position: free[pick(sim, free.len())], ..actions[n].clone() };
                actions.push(twin);
            }
        }
        Edit::Overfill if actions.len() > 16 => {
            for n in 0..(66_usize.saturating_sub(actions.len())) {
                actions.push(new(free.get(n).copied().unwrap_or(place(n))));
            }
        }
        Edit::Remove => {
            if let Some(n) = any(sim, &actions) {
                let gone = actions.remove(n);
                if sim.chance(0.5) {
                    delete_tasks(sim, goal, |t| t.action_id == gone.action_id, 1.0);
                }
            }
        }
        Edit::Replace => {
            if let Some(n) = any(sim, &actions) {
                actions[n] = new(actions[n].position);
            }
        }
        Edit::Rename => actions.iter_mut().for_each(|a| a.title.push('!')),
        Edit::Blank => {
            if let Some(n) = any(sim, &actions) {
                " ".clone_into(&mut actions[n].title);
            }
        }
        Edit::Move if !free.is_empty() => {
            if let Some(n) = any(sim, &actions) {
                actions[n].position = free[pick(sim, free.len())];
            }
        }
        Edit::Swap if actions.len() > 1 => {
            let (n, m) = (pick(sim, actions.len()), pick(sim, actions.len()));
            let place = actions[n].position;
            actions[n].position = actions[m].position;
            actions[m].position = place;
        }
        Edit::SubGoals => {
            if sim.chance(0.5) {
                for sub_goal in &mut sub_goals {
                    sub_goal.title.push('!');
                }
            } else {
                sub_goals.pop();
            }
        }
        _ => {}
    }
    for id in added {
        let script = Script::draw(sim);
        sim.core().scripts.insert((goal.clone(), id), script);
    }
    let after = Goal::new(before.head.clone(), sub_goals, actions);
    note_gone(sim, goal, Some(&before), Some(&after));
    sim.tables.state().goals.insert(goal.clone(), after);
}

/// Records which actions are no longer part of the goal, and which are again.
fn note_gone(sim: &Sim, goal: &GoalId, before: Option<&Goal>, after: Option<&Goal>) {
    let now = sim.millis();
    let ids = |g: Option<&Goal>| -> BTreeSet<ActionId> {
        g.into_iter().flat_map(|g| &g.actions).map(|a| a.action_id.clone()).collect()
    };
    let (before, after) = (ids(before), ids(after));
    let mut core = sim.core();
    for action in before.difference(&after) {
        core.app.gone.entry((goal.clone(), action.clone())).or_insert(now);
    }
    for action in after {
        core.app.gone.remove(&(goal.clone(), action));
    }
}

fn set_status(sim: &Sim, goal: &GoalId, closed: bool) {
    let status = match closed {
        true => GoalStatus::CLOSED[pick(sim, 3)],
        false => GoalStatus::Active,
    };
    let now = sim.millis();
    {
        let mut state = sim.tables.state();
        let Some(head) = state.goals.get_mut(goal).map(|g| &mut g.head) else { return };
        if !closed && !head.status.is_closed() {
            return;
        }
        head.status = status;
    }
    note_status(sim, goal, status, now);
}

fn note_status(sim: &Sim, goal: &GoalId, status: GoalStatus, now: i64) {
    let mut core = sim.core();
    if status.is_closed() {
        let since = core.app.closed.get(goal).map_or(now, |(_, since)| *since);
        core.app.closed.insert(goal.clone(), (status, since));
    } else {
        core.app.closed.remove(goal);
    }
}

/// Deletes a goal, perhaps with its tasks; sometimes the user undoes that.
async fn delete(sim: &Sim, goal: &GoalId, user: &str) {
    let Some(before) = sim.tables.state().goals.remove(goal) else { return };
    note_gone(sim, goal, Some(&before), None);
    {
        let (mut core, now) = (sim.core(), sim.millis());
        core.app.rewritten.insert(goal.clone());
        core.app.lost.entry(goal.clone()).or_insert(now);
        core.app.closed.remove(goal);
        core.app.deleted.insert(goal.clone(), before.clone());
    }
    if sim.chance(0.5) {
        delete_tasks(sim, goal, |_| true, 1.0);
    }
    if sim.chance(0.6) {
        sleep(sim.some_millis(1, 120_000)).await;
        let Some(before) = sim.core().app.deleted.remove(goal) else { return };
        sim.note("app", || format!("{goal} is there again"));
        put_row(sim, goal, user, before);
    }
}

async fn give_away(sim: &Sim, goal: &GoalId, user: &str) {
    let give = |to: &str| {
        let (mut state, now) = (sim.tables.state(), sim.millis());
        let Some(head) = state.goals.get_mut(goal).map(|g| &mut g.head) else { return };
        head.user_id = to.parse().unwrap();
        drop(state);
        let mut core = sim.core();
        core.app.rewritten.insert(goal.clone());
        core.app.given.insert(goal.clone());
        if to == user {
            core.app.lost.remove(goal);
        } else {
            core.app.lost.entry(goal.clone()).or_insert(now);
        }
    };
    give(HEIR);
    if sim.chance(0.5) {
        Ask::start(sim, goal, HEIR, json!({})).say(sim).await;
    }
    if sim.chance(0.6) {
        sleep(sim.some_millis(1, 120_000)).await;
        sim.note("app", || format!("{goal} is given back"));
        give(user);
    }
}

/// Reads a goal, and writes its own row back after a while, unchanged or without the attributes that the app does not
/// know.
async fn write_back(sim: &Sim, goal: &GoalId, user: &str) {
    let Some(read) = sim.tables.state().goals.get(goal).map(|g| g.head.clone()) else { return };
    sleep(if sim.chance(0.5) { sim.some_millis(1, 30_000) } else { sim.some_millis(1, 400_000) }).await;
    let Some(mut now) = sim.tables.state().goals.get(goal).cloned() else { return };
    now.head = read;
    match sim.between(0, 5) {
        0 => now.head.claimed_by = None,
        1 => now.head.claims = ClaimSequence(0),
        2 => (now.head.claimed_by, now.head.claims) = (None, ClaimSequence(0)),
        3 => {
            let never = format!("{goal}-{}", sim.between(1, 99));
            now.head.claimed_by = Some(ExecutionArn::named(&samples::state_machine(), &never).into());
        }
        4 if sim.chance(0.3) => now.head.claimed_by = Some("nothing".to_owned().into()),
        _ => {}
    }
    sim.note("app", || format!("writes {goal} back: {:?} {:?}", now.head.status, now.head.claimed_by));
    put_row(sim, goal, user, now);
}

fn put_row(sim: &Sim, goal: &GoalId, user: &str, put: Goal) {
    let (status, owner) = (put.head.status, put.head.user_id.as_str() == user);
    note_gone(sim, goal, None, Some(&put));
    let now = sim.millis();
    {
        let mut core = sim.core();
        core.app.rewritten.insert(goal.clone());
        core.app.changed.insert(goal.clone(), now);
        if owner {
            core.app.lost.remove(goal);
        } else {
            core.app.lost.entry(goal.clone()).or_insert(now);
        }
    }
    note_status(sim, goal, status, now);
    sim.tables.state().goals.insert(goal.clone(), put);
}

/// The time of the app's change, in a run of that many milliseconds: preferably while the first workflow runs.
pub(crate) fn comes_after(sim: &Sim, busy: u64) -> Duration {
    if sim.chance(0.5) { sim.some_millis(1, busy) } else { sim.some_millis(1, busy.min(40_000)) }
}
