/** An app at another origin calls the API from a browser, with the CORS settings of the template. */

import { randomUUID } from 'node:crypto';

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { readStack, signInSampleUser } from '../../local/localStack.ts';
import { launch } from '../support/browser.ts';
import type { Failed, Options, Read } from './app.ts';
import { type AppServer, bundleApp, serveApp } from './appServer.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { type Cors, corsOf } from './template.ts';

const { GOAL_ACTIVITY_STACK } = process.env;
if (GOAL_ACTIVITY_STACK === undefined) throw new Error('set GOAL_ACTIVITY_STACK: cargo xtask test web does');
const stack = readStack(GOAL_ACTIVITY_STACK);

const CSRF_TOKEN = 'of-the-session';
const COOKIE = { name: 'session', value: 'of-the-app' };
/** One action that takes so long that its workflow still runs when it is asked for. */
const CHART = {
  title: 'Called from elsewhere',
  subGoals: [{ title: 'Wait', actions: [{ title: 'Sleep', constraints: 'offline: latency-ms=30000' }] }],
};

/** With all settings that the app needs, or without some. */
type Deployment = 'allowed' | 'without headers' | 'without cookies' | 'with an origin only' | 'without settings';

let browser: Browser;
let context: BrowserContext | undefined;
let app: AppServer;
let stranger: AppServer;
let token: string;
let templates: Map<Deployment, Cors | undefined>;
const gateways: Gateway[] = [];

beforeAll(async () => {
  const script = await bundleApp();
  [app, stranger] = [await serveApp(script), await serveApp(script)];
  // Several, as a list is what a browser does not accept.
  const corsOrigins = `https://app.example,${app.origin}`;
  const [corsHeaders, corsCredentials] = ['x-csrf-token', 'true'];
  templates = await corsOf({
    allowed: { corsOrigins, corsHeaders, corsCredentials },
    'without headers': { corsOrigins, corsCredentials },
    'without cookies': { corsOrigins, corsHeaders },
    'with an origin only': { corsOrigins },
    'without settings': {},
  });
  token = await signInSampleUser(stack);
  browser = await launch();
});
afterAll(async () => {
  await browser.close();
  await Promise.all([app.close(), stranger.close()]);
});
afterEach(async () => {
  await context?.close();
  await Promise.all(gateways.splice(0).map(gateway => gateway.close()));
});

/** The API as it answers when it was deployed with these settings. */
async function deployed(settings: Deployment): Promise<Gateway> {
  const gateway = await startGateway(stack.apiUrl, templates.get(settings));
  gateways.push(gateway);
  return gateway;
}

/** The app in a browser, and what the browser's console says. */
async function opened(gateway: Gateway, { origin }: AppServer, how: Partial<Options>) {
  context = await browser.newContext();
  await context.addCookies([{ ...COOKIE, url: gateway.url }]);
  const page = await context.newPage();
  const said: string[] = [];
  page.on('console', message => said.push(message.text()));
  await page.goto(origin);
  await page.waitForFunction(() => 'app' in window);
  const options: Options = { baseUrl: gateway.url, tokens: [token, token], ...how };
  await page.evaluate(options => window.app.connect(options), options);
  return { page, said };
}

const goals = (page: Page) => page.evaluate(() => window.app.goals());

function succeeded(answer: Read | Failed): Read {
  if ('failed' in answer) throw new Error(`${answer.failed.status}: ${answer.failed.detail}`);
  return answer;
}

