//! What a user changes of a goal by writing its chart anew: an action that has tasks stays as it is, every other cell is free.

use std::collections::{BTreeMap, HashSet};

use goal_activity_events::{ActionId, ExecutionArn, GoalId, Timestamp, UserId};
use serde::Deserialize;
use uuid::Uuid;

use crate::goal::{Action, ActionKind, Goal, GoalHead, GoalStatus, Position, Revision, Side, SubGoal};
use crate::limits::MANDALA_SIDE;
use crate::placement::TasksByAction;

/// A goal's chart as its user wants it. Every other field is ignored, so that the answer to a request for a goal can be sent
/// back.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "GoalRequest"))]
#[serde(rename_all = "camelCase")]
pub struct ChartRequest {
    /// As it was in the chart that this one was made of. If another one has replaced that meanwhile, this one is refused.
    /// Without it, it replaces whatever is there.
    #[serde(default)]
    revision: Option<u64>,
    /// What is to be reached. Required, unless the goal has no title either.
    #[serde(default)]
    title: Option<String>,
    /// More about it.
    #[serde(default)]
    description: Option<String>,
    /// Where its owner stands.
    #[serde(default)]
    background: Option<String>,
    /// What limits its owner.
    #[serde(default)]
    constraints: Option<String>,
    /// By when, as its owner puts it.
    #[serde(default)]
    deadline: Option<String>,
    /// At most 8.
    #[serde(default, deserialize_with = "goal_activity_events::optional_objects")]
    sub_goals: Option<Vec<SubGoalRequest>>,
}

/// A sub-goal as its user wants it.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SubGoalRequest {
    /// Its place. Without it: the place in the list.
    #[serde(default)]
    position: Option<Side>,
    /// What it is about.
    #[serde(default)]
    title: Option<String>,
    /// More about it.
    #[serde(default)]
    description: Option<String>,
    /// At most 8.
    #[serde(default, deserialize_with = "goal_activity_events::optional_objects")]
    actions: Option<Vec<ActionRequest>>,
}

/// An action as its user wants it. Without a title it is an empty cell.
#[derive(Debug, Clone, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ActionRequest {
    /// Which action it is. Without it: the one at that place if that has the same title, otherwise a new one.
    #[serde(default)]
    action_id: Option<ActionId>,
    /// Its place within the sub-goal. Without it: the place in the list.
    #[serde(default)]
    position: Option<Side>,
    /// What to do.
    #[serde(default)]
    title: Option<String>,
    /// More about it.
    #[serde(default)]
    description: Option<String>,
    /// Where the user stands.
    #[serde(default)]
    background: Option<String>,
    /// What limits the user.
    #[serde(default)]
    constraints: Option<String>,
    /// Done once, or again and again. Without it: `execution`.
    #[serde(default, rename = "type")]
    kind: Option<ActionKind>,
}

/// Why a text is no chart. Names the field, and repeats no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct ChartError {
    path: String,
    problem: &'static str,
}

/// The texts of a goal's own row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GoalTexts {
    /// What is to be reached.
    pub title: String,
    /// More about it.
    pub description: String,
    /// Where its owner stands.
    pub background: String,
    /// What limits its owner.
    pub constraints: String,
    /// By when.
    pub deadline: Option<String>,
}

impl From<&GoalHead> for GoalTexts {
    fn from(head: &GoalHead) -> Self {
        Self {
            title: head.title.clone(),
            description: head.description.clone(),
            background: head.background.clone(),
            constraints: head.constraints.clone(),
            deadline: head.deadline.clone(),
        }
    }
}

/// What an action says, wherever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ActionTexts {
    title: String,
    description: String,
    background: String,
    constraints: String,
    kind: ActionKind,
}

impl From<&Action> for ActionTexts {
    fn from(action: &Action) -> Self {
        Self {
            title: action.title.clone(),
            description: action.description.clone(),
            background: action.background.clone(),
            constraints: action.constraints.clone(),
            kind: action.kind,
        }
    }
}

impl ActionTexts {
    fn at(&self, position: Position, action_id: ActionId) -> Action {
        let Self { title, description, background, constraints, kind } = self.clone();
        Action { action_id, position, title, description, background, constraints, kind }
    }
}

