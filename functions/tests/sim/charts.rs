//! Users write the charts of their goals: they read a goal, change cells, and put all of it back, while its workflows are
//! launched, run, are cancelled and retried. Two of them may come at once; one that is not answered is repeated.
//!
//! A `PUT` replaces the resource with what is sent, and may be repeated (RFC 9110, "PUT", "Idempotent Methods").

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join, join_all};
use goal_activity_core::execution::Execution;
use goal_activity_core::goal::{Action, Goal, GoalHead};
use goal_activity_core::ports::ActionCommit;
use goal_activity_events::{ActionId, ExecutionArn, GoalId};
use goal_activity_functions::adapters::memory::State;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::ai::{Script, generation};
use crate::api::{Answer, Ask, call};
use crate::app::is_generated;
use crate::check;
use crate::lambda::Run;
use crate::world::{Core, Sim};

/// The places of one side.
const SIDE: std::ops::RangeInclusive<u64> = 1..=8;

/// What is known of the charts.
#[derive(Default)]
pub(crate) struct Charts {
    /// The charts that a goal has had, in their order.
    had: BTreeMap<GoalId, Vec<Chart>>,
    /// What the AI was told to make each generation for, by its number.
    generated_for: Vec<Action>,
    numbers: u64,
}

impl Charts {
    /// Returns `true` if the goal's chart was written through the API.
    pub(crate) fn has_written(&self, goal: &GoalId) -> bool {
        self.had.get(goal).is_some_and(|had| had.len() > 1)
    }

    /// The AI has made a generation for an action as it was told.
    pub(crate) fn generated(&mut self, action: &Action) {
        self.generated_for.push(action.clone());
    }
}

/// A chart as its user sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chart {
    /// The texts of everything that says something, by its place: those of the goal itself have none.
    texts: BTreeMap<String, Vec<String>>,
    /// The actions that are named, by their place.
    ids: BTreeMap<String, String>,
}

impl From<&Value> for Chart {
    fn from(body: &Value) -> Self {
        let text = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
        let texts = |of: &Value, names: &[&str]| names.iter().map(|name| text(of, name)).collect::<Vec<_>>();
        let place = |of: &Value, index: usize| of["position"].as_u64().unwrap_or(index as u64 + 1);
        let mut chart = Self::default();
        let of_goal = ["title", "description", "background", "constraints", "deadline"];
        chart.texts.insert(String::new(), texts(body, &of_goal));
        for (index, sub_goal) in body["subGoals"].as_array().into_iter().flatten().enumerate() {
            let side = place(sub_goal, index);
            let said = texts(sub_goal, &["title", "description"]);
            if said.iter().any(|text| !text.is_empty()) {
                chart.texts.insert(side.to_string(), said);
            }
            for (index, action) in sub_goal["actions"].as_array().into_iter().flatten().enumerate() {
                let position = format!("{side}#{}", place(action, index));
                let mut said = texts(action, &["title", "description", "background", "constraints"]);
                if said[0].trim().is_empty() {
                    continue;
                }
                said.push(action["type"].as_str().unwrap_or("execution").to_owned());
                if let Some(id) = action["actionId"].as_str() {
                    chart.ids.insert(position.clone(), id.to_owned());
                }
                chart.texts.insert(position, said);
            }
        }
        chart
    }
}

impl From<&Goal> for Chart {
    fn from(goal: &Goal) -> Self {
        let GoalHead { title, description, background, constraints, deadline, .. } = goal.head.clone();
        let mut chart = Self::default();
        let texts = vec![title, description, background, constraints, deadline.unwrap_or_default()];
        chart.texts.insert(String::new(), texts);
        for sub_goal in goal.sub_goals.iter().filter(|s| !s.title.is_empty() || !s.description.is_empty()) {
            let texts = vec![sub_goal.title.clone(), sub_goal.description.clone()];
            chart.texts.insert(sub_goal.position.to_string(), texts);
        }
        for action in &goal.actions {
            chart.texts.insert(action.position.to_string(), said(action));
            chart.ids.insert(action.position.to_string(), action.action_id.to_string());
        }
        chart
    }
}

/// What an action says, wherever it is.
fn said(action: &Action) -> Vec<String> {
    let Action { title, description, background, constraints, kind, .. } = action.clone();
    let kind = serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned();
    vec![title, description, background, constraints, kind]
}

/// A goal is there, not by a write through the API.
pub(crate) fn put_by_hand(sim: &Sim, goal: &Goal) {
    sim.core().charts.had.insert(goal.head.goal_id.clone(), vec![Chart::from(goal)]);
}

fn number(sim: &Sim) -> u64 {
    let mut core = sim.core();
    core.charts.numbers += 1;
    core.charts.numbers
}

