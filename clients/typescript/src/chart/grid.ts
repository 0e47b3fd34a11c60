import { SIDES, titled, type Chart, type ChartSubGoal, type Reading } from './chart.js';
import { cell } from './decode.js';
import { Problems, inWords, type Place } from './place.js';

/*
 * The chart as it hangs on a wall: nine blocks of nine cells. The goal is in the middle, its sub-goals around it, and each again in
 * the middle of its own block.
 */

/** The rows, and the columns. */
export const SIDE = 9;
const MIDDLE = 4;

/** A row and a column, from 0. */
type At = readonly [row: number, column: number];

/** The cell of a block's place: row by row, without the middle. */
function around(side: number): At {
  const place = side <= MIDDLE ? side - 1 : side;
  return [Math.floor(place / 3), place % 3];
}

/** Where a sub-goal stands around the goal, and in its own block. */
function subGoalCells(subGoal: number): [At, At] {
  const [row, column] = around(subGoal);
  return [[3 + row, 3 + column], [3 * row + 1, 3 * column + 1]];
}

function actionCell(subGoal: number, action: number): At {
  const [blockRow, blockColumn] = around(subGoal);
  const [row, column] = around(action);
  return [3 * blockRow + row, 3 * blockColumn + column];
}

const place = ([row, column]: At): Place => ({ kind: 'cell', row: row + 1, column: column + 1 });

/** Reads a table. Missing cells at its ends are empty. */
export function readGrid(rows: string[][]): Reading {
  const cells = rows.map((row) => row.map(cell));
  const problems = new Problems();
  for (const [row, titles] of cells.entries()) {
    const column = titles.findIndex((text, at) => text !== '' && (row >= SIDE || at >= SIDE));
    if (column >= 0) {
      const problem = 'a chart is a table of nine rows and nine columns, and this cell is outside of it';
      problems.note(place([row, column]), problem);
    }
  }
  const at = ([row, column]: At) => cells[row]?.[column] ?? '';
  const title = at([MIDDLE, MIDDLE]);
  if (title === '') {
    problems.note(place([MIDDLE, MIDDLE]), 'the middle of the table is empty: the goal belongs there');
  }
  const subGoals = SIDES.map((position): ChartSubGoal => {
    const [inner, outer] = subGoalCells(position);
    if (at(inner) !== at(outer) && at(inner) !== '' && at(outer) !== '') {
      problems.note(place(outer), `the sub-goal has another text than at ${inWords(place(inner))}`);
    }
    const actions = SIDES.map((action) => titled(action, at(actionCell(position, action))));
    return { position, title: at(inner) || at(outer), actions: actions.filter((action) => action.title !== '') };
  });
  problems.refuse();
  const used = subGoals.filter((subGoal) => subGoal.title !== '' || subGoal.actions.length > 0);
  return { chart: { title, subGoals: used }, leftOut: [] };
}

/** The titles of a chart in their places. */
export function writeGrid(chart: Chart): string[][] {
  const cells = Array.from({ length: SIDE }, () => Array<string>(SIDE).fill(''));
  const put = ([row, column]: At, text: string) => {
    const cells_ = cells[row];
    if (cells_ && column in cells_) cells_[column] = text;
  };
  put([MIDDLE, MIDDLE], chart.title);
  for (const subGoal of chart.subGoals) {
    for (const each of subGoalCells(subGoal.position)) put(each, subGoal.title);
    for (const action of subGoal.actions) put(actionCell(subGoal.position, action.position), action.title);
  }
  return cells;
}
