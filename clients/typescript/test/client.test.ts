import assert from 'node:assert/strict';
import * as http from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { ApiError, createGoalActivityClient, isFinal } from '../src/index.js';
import { ARN, RecordedApi, fakeTime, json, noNetwork, problem, recorded } from './support.js';

const STATUS = '/api/workflows/{executionArn}/status';
const params = { path: { executionArn: ARN } };
const failureOf = async (api: RecordedApi): Promise<ApiError> => {
  const error = await api.client.GET(STATUS, { params }).then(() => undefined, (error: unknown) => error);
  assert.ok(error instanceof ApiError, String(error));
  return error;
};

test('a real server gets the token, the path and the body, and its answer is returned', async (t) => {
  const seen: unknown[] = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (part) => { body += part; }).on('end', () => {
      seen.push([request.method, request.url, request.headers.authorization, request.headers['idempotency-key'], body]);
      response.writeHead(202, { 'content-type': 'application/json' }).end(JSON.stringify(recorded('started')));
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  t.after(() => server.close());
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const client = createGoalActivityClient({ baseUrl, token: async () => 'token-1' });
  const { data, response } = await client.POST('/api/goals/{goalId}/start-activity', {
    params: { path: { goalId: 'goal-1' }, header: { 'Idempotency-Key': 'key-1' } }, body: { regenerate: true },
  });
  const arn: string = data.executionArn;
  assert.deepEqual([arn, data.status, response.status], [ARN, 'PENDING', 202]);
  assert.deepEqual(seen, [['POST', '/api/goals/goal-1/start-activity', 'Bearer token-1', 'key-1', '{"regenerate":true}']]);
  // @ts-expect-error: no such field
  void data.nothing;
  // @ts-expect-error: no such route
  void (() => client.GET('/api/nothing'));
});

test('an ARN is one segment of the path', async () => {
  const api = new RecordedApi().on('GET /status', json(recorded('status-waiting')));
  await api.client.GET(STATUS, { params });
  assert.equal(new URL(api.requests[0]!.url).pathname, `/api/workflows/${encodeURIComponent(ARN)}/status`);
});

test('an error carries the problem document', async () => {
  const error = await failureOf(new RecordedApi().on('GET /status', problem('problem-already-running', { 'retry-after': '7' })));
  const { name, status, code, title, detail, retryable, retryAfter, executionArn, message } = error;
  const { title: saidTitle, detail: said } = recorded('problem-already-running');
  assert.deepEqual({ name, status, code, title, detail, retryable, retryAfter, executionArn, message }, {
    name: 'ApiError', status: 409, code: 'ALREADY_RUNNING', title: saidTitle, detail: said, retryable: false, retryAfter: 7, executionArn: ARN, message: said,
  });
  assert.deepEqual(error.problem, recorded('problem-already-running'));
});

test('an error of the gateway, of a proxy or of the network is one, too', async () => {
  const errors = await Promise.all([
    json({ message: 'Forbidden' }, { status: 403 }),
    json({ message: 'Too Many Requests' }, { status: 429, headers: { 'retry-after': new Date(Date.now() + 60_000).toUTCString() } }),
    new Response('<html>', { status: 502 }),
    json({ message: { nested: true } }, { status: 400 }),
    new Response(null, { status: 503 }),
    noNetwork(),
    new Response('<html>', { status: 200 }),
  ].map((answer) => failureOf(new RecordedApi().on('GET /status', answer))));
  assert.deepEqual(errors.map(({ status, code, retryable, message }) => [status, code, retryable, message]), [
    [403, undefined, false, 'Forbidden (HTTP status 403)'],
    [429, undefined, true, 'Too Many Requests (HTTP status 429)'],
    [502, undefined, true, 'the request failed with HTTP status 502'],
    [400, undefined, false, 'the request failed with HTTP status 400'],
    [503, undefined, true, 'the request failed with HTTP status 503'],
    [0, undefined, true, 'no answer from the API: the network, or a CORS setting that does not allow this page'],
    [200, undefined, false, 'what answers there is not the API: no JSON (HTTP status 200)'],
  ]);
  assert.ok(errors[1]!.retryAfter! > 50 && errors[1]!.retryAfter! <= 60, 'a date is a time from now');
  assert.ok(errors.every((error) => !`${error} ${error.title}`.includes('[object')));
});

test('the token is renewed once when it is refused, and the request sent again', async () => {
  const hints: boolean[] = [];
  const token = ({ renew }: { renew: boolean }) => (hints.push(renew), renew ? 'token-2' : 'token-1');
  const answer = (request: Request) => (request.headers.get('authorization') === 'Bearer token-2' ? json(recorded('started'), { status: 202 }) : new Response(null, { status: 401 }));
  const api = new RecordedApi({ token }).on('POST /start-activity', answer);
  const { data } = await api.client.POST('/api/goals/{goalId}/start-activity', { params: { path: { goalId: 'g' } }, body: { actionIds: ['a'] } });
  assert.deepEqual([data.executionArn, hints, await api.requests[1]!.text()], [ARN, [false, true], '{"actionIds":["a"]}']);

  const refused = new RecordedApi({ token }).on('GET /status', json({ message: 'Unauthorized' }, { status: 401 }));
  assert.deepEqual([(await failureOf(refused)).status, refused.requests.length], [401, 2]);
  const same = new RecordedApi().on('GET /status', json({ message: 'Unauthorized' }, { status: 401 }));
  assert.deepEqual([(await failureOf(same)).status, same.requests.length], [401, 1], 'the same token would be refused again');
});

test('an abort is no error of the API', async () => {
  const api = new RecordedApi().on('GET /status', (request) => new Promise((_, reject) => request.signal.addEventListener('abort', () => reject(request.signal.reason))));
  const abort = new AbortController();
  const call = api.client.GET(STATUS, { params, signal: abort.signal });
  abort.abort(new Error('enough'));
  await assert.rejects(call, /enough/);
});

test('what fails for another reason is thrown as it is', async () => {
  const api = new RecordedApi({ token: () => { throw new Error('signed out'); } });
  await assert.rejects(api.client.GET(STATUS, { params }), /^Error: signed out$/);
});

test('the end of a workflow is told from its life', () => {
  const all = ['PENDING', 'RUNNING', 'SUCCEEDED', 'PARTIALLY_SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'] as const;
  assert.deepEqual(all.filter(isFinal), ['SUCCEEDED', 'PARTIALLY_SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']);
});

test('a server that never answers, or stops in the middle, is no answer after a while', async (t) => {
  const clock = fakeTime(t);
  const never = new Promise<never>(() => undefined);
  const silent = () => new Response(new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode('{')) }));
  for (const answer of [() => never, silent]) {
    const api = new RecordedApi().on('GET /status', answer);
    const failed = failureOf(api);
    await clock.tickAsync(30_000);
    const { status, retryable, cause } = await failed;
    assert.deepEqual([status, retryable, (cause as Error).name], [0, true, 'TimeoutError']);
    assert.equal(clock.countTimers(), 0);
  }
  const forever = createGoalActivityClient({ baseUrl: 'https://a', token: () => 't', fetch: async () => json({}), timeoutMs: Infinity });
  await forever.GET(STATUS, { params });
  assert.equal(clock.countTimers(), 0);
});