/// A user reads a goal, changes cells, and puts it back; now and then twice at once, or beside a start.
pub(crate) async fn rewrite(sim: &Sim, goal: &GoalId, user: &str) {
    let route = "GET /api/goals/{goalId}";
    let Some((200, read)) = call(sim, user, route, &json!({ "goalId": goal }), &json!({}), None).await else { return };
    if sim.chance(0.4) {
        sleep(sim.some_millis(1, 20_000)).await;
    }
    let bodies: Vec<_> = (0..if sim.chance(0.3) { 2 } else { 1 }).map(|_| changed(sim, &read)).collect();
    write_and_start(sim, goal, user, &bodies, 0.3).await;
}

/// A user writes a goal that is not there, now and then twice at once, and perhaps starts it.
pub(crate) async fn create(sim: &Sim, user: &str) {
    let goal: GoalId = format!("own-{}", number(sim)).parse().unwrap();
    let bodies: Vec<_> = (0..if sim.chance(0.3) { 2 } else { 1 }).map(|_| new_chart(sim)).collect();
    write_and_start(sim, &goal, user, &bodies, 0.3).await;
    if sim.chance(0.7) {
        Ask::start(sim, &goal, user, json!({})).say(sim).await;
    }
    if sim.chance(0.5) {
        rewrite(sim, &goal, user).await;
    }
}

async fn write_and_start(sim: &Sim, goal: &GoalId, user: &str, bodies: &[Value], odds: f64) {
    let writes = join_all(bodies.iter().map(|body| write(sim, goal, user, body)));
    if sim.chance(odds) {
        let start = async {
            sleep(sim.some_millis(0, 400)).await;
            Ask::start(sim, goal, user, json!({ "regenerate": sim.chance(0.3) })).say(sim).await;
        };
        join(writes, start).await;
    } else {
        writes.await;
    }
}

/// Puts a chart until there is an answer, or the client gives up; now and then once more.
async fn write(sim: &Sim, goal: &GoalId, user: &str, body: &Value) {
    for _ in 0..sim.between(1, 4) {
        match put(sim, goal, user, body).await {
            None | Some((503, _)) => sim.count("charts put without an answer"),
            Some(_) => break,
        }
        sleep(sim.some_millis(100, 30_000)).await;
    }
    if sim.chance(0.1) {
        sleep(sim.some_millis(1, 60_000)).await;
        put(sim, goal, user, body).await;
    }
}

async fn put(sim: &Sim, goal: &GoalId, user: &str, body: &Value) -> Answer {
    let route = "PUT /api/goals/{goalId}";
    let answer = call(sim, user, route, &json!({ "goalId": goal }), body, None).await;
    let Some((status, reply)) = &answer else { return None };
    let code = reply["code"].as_str().unwrap_or_default();
    sim.count(format!("charts put: {status} {code}"));
    match (status, code) {
        (200 | 201, _) => {
            let (sent, told) = (Chart::from(body), Chart::from(reply));
            let had = sim.core().charts.had.get(goal).is_some_and(|had| had.contains(&told));
            if told.texts != sent.texts || !had {
                sim.violated("chart", format!("{goal}: a write is answered with a chart that it is not"));
            }
        }
        (409, "ALREADY_RUNNING" | "TASKS_EXIST" | "CHANGED") | (503, _) => {}
        // Another one came in between.
        (409, "OUTDATED") if body["revision"].as_u64().is_some_and(|read| read < revision(sim, goal)) => {}
        _ => sim.violated("chart", format!("{goal}: a write is answered {status} {code}")),
    }
    answer
}

/// How often the goal's chart was written.
fn revision(sim: &Sim, goal: &GoalId) -> u64 {
    sim.tables.state().goals.get(goal).map_or(0, |goal| goal.head.revision.0)
}

/// The cells of a chart: indexes of sub-goal and action.
fn cells(chart: &Value) -> Vec<(usize, usize)> {
    let sub_goals = chart["subGoals"].as_array().into_iter().flatten().enumerate();
    sub_goals.flat_map(|(s, of)| (0..of["actions"].as_array().map_or(0, Vec::len)).map(move |a| (s, a))).collect()
}

fn pick<T: Copy>(sim: &Sim, all: &[T]) -> Option<T> {
    let last = (all.len() as u64).checked_sub(1)?;
    Some(all[usize::try_from(sim.between(0, last)).unwrap()])
}

/// A free place, and the list of actions of its sub-goal.
fn free_place<'a>(sim: &Sim, chart: &'a mut Value) -> Option<(u64, &'a mut Vec<Value>)> {
    let sub_goals = chart["subGoals"].as_array_mut()?;
    let has_room = |s: &usize| sub_goals[*s]["actions"].as_array().is_some_and(|actions| actions.len() < 8);
    let with_room: Vec<_> = (0..sub_goals.len()).filter(has_room).collect();
    let actions = sub_goals[pick(sim, &with_room)?]["actions"].as_array_mut()?;
    let free: Vec<_> = SIDE.filter(|p| actions.iter().all(|a| a["position"] != *p)).collect();
    Some((pick(sim, &free)?, actions))
}