/// A chart as it is to be, each cell at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedChart {
    /// The revision that it was made of.
    of: Option<Revision>,
    texts: GoalTexts,
    /// Those that say something.
    sub_goals: BTreeMap<Side, SubGoal>,
    actions: BTreeMap<Position, (Option<ActionId>, ActionTexts)>,
}

/// The place of an entry of a list: what it says itself, or its order.
fn place(path: &str, said: Option<Side>, index: usize, too_many: &'static str) -> Result<Side, ChartError> {
    said.or_else(|| Side::all().nth(index)).ok_or_else(|| ChartError { path: path.to_owned(), problem: too_many })
}

fn is_blank(text: Option<&String>) -> bool {
    text.is_none_or(|text| text.trim().is_empty())
}

impl ActionRequest {
    fn texts(self) -> ActionTexts {
        ActionTexts {
            title: self.title.unwrap_or_default(),
            description: self.description.unwrap_or_default(),
            background: self.background.unwrap_or_default(),
            constraints: self.constraints.unwrap_or_default(),
            kind: self.kind.unwrap_or_default(),
        }
    }
}

impl SubGoalRequest {
    /// Returns `true` if nothing of it would be stored.
    fn is_empty(&self) -> bool {
        let texts = [&self.title, &self.description];
        texts.iter().all(|text| text.as_ref().is_none_or(String::is_empty))
            && self.actions.iter().flatten().all(|action| is_blank(action.title.as_ref()))
    }
}

impl TryFrom<ChartRequest> for WantedChart {
    type Error = ChartError;

    fn try_from(request: ChartRequest) -> Result<Self, ChartError> {
        let texts = GoalTexts {
            title: request.title.unwrap_or_default(),
            description: request.description.unwrap_or_default(),
            background: request.background.unwrap_or_default(),
            constraints: request.constraints.unwrap_or_default(),
            deadline: request.deadline,
        };
        let of = request.revision.map(Revision);
        let mut chart = Self { of, texts, sub_goals: BTreeMap::new(), actions: BTreeMap::new() };
        let (mut places, mut ids) = (HashSet::new(), HashSet::new());
        for (index, sub_goal) in request.sub_goals.into_iter().flatten().enumerate() {
            if sub_goal.is_empty() {
                continue;
            }
            let path = format!("subGoals[{index}]");
            let position = place(&path, sub_goal.position, index, "a goal has at most 8 sub-goals")?;
            if !places.insert(position) {
                return Err(ChartError { path, problem: "an entry before it has the same place" });
            }
            let (title, description) = (sub_goal.title.unwrap_or_default(), sub_goal.description.unwrap_or_default());
            if !title.is_empty() || !description.is_empty() {
                chart.sub_goals.insert(position, SubGoal { position, title, description });
            }
            chart.place_actions(&path, position, sub_goal.actions.unwrap_or_default(), &mut ids)?;
        }
        Ok(chart)
    }
}

impl WantedChart {
    fn place_actions(
        &mut self,
        path: &str,
        sub_goal: Side,
        actions: Vec<ActionRequest>,
        ids: &mut HashSet<ActionId>,
    ) -> Result<(), ChartError> {
        for (index, mut action) in actions.into_iter().enumerate() {
            if is_blank(action.title.as_ref()) {
                continue;
            }
            let path = format!("{path}.actions[{index}]");
            let of_action = place(&path, action.position, index, "a sub-goal has at most 8 actions")?;
            let position = Position { sub_goal, action: of_action };
            let id = action.action_id.take();
            if let Some(id) = &id
                && !ids.insert(id.clone())
            {
                return Err(ChartError {
                    path: format!("{path}.actionId"),
                    problem: "an action before it has the same",
                });
            }
            if self.actions.insert(position, (id, action.texts())).is_some() {
                return Err(ChartError { path, problem: "an entry before it has the same place" });
            }
        }
        Ok(())
    }
}

/// What is to be written of a goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartChange {
    /// The goal as it is afterwards.
    pub goal: Goal,
    /// Its own row as it was read; nothing if the goal is new.
    pub before: Option<GoalHead>,
    /// The sub-goals that are written, and as nothing those that are removed.
    pub sub_goals: BTreeMap<Side, Option<SubGoal>>,
    /// The actions that are written, and as nothing those that are removed.
    pub actions: BTreeMap<Position, Option<Action>>,
}

