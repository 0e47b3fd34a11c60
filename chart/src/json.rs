//! Charts in JSON: with sub-goals and actions, as themes with items, or as nine lists of nine texts.

use goal_activity_core::chart::{Chart, ChartAction, ChartSubGoal};
use goal_activity_core::goal::{ActionKind, Side};
use serde_json::{Map, Value};

use crate::decode::cell;
use crate::place::{ChartError, Place, Problems};
use crate::{Reading, grid};

type Object = Map<String, Value>;

/// What the fields are called, the name that is written first. The others are those of other programs.
const TITLE: &[&str] = &["title", "center", "goal", "mainGoal", "theme", "name", "text"];
const DESCRIPTION: &[&str] = &["description", "note", "notes"];
const BACKGROUND: &[&str] = &["background"];
const CONSTRAINTS: &[&str] = &["constraints"];
const DEADLINE: &[&str] = &["deadline"];
const SUB_GOALS: &[&str] = &["subGoals", "themes", "subgoals", "sub_goals", "pillars", "children"];
const ACTIONS: &[&str] = &["actions", "items", "tasks", "children"];
const KIND: &[&str] = &["type"];
const POSITION: &[&str] = &["position"];

/// Reads a chart.
pub(crate) fn read(text: &str) -> Result<Reading, ChartError> {
    let value: Value = serde_json::from_str(text).map_err(|error| {
        ChartError::new(Place::Line(error.line()), format!("not JSON, near column {}", error.column()))
    })?;
    match value {
        Value::Array(rows) => {
            let mut problems = Problems::default();
            let table = table(&rows, &mut problems);
            problems.refuse()?;
            grid::read(&table)
        }
        Value::Object(goal) => Reader::default().goal(&goal),
        _ => Err(wrong("", "expected an object, or nine lists of nine texts")),
    }
}

fn wrong(path: &str, problem: impl Into<String>) -> ChartError {
    let place = if path.is_empty() { Place::Whole } else { Place::Field(path.to_owned()) };
    ChartError::new(place, problem)
}

fn table(rows: &[Value], problems: &mut Problems) -> Vec<Vec<String>> {
    let text = |value: &Value| match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let cells = |(row, cells): (usize, &Value)| {
        let Value::Array(cells) = cells else {
            problems.note(wrong(&format!("[{row}]"), "expected a list of nine texts"));
            return Vec::new();
        };
        let cells = cells.iter().enumerate().map(|(column, value)| {
            problems.take(text(value).ok_or_else(|| wrong(&format!("[{row}][{column}]"), "expected a text")))
        });
        cells.collect()
    };
    rows.iter().enumerate().map(cells).collect()
}

/// The path of a field below another.
fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The first of these fields that is there.
fn first<'a>(object: &'a Object, names: &[&'static str]) -> Option<(&'static str, &'a Value)> {
    names.iter().find_map(|name| Some((*name, object.get(*name)?))).filter(|(_, value)| !value.is_null())
}

fn text(object: &Object, names: &[&'static str], path: &str) -> Result<String, ChartError> {
    match first(object, names) {
        None => Ok(String::new()),
        Some((_, Value::String(text))) => Ok(cell(text)),
        Some((_, Value::Number(number))) => Ok(number.to_string()),
        Some((name, _)) => Err(wrong(&below(path, name), "expected a text")),
    }
}

/// The entries of a list, each with its place and path. Places are their order, or what they say themselves.
fn entries<'a>(
    object: &'a Object,
    names: &[&'static str],
    path: &str,
    too_many: &str,
    problems: &mut Problems,
) -> Vec<(Side, String, &'a Value)> {
    let Some((name, list)) = first(object, names) else { return Vec::new() };
    let path = below(path, name);
    let Value::Array(list) = list else {
        problems.note(wrong(&path, "expected a list"));
        return Vec::new();
    };
    let mut placed: Vec<(Side, String, &Value)> = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if is_empty(entry) {
            continue;
        }
        let place = match entry.as_object().and_then(|entry| first(entry, POSITION)) {
            None => Side::all().nth(index).ok_or_else(|| wrong(&path, too_many)),
            Some((name, place)) => {
                let side = place.as_u64().and_then(|place| Side::try_from(u8::try_from(place).ok()?).ok());
                side.ok_or_else(|| wrong(&below(&path, name), "expected a place from 1 to 8"))
            }
        };
        match place {
            Err(problem) => problems.note(problem),
            Ok(place) if placed.iter().any(|(taken, ..)| *taken == place) => {
                problems.note(wrong(&path, format!("place {place} is taken by an entry before it")));
            }
            Ok(place) => placed.push((place, path, entry)),
        }
    }
    placed.sort_by_key(|(place, ..)| *place);
    placed
}

