import './dom.js';
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { act, cleanup, render, renderHook } from '@testing-library/react';
import { StrictMode, createElement, type ReactNode } from 'react';
import type { Clock } from '@sinonjs/fake-timers';
import { ApiError } from '../src/index.js';
import { GoalActivityProvider, useWorkflow, type UseWorkflowOptions } from '../src/react/index.js';
import { ARN, RecordedApi, fakeTime, json, noNetwork, problem, recorded, running, status } from './support.js';

afterEach(cleanup);

const NONE = json({ items: [] });
const OTHER = `${ARN}0`;
const started = () => json(recorded('started'), { status: 202 });
const history = (executionArn = ARN) => json({ items: [{ ...recorded('workflows').items[0], executionArn }] });

function hook(api: RecordedApi, options: UseWorkflowOptions = {}, strict = false) {
  const wrapper = ({ children }: { children: ReactNode }) => {
    const provider = createElement(GoalActivityProvider, { client: api.client }, children);
    return strict ? createElement(StrictMode, null, provider) : provider;
  };
  return renderHook(({ goalId }: { goalId: string | undefined }) => useWorkflow(goalId, options), { wrapper, initialProps: { goalId: 'goal-1' as string | undefined } });
}
const pass = (clock: Clock, milliseconds = 0) => act(async () => {
  await clock.tickAsync(milliseconds);
});

test('it follows the workflow that runs when it is mounted', async (t) => {
  const clock = fakeTime(t);
  const ended: string[] = [];
  const api = new RecordedApi().on('GET goal-1/workflows', json({ items: [], nextCursor: 'next' }), history())
    .on('GET /status', json(running()), json(status()));
  const { result } = hook(api, { onEnded: ({ status }) => ended.push(status) });
  assert.equal(result.current.isLoading, true);
  await pass(clock);
  assert.equal(new URL(api.requests[1]!.url).searchParams.get('cursor'), 'next');
  assert.deepEqual([result.current.isRunning, result.current.isLoading, result.current.executionArn], [true, false, ARN]);
  await pass(clock, 2_000);
  assert.deepEqual([result.current.status?.status, result.current.isCompleted, result.current.isRunning, ended], ['PARTIALLY_SUCCEEDED', true, false, ['PARTIALLY_SUCCEEDED']]);
  await pass(clock, 60_000);
  assert.equal(api.count('GET /status'), 2);
});

test('a goal without workflows is started, once, and followed', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET goal-1/workflows', NONE).on('POST /start-activity', started()).on('GET /status', json(running()), json(status()));
  const { result } = hook(api);
  await pass(clock);
  assert.deepEqual([result.current.isLoading, result.current.status, result.current.isRunning], [false, undefined, false]);
  await act(async () => void result.current.start());
  await pass(clock);
  assert.equal(result.current.isRunning, true);
  await act(() => result.current.regenerate(['a-1-1']));
  // As `onClick={start}` calls it.
  await act(() => result.current.start({ type: 'click' } as never));
  await pass(clock);
  const bodies = await Promise.all(api.requests.filter(({ method }) => method === 'POST').map((request) => request.text()));
  assert.deepEqual(bodies, ['{}', '{"actionIds":["a-1-1"],"regenerate":true}', '{}']);
});

test('the workflow that runs already is followed instead', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET goal-1/workflows', NONE).on('POST /start-activity', problem('problem-already-running')).on('GET /status', json(running()));
  const { result } = hook(api);
  await pass(clock);
  const joined = await act(() => result.current.start());
  await pass(clock);
  assert.deepEqual([joined?.executionArn, result.current.executionArn, result.current.isRunning, result.current.error], [ARN, ARN, true, undefined]);
});

test('a start whose answer is lost is repeated with the same key', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET goal-1/workflows', NONE).on('POST /start-activity', noNetwork(), started()).on('GET /status', json(running()));
  const { result } = hook(api);
  await pass(clock);
  await act(async () => void result.current.start());
  await pass(clock, 1_000);
  const keys = api.requests.map((request) => request.headers.get('idempotency-key')).filter(Boolean);
  assert.deepEqual([keys.length, new Set(keys).size, keys[0]?.length], [2, 1, 32]);
  assert.equal(result.current.isRunning, true);
});