impl ChartChange {
    /// Returns `true` if anything is to be written.
    pub fn is_needed(&self) -> bool {
        let same_texts = self.before.as_ref().is_some_and(|head| GoalTexts::from(head) == self.texts());
        !same_texts || !self.sub_goals.is_empty() || !self.actions.is_empty()
    }

    /// The texts of the goal's own row afterwards.
    pub fn texts(&self) -> GoalTexts {
        GoalTexts::from(&self.goal.head)
    }
}

/// Why a chart is not written. Writing it again changes nothing, unless the goal changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditRejection {
    /// The chart has no title.
    #[error("title: a goal has a title")]
    NoTitle,
    /// Rows of the goal cannot be read: what would be replaced is not known.
    #[error(
        "rows of the chart of goal {0} cannot be read, so it is not known what would be replaced; correct or remove them, \
         the log of the function names them"
    )]
    NotWhole(GoalId),
    /// The user has ended work on the goal.
    #[error("goal {0} is completed, paused or cancelled; reopen it first")]
    Closed(GoalId),
    /// A workflow of the goal is open.
    #[error("a workflow of this goal is running: {0}; its chart can be changed when that has ended")]
    Running(ExecutionArn),
    /// Actions that have tasks would change.
    #[error("actions that have tasks cannot be changed or removed: {}", list(.0))]
    TasksExist(Vec<Position>),
    /// Another chart was written since the one that this was made of.
    #[error(
        "the chart of goal {goal_id} was changed meanwhile: its revision is {now}, and this chart was made of {of}"
    )]
    Outdated {
        /// The goal.
        goal_id: GoalId,
        /// Its revision.
        now: u64,
        /// That of the chart.
        of: u64,
    },
    /// There is no goal, and there are tasks under its id.
    #[error("goal {0} is not there, but tasks are stored under its id; use another id")]
    OldTasks(GoalId),
}

fn list(places: &[Position]) -> String {
    let place = |p: &Position| format!("action {} of sub-goal {}", p.action, p.sub_goal);
    places.iter().map(place).collect::<Vec<_>>().join(", ")
}

/// Who writes the chart, of which goal, when.
#[derive(Debug, Clone)]
pub struct Writer {
    /// The goal.
    pub goal_id: GoalId,
    /// Its owner.
    pub user_id: UserId,
    /// Now.
    pub at: Timestamp,
}

impl Writer {
    /// The id of an action that is new at that place. The same if this revision is written again at the same moment.
    fn new_id(&self, revision: Revision, position: Position) -> Option<ActionId> {
        let name = format!("{}/{}/{position}/{}", self.goal_id, revision.0, self.at);
        Uuid::new_v5(&Uuid::NAMESPACE_URL, name.as_bytes()).to_string().parse().ok()
    }
}

/// Decides what is written of a goal that is not there.
pub fn create(wanted: &WantedChart, with_tasks: &TasksByAction, writer: &Writer) -> Result<ChartChange, EditRejection> {
    if !with_tasks.is_empty() {
        return Err(EditRejection::OldTasks(writer.goal_id.clone()));
    }
    if wanted.texts.title.trim().is_empty() {
        return Err(EditRejection::NoTitle);
    }
    let head = GoalHead {
        goal_id: writer.goal_id.clone(),
        user_id: writer.user_id.clone(),
        title: String::new(),
        description: String::new(),
        background: String::new(),
        constraints: String::new(),
        deadline: None,
        status: GoalStatus::Draft,
        claimed_by: None,
        claims: goal_activity_events::ClaimSequence(0),
        revision: Revision(0),
    };
    let nothing = Goal::new(head, Vec::new(), Vec::new());
    let mut change = change(&nothing, wanted, with_tasks, writer)?;
    change.before = None;
    // Rows may be left of an earlier goal of the same id: none of them becomes a part of this one.
    for sub_goal in Side::all() {
        change.sub_goals.entry(sub_goal).or_default();
        for action in Side::all() {
            change.actions.entry(Position { sub_goal, action }).or_default();
        }
    }
    Ok(change)
}

