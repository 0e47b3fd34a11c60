import './dom.js';
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { act, cleanup, renderHook } from '@testing-library/react';
import type { Clock } from '@sinonjs/fake-timers';
import { configureWorkflowApi, useWorkflow, workflowApi, type UseWorkflowOptions } from '../src/compat/index.js';
import { ARN, RecordedApi, fakeTime, json, problem, recorded, running, status } from './support.js';

afterEach(cleanup);

const started = () => json(recorded('started'), { status: 202 });
const pass = (clock: Clock, milliseconds = 0) => act(async () => {
  await clock.tickAsync(milliseconds);
});
function using(api: RecordedApi) {
  configureWorkflowApi(api.client);
  return api;
}
const hook = (options: UseWorkflowOptions = {}) => renderHook(() => useWorkflow(options));

test('before it is configured it says what to do', async () => {
  await assert.rejects(workflowApi.startWorkflow('goal-1'), /configureWorkflowApi\(client\)/);
});

test('the calls have the answers of the goal app', async () => {
  const { startDate, stopDate } = status();
  using(new RecordedApi().on('POST /start-activity', started()).on('POST /cancel', json(recorded('cancelled'))).on('GET /status', json(status()), json(recorded('status-waiting')), json(recorded('status-failed'))));
  assert.deepEqual(await workflowApi.startWorkflow('goal-1'), { executionArn: ARN, startDate: recorded('started').startDate, status: 'RUNNING' });
  assert.deepEqual(await workflowApi.getWorkflowStatus(ARN), {
    executionArn: ARN, status: 'SUCCEEDED', startDate, stopDate, progressPercentage: 100, processedActions: 9, totalActions: 9, failedActions: ['a-1-1'],
  });
  const waiting = await workflowApi.getWorkflowStatus(ARN);
  assert.deepEqual([waiting.status, waiting.failedActions, 'stopDate' in waiting], ['RUNNING', [], false]);
  const failed = await workflowApi.getWorkflowStatus(ARN);
  assert.deepEqual([failed.status, failed.error], ['FAILED', recorded('status-failed').error?.message]);
  assert.deepEqual(await workflowApi.cancelWorkflow(ARN, 'no'), { executionArn: ARN, status: 'ABORTED', stopDate: recorded('cancelled').stopDate });
});

test('a start joins the workflow that runs', async () => {
  using(new RecordedApi().on('POST /start-activity', problem('problem-already-running')).on('GET /status', json(running())));
  assert.deepEqual(await workflowApi.startWorkflow('goal-1'), { executionArn: ARN, startDate: running().startDate, status: 'RUNNING' });
});

test('errors have the problem\'s words', async () => {
  using(new RecordedApi().on('POST /start-activity', problem('problem-invalid-request')));
  await assert.rejects(workflowApi.startWorkflow('goal-1'), { message: recorded('problem-invalid-request').detail, code: 'INVALID_REQUEST' });
});

test('the hook starts, polls every three seconds, and completes', async (t) => {
  const clock = fakeTime(t);
  const completed: string[][] = [];
  const api = using(new RecordedApi().on('POST /start-activity', started()).on('GET /status', json(running(1)), json(running(2)), json(status())));
  const { result } = hook({ onComplete: ({ status, failedActions }) => completed.push([status, ...failedActions]) });
  assert.deepEqual([result.current.status, result.current.error, result.current.isLoading], [null, null, false]);
  await act(async () => void result.current.startWorkflow('goal-1'));
  await pass(clock);
  assert.deepEqual([result.current.isRunning, result.current.status?.progressPercentage], [true, 10]);
  await pass(clock, 2_999);
  assert.equal(api.count('GET /status'), 1);
  await pass(clock, 1);
  assert.equal(result.current.status?.progressPercentage, 20);
  await pass(clock, 3_000);
  assert.deepEqual([completed, result.current.isCompleted, result.current.isFailed, result.current.isRunning], [[['SUCCEEDED', 'a-1-1']], true, false, false]);
  await pass(clock, 60_000);
  assert.equal(api.count('GET /status'), 3);
});

test('without polling the status is asked for when the app says so', async (t) => {
  const clock = fakeTime(t);
  const api = using(new RecordedApi().on('POST /start-activity', started()).on('GET /status', json(running(1)), json(running(2))));
  const { result } = hook({ enablePolling: false });
  await act(async () => void result.current.startWorkflow('goal-1'));
  await pass(clock, 60_000);
  assert.equal(api.count('GET /status'), 1);
  await act(() => result.current.refreshStatus());
  assert.equal(result.current.status?.progressPercentage, 20);
});

test('polling is stopped, resumed and made slower while a workflow runs', async (t) => {
  const clock = fakeTime(t);
  const api = using(new RecordedApi().on('POST /start-activity', started()).on('GET /status', () => json(running(api.count('GET /status') % 9))));
  const { result, rerender } = renderHook((options: UseWorkflowOptions) => useWorkflow(options), { initialProps: {} });
  await act(async () => void result.current.startWorkflow('goal-1'));
  await pass(clock);
  rerender({ enablePolling: false });
  await pass(clock);
  const before = api.count('GET /status');
  await pass(clock, 60_000);
  assert.equal(api.count('GET /status'), before);
  rerender({ enablePolling: true });
  await pass(clock, 6_000);
  assert.equal(api.count('GET /status'), before + 3);
  rerender({ enablePolling: true, pollingInterval: 10_000 });
  await pass(clock, 10_000);
  assert.equal(api.count('GET /status'), before + 5);
});

test('failures are told, a cancelled workflow is none', async (t) => {
  const clock = fakeTime(t);
  const errors: string[] = [];
  const onError = (error: Error) => errors.push(error.message);
  using(new RecordedApi().on('POST /start-activity', problem('problem-invalid-request'), started()).on('GET /status', json(running()), json(status({ status: 'TIMED_OUT' }))));
  const { result } = hook({ onError });
  await act(async () => void result.current.startWorkflow('goal-1'));
  assert.equal(result.current.error?.message, recorded('problem-invalid-request').detail);
  await act(async () => void result.current.startWorkflow('goal-1'));
  await pass(clock, 3_000);
  assert.deepEqual([errors, result.current.isFailed], [[recorded('problem-invalid-request').detail, 'the workflow took too long'], true]);

  using(new RecordedApi().on('POST /start-activity', started()).on('POST /cancel', json(recorded('cancelled'))).on('GET /status', json(running()), json(status({ status: 'ABORTED' }))));
  const other = hook({ onError });
  await act(async () => void other.result.current.startWorkflow('goal-1'));
  await pass(clock);
  await act(async () => assert.equal((await other.result.current.cancelWorkflow())?.status, 'ABORTED'));
  await pass(clock);
  assert.deepEqual([other.result.current.status?.status, other.result.current.isFailed, errors.length], ['ABORTED', false, 2]);
});

test('the hook joins the workflow that runs, and stops when it is unmounted', async (t) => {
  const clock = fakeTime(t);
  const api = using(new RecordedApi().on('POST /start-activity', problem('problem-already-running')).on('GET /status', json(running())));
  const { result, unmount } = hook();
  await act(async () => void result.current.startWorkflow('goal-1'));
  await pass(clock);
  assert.deepEqual([result.current.isRunning, result.current.error], [true, null]);
  unmount();
  const before = api.requests.length;
  await pass(clock, 60_000);
  assert.equal(api.requests.length, before);
});