/// A chart with some cells changed. Every new text is another.
fn changed(sim: &Sim, read: &Value) -> Value {
    let mut chart = read.clone();
    // A client that knows nothing of it sends none, and replaces whatever is there.
    if sim.chance(0.7) {
        chart.as_object_mut().unwrap().remove("revision");
    }
    for _ in 0..sim.between(1, 3) {
        let text = format!("text {}", number(sim));
        let cell = pick(sim, &cells(&chart));
        match (sim.between(0, 8), cell) {
            (0, _) => chart["title"] = text.into(),
            (1, _) => chart["description"] = text.into(),
            (2, Some((s, a))) => {
                let field = ["title", "title", "description", "background", "constraints"];
                chart["subGoals"][s]["actions"][a][pick(sim, &field).unwrap()] = text.into();
            }
            (3, Some((s, a))) => {
                let removed = chart["subGoals"][s]["actions"].as_array_mut().unwrap().remove(a);
                // Another action at its place.
                if sim.chance(0.3) {
                    let new = json!({ "position": removed["position"], "title": text });
                    chart["subGoals"][s]["actions"].as_array_mut().unwrap().push(new);
                }
            }
            (4, Some((s, a))) => {
                let mut moved = chart["subGoals"][s]["actions"].as_array_mut().unwrap().remove(a);
                if let Some((place, actions)) = free_place(sim, &mut chart) {
                    moved["position"] = place.into();
                    actions.push(moved);
                }
            }
            (5, Some((s, a))) => {
                let (t, b) = pick(sim, &cells(&chart)).unwrap();
                let places = [(s, a), (t, b)].map(|(s, a)| chart["subGoals"][s]["actions"][a]["position"].clone());
                let [mut one, mut two] = [(s, a), (t, b)].map(|(s, a)| chart["subGoals"][s]["actions"][a].clone());
                [one["position"], two["position"]] = [places[1].clone(), places[0].clone()];
                chart["subGoals"][s]["actions"][a] = two;
                chart["subGoals"][t]["actions"][b] = one;
            }
            (6, Some((s, _))) => chart["subGoals"][s]["title"] = text.into(),
            _ => {
                if let Some((place, actions)) = free_place(sim, &mut chart) {
                    actions.push(json!({ "position": place, "title": text, "type": "habit" }));
                }
            }
        }
    }
    chart
}

/// A small chart without ids, perhaps without places.
fn new_chart(sim: &Sim) -> Value {
    let action = |n: u64| {
        let mut action = json!({ "title": format!("text {}", number(sim)) });
        if sim.chance(0.5) {
            action["position"] = n.into();
        }
        action
    };
    let actions: Vec<_> = (1..=sim.between(1, 4)).map(action).collect();
    json!({ "title": format!("text {}", number(sim)), "subGoals": [{ "title": "a sub-goal", "actions": actions }] })
}

/// The AI is asked for an action: as long as the workflow is open, as the action's row says.
pub(crate) fn asked(sim: &Sim, run: &Run, goal: &GoalId, action: &Action) {
    let subject = check::subject(sim, run, goal, &action.action_id);
    let Some(arn) = subject.filter(|_| !sim.core().app.has_touched(goal)) else { return };
    let differs = {
        let state = sim.tables.state();
        let open = state.executions.get(&arn).is_some_and(|e| !e.has_ended());
        open && state.goals.get(goal).and_then(|g| g.action(&action.action_id)) != Some(action)
    };
    if differs {
        let what = format!("{} asks for {}, which is not what its row says", arn.name(), action.action_id);
        sim.violated("chart", what);
    }
}

/// A workflow is claimed for the chart as it is then: all its actions exist.
pub(crate) fn claimed(state: &State, core: &Core, execution: &Execution) -> Option<String> {
    let goal = state.goals.get(&execution.goal_id).filter(|_| !core.app.has_touched(&execution.goal_id))?;
    let known: BTreeSet<_> = goal.actions.iter().map(|a| &a.action_id).collect();
    let gone = execution.action_ids.iter().find(|id| !known.contains(id))?;
    Some(format!("{} is claimed for {gone}, which its goal does not have", execution.execution_arn.name()))
}

/// Tasks were saved: they are made of what the row says.
pub(crate) fn saved(state: &State, core: &Core, goal: &GoalId, commit: &ActionCommit<'_>) -> Option<String> {
    let task = commit.tasks.first().filter(|_| !core.app.has_touched(goal))?;
    let row = state.goals.get(goal).and_then(|g| g.action(commit.action));
    let told = core.charts.generated_for.get(generation(&task.title))?;
    (row.map(said) != Some(said(told)))
        .then(|| format!("{goal}: tasks of {} are saved, which are not for what its row says", commit.action))
}