/// Decides what is written of a goal. `running` is the workflow of this goal that is open, if one is.
pub fn replace(
    goal: &Goal,
    running: Option<&ExecutionArn>,
    wanted: &WantedChart,
    with_tasks: &TasksByAction,
    writer: &Writer,
) -> Result<ChartChange, EditRejection> {
    if goal.head.status.is_closed() {
        return Err(EditRejection::Closed(goal.head.goal_id.clone()));
    }
    if let Some(running) = running {
        return Err(EditRejection::Running(running.clone()));
    }
    if !goal.is_whole {
        return Err(EditRejection::NotWhole(goal.head.goal_id.clone()));
    }
    if wanted.texts.title.trim().is_empty() && wanted.texts.title != goal.head.title {
        return Err(EditRejection::NoTitle);
    }
    let made_of = wanted.of.unwrap_or(goal.head.revision);
    let change = change(goal, wanted, with_tasks, writer);
    // What changes nothing may be a repetition whose first answer was lost.
    if made_of != goal.head.revision && !change.as_ref().is_ok_and(|change| !change.is_needed()) {
        let goal_id = goal.head.goal_id.clone();
        return Err(EditRejection::Outdated { goal_id, now: goal.head.revision.0, of: made_of.0 });
    }
    change
}

fn change(
    goal: &Goal,
    wanted: &WantedChart,
    with_tasks: &TasksByAction,
    writer: &Writer,
) -> Result<ChartChange, EditRejection> {
    let revision = goal.head.revision.next();
    let actions = identify(goal, wanted, |position| writer.new_id(revision, position));
    let stays = |action: &&Action| {
        let after = actions.values().find(|after| after.action_id == action.action_id);
        after.is_some_and(|after| ActionTexts::from(after) == ActionTexts::from(*action))
    };
    let with_tasks = goal.actions.iter().filter(|action| with_tasks.contains_key(&action.action_id));
    let changed: Vec<_> = with_tasks.filter(|action| !stays(action)).map(|action| action.position).collect();
    if !changed.is_empty() {
        return Err(EditRejection::TasksExist(changed));
    }

    let stored: BTreeMap<_, _> = goal.actions.iter().map(|action| (action.position, action)).collect();
    let mut written: BTreeMap<_, _> = actions
        .iter()
        .filter(|(position, action)| stored.get(position) != Some(action))
        .map(|(position, action)| (*position, Some(action.clone())))
        .collect();
    let gone = stored.keys().filter(|position| !actions.contains_key(position));
    written.extend(gone.map(|position| (*position, None)));

    let says_something = |sub_goal: &&SubGoal| !sub_goal.title.is_empty() || !sub_goal.description.is_empty();
    let mut sub_goals = BTreeMap::new();
    for side in Side::all() {
        let before = goal.sub_goals.iter().find(|s| s.position == side).filter(says_something);
        let after = wanted.sub_goals.get(&side);
        if before != after {
            sub_goals.insert(side, after.cloned());
        }
    }
    let stay = goal.sub_goals.iter().filter(|s| !sub_goals.contains_key(&s.position)).cloned();
    let all: Vec<_> = stay.chain(sub_goals.values().flatten().cloned()).collect();

    let GoalTexts { title, description, background, constraints, deadline } = wanted.texts.clone();
    let head = GoalHead { title, description, background, constraints, deadline, ..goal.head.clone() };
    let after = Goal::new(head, all, actions.into_values().collect());
    let before = Some(goal.head.clone());
    let mut change = ChartChange { goal: after, before, sub_goals, actions: written };
    if change.is_needed() {
        change.goal.head.revision = revision;
    }
    Ok(change)
}