test('an app of a named origin uses the API, with a header of its own and with cookies', async () => {
  const gateway = await deployed('allowed');
  const { page } = await opened(gateway, app, { csrfToken: CSRF_TOKEN, cookies: true });
  const goalId = randomUUID();

  const put = succeeded(
    await page.evaluate(([goalId, chart]) => window.app.put(goalId, chart), [goalId, CHART] as const),
  );
  expect(put.data).toMatchObject({ goalId, title: CHART.title });
  const goal = succeeded(await page.evaluate(goalId => window.app.goal(goalId), goalId));
  expect(goal.data).toMatchObject({ goalId });

  const started = succeeded(
    await page.evaluate(([goalId, key]) => window.app.start(goalId, key), [goalId, randomUUID()] as const),
  );
  const { executionArn } = started.data as { executionArn: string };
  expect(started.status).toBe(202);
  expect(decodeURIComponent(started.headers['location'] ?? '')).toContain(executionArn);

  const status = succeeded(await page.evaluate(arn => window.app.status(arn), executionArn));
  expect(status.data).toMatchObject({ executionArn });
  const { etag } = status.headers;
  expect(etag).toMatch(/^"\w+"$/);
  expect(Number(status.headers['retry-after'])).toBeGreaterThan(0);

  // The same tag until something has happened; what happens meanwhile, such as the launch, gives another one.
  await expect
    .poll(
      async () => {
        const { headers } = succeeded(await page.evaluate(arn => window.app.status(arn), executionArn));
        const args = [executionArn, headers['etag'] ?? ''] as const;
        const again = succeeded(await page.evaluate(([arn, known]) => window.app.status(arn, known), args));
        return { status: again.status, data: again.data, isSame: again.headers['etag'] === headers['etag'] };
      },
      { timeout: 20_000 },
    )
    .toEqual({ status: 304, data: undefined, isSame: true });

  const followed = page.evaluate(arn => window.app.follow(arn), executionArn);
  const compat = await page.evaluate(
    async ([goalId, arn]) => [await window.app.compat.start(goalId), await window.app.compat.status(arn)],
    [goalId, executionArn] as const,
  );
  // The start is refused, as a workflow runs: the app reads from the problem which.
  expect(compat).toMatchObject([
    { executionArn, status: 'RUNNING' },
    { executionArn, status: 'RUNNING' },
  ]);
  const cancelled = await page.evaluate(arn => window.app.compat.cancel(arn), executionArn);
  expect(cancelled).toMatchObject({ executionArn, status: 'ABORTED' });
  expect(await followed).toMatchObject({ executionArn, status: 'ABORTED' });
  const missing = await page.evaluate(() => window.app.goal('there-is-none'));
  expect(missing).toMatchObject({ failed: { status: 404, code: 'UNKNOWN_GOAL' } });

  expect(new Set(gateway.passedOn.map(({ method }) => method))).toEqual(new Set(['GET', 'PUT', 'POST']));
  for (const { headers } of gateway.passedOn) {
    expect(headers).toMatchObject({ origin: app.origin, 'x-csrf-token': CSRF_TOKEN });
    expect(headers.cookie).toBe(`${COOKIE.name}=${COOKIE.value}`);
  }
});

test('a browser asks once whether it may call a route, and not before each poll', async () => {
  const gateway = await deployed('allowed');
  const { page } = await opened(gateway, app, {});
  for (let times = 0; times < 3; times += 1) succeeded(await goals(page));
  expect(gateway.preflights).toHaveLength(1);
  expect(gateway.passedOn).toHaveLength(3);
});

test('a token that the gateway refuses is renewed', async () => {
  const gateway = await deployed('allowed');
  const { page } = await opened(gateway, app, { tokens: ['expired', token] });
  succeeded(await goals(page));
  expect(gateway.passedOn.map(({ headers }) => headers.authorization)).toEqual(['Bearer expired', `Bearer ${token}`]);
});

test('without cookies and headers of its own, an app needs its origin only', async () => {
  const gateway = await deployed('with an origin only');
  const { page } = await opened(gateway, app, {});
  succeeded(await goals(page));
  expect(gateway.passedOn.map(({ headers }) => headers.cookie)).toEqual([undefined]);
});

test.each<[what: string, settings: Deployment, how: Partial<Options>, at: () => AppServer, says: RegExp]>([
  ['another origin', 'allowed', {}, () => stranger, /No 'Access-Control-Allow-Origin' header is present/],
  [
    'a header that is not named',
    'without headers',
    { csrfToken: CSRF_TOKEN },
    () => app,
    /x-csrf-token is not allowed by Access-Control-Allow-Headers/,
  ],
  [
    'a request with cookies without the setting for them',
    'without cookies',
    { cookies: true },
    () => app,
    /'Access-Control-Allow-Credentials' header in the response is ''/,
  ],
  [
    'any other origin without the settings',
    'without settings',
    {},
    () => app,
    /No 'Access-Control-Allow-Origin' header is present/,
  ],
])('%s is refused by the browser, and nothing reaches the API', async (_, settings, how, at, says) => {
  const gateway = await deployed(settings);
  const { page, said } = await opened(gateway, at(), how);
  const answer = await goals(page);
  expect(answer).toMatchObject({ failed: { status: 0, code: undefined } });
  expect((answer as Failed).failed.detail).toContain('CORS');
  expect(said.join('\n')).toMatch(says);
  expect(gateway.preflights).toHaveLength(1);
  expect(gateway.passedOn).toEqual([]);
});
