import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, waitForWorkflow, watchWorkflow, type WatchOptions, type WorkflowStatus } from '../src/index.js';
import { ARN, RecordedApi, fakeTime, json, noNetwork, problem, recorded, running, status } from './support.js';

/** Follows the recorded workflow, and notes what happens. */
function watched(api: RecordedApi, options: WatchOptions = {}) {
  const seen: WorkflowStatus[] = [];
  const result: { seen: WorkflowStatus[]; ended?: WorkflowStatus; error?: unknown } = { seen };
  void waitForWorkflow(api.client, ARN, { ...options, onStatus: (status) => seen.push(status) })
    .then((ended) => { result.ended = ended; }, (error: unknown) => { result.error = error; });
  return result;
}
const unchanged = (headers: HeadersInit = {}) => new Response(null, { status: 304, headers });

test('it stops at every end', async (t) => {
  const clock = fakeTime(t);
  for (const end of ['SUCCEEDED', 'PARTIALLY_SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'] as const) {
    const api = new RecordedApi().on('GET /status', json(running()), json(status({ status: end })));
    const result = watched(api);
    await clock.tickAsync(60_000);
    assert.deepEqual([result.ended?.status, result.seen.length, api.requests.length], [end, 2, 2]);
  }
});

test('it can be iterated', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET /status', json(running(1)), json(running(2)), json(status()));
  const seen: number[] = [];
  const done = (async () => {
    for await (const { processedActions } of watchWorkflow(api.client, ARN)) seen.push(processedActions);
  })();
  await clock.tickAsync(4_000);
  await done;
  assert.deepEqual(seen, [1, 2, 9]);
});

test('it begins with two seconds, and backs off while nothing changes', async (t) => {
  const clock = fakeTime(t);
  const times: number[] = [];
  const at = (body: WorkflowStatus) => () => (times.push(clock.now), json(body));
  const same = Array.from({ length: 7 }, () => at(running(2)));
  watched(new RecordedApi().on('GET /status', at(running(1)), ...same, at(running(3)), at(status())));
  await clock.tickAsync(120_000);
  const waits = times.slice(1).map((time, index) => time - times[index]!);
  assert.deepEqual(waits, [2_000, 2_000, 3_000, 4_500, 6_750, 10_125, 15_000, 15_000, 2_000]);
});

test('it polls no sooner than the answer says, changed or not', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET /status',
    json(running(), { headers: { 'retry-after': '20', etag: '"1"' } }), unchanged({ 'retry-after': '30' }), json(status()));
  const result = watched(api);
  await clock.tickAsync(19_999);
  assert.equal(api.requests.length, 1);
  await clock.tickAsync(1);
  assert.equal(api.requests.length, 2);
  await clock.tickAsync(29_999);
  assert.equal(api.requests.length, 2);
  await clock.tickAsync(1);
  assert.equal(result.ended?.status, 'PARTIALLY_SUCCEEDED');
});

test('it asks whether the status has changed, and says nothing if not', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET /status', json(running(), { headers: { etag: '"1"' } }), unchanged(), json(status()));
  const result = watched(api);
  await clock.tickAsync(60_000);
  assert.deepEqual(api.requests.map((request) => request.headers.get('if-none-match')), [null, '"1"', '"1"']);
  assert.deepEqual(result.seen.map((each) => each.status), ['RUNNING', 'PARTIALLY_SUCCEEDED']);
});

test('it survives limits, outages and a lost network', async (t) => {
  const clock = fakeTime(t);
  const unavailable = json({ ...recorded<object>('problem-already-running'), status: 503, code: 'UNAVAILABLE', retryable: true }, { status: 503, headers: { 'retry-after': '40' } });
  const api = new RecordedApi().on('GET /status', noNetwork(), json({ message: 'Too Many Requests' }, { status: 429 }), json(running()),
    unavailable, json(status()));
  const retries: number[] = [];
  const result = watched(api, { onRetry: (error) => retries.push(error.status) });
  await clock.tickAsync(10_000);
  assert.equal(result.seen.length, 1);
  await clock.tickAsync(30_000);
  assert.equal(api.requests.length, 4, 'it waits as long as the answer says');
  await clock.tickAsync(10_000);
  assert.deepEqual([result.ended?.status, retries], ['PARTIALLY_SUCCEEDED', [0, 429, 503]]);
});

test('it gives up after many failures in a row, and at once if the request is wrong', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET /status', noNetwork());
  const result = watched(api, { maxFailures: 3 });
  await clock.tickAsync(120_000);
  assert.ok(result.error instanceof ApiError && result.error.status === 0);
  assert.equal(api.requests.length, 4);

  const wrong = new RecordedApi().on('GET /status', problem('problem-invalid-request'));
  const refused = watched(wrong);
  await clock.tickAsync(120_000);
  assert.ok(refused.error instanceof ApiError && refused.error.code === 'INVALID_REQUEST');
  assert.equal(wrong.requests.length, 1);
});

test('the token is renewed once for each poll that needs it', async (t) => {
  const clock = fakeTime(t);
  let valid = 'token-1';
  const token = ({ renew }: { renew: boolean }) => (renew ? valid : 'token-1');
  const answer = (body: WorkflowStatus) => (request: Request) => (
    request.headers.get('authorization') === `Bearer ${valid}` ? json(body) : new Response(null, { status: 401 }));
  const api = new RecordedApi({ token }).on('GET /status', answer(running()), answer(status()), answer(status()));
  const result = watched(api);
  await clock.tickAsync(0);
  valid = 'token-2';
  await clock.tickAsync(10_000);
  assert.deepEqual([result.ended?.status, api.requests.length], ['PARTIALLY_SUCCEEDED', 3]);

  const signedOut = new RecordedApi({ token }).on('GET /status', new Response(null, { status: 401 }));
  const refused = watched(signedOut);
  await clock.tickAsync(60_000);
  assert.ok(refused.error instanceof ApiError && refused.error.status === 401);
  assert.equal(signedOut.requests.length, 2);
});