/// Says which action each cell is: the one that it names; otherwise the one at that place, if that says the same or has at least
/// the same title; otherwise a new one.
fn identify(
    goal: &Goal,
    wanted: &WantedChart,
    new_id: impl Fn(Position) -> Option<ActionId>,
) -> BTreeMap<Position, Action> {
    let is_stored = |id: &&ActionId| goal.action(id).is_some();
    let mut taken: HashSet<&ActionId> =
        wanted.actions.values().filter_map(|(id, _)| id.as_ref()).filter(is_stored).collect();
    let mut actions = BTreeMap::new();
    for (position, (named, texts)) in &wanted.actions {
        let there = || {
            let there = goal.actions.iter().find(|action| action.position == *position)?;
            let same = match named {
                None => there.title == texts.title,
                // An id that the goal does not have: of another copy of this very action.
                Some(_) => ActionTexts::from(there) == *texts,
            };
            (same && !taken.contains(&there.action_id)).then_some(&there.action_id)
        };
        let known = named.as_ref().filter(is_stored);
        let id = match known {
            Some(id) => Some(id.clone()),
            None => match there() {
                Some(id) => {
                    taken.insert(id);
                    Some(id.clone())
                }
                None => named.clone().or_else(|| new_id(*position)),
            },
        };
        if let Some(id) = id {
            actions.insert(*position, texts.at(*position, id));
        }
    }
    actions
}

