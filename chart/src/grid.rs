//! The chart as it hangs on a wall: nine blocks of nine cells. The goal is in the middle, its sub-goals around it, and each again
//! in the middle of its own block.

use goal_activity_core::chart::{Chart, ChartAction, ChartSubGoal};
use goal_activity_core::goal::{ActionKind, Side};

use crate::Reading;
use crate::decode::cell;
use crate::place::{ChartError, Place, Problems};

/// How many rows and columns a chart has.
pub(crate) const SIDE: usize = 9;
const MIDDLE: usize = 4;

/// A row or a column, and what is there.
pub(crate) type Grid = Vec<Vec<String>>;

/// The cell of a block's place: row by row, without the middle.
fn around(place: Side) -> (usize, usize) {
    let place = usize::from(u8::from(place)) - 1;
    let place = if place < MIDDLE { place } else { place + 1 };
    (place / 3, place % 3)
}

/// Where a sub-goal stands around the goal, and in its own block.
fn sub_goal_cells(sub_goal: Side) -> [(usize, usize); 2] {
    let (row, column) = around(sub_goal);
    [(3 + row, 3 + column), (3 * row + 1, 3 * column + 1)]
}

fn action_cell(sub_goal: Side, action: Side) -> (usize, usize) {
    let ((block_row, block_column), (row, column)) = (around(sub_goal), around(action));
    (3 * block_row + row, 3 * block_column + column)
}

fn place((row, column): (usize, usize)) -> Place {
    Place::Cell { row: row + 1, column: column + 1 }
}

/// Reads a table. Missing cells at its ends are empty.
pub(crate) fn read(rows: &[Vec<String>]) -> Result<Reading, ChartError> {
    let cells: Grid = rows.iter().map(|row| row.iter().map(|text| cell(text)).collect()).collect();
    let mut problems = Problems::default();
    for (row, texts) in cells.iter().enumerate() {
        let outside =
            texts.iter().enumerate().find(|(column, text)| !text.is_empty() && (row >= SIDE || *column >= SIDE));
        if let Some((column, _)) = outside {
            let problem = "a chart is a table of nine rows and nine columns, and this cell is outside of it";
            problems.note(ChartError::new(place((row, column)), problem));
        }
    }
    let at =
        |(row, column): (usize, usize)| cells.get(row).and_then(|row| row.get(column)).cloned().unwrap_or_default();
    let title = at((MIDDLE, MIDDLE));
    if title.is_empty() {
        let problem = "the middle of the table is empty: the goal belongs there";
        problems.note(ChartError::new(place((MIDDLE, MIDDLE)), problem));
    }
    let mut sub_goals = Vec::new();
    for position in Side::all() {
        let [inner, outer] = sub_goal_cells(position);
        let title = match (at(inner), at(outer)) {
            (inner, outer) if inner == outer || outer.is_empty() => inner,
            (inner, outer) if inner.is_empty() => outer,
            _ => {
                let problem = format!("the sub-goal has another text than at {}", place(inner));
                problems.note(ChartError::new(place(outer), problem));
                String::new()
            }
        };
        let actions = Side::all().map(|action| (action, at(action_cell(position, action))));
        let actions: Vec<_> =
            actions.filter(|(_, title)| !title.is_empty()).map(|(at, title)| action(at, title)).collect();
        if !title.is_empty() || !actions.is_empty() {
            sub_goals.push(ChartSubGoal { position, title, description: String::new(), actions });
        }
    }
    problems.refuse()?;
    Ok(Reading { chart: Chart { title, sub_goals, ..Chart::default() }, left_out: Vec::new() })
}

/// An action of which only the title is known.
pub(crate) fn action(position: Side, title: String) -> ChartAction {
    let (description, background, constraints) = Default::default();
    ChartAction { position, title, description, background, constraints, kind: ActionKind::default() }
}

/// The titles of a chart in their places.
pub(crate) fn write(chart: &Chart) -> Grid {
    let mut cells = vec![vec![String::new(); SIDE]; SIDE];
    let mut put = |(row, column): (usize, usize), text: &str| {
        if let Some(cell) = cells.get_mut(row).and_then(|row| row.get_mut(column)) {
            text.clone_into(cell);
        }
    };
    put((MIDDLE, MIDDLE), &chart.title);
    for sub_goal in &chart.sub_goals {
        for cell in sub_goal_cells(sub_goal.position) {
            put(cell, &sub_goal.title);
        }
        for action in &sub_goal.actions {
            put(action_cell(sub_goal.position, action.position), &action.title);
        }
    }
    cells
}