test('a refused action is in `error`, in words, until the next one', async (t) => {
  const clock = fakeTime(t);
  const errors: Error[] = [];
  const api = new RecordedApi().on('GET goal-1/workflows', NONE).on('POST /start-activity', problem('problem-invalid-request'), started()).on('GET /status', json(running()));
  const { result } = hook(api, { onError: (error) => errors.push(error) });
  await pass(clock);
  await act(async () => assert.equal(await result.current.start(), undefined));
  assert.ok(result.current.error instanceof ApiError);
  assert.equal(result.current.error.message, recorded('problem-invalid-request').detail);
  assert.deepEqual([errors, result.current.isLoading], [[result.current.error], false]);
  await act(() => result.current.cancel());
  assert.match(String(result.current.error), /there is no workflow to cancel/);
  await act(() => result.current.start());
  await pass(clock);
  assert.equal(result.current.error, undefined);
});

test('it is cancelled, and retried', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET goal-1/workflows', history()).on('POST /cancel', json(recorded('cancelled')))
    .on('POST /retry', json({ ...recorded<object>('started'), executionArn: OTHER }, { status: 202 }))
    .on(`GET ${OTHER}/status`, json({ ...running(), executionArn: OTHER }))
    .on('GET /status', json(running()), json(status({ status: 'ABORTED' })));
  const { result } = hook(api);
  await pass(clock);
  await act(() => result.current.cancel('changed my mind'));
  await pass(clock);
  assert.equal(await api.requests.find(({ url }) => url.endsWith('/cancel'))?.text(), '{"reason":"changed my mind"}');
  assert.deepEqual([result.current.status?.status, result.current.isRunning, result.current.isCompleted, result.current.isFailed], ['ABORTED', false, false, false]);
  await act(() => result.current.retry());
  await pass(clock);
  assert.deepEqual([result.current.executionArn, result.current.isRunning], [OTHER, true]);
});

test('a failed workflow is failed, and refreshed at once', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET goal-1/workflows', history()).on('GET /status', json(running()), json(recorded('status-failed')));
  const { result } = hook(api);
  await pass(clock);
  await act(() => result.current.refresh());
  assert.deepEqual([result.current.isFailed, result.current.isRunning], [true, false]);
  await pass(clock, 60_000);
  assert.equal(api.count('GET /status'), 2);
});

test('after the end, a refresh finds what another page has started', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET goal-1/workflows', history(), history(OTHER)).on(`GET ${OTHER}/status`, json({ ...running(), executionArn: OTHER })).on('GET /status', json(status()));
  const { result } = hook(api);
  await pass(clock);
  assert.equal(result.current.isCompleted, true);
  await act(() => result.current.refresh());
  assert.deepEqual([result.current.executionArn, result.current.status?.status], [OTHER, 'RUNNING']);
});

test('nothing is asked for after it is unmounted', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET goal-1/workflows', history()).on('GET /status', json(running()));
  const { unmount } = hook(api);
  await pass(clock, 2_000);
  const before = api.requests.length;
  unmount();
  await pass(clock, 120_000);
  assert.deepEqual([api.requests.length, clock.countTimers()], [before, 0]);
});

test('in strict mode there is one poll at a time', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET goal-1/workflows', history()).on('GET /status', () => json(running(api.requests.length)));
  const { result, unmount } = hook(api, {}, true);
  await pass(clock);
  assert.deepEqual([api.count('GET /status'), result.current.isRunning, result.current.isLoading], [1, true, false]);
  await pass(clock, 6_000);
  assert.equal(api.count('GET /status'), 4);
  unmount();
  await pass(clock, 60_000);
  assert.equal(api.count('GET /status'), 4);
});