/// The most rows that a change writes: all places of a chart, and the goal's own.
pub const MAX_ROWS: usize = 1 + MANDALA_SIDE as usize + MANDALA_SIDE as usize * MANDALA_SIDE as usize;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::Chart;
    use crate::placement::ActionTasks;
    use goal_activity_events::read_json;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn writer() -> Writer {
        Writer { goal_id: "g".parse().unwrap(), user_id: "u".parse().unwrap(), at: Timestamp::from_millis(7) }
    }

    fn wanted(chart: &Value) -> Result<WantedChart, String> {
        let request: ChartRequest = read_json(&chart.to_string()).map_err(|e| e.to_string())?;
        request.try_into().map_err(|e: ChartError| e.to_string())
    }

    /// A goal whose actions are `a-<place>`, with these titles.
    fn goal(cells: &[(&str, &str)]) -> Goal {
        let actions = cells.iter().map(|(place, title)| {
            let texts = ActionTexts {
                title: (*title).to_owned(),
                description: String::new(),
                background: "b".to_owned(),
                constraints: String::new(),
                kind: ActionKind::Habit,
            };
            texts.at(place.parse().unwrap(), format!("a-{}", place.replace('#', "-")).parse().unwrap())
        });
        let head = GoalHead {
            revision: Revision(3),
            ..create(&minimal(), &TasksByAction::new(), &writer()).unwrap().goal.head
        };
        let sub_goal = |position| SubGoal { position, title: "s".to_owned(), description: String::new() };
        Goal::new(head, Side::all().take(2).map(sub_goal).collect(), actions.collect())
    }

    fn minimal() -> WantedChart {
        wanted(&json!({ "title": "t" })).unwrap()
    }

    /// The goal's answer, as the API writes it: with ids and what a client must be able to send back.
    fn answer(goal: &Goal) -> Value {
        let mut answer = serde_json::to_value(Chart::from(goal)).unwrap();
        answer["status"] = "draft".into();
        for sub_goal in answer["subGoals"].as_array_mut().unwrap() {
            let side = sub_goal["position"].clone();
            for action in sub_goal["actions"].as_array_mut().unwrap() {
                let place = format!("{side}#{}", action["position"]).parse().unwrap();
                let id = goal.actions.iter().find(|a| a.position == place).map(|a| a.action_id.as_str());
                (action["actionId"], action["tasks"]) = (id.into(), 3.into());
            }
        }
        answer
    }

    fn with_tasks(ids: &[&str]) -> TasksByAction {
        let tasks = ActionTasks { count: 1, ..ActionTasks::default() };
        ids.iter().map(|id| (id.parse().unwrap(), tasks)).collect()
    }

    fn replaced(goal: &Goal, chart: &Value, tasks: &[&str]) -> Result<ChartChange, EditRejection> {
        replace(goal, None, &wanted(chart).unwrap(), &with_tasks(tasks), &writer())
    }

    fn ids(goal: &Goal) -> Vec<(String, &str)> {
        goal.actions.iter().map(|a| (a.position.to_string(), a.action_id.as_str())).collect()
    }

    #[test]
    fn cells_take_their_places_from_the_list_or_say_them() {
        let chart = wanted(&json!({ "title": "t", "subGoals": [
            { "title": "one", "actions": [{ "title": "x" }, { "title": " " }, { "title": "z" }, {}] },
            {},
            { "position": 8, "title": "eight", "actions": [{ "position": 5, "title": "y", "type": "habit" }] },
        ] }))
        .unwrap();
        let places: Vec<_> = chart.actions.keys().map(ToString::to_string).collect();
        assert_eq!(places, ["1#1", "1#3", "8#5"]);
        let sides: Vec<_> = chart.sub_goals.keys().map(ToString::to_string).collect();
        assert_eq!(sides, ["1", "8"]);
    }

    #[test]
    fn what_is_no_chart_is_refused_by_the_field_and_without_its_text() {
        let nine = vec![json!({ "title": "s3cr3t" }); 9];
        for (chart, reason) in [
            (json!({ "subGoals": nine }), "subGoals[8]: a goal has at most 8 sub-goals"),
            (json!({ "subGoals": [{ "actions": nine }] }), "subGoals[0].actions[8]: a sub-goal has at most 8 actions"),
            (
                json!({ "subGoals": [{ "position": 2, "title": "a" }, { "title": "b" }] }),
                "subGoals[1]: an entry before it has the same place",
            ),
            (
                json!({ "subGoals": [{ "actions": [{ "title": "a", "position": 2 }, { "title": "b" }] }] }),
                "subGoals[0].actions[1]: an entry before it has the same place",
            ),
            (
                json!({ "subGoals": [{ "actions": [{ "title": "a", "actionId": "x" }, { "title": "b", "actionId": "x" }] }] }),
                "subGoals[0].actions[1].actionId: an action before it has the same",
            ),
        ] {
            assert_eq!(wanted(&chart).unwrap_err(), reason);
        }
        for (chart, begin) in [
            (json!({ "title": 7 }), "title: expected"),
            (json!({ "subGoals": [["s3cr3t"]] }), "subGoals[0]: expected an object"),
            (json!({ "subGoals": [{ "position": 9 }] }), "subGoals[0].position: a place in a mandala chart is 1 to 8"),
            (json!({ "subGoals": [{ "actions": [{ "type": "weekly" }] }] }), "subGoals[0].actions[0].type: "),
        ] {
            let reason = wanted(&chart).unwrap_err();
            assert!(reason.starts_with(begin) && !reason.contains("s3cr3t"), "{reason}");
        }
    }

    #[test]
    fn a_new_goal_takes_all_places_so_that_nothing_of_an_earlier_one_is_left() {
        let chart = json!({ "title": "t", "subGoals": [{ "actions": [{ "title": "x" }, { "title": "y", "actionId": "mine" }] }] });
        let change = create(&wanted(&chart).unwrap(), &TasksByAction::new(), &writer()).unwrap();
        assert_eq!((change.before.is_none(), 1 + change.sub_goals.len() + change.actions.len()), (true, MAX_ROWS));
        assert_eq!((change.goal.head.revision, change.goal.head.status), (Revision(1), GoalStatus::Draft));
        assert_eq!(change.goal.actions.len(), 2);
        assert_eq!(change.goal.actions[1].action_id.as_str(), "mine");
        assert_ne!(change.goal.actions[0].action_id, change.goal.actions[1].action_id);
        let without_title = create(&wanted(&json!({ "title": " " })).unwrap(), &TasksByAction::new(), &writer());
        assert_eq!(without_title, Err(EditRejection::NoTitle));
        let left = create(&minimal(), &with_tasks(&["old"]), &writer());
        assert_eq!(left, Err(EditRejection::OldTasks("g".parse().unwrap())));
    }

    #[test]
    fn a_cell_is_the_action_that_it_names_or_the_one_there_with_its_title() {
        let goal = goal(&[("1#1", "x"), ("1#2", "y"), ("2#1", "z")]);
        let chart = json!({ "title": "t", "subGoals": [{ "actions": [
            { "title": "y", "actionId": "a-1-2" }, { "title": "new" }, { "title": "named", "actionId": "mine" },
        ] }, { "actions": [{ "title": "z", "description": "more" }] }] });
        let change = replaced(&goal, &chart, &[]).unwrap();
        let after = ids(&change.goal);
        assert_eq!((after[0].1, after[2].1, after[3].1), ("a-1-2", "mine", "a-2-1"));
        assert!(!["a-1-1", "a-1-2"].contains(&after[1].1), "{after:?}");
        // Both are gone: the sub-goals have no titles any more.
        assert_eq!(change.sub_goals.values().filter(|s| s.is_none()).count(), 2);
        assert_eq!(change.goal.head.revision, Revision(4));
    }

    #[test]
    fn an_action_with_tasks_may_move_but_not_change() {
        let goal = goal(&[("1#1", "x"), ("1#2", "y")]);
        let cell = |title: &str| json!({ "title": title, "background": "b", "type": "habit" });
        let chart = |cells: [Value; 2]| json!({ "title": "t", "subGoals": [{ "actions": cells }] });
        let named = |title: &str, id: &str| {
            let mut cell = cell(title);
            cell["actionId"] = id.into();
            cell
        };
        // As it is; without its id; with the id of a copy; at another place.
        for cells in [
            [named("x", "a-1-1"), cell("other")],
            [cell("x"), cell("y")],
            [named("x", "of-a-copy"), cell("y")],
            [named("y", "a-1-2"), named("x", "a-1-1")],
        ] {
            let change = replaced(&goal, &chart(cells), &["a-1-1"]).unwrap();
            assert_eq!(change.goal.action(&"a-1-1".parse().unwrap()).map(|a| a.title.as_str()), Some("x"));
        }
        let mut longer = cell("x");
        longer["constraints"] = "c".into();
        let mut once = cell("x");
        once["type"] = Value::Null;
        for first in [named("X", "a-1-1"), cell(" "), longer, once, named("x", "a-1-2")] {
            let change = replaced(&goal, &chart([first, cell("other")]), &["a-1-1"]);
            assert_eq!(change, Err(EditRejection::TasksExist(vec!["1#1".parse().unwrap()])));
        }
        let said = EditRejection::TasksExist(vec!["1#1".parse().unwrap(), "8#3".parse().unwrap()]).to_string();
        assert!(said.ends_with("action 1 of sub-goal 1, action 3 of sub-goal 8"), "{said}");
    }

    #[test]
    fn a_goal_that_is_closed_running_or_not_whole_stays_as_it_is() {
        let open = goal(&[("1#1", "x")]);
        let closed = Goal { head: GoalHead { status: GoalStatus::Paused, ..open.head.clone() }, ..open.clone() };
        let torn = Goal { is_whole: false, ..open.clone() };
        let arn: ExecutionArn = "arn:aws:states:us-east-1:123456789012:execution:m:g-1".parse().unwrap();
        let write = |goal, running| replace(goal, running, &minimal(), &TasksByAction::new(), &writer());
        assert_eq!(write(&closed, None), Err(EditRejection::Closed("g".parse().unwrap())));
        assert_eq!(write(&open, Some(&arn)), Err(EditRejection::Running(arn.clone())));
        assert_eq!(write(&torn, None), Err(EditRejection::NotWhole("g".parse().unwrap())));
        assert!(write(&open, None).is_ok());
        let untitled = wanted(&json!({})).unwrap();
        assert_eq!(replace(&open, None, &untitled, &TasksByAction::new(), &writer()), Err(EditRejection::NoTitle));
    }

    prop_compose! {
        /// Any goal, and which of its actions have tasks.
        fn any_goal()(
            cells in prop::collection::btree_map((1..=8_u8, 1..=8_u8), ("[xy ]{1,2}", any::<bool>(), any::<bool>()), 0..12),
            sub_goals in prop::collection::btree_map(1..=8_u8, ("[s ]{0,1}", "[d ]{0,1}"), 0..4),
            title in "[t ]{0,1}",
            deadline in prop::option::of("[d]{0,1}"),
        ) -> (Goal, Vec<String>) {
            let mut goal = goal(&[]);
            (goal.head.title, goal.head.deadline) = (title, deadline);
            goal.sub_goals = sub_goals.into_iter().map(|(side, (title, description))| {
                SubGoal { position: side.try_into().unwrap(), title, description }
            }).collect();
            let mut tasks = Vec::new();
            let actions = cells.into_iter().map(|((s, a), (title, is_habit, has_tasks))| {
                let id = format!("a-{s}-{a}");
                if has_tasks {
                    tasks.push(id.clone());
                }
                let kind = if is_habit { ActionKind::Habit } else { ActionKind::Execution };
                let (description, background, constraints) = ("d".to_owned(), String::new(), " ".to_owned());
                ActionTexts { title, description, background, constraints, kind }
                    .at(format!("{s}#{a}").parse().unwrap(), id.parse().unwrap())
            }).collect();
            let goal = Goal::new(goal.head, goal.sub_goals, actions);
            // Without a title it is no action.
            tasks.retain(|id| goal.actions.iter().any(|action| action.action_id.as_str() == id));
            (goal, tasks)
        }
    }

    /// A chart that has something to do with that goal: its answer, with some cells changed.
    fn any_chart() -> impl Strategy<Value = (Goal, Vec<String>, Value)> {
        let change = (0..64_usize, 0..6_u8, 1..=8_u8, "[xy ]{1,2}");
        (any_goal(), prop::collection::vec(change, 0..6)).prop_map(|((goal, tasks), changes)| {
            let mut chart = answer(&goal);
            chart["title"] = "t".into();
            for (n, what, place, title) in changes {
                let mut cells: Vec<_> = chart["subGoals"]
                    .as_array_mut()
                    .unwrap()
                    .iter_mut()
                    .flat_map(|s| s["actions"].as_array_mut().unwrap())
                    .collect();
                if cells.is_empty() {
                    continue;
                }
                let n = n % cells.len();
                let cell = cells[n].as_object_mut().unwrap();
                match what {
                    0 => cell.remove("actionId").map(drop).unwrap_or_default(),
                    1 => drop(cell.insert("title".into(), title.into())),
                    2 => drop(cell.insert("actionId".into(), format!("a-{place}-1").into())),
                    3 => drop(cell.insert("position".into(), place.into())),
                    4 => cell.clear(),
                    _ => drop(cell.insert("constraints".into(), "c".into())),
                }
            }
            (goal, tasks, chart)
        })
    }

    proptest! {
        #[test]
        fn the_answer_to_a_request_for_a_goal_changes_nothing_when_it_is_sent_back((goal, tasks) in any_goal()) {
            let tasks: Vec<_> = tasks.iter().map(String::as_str).collect();
            let change = replaced(&goal, &answer(&goal), &tasks).unwrap();
            prop_assert!(!change.is_needed(), "{:?}", change);
            prop_assert_eq!(change.goal, goal);
        }

        #[test]
        fn whatever_is_written_an_action_with_tasks_stays_as_it_is((goal, tasks, chart) in any_chart()) {
            let Ok(chart) = wanted(&chart) else { return Ok(()) };
            let names: Vec<_> = tasks.iter().map(String::as_str).collect();
            match replace(&goal, None, &chart, &with_tasks(&names), &writer()) {
                Err(EditRejection::TasksExist(places)) => {
                    let has_tasks = |place: &Position| {
                        goal.actions.iter().any(|a| a.position == *place && tasks.contains(&a.action_id.to_string()))
                    };
                    prop_assert!(!places.is_empty() && places.iter().all(has_tasks), "{:?}", places);
                }
                Err(why) => prop_assert!(false, "{}", why),
                Ok(change) => {
                    for id in names {
                        let id = id.parse().unwrap();
                        let (before, after) = (goal.action(&id).map(ActionTexts::from), change.goal.action(&id).map(ActionTexts::from));
                        prop_assert_eq!(before, after);
                    }
                    // What is written is what differs, and makes the goal what it is afterwards.
                    let mut written: BTreeMap<_, _> = goal.actions.iter().map(|a| (a.position, a.clone())).collect();
                    for (position, action) in &change.actions {
                        prop_assert_ne!(written.get(position), action.as_ref());
                        match action {
                            Some(action) => written.insert(*position, action.clone()),
                            None => written.remove(position),
                        };
                    }
                    prop_assert_eq!(written.into_values().collect::<Vec<_>>(), change.goal.actions.clone());
                    let ids: HashSet<_> = change.goal.actions.iter().map(|a| &a.action_id).collect();
                    prop_assert_eq!(ids.len(), change.goal.actions.len());
                    let again = replace(&change.goal, None, &chart, &with_tasks(&[]), &writer()).unwrap();
                    prop_assert!(!again.is_needed(), "the same chart again changes nothing: {:?}", again);
                }
            }
        }
    }
}