test('an abort ends a request that does not heed it', async () => {
  const api = new RecordedApi().on('GET /status', () => new Promise<never>(() => undefined));
  const abort = new AbortController();
  const call = api.client.GET(STATUS, { params, signal: abort.signal });
  setTimeout(() => abort.abort(new Error('enough')));
  await assert.rejects(call, /^Error: enough$/);
});

test('an id that would be another path is refused, and any other is one segment', async () => {
  const api = new RecordedApi().on('GET /tasks', json({ items: [] }));
  const tasks = (goalId: string) => api.client.GET('/api/goals/{goalId}/tasks', { params: { path: { goalId } } });
  for (const id of ['', '.', '..']) await assert.rejects(tasks(id), /^TypeError: goalId cannot be/);
  assert.equal(api.requests.length, 0);
  for (const id of ['a/b', '../x', '%2F', '%2e%2e', '?', '#', '目標', '...', 'a b', '\\', ';x=1', '👨‍👩‍👧']) {
    await tasks(id);
    const path = new URL(api.requests.at(-1)!.url).pathname.split('/');
    assert.deepEqual([path.length, decodeURIComponent(path[3]!), path[4]], [5, id, 'tasks']);
  }
});

test('a wait is between nothing and a day, whatever is asked for', async () => {
  const inDays = (days: number) => new Date(Date.now() + days * 86_400_000).toUTCString();
  const waits: [string, number | undefined][] = [
    ['0', 0], ['-5', 0], ['1.5', 0], ['99999999999999999999', 86_400], ['9'.repeat(400), 86_400], [inDays(3_000), 86_400], [inDays(-3), 0], ['soon', undefined], [' ', undefined],
  ];
  for (const [value, seconds] of waits) {
    const error = await failureOf(new RecordedApi().on('GET /status', json({}, { status: 429, headers: { 'retry-after': value } })));
    assert.equal(error.retryAfter, seconds, value.slice(0, 40));
  }
});
