import { expect, test } from 'vitest';

import { FakeApi } from '../../fake/FakeApi';
import { fakeApi } from '../../fake/scenarios';
import { TestSession } from '../../test/support/renderPage';
import { httpApi } from '../api/httpApi';
import { followGoal, type GoalView, NOTHING_KNOWN } from './followGoal';

/** Follows until the end, with pauses that only run the fake's clock. */
async function follow(
  fake: FakeApi,
  goalId: string,
  during: (view: GoalView) => void = () => undefined,
  known = NOTHING_KNOWN,
) {
  const views: GoalView[] = [];
  const pauses: number[] = [];
  const show = (view: GoalView) => {
    views.push(view);
    during(view);
  };
  const pause = (milliseconds: number) => {
    pauses.push(milliseconds);
    return Promise.resolve();
  };
  const api = httpApi('/api', new TestSession(), fake.fetch);
  await followGoal(api, goalId, known, new AbortController().signal, show, pause);
  return { views, pauses };
}

test('a goal without a workflow is read once', async () => {
  const { views } = await follow(fakeApi(['new']), 'new');
  expect(views).toHaveLength(1);
  expect(views[0]?.workflow).toBeUndefined();
});

test('a goal that is shown stays as it is until its first workflow is known', async () => {
  const fake = fakeApi([]);
  fake.world.put('g', { title: 'G', subGoals: [{ title: 'S', actions: [{ title: 'A' }] }] });
  const [known] = (await follow(fake, 'g')).views;
  fake.world.start('g');
  const { views } = await follow(fake, 'g', () => undefined, known);
  expect(views[0]?.goal?.executionArn).toBeDefined();
  expect(views.filter(({ workflow }) => workflow === undefined)).toEqual([]);
});

test('after the end the goal is read again', async () => {
  const start = Date.now();
  let now = start;
  const fake = fakeApi([], 'ja', () => now);
  fake.world.put('g', { title: 'G', subGoals: [{ title: 'S', actions: [{ title: 'A' }] }] });
  fake.world.start('g');
  const { views } = await follow(fake, 'g', ({ workflow }) => {
    if (workflow) now = start + 60_000;
  });
  expect(views.at(-1)?.workflow?.status).toBe('SUCCEEDED');
  expect(views.at(-1)?.goal).toMatchObject({ actionsWithTasks: 1 });
  expect(views.at(-1)?.goal?.executionArn).toBeUndefined();
});

test('an outage is repeated with longer and longer pauses, and told meanwhile', async () => {
  const fake = fakeApi(['full']);
  fake.faults.push({ path: /./, respond: 'no response', times: 3 });
  const { views, pauses } = await follow(fake, 'full');
  expect(pauses).toEqual([1000, 2000, 4000]);
  expect(views.slice(0, 3).map(({ problem }) => problem?.code)).toEqual(Array(3).fill('NO_RESPONSE'));
  expect(views.at(-1)).toMatchObject({ problem: undefined, workflow: { status: 'SUCCEEDED' } });
});

test('too many requests wait for as long as the API says', async () => {
  const fake = fakeApi(['full']);
  const respond = () => new Response('{}', { status: 429, headers: { 'retry-after': '7' } });
  fake.faults.push({ path: /./, respond, times: 1 });
  expect((await follow(fake, 'full')).pauses).toEqual([7000]);
});

test('what is refused is not repeated', async () => {
  const { views, pauses } = await follow(fakeApi([]), 'missing');
  expect(pauses).toEqual([]);
  expect(views.at(-1)?.problem?.code).toBe('UNKNOWN_GOAL');
});

test.each(['9'.repeat(20), new Date(Date.now() + 90 * 86_400_000).toUTCString()])(
  'a wait of years is one of minutes (%s)',
  async value => {
    const fake = fakeApi(['full']);
    const respond = () => new Response('{}', { status: 429, headers: { 'retry-after': value } });
    fake.faults.push({ path: /./, respond, times: 1 });
    expect((await follow(fake, 'full')).pauses).toEqual([300_000]);
  },
);
