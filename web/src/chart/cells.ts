import type { ActionKind, ActionState, Chart, Goal, GoalAction, WorkflowActions } from '../api/types';

/** `none`: nothing was generated or asked for. */
export type CellState = ActionState | 'none';

export interface ActionCell {
  kind: 'action';
  row: number;
  column: number;
  title: string;
  actionId: string | undefined;
  subGoal: string;
  description: string | undefined;
  type: ActionKind;
  state: CellState;
  tasks: number;
  code: string | undefined;
  message: string | undefined;
  attempts: number | undefined;
}

/** The goal, a sub-goal (both with how many of their actions have tasks), or nothing. */
export interface PlainCell {
  kind: 'goal' | 'subGoal' | 'empty';
  row: number;
  column: number;
  title: string;
  done: number;
  total: number;
  /** The block that this cell is the entrance of: of a sub-goal around the goal. */
  block: number | undefined;
}

export type Cell = ActionCell | PlainCell;

/** One of the nine blocks: its nine cells, row by row. */
export interface Block {
  /** 0 to 8, row by row; 4 is the middle one. */
  place: number;
  title: string;
  done: number;
  total: number;
  failed: number;
  cells: Cell[];
}

const MIDDLE = 4;

/** The place from 0 to 8 of a position from 1 to 8: row by row, without the middle. */
const placeOf = (position: number): number => (position <= MIDDLE ? position - 1 : position);

/** Lays a chart out as it hangs on a wall: the goal in the middle, its sub-goals around it, each again in its own block. */
export function blocksOf(chart: Chart | Goal): Block[] {
  const blocks = Array.from({ length: 9 }, (_, place) => emptyBlock(place));
  const middle = blocks[MIDDLE];
  if (!middle) return blocks;
  chart.subGoals.forEach((subGoal, index) => {
    const place = placeOf(subGoal.position ?? index + 1);
    const block = blocks[place];
    if (!block) return;
    block.title = subGoal.title;
    subGoal.actions.forEach((action, number) => {
      if (action.title.trim() === '') return;
      const at = placeOf(action.position ?? number + 1);
      const known: Partial<GoalAction> = action;
      block.cells[at] = {
        kind: 'action',
        ...cellAt(place, at),
        title: action.title,
        actionId: action.actionId,
        subGoal: subGoal.title,
        description: action.description,
        type: action.type ?? 'execution',
        state: stateOf(known),
        tasks: known.tasks ?? 0,
        code: known.code,
        message: known.message,
        attempts: known.attempts,
      };
    });
    const actions = actionsOf([block]);
    block.total = actions.length;
    block.done = actions.filter(hasTasks).length;
    block.failed = actions.filter(({ state }) => state === 'failed').length;
    const { done, total } = block;
    const entrance = { kind: 'subGoal' as const, title: subGoal.title, done, total };
    block.cells[MIDDLE] = { ...entrance, ...cellAt(place, MIDDLE), block: undefined };
    middle.cells[place] = { ...entrance, ...cellAt(MIDDLE, place), block: place };
  });
  const [done, total] = [sum(blocks, 'done'), sum(blocks, 'total')];
  middle.title = chart.title;
  middle.cells[MIDDLE] = { kind: 'goal', ...cellAt(MIDDLE, MIDDLE), title: chart.title, done, total, block: undefined };
  middle.failed = sum(blocks, 'failed');
  middle.done = done;
  middle.total = total;
  return blocks;
}

/** The sub-goal of a cell: in the middle block, or in the middle of its own. */
export function subGoalAt<SubGoal extends { position?: number }>(
  { subGoals }: { subGoals: readonly SubGoal[] },
  { block, row, column }: PlainCell,
): SubGoal | undefined {
  const place = block ?? 3 * Math.floor(row / 3) + Math.floor(column / 3);
  return subGoals.find(({ position }, index) => placeOf(position ?? index + 1) === place);
}

export const actionsOf = (blocks: readonly Block[]): ActionCell[] =>
  blocks.flatMap(({ cells }) => cells).filter(cell => cell.kind === 'action');

/** What was cancelled before it had tasks is as if nothing had been asked for: it has not failed. */
function stateOf({ state, code, tasks = 0 }: Partial<GoalAction>): CellState {
  if (state === 'failed' && code === 'CANCELLED') return tasks > 0 ? 'succeeded' : 'none';
  return state ?? (tasks > 0 ? 'succeeded' : 'none');
}

/** Returns `true` if the cell shows tasks: also those that it had before a run that is not over. */
export const hasTasks = (cell: ActionCell): boolean => cell.tasks > 0;

/** The goal with the states that its workflow's actions have now. */
export function withActions(goal: Goal, { items }: Pick<WorkflowActions, 'items'>): Goal {
  const latest = new Map(items.map(item => [item.actionId, item]));
  const subGoals = goal.subGoals.map(subGoal => ({
    ...subGoal,
    actions: subGoal.actions.map(action => {
      const item = latest.get(action.actionId);
      if (!item) return action;
      const { actionId, position, title, description, background, constraints, type, tasks } = action;
      const { state, code, message, attempts } = item;
      return {
        ...{ actionId, position, title, type, state },
        ...(description !== undefined && { description }),
        ...(background !== undefined && { background }),
        ...(constraints !== undefined && { constraints }),
        tasks: item.tasks ?? tasks,
        ...(code !== undefined && { code }),
        ...(message !== undefined && { message }),
        ...(attempts !== undefined && { attempts }),
      };
    }),
  }));
  const actionsWithTasks = subGoals.flatMap(({ actions }) => actions).filter(({ tasks }) => tasks > 0).length;
  return { ...goal, subGoals, actionsWithTasks };
}

/** The cell at a distance, in the table of nine by nine, or the one at its edge. */
export function neighbour(blocks: readonly Block[], from: Pick<Cell, 'row' | 'column'>, rows: number, columns: number) {
  const within = (value: number) => Math.min(8, Math.max(0, value));
  const [row, column] = [within(from.row + rows), within(from.column + columns)];
  return blocks.flatMap(({ cells }) => cells).find(cell => cell.row === row && cell.column === column);
}

function emptyBlock(place: number): Block {
  const cells = Array.from({ length: 9 }, (_, at): Cell => ({
    kind: 'empty',
    ...cellAt(place, at),
    title: '',
    done: 0,
    total: 0,
    block: undefined,
  }));
  return { place, title: '', done: 0, total: 0, failed: 0, cells };
}

const cellAt = (block: number, at: number) => ({
  row: 3 * Math.floor(block / 3) + Math.floor(at / 3),
  column: 3 * (block % 3) + (at % 3),
});

const sum = (blocks: readonly Block[], field: 'done' | 'total' | 'failed') =>
  blocks.filter(({ place }) => place !== MIDDLE).reduce((total, block) => total + block[field], 0);