/// Returns `true` for an empty cell.
fn is_empty(entry: &Value) -> bool {
    match entry {
        Value::Null => true,
        Value::String(text) => cell(text).is_empty(),
        Value::Object(entry) => entry.values().all(|value| match value {
            Value::Array(list) => list.iter().all(is_empty),
            Value::String(text) => cell(text).is_empty(),
            Value::Null => true,
            _ => false,
        }),
        _ => false,
    }
}

/// Collects what is left out, and the problems.
#[derive(Default)]
struct Reader {
    left_out: Vec<String>,
    problems: Problems,
}

impl Reader {
    fn note_others(&mut self, object: &Object, known: &[&[&str]], path: &str) {
        let is_known = |name: &String| known.iter().any(|names| names.contains(&name.as_str()));
        for name in object.keys().filter(|name| !is_known(name)) {
            let name: String = name.chars().filter(|c| !c.is_control()).take(60).collect();
            self.left_out.push(format!("{}: a field that charts do not have", below(path, &name)));
        }
    }

    fn goal(mut self, goal: &Object) -> Result<Reading, ChartError> {
        self.note_others(goal, &[TITLE, DESCRIPTION, BACKGROUND, CONSTRAINTS, DEADLINE, SUB_GOALS], "");
        let title = text(goal, TITLE, "").and_then(|title| match title.is_empty() {
            true => {
                Err(ChartError::missing(Place::Field(TITLE[0].to_owned()), "the goal has no title", &self.left_out))
            }
            false => Ok(title),
        });
        let title = self.problems.take(title);
        let deadline = Some(self.text(goal, DEADLINE, "")).filter(|deadline| !deadline.is_empty());
        let sub_goals = entries(goal, SUB_GOALS, "", "a goal has at most 8 sub-goals", &mut self.problems);
        let sub_goals =
            sub_goals.into_iter().filter_map(|(position, path, entry)| self.sub_goal(position, &path, entry));
        let sub_goals = sub_goals.collect();
        let description = self.text(goal, DESCRIPTION, "");
        let background = self.text(goal, BACKGROUND, "");
        let constraints = self.text(goal, CONSTRAINTS, "");
        let chart = Chart { title, description, background, constraints, deadline, sub_goals };
        self.problems.refuse()?;
        Ok(Reading { chart, left_out: self.left_out })
    }

    fn text(&mut self, object: &Object, names: &[&'static str], path: &str) -> String {
        self.problems.take(text(object, names, path))
    }

    fn sub_goal(&mut self, position: Side, path: &str, entry: &Value) -> Option<ChartSubGoal> {
        let sub_goal = match entry {
            Value::String(title) => {
                return Some(ChartSubGoal {
                    position,
                    title: cell(title),
                    description: String::new(),
                    actions: Vec::new(),
                });
            }
            Value::Object(sub_goal) => sub_goal,
            _ => {
                self.problems.note(wrong(path, "expected a sub-goal: a text, or an object with a title and actions"));
                return None;
            }
        };
        self.note_others(sub_goal, &[TITLE, DESCRIPTION, ACTIONS, POSITION], path);
        let actions = entries(sub_goal, ACTIONS, path, "a sub-goal has at most 8 actions", &mut self.problems);
        let actions = actions.into_iter().filter_map(|(position, path, entry)| self.action(position, &path, entry));
        let actions = actions.collect();
        let (title, description) = (self.text(sub_goal, TITLE, path), self.text(sub_goal, DESCRIPTION, path));
        Some(ChartSubGoal { position, title, description, actions })
    }

    fn action(&mut self, position: Side, path: &str, entry: &Value) -> Option<ChartAction> {
        let action = match entry {
            Value::String(title) => return Some(grid::action(position, cell(title))),
            Value::Object(action) => action,
            _ => {
                self.problems.note(wrong(path, "expected an action: a text, or an object with a title"));
                return None;
            }
        };
        self.note_others(action, &[TITLE, DESCRIPTION, BACKGROUND, CONSTRAINTS, KIND, POSITION], path);
        let title = self.text(action, TITLE, path);
        let [description, background, constraints] =
            [DESCRIPTION, BACKGROUND, CONSTRAINTS].map(|names| self.text(action, names, path));
        if title.is_empty() {
            // With a type or a text beside it: a cell of a form that was left empty.
            if [&description, &background, &constraints].into_iter().any(|text| !text.is_empty()) {
                self.left_out.push(format!("{path}: an action without a title"));
            }
            return None;
        }
        let kind = match self.text(action, KIND, path).to_ascii_lowercase().as_str() {
            "" => ActionKind::default(),
            "execution" => ActionKind::Execution,
            "habit" => ActionKind::Habit,
            _ => {
                self.problems.note(wrong(&below(path, KIND[0]), "expected execution or habit"));
                return None;
            }
        };
        Some(ChartAction { position, title, description, background, constraints, kind })
    }
}

/// Writes all of a chart.
pub(crate) fn write(chart: &Chart) -> String {
    // A struct of texts can always be written.
    serde_json::to_string_pretty(chart).map(|json| json + "\n").unwrap_or_default()
}
