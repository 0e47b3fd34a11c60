import { expect, test } from 'vitest';

import type { Goal } from '../api/types';
import { actionsOf, blocksOf, neighbour, subGoalAt, withActions } from './cells';

const goal = (): Goal => ({
  goalId: 'g',
  revision: 0,
  title: 'Goal',
  status: 'draft',
  totalActions: 2,
  actionsWithTasks: 1,
  subGoals: [
    {
      position: 1,
      title: 'First',
      actions: [
        { actionId: 'a', position: 1, title: 'A', type: 'execution', tasks: 4, state: 'succeeded' },
        { actionId: 'b', position: 5, title: 'B', type: 'habit', tasks: 0, state: 'failed', code: 'AI_TIMEOUT' },
      ],
    },
    { position: 8, title: 'Last', actions: [{ actionId: 'c', position: 8, title: ' ', type: 'execution', tasks: 0 }] },
  ],
});

/** The titles as a table of nine by nine. */
function table(): string[][] {
  const rows = Array.from({ length: 9 }, () => new Array<string>(9).fill(''));
  for (const { cells } of blocksOf(goal()))
    for (const { row, column, title } of cells) (rows[row] ?? [])[column] = title;
  return rows;
}

test('the goal is in the middle, sub-goals around it and in the middle of their blocks, actions around those', () => {
  const rows = table();
  expect(rows[4]?.[4]).toBe('Goal');
  expect([rows[3]?.[3], rows[1]?.[1]]).toEqual(['First', 'First']);
  expect([rows[5]?.[5], rows[7]?.[7]]).toEqual(['Last', 'Last']);
  // The fifth place is right of the middle: the middle itself is no place.
  expect([rows[0]?.[0], rows[1]?.[2]]).toEqual(['A', 'B']);
});

test('a blank title is no action', () => {
  expect(actionsOf(blocksOf(goal())).map(({ actionId }) => actionId)).toEqual(['a', 'b']);
});

test('a block counts its actions, the middle one all of them', () => {
  const [first, , , , middle] = blocksOf(goal());
  expect(first).toMatchObject({ done: 1, total: 2, failed: 1 });
  expect(middle).toMatchObject({ title: 'Goal', done: 1, total: 2, failed: 1 });
});

test('a chart that is not stored yet has no states, and the order of a list is its places', () => {
  const blocks = blocksOf({ title: 'New', subGoals: [{ title: 'S', actions: [{ title: 'X' }, { title: 'Y' }] }] });
  expect(actionsOf(blocks)).toMatchObject([
    { title: 'X', row: 0, column: 0, state: 'none', tasks: 0, type: 'execution' },
    { title: 'Y', row: 0, column: 1 },
  ]);
});

test('what was cancelled has not failed', () => {
  const cancelled = withActions(goal(), {
    items: [
      { actionId: 'a', batchIndex: 0, state: 'failed', code: 'CANCELLED', message: '', attempts: 0 },
      { actionId: 'b', batchIndex: 0, state: 'failed', code: 'CANCELLED', message: '', attempts: 0 },
    ],
  });
  expect(actionsOf(blocksOf(cancelled)).map(({ state }) => state)).toEqual(['succeeded', 'none']);
});

test('the states of a running workflow replace those of the one before', () => {
  const running = withActions(goal(), {
    items: [
      { actionId: 'b', batchIndex: 0, state: 'succeeded', tasks: 2 },
      { actionId: 'unknown', batchIndex: 0, state: 'waiting' },
    ],
  });
  expect(running.actionsWithTasks).toBe(2);
  expect(running.subGoals[0]?.actions[1]).toEqual({
    actionId: 'b',
    position: 5,
    title: 'B',
    type: 'habit',
    state: 'succeeded',
    tasks: 2,
  });
});

test('arrow keys stop at the edges', () => {
  const blocks = blocksOf(goal());
  expect(neighbour(blocks, { row: 0, column: 0 }, -1, 0)).toMatchObject({ row: 0, column: 0 });
  expect(neighbour(blocks, { row: 2, column: 2 }, 1, 0)).toMatchObject({ row: 3, column: 2 });
  expect(neighbour(blocks, { row: 4, column: 4 }, 0, 8)).toMatchObject({ row: 4, column: 8 });
});

test('a run takes nothing of what its owner has written', () => {
  const before = goal();
  const [action] = before.subGoals[0]?.actions ?? [];
  if (action) Object.assign(action, { description: 'd', background: 'b', constraints: 'c' });
  const running = withActions(before, { items: [{ actionId: 'a', batchIndex: 0, state: 'waiting' }] });
  expect(running.subGoals[0]?.actions[0]).toEqual({ ...action, state: 'waiting' });
});

test('a sub-goal is found by its place: another may have the same title', () => {
  const twice = { ...goal(), subGoals: goal().subGoals.map(subGoal => ({ ...subGoal, title: 'Same' })) };
  const cells = blocksOf(twice).flatMap(({ cells }) => cells.flatMap(cell => (cell.kind === 'subGoal' ? [cell] : [])));
  const found = cells.map(cell => [cell.row, cell.column, subGoalAt(twice, cell)?.position]);
  expect(found).toEqual([
    [1, 1, 1],
    [3, 3, 1],
    [5, 5, 8],
    [7, 7, 8],
  ]);
});