test('an abort ends it at once, also while it waits', async (t) => {
  const clock = fakeTime(t);
  const abort = new AbortController();
  const api = new RecordedApi().on('GET /status', json(running()));
  const result = watched(api, { signal: abort.signal });
  await clock.tickAsync(1_000);
  abort.abort(new Error('enough'));
  await clock.tickAsync(0);
  assert.match(String(result.error), /enough/);
  assert.equal(clock.countTimers(), 0);
  await clock.tickAsync(60_000);
  assert.equal(api.requests.length, 1);
});

test('without the permission to send the condition across origins, it does without', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET /status', (request) => {
    if (request.headers.has('if-none-match')) throw noNetwork();
    return json(running(api.requests.length), { headers: { etag: '"1"' } });
  });
  const result = watched(api);
  await clock.tickAsync(20_000);
  assert.equal(api.requests.filter((request) => request.headers.has('if-none-match')).length, 1);
  assert.ok(result.seen.length > 5);
});

/** What a browser has. */
function browser(t: { after: (done: () => void) => void }) {
  const page = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  const network = Object.assign(new EventTarget(), { onLine: true });
  const before = new Map(['document', 'navigator', 'window'].map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]));
  for (const [name, value] of Object.entries({ document: page, navigator: network, window: network })) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
  t.after(() => before.forEach((descriptor, name) => {
    if (descriptor) Object.defineProperty(globalThis, name, descriptor);
    else Reflect.deleteProperty(globalThis, name);
  }));
  return { page, network };
}

test('a hidden page polls rarely, and at once when it is seen again', async (t) => {
  const clock = fakeTime(t);
  const { page } = browser(t);
  const api = new RecordedApi().on('GET /status', () => json(running(api.requests.length)));
  watched(api);
  await clock.tickAsync(2_000);
  assert.equal(api.requests.length, 2);
  page.visibilityState = 'hidden';
  page.dispatchEvent(new Event('visibilitychange'));
  await clock.tickAsync(29_999);
  assert.equal(api.requests.length, 2);
  await clock.tickAsync(1);
  assert.equal(api.requests.length, 3);
  await clock.tickAsync(10_000);
  page.visibilityState = 'visible';
  page.dispatchEvent(new Event('visibilitychange'));
  await clock.tickAsync(0);
  assert.equal(api.requests.length, 4);
});

test('without a network it waits until there is one', async (t) => {
  const clock = fakeTime(t);
  const { network } = browser(t);
  const api = new RecordedApi().on('GET /status', () => {
    if (!network.onLine) throw noNetwork();
    return json(running(api.requests.length));
  });
  const result = watched(api);
  await clock.tickAsync(1_000);
  network.onLine = false;
  await clock.tickAsync(1_000);
  assert.equal(api.requests.length, 2, 'the browser has said nothing yet');
  await clock.tickAsync(50_000);
  assert.equal(api.requests.length, 2);
  network.onLine = true;
  network.dispatchEvent(new Event('online'));
  await clock.tickAsync(0);
  assert.deepEqual([api.requests.length, result.seen.length], [3, 2]);
});

test('a network that comes and goes brings no poll sooner than the answer says', async (t) => {
  const clock = fakeTime(t);
  const { network } = browser(t);
  const api = new RecordedApi().on('GET /status', json(running(), { headers: { 'retry-after': '20' } }), json(status()));
  watched(api);
  await clock.tickAsync(0);
  for (let second = 0; second < 19; second += 1) {
    network.dispatchEvent(new Event('online'));
    await clock.tickAsync(1_000);
  }
  assert.equal(api.requests.length, 1);
  await clock.tickAsync(1_000);
  assert.equal(api.requests.length, 2);
});

test('a clock that is set back makes no wait longer', async (t) => {
  const clock = fakeTime(t);
  const { page } = browser(t);
  const api = new RecordedApi().on('GET /status', () => json(running(api.requests.length)));
  watched(api);
  await clock.tickAsync(0);
  clock.setSystemTime(clock.now - 3_600_000);
  page.dispatchEvent(new Event('visibilitychange'));
  await clock.tickAsync(2_000);
  assert.equal(api.requests.length, 2);
});

test('a server that never answers is one more failure', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET /status', () => new Promise<never>(() => undefined), json(status()));
  const result = watched(api);
  await clock.tickAsync(40_000);
  assert.equal(result.ended?.status, 'PARTIALLY_SUCCEEDED');
  assert.equal(clock.countTimers(), 0);
});

test('the tag of an older status is not sent for a newer one without', async (t) => {
  const clock = fakeTime(t);
  const api = new RecordedApi().on('GET /status', json(running(1), { headers: { etag: '"1"' } }), json(running(2)), json(status()));
  watched(api);
  await clock.tickAsync(60_000);
  assert.deepEqual(api.requests.map((request) => request.headers.get('if-none-match')), [null, '"1"', null]);
});

test('hours of watching leave no timers behind', async (t) => {
  const clock = fakeTime(t);
  const abort = new AbortController();
  const api = new RecordedApi().on('GET /status', () => json(running(1)));
  const result = watched(api, { signal: abort.signal });
  await clock.tickAsync(6 * 3_600_000);
  assert.ok(api.requests.length > 1_000 && clock.countTimers() === 1, `${api.requests.length} requests, ${clock.countTimers()} timers`);
  abort.abort(new Error('enough'));
  await clock.tickAsync(0);
  assert.deepEqual([String(result.error), clock.countTimers()], ['Error: enough', 0]);
});