/// Every action with tasks says what these were generated for.
fn tasks_fit(state: &State, core: &Core, goal: &Goal) -> Option<String> {
    let id = &goal.head.goal_id;
    let mut of_goal: Vec<_> = state.tasks.iter().filter(|(key, task)| key.0 == *id && is_generated(task)).collect();
    of_goal.sort_by_key(|(key, _)| *key);
    let wrong = of_goal.into_iter().find(|(_, task)| {
        let told = core.charts.generated_for.get(generation(&task.title));
        told.is_some_and(|told| goal.action(&task.action_id).map(said) != Some(said(told)))
    });
    wrong.map(|(_, task)| format!("{id}: {} has tasks, and has changed or is gone", task.action_id))
}

/// The ids are those that the write names, those of the same cells as before, or new.
fn ids_are_sound(before: Option<&Goal>, wanted: &Chart, after: &Chart) -> bool {
    let before = before.map(Chart::from).unwrap_or_default();
    let known: BTreeSet<_> = before.ids.values().collect();
    let named: BTreeSet<_> = wanted.ids.values().collect();
    let distinct = after.ids.values().collect::<BTreeSet<_>>().len() == after.ids.len();
    let title = |chart: &Chart, place: &str| chart.texts.get(place).map(|texts| texts[0].clone());
    distinct
        && after.ids.iter().all(|(place, id)| {
            let there = before.ids.get(place).filter(|there| !named.contains(there));
            let same = there.filter(|_| title(&before, place) == title(wanted, place));
            match (wanted.ids.get(place), same) {
                (Some(name), _) if known.contains(name) => id == name,
                (Some(name), same) => id == name || Some(id) == same,
                (None, Some(same)) => id == same,
                (None, None) => !known.contains(id),
            }
        })
}

/// A chart is written: it is what its user has put, whole, and the goal was free.
pub(crate) fn written(sim: &Sim, run: &Run, before: Option<&Goal>, goal: &GoalId) {
    let Some(wanted) = run.chart() else { return };
    let (after, open, unfit) = {
        let (state, core) = (sim.tables.state(), sim.core());
        let after = state.goals[goal].clone();
        let open = state.executions.values().filter(|e| e.goal_id == *goal && !e.has_ended());
        let open: Option<ExecutionArn> = open.map(|e| e.execution_arn.clone()).min();
        let unfit = tasks_fit(&state, &core, &after);
        (after, open, unfit)
    };
    sim.count("charts written");
    let chart = Chart::from(&after);
    let mut found: Vec<String> = unfit.into_iter().collect();
    if let Some(open) = open {
        found.push(format!("{goal} is written, and {} has not ended", open.name()));
    }
    if chart.texts != wanted.texts {
        found.push(format!("{goal} is written, and is not the chart that was put"));
    }
    if !ids_are_sound(before, wanted, &chart) {
        found.push(format!("{goal} is written with other actions than were put"));
    }
    let revision = before.map(|goal| goal.head.revision).unwrap_or_default();
    if after.head.revision != revision.next() {
        found.push(format!("{goal} is written as revision {} after {}", after.head.revision.0, revision.0));
    }
    if before.map(Chart::from).as_ref() == Some(&chart) {
        found.push(format!("{goal} is written, and nothing changes"));
    }
    let of_others = |head: &GoalHead| (head.user_id.clone(), head.claimed_by.clone(), head.claims, head.status);
    if before.is_some_and(|before| of_others(&before.head) != of_others(&after.head)) {
        found.push(format!("{goal} is written with more than its chart"));
    }
    for what in found {
        sim.violated("chart", what);
    }
    for action in &after.actions {
        script(sim, goal, &action.action_id);
    }
    sim.core().charts.had.entry(goal.clone()).or_default().push(chart);
}

/// The AI's behaviour for an action that may be new.
fn script(sim: &Sim, goal: &GoalId, action: &ActionId) {
    let key = (goal.clone(), action.clone());
    if !sim.core().scripts.contains_key(&key) {
        let script = Script::draw(sim);
        sim.core().scripts.insert(key, script);
    }
}

/// At rest a goal's chart is as it was written last, and fits its tasks.
pub(crate) fn at_rest(state: &State, core: &Core, goal: &Goal) -> Option<String> {
    let had = core.charts.had.get(&goal.head.goal_id)?;
    if had.last() != Some(&Chart::from(goal)) {
        return Some(format!("{} is not as it was written last", goal.head.goal_id));
    }
    tasks_fit(state, core, goal)
}
