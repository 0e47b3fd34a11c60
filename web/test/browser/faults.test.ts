import { expect, test } from 'vitest';

import { button, cells, isFake, openGoal, putGoal, slowChart, withBrowser, visitor } from '../support/visitor';

withBrowser();

const API = /\/api\//;
const START = 'Make tasks for 64 actions';

test('a session that has expired is asked for again, and the page goes on', async () => {
  const context = await visitor();
  const page = await openGoal(context, await putGoal(context, slowChart()));
  const refuse = { status: 401, json: { message: 'Unauthorized' } };
  await page.route(API, route => route.fulfill(refuse));
  await page.route('**/session/token', route => route.fulfill(refuse));
  await button(page, START).click();
  await page.getByRole('alert').getByText('You are not signed in').waitFor();
  await page.unroute(API);
  await page.unroute('**/session/token');
  await button(page, 'Sign in').click();
  await cells(page, 'none').first().waitFor();
  await page.getByText('You are not signed in').waitFor({ state: 'detached' });
});

// A server may give the same token until shortly before it expires: then there is nothing to repeat the request with.
test.runIf(isFake)('a token that is refused is renewed without a word', async () => {
  const context = await visitor();
  const page = await openGoal(context, await putGoal(context, slowChart({ latencyMs: 10 })));
  const tokens: (string | undefined)[] = [];
  await page.route(/start-activity/, async route => {
    tokens.push(route.request().headers()['authorization']);
    await (tokens.length === 1 ? route.fulfill({ status: 401, json: { message: 'Unauthorized' } }) : route.continue());
  });
  await button(page, START).click();
  await page.locator('.progress[data-status="SUCCEEDED"]').waitFor();
  expect(new Set(tokens).size).toBe(2);
});

test('too many requests are told, and nothing is lost', async () => {
  const context = await visitor();
  const page = await openGoal(context, await putGoal(context, slowChart({ latencyMs: 10, subGoals: 1 })));
  await page.route(/start-activity/, route => route.fulfill({ status: 429, json: { message: 'Too Many Requests' } }));
  await button(page, 'Make tasks for 8 actions').click();
  await page.getByRole('alert').getByText('Too many requests').waitFor();
  await page.unroute(/start-activity/);
  await button(page, 'Make tasks for 8 actions').click();
  await page.locator('.progress[data-status="SUCCEEDED"]').waitFor();
  expect(await page.getByRole('alert').count()).toBe(0);
});

test('an API that goes down is told, what was seen stays, and the page goes on when it is back', async () => {
  const context = await visitor();
  const page = await openGoal(context, await putGoal(context, slowChart({ latencyMs: 300, lastMs: 20_000 })));
  await button(page, START).click();
  await cells(page, 'succeeded').first().waitFor();
  await page.route(API, route => route.abort('connectionrefused'));
  await page.getByText('No connection to the API').waitFor();
  expect(await cells(page, 'succeeded').count()).toBeGreaterThan(0);
  await page.unroute(API);
  await page.getByText('No connection to the API').waitFor({ state: 'detached' });
  await page.locator('.progress[data-status="SUCCEEDED"]').waitFor();
});

test('an API that is down from the start has its own view, and the goals come by themselves', async () => {
  const context = await visitor();
  await putGoal(context, slowChart());
  const page = await context.newPage();
  await page.route(API, route => route.fulfill({ status: 503, json: { message: 'Service Unavailable' } }));
  await page.goto('/');
  await page.getByRole('heading', { name: 'Not possible right now' }).waitFor();
  await page.unroute(API);
  await page.locator('.goal-row').first().waitFor();
});

test('a slow network is told', async () => {
  const context = await visitor();
  const goalId = await putGoal(context, slowChart());
  const page = await context.newPage();
  let go = () => {};
  const held = new Promise<void>(resolve => (go = resolve));
  await page.route(API, async route => {
    await held;
    await route.continue();
  });
  await page.goto(`/#/goals/${goalId}`);
  await page.getByText('This is taking longer than usual').waitFor();
  go();
  await page.locator('.cell.goal').waitFor();
});

test('a page without its configuration says so', async () => {
  const context = await visitor();
  const page = await context.newPage();
  await page.route('**/config.json', route => route.fulfill({ status: 404 }));
  await page.goto('/');
  await page.getByRole('heading', { name: 'The page is not set up' }).waitFor();
});

test('a browser that forbids to store shows the page', async () => {
  const context = await visitor();
  await putGoal(context, slowChart());
  await context.addInitScript(() => {
    Object.defineProperty(window, 'localStorage', {
      get: () => {
        throw new DOMException('denied', 'SecurityError');
      },
    });
  });
  const page = await context.newPage();
  await page.goto('/');
  await page.locator('.goal-row').first().waitFor();
  await button(page, '日本語').click();
  await button(page, 'English').waitFor();
});