test('another goal has its own workflow, and nothing of the one before', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET goal-1/workflows', history()).on('GET goal-2/workflows', NONE).on('GET /status', json(running()));
  const { result, rerender } = hook(api);
  await pass(clock);
  assert.equal(result.current.isRunning, true);
  rerender({ goalId: 'goal-2' });
  assert.equal(result.current.status, undefined);
  await pass(clock, 60_000);
  assert.deepEqual([result.current.status, api.count('GET /status')], [undefined, 1]);
});

test('an end that was there before is none to tell', async (t) => {
  const clock = fakeTime(t);
  const ended: string[] = [];
  const api = new RecordedApi().on('GET goal-1/workflows', history()).on('GET /status', json(status()));
  const { result } = hook(api, { onEnded: ({ status }) => ended.push(status) });
  await pass(clock);
  assert.deepEqual([result.current.isCompleted, ended], [true, []]);
});

test('an action that is answered after the page was left changes nothing', async (t) => {
  const clock = fakeTime(t);
  const errors: Error[] = [];
  const later = (answer: () => Response) => () => new Promise<Response>((resolve) => setTimeout(() => resolve(answer()), 1_000));
  const api = new RecordedApi().on('GET goal-1/workflows', NONE).on('POST /start-activity', later(started), later(() => problem('problem-invalid-request')));
  const { result, unmount } = hook(api, { onError: (error) => errors.push(error) });
  await pass(clock);
  await act(async () => void Promise.all([result.current.start(), result.current.start()]));
  unmount();
  await pass(clock, 60_000);
  assert.deepEqual([api.count('POST /start-activity'), api.count('GET /status'), errors], [2, 0, []]);
});

test('without a goal nothing is asked for', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET goal-1/workflows', NONE);
  const { result, rerender } = hook(api);
  rerender({ goalId: undefined });
  await pass(clock, 60_000);
  assert.deepEqual([result.current.isLoading, api.requests.length], [false, 1]);
  await act(async () => assert.equal(await result.current.start(), undefined));
  assert.match(String(result.current.error), /there is no goal/);
});

test('without a client it says what is missing', (t) => {
  t.mock.method(console, 'error', () => {});
  const Without = () => createElement('p', null, String(useWorkflow('goal-1').isRunning));
  assert.throws(() => render(createElement(Without)), /needs a client/);
});

test('what was started is not replaced by an older answer', async (t) => {
  const clock = fakeTime(t);
  const old = new Promise<Response>((resolve) => setTimeout(() => resolve(history(OTHER)), 5_000));
  const api = new RecordedApi().on('GET goal-1/workflows', () => old).on('POST /start-activity', started()).on('GET /status', json(running()));
  const { result } = hook(api);
  await pass(clock);
  await act(async () => void result.current.start());
  await pass(clock, 10_000);
  assert.deepEqual([result.current.executionArn, result.current.isRunning, result.current.isLoading], [ARN, true, false]);
});

test('an end is told once, also where the answer to a cancellation comes after it', async (t) => {
  const clock = fakeTime(t);
  const ended: string[] = [];
  const late = () => new Promise<Response>((resolve) => setTimeout(() => resolve(json(recorded('cancelled'))), 5_000));
  const api = new RecordedApi().on('GET goal-1/workflows', history()).on('POST /cancel', late)
    .on('GET /status', json(running()), json(status({ status: 'ABORTED' })));
  const { result } = hook(api, { onEnded: ({ status }) => ended.push(status) });
  await pass(clock);
  await act(async () => void result.current.cancel());
  await pass(clock, 60_000);
  assert.deepEqual(ended, ['ABORTED']);
});

test('nothing is followed that is started after the page is gone', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET goal-1/workflows', NONE).on('POST /start-activity', started()).on('GET /status', json(running()));
  const { result, unmount } = hook(api, {}, true);
  await pass(clock);
  const { start } = result.current;
  unmount();
  await act(() => start());
  await pass(clock, 60_000);
  assert.deepEqual([api.count('POST /start-activity'), api.count('GET /status'), clock.countTimers()], [1, 0, 0]);
});
