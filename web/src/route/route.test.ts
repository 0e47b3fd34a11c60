import { expect, test } from 'vitest';

import { chartPath, goalPath, parseRoute } from './route';

test.each([
  ['', { page: 'goals' }],
  ['#/', { page: 'goals' }],
  ['#/new', { page: 'bring', goalId: undefined }],
  [goalPath('a b/c'), { page: 'goal', goalId: 'a b/c' }],
  [chartPath('g'), { page: 'bring', goalId: 'g' }],
  ['#/goals', { page: 'unknown' }],
  ['#/goals/%E0%A4%A', { page: 'goal', goalId: '%E0%A4%A' }],
  ['#/goals/g/x', { page: 'unknown' }],
  ['#/goals/..', { page: 'unknown' }],
  ['#/goals/%2e/chart', { page: 'unknown' }],
])('%j is a page', (hash, route) => {
  expect(parseRoute(hash)).toEqual(route);
});
