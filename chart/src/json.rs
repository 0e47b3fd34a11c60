//! Charts in JSON: with sub-goals and actions, as themes with items, or as nine lists of nine texts.

use goal_activity_core::chart::{Chart, ChartAction, ChartSubGoal};
use goal_activity_core::goal::{ActionKind, Side};
use serde_json::{Map, Value};

use crate::decode::cell;
use crate::place::{ChartError, Place};
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
        Value::Array(rows) => grid::read(&table(&rows)?),
        Value::Object(goal) => Reader::default().goal(&goal),
        _ => Err(wrong("", "expected an object, or nine lists of nine texts")),
    }
}

fn wrong(path: &str, problem: impl Into<String>) -> ChartError {
    let place = if path.is_empty() { Place::Whole } else { Place::Field(path.to_owned()) };
    ChartError::new(place, problem)
}

fn table(rows: &[Value]) -> Result<Vec<Vec<String>>, ChartError> {
    let text = |value: &Value| match value {
        Value::Null => Some(String::new()),
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let cells = |(row, cells): (usize, &Value)| {
        let Value::Array(cells) = cells else {
            return Err(wrong(&format!("[{row}]"), "expected a list of nine texts"));
        };
        let cells = cells.iter().enumerate();
        cells
            .map(|(column, value)| text(value).ok_or_else(|| wrong(&format!("[{row}][{column}]"), "expected a text")))
            .collect()
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
) -> Result<Vec<(Side, String, &'a Value)>, ChartError> {
    let Some((name, list)) = first(object, names) else { return Ok(Vec::new()) };
    let path = below(path, name);
    let Value::Array(list) = list else { return Err(wrong(&path, "expected a list")) };
    let mut placed: Vec<(Side, String, &Value)> = Vec::new();
    for (index, entry) in list.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if is_empty(entry) {
            continue;
        }
        let place = match entry.as_object().and_then(|entry| first(entry, POSITION)) {
            None => Side::all().nth(index).ok_or_else(|| wrong(&path, too_many))?,
            Some((name, place)) => {
                let side = place.as_u64().and_then(|place| Side::try_from(u8::try_from(place).ok()?).ok());
                side.ok_or_else(|| wrong(&below(&path, name), "expected a place from 1 to 8"))?
            }
        };
        if placed.iter().any(|(taken, ..)| *taken == place) {
            return Err(wrong(&path, format!("place {place} is taken by an entry before it")));
        }
        placed.push((place, path, entry));
    }
    placed.sort_by_key(|(place, ..)| *place);
    Ok(placed)
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

/// Collects what is left out.
#[derive(Default)]
struct Reader {
    left_out: Vec<String>,
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
        let title = text(goal, TITLE, "")?;
        if title.is_empty() {
            return Err(ChartError::missing(
                Place::Field(TITLE[0].to_owned()),
                "the goal has no title",
                &self.left_out,
            ));
        }
        let deadline = Some(text(goal, DEADLINE, "")?).filter(|deadline| !deadline.is_empty());
        let sub_goals = entries(goal, SUB_GOALS, "", "a goal has at most 8 sub-goals")?;
        let sub_goals = sub_goals.into_iter().map(|(position, path, entry)| self.sub_goal(position, &path, entry));
        let sub_goals = sub_goals.collect::<Result<_, _>>()?;
        let chart = Chart {
            title,
            description: text(goal, DESCRIPTION, "")?,
            background: text(goal, BACKGROUND, "")?,
            constraints: text(goal, CONSTRAINTS, "")?,
            deadline,
            sub_goals,
        };
        Ok(Reading { chart, left_out: self.left_out })
    }

    fn sub_goal(&mut self, position: Side, path: &str, entry: &Value) -> Result<ChartSubGoal, ChartError> {
        let sub_goal = match entry {
            Value::String(title) => {
                return Ok(ChartSubGoal {
                    position,
                    title: cell(title),
                    description: String::new(),
                    actions: Vec::new(),
                });
            }
            Value::Object(sub_goal) => sub_goal,
            _ => return Err(wrong(path, "expected a sub-goal: a text, or an object with a title and actions")),
        };
        self.note_others(sub_goal, &[TITLE, DESCRIPTION, ACTIONS, POSITION], path);
        let actions = entries(sub_goal, ACTIONS, path, "a sub-goal has at most 8 actions")?;
        let actions = actions.into_iter().map(|(position, path, entry)| self.action(position, &path, entry));
        let actions = actions.filter_map(Result::transpose).collect::<Result<_, _>>()?;
        let (title, description) = (text(sub_goal, TITLE, path)?, text(sub_goal, DESCRIPTION, path)?);
        Ok(ChartSubGoal { position, title, description, actions })
    }

    fn action(&mut self, position: Side, path: &str, entry: &Value) -> Result<Option<ChartAction>, ChartError> {
        let action = match entry {
            Value::String(title) => return Ok(Some(grid::action(position, cell(title)))),
            Value::Object(action) => action,
            _ => return Err(wrong(path, "expected an action: a text, or an object with a title")),
        };
        self.note_others(action, &[TITLE, DESCRIPTION, BACKGROUND, CONSTRAINTS, KIND, POSITION], path);
        let title = text(action, TITLE, path)?;
        if title.is_empty() {
            // With a type or a text beside it: a cell of a form that was left empty.
            let says = |names| text(action, names, path).map(|text| !text.is_empty());
            if says(DESCRIPTION)? || says(BACKGROUND)? || says(CONSTRAINTS)? {
                self.left_out.push(format!("{path}: an action without a title"));
            }
            return Ok(None);
        }
        let kind = match text(action, KIND, path)?.to_ascii_lowercase().as_str() {
            "" => ActionKind::default(),
            "execution" => ActionKind::Execution,
            "habit" => ActionKind::Habit,
            _ => return Err(wrong(&below(path, KIND[0]), "expected execution or habit")),
        };
        Ok(Some(ChartAction {
            position,
            title,
            description: text(action, DESCRIPTION, path)?,
            background: text(action, BACKGROUND, path)?,
            constraints: text(action, CONSTRAINTS, path)?,
            kind,
        }))
    }
}

/// Writes all of a chart.
pub(crate) fn write(chart: &Chart) -> String {
    // A struct of texts can always be written.
    serde_json::to_string_pretty(chart).map(|json| json + "\n").unwrap_or_default()
}
