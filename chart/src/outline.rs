//! A chart as an outline: the goal, below it its sub-goals, below these their actions.

use goal_activity_core::chart::{Chart, ChartAction, ChartSubGoal};
use goal_activity_core::goal::Side;

use crate::Reading;
use crate::decode::cell;
use crate::grid::action;
use crate::place::{ChartError, Place, Problems};

/// One entry of an outline, and how deep it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) depth: usize,
    pub(crate) title: String,
    pub(crate) description: String,
    /// From 1.
    pub(crate) line: usize,
}

/// An entry with those below it.
#[derive(Debug)]
struct Node {
    entry: Entry,
    children: Vec<Node>,
}

/// Puts the entries below each other by how deep they are. A level that is passed over is none.
fn nested(entries: Vec<Entry>) -> Vec<Node> {
    fn close(open: &mut Vec<Node>, roots: &mut Vec<Node>) {
        if let Some(node) = open.pop() {
            open.last_mut().map_or(roots, |parent| &mut parent.children).push(node);
        }
    }
    let (mut roots, mut open): (Vec<Node>, Vec<Node>) = (Vec::new(), Vec::new());
    for entry in entries {
        while open.last().is_some_and(|node| node.entry.depth >= entry.depth) {
            close(&mut open, &mut roots);
        }
        open.push(Node { entry, children: Vec::new() });
    }
    while !open.is_empty() {
        close(&mut open, &mut roots);
    }
    roots
}

/// Reads a chart from its outline. `title` is that of the document: the goal's, where no single entry is the goal.
pub(crate) fn read(entries: Vec<Entry>, title: Option<&str>) -> Result<Reading, ChartError> {
    let mut roots = nested(entries);
    let title = title.map(cell).filter(|title| !title.is_empty());
    let goal = match (roots.len(), title) {
        (0, _) => return Err(ChartError::new(Place::Whole, "there is nothing in it")),
        (1, _) => roots.remove(0),
        (_, Some(title)) => {
            Node { entry: Entry { depth: 0, title, description: String::new(), line: 1 }, children: roots }
        }
        (_, None) => {
            let line = roots.get(1).map_or(1, |second| second.entry.line);
            let problem =
                "a second goal: an outline has one goal at the top, its sub-goals below it, their actions below these";
            return Err(ChartError::new(Place::Line(line), problem));
        }
    };
    let (mut left_out, mut problems) = (Vec::new(), Problems::default());
    let title = cell(&goal.entry.title);
    if title.is_empty() {
        problems.note(ChartError::new(Place::Line(goal.entry.line), "the goal has no title"));
    }
    let mut sub_goals = Vec::new();
    for (position, node) in placed(goal.children, "a goal has at most 8 sub-goals", &mut problems) {
        let actions = placed(node.children, "a sub-goal has at most 8 actions", &mut problems).into_iter();
        let actions = actions.filter_map(|(position, node)| to_action(position, node, &mut left_out));
        let (title, description) = (cell(&node.entry.title), cell(&node.entry.description));
        sub_goals.push(ChartSubGoal { position, title, description, actions: actions.collect() });
    }
    problems.refuse()?;
    let sub_goals = sub_goals.into_iter().filter(|sub_goal| !sub_goal.title.is_empty() || !sub_goal.actions.is_empty());
    let chart =
        Chart { title, description: cell(&goal.entry.description), sub_goals: sub_goals.collect(), ..Chart::default() };
    Ok(Reading { chart, left_out })
}

/// The places of entries: their order. An empty one keeps its place empty.
fn placed(nodes: Vec<Node>, problem: &str, problems: &mut Problems) -> Vec<(Side, Node)> {
    let is_empty = |node: &Node| cell(&node.entry.title).is_empty() && node.children.is_empty();
    let sides = Side::all().count();
    if let Some(extra) = nodes.iter().skip(sides).find(|node| !is_empty(node)) {
        problems.note(ChartError::new(Place::Line(extra.entry.line), problem));
    }
    Side::all().zip(nodes).collect()
}

/// What stands below an action is more about it.
fn to_action(position: Side, node: Node, left_out: &mut Vec<String>) -> Option<ChartAction> {
    let title = cell(&node.entry.title);
    if title.is_empty() {
        if !node.children.is_empty() || !node.entry.description.is_empty() {
            left_out.push(format!("line {}: an action without a title, and what stands below it", node.entry.line));
        }
        return None;
    }
    let mut below = vec![cell(&node.entry.description)];
    lines(&node.children, &mut below);
    below.retain(|line| !line.is_empty());
    Some(ChartAction { description: below.join("\n"), ..action(position, title) })
}

fn lines(nodes: &[Node], below: &mut Vec<String>) {
    for node in nodes {
        below.extend([cell(&node.entry.title), cell(&node.entry.description)]);
        lines(&node.children, below);
    }
}

/// The titles of a chart in their order, the empty cells before the last one of each list included.
pub(crate) fn write(chart: &Chart) -> Vec<Entry> {
    let entry = |depth, title: &str| Entry { depth, title: title.to_owned(), description: String::new(), line: 0 };
    let mut entries = vec![entry(1, &chart.title)];
    let last = chart.sub_goals.iter().map(|sub_goal| sub_goal.position).max();
    for place in Side::all().take_while(|place| Some(*place) <= last) {
        let sub_goal = chart.sub_goals.iter().find(|sub_goal| sub_goal.position == place);
        entries.push(entry(2, sub_goal.map_or("", |sub_goal| &sub_goal.title)));
        let actions = sub_goal.map_or(&[][..], |sub_goal| &sub_goal.actions);
        let last = actions.iter().map(|action| action.position).max();
        for place in Side::all().take_while(|place| Some(*place) <= last) {
            let action = actions.iter().find(|action| action.position == place);
            entries.push(entry(3, action.map_or("", |action| &action.title)));
        }
    }
    entries
}
