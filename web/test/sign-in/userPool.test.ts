/** Signing in at the stack's own user pool, on the pages that the emulator serves, in a real browser. */

import { readFileSync } from 'node:fs';

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';

import { en } from '../../src/text/en.ts';
import { launch } from '../support/browser.ts';

const PATIENCE = 30_000;

const { WEB_URL, GOAL_ACTIVITY_STACK } = process.env;
if (WEB_URL === undefined || GOAL_ACTIVITY_STACK === undefined) {
  throw new Error('set WEB_URL and GOAL_ACTIVITY_STACK: cargo xtask test web does');
}
const page = `${WEB_URL}/`;
const { user, endpoint, outputs } = JSON.parse(readFileSync(GOAL_ACTIVITY_STACK, 'utf8')) as {
  user: { username: string; password: string };
  endpoint: string;
  outputs: Record<string, string>;
};

let browser: Browser;
let context: BrowserContext;
let tab: Page;

beforeAll(async () => {
  browser = await launch();
});
afterAll(() => browser.close());

beforeEach(async () => {
  context = await browser.newContext({ locale: 'en' });
  context.setDefaultTimeout(PATIENCE);
  tab = await context.newPage();
});
afterEach(() => context.close());

async function signIn(password: string): Promise<void> {
  await tab.goto(page);
  await tab.getByRole('button', { name: en.signIn }).click();
  await tab.locator('input[name=username]').fill(user.username);
  await tab.locator('input[name=password]').fill(password);
  await tab.locator('[type=submit]').click();
}

/** The sample user has goals; only a token that the API accepts gets so far. */
const signedIn = () => tab.locator('.goal-row').first().waitFor();
const signedOut = () => tab.getByRole('button', { name: en.signIn }).waitFor();

/** Shows the goals anew, which asks the API. */
async function showGoals(): Promise<void> {
  await tab.goto(`${page}#/new`);
  await tab.goto(`${page}#/`);
}

/** The next answer to a refresh token. */
const renewal = () =>
  tab.waitForResponse(
    answer =>
      answer.url() === `${endpoint}/oauth2/token` &&
      new URLSearchParams(answer.request().postData() ?? '').get('grant_type') === 'refresh_token',
  );

/** The tokens that the page sends to the API, each once, in their order. */
function tokensOf(of: Page): string[] {
  const tokens: string[] = [];
  of.on('request', request => {
    const token = request.headers()['authorization']?.replace('Bearer ', '');
    if (request.url().includes('/api/') && token !== undefined && !tokens.includes(token)) tokens.push(token);
  });
  return tokens;
}

/** The gateway's answer to a token that has expired, for this one. */
const refuse = (token: string | undefined) =>
  tab.route('**/api/**', route =>
    route.request().headers()['authorization'] === `Bearer ${token}`
      ? route.fulfill({ status: 401, json: { message: 'Unauthorized' } })
      : route.continue(),
  );

const claims = (token: string | undefined) =>
  JSON.parse(Buffer.from(token?.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;

test('signs in with a code and PKCE, and keeps no token where it outlives the page', async () => {
  const asked = tab.waitForRequest(request => request.url().includes('/oauth2/authorize?'));
  await signIn(user.password);
  await signedIn();
  expect(new URL((await asked).url()).searchParams.get('code_challenge_method')).toBe('S256');
  const stored = await tab.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
  expect(stored).not.toMatch(/eyJ|access_token|refresh_token/);
});

test('renews a token that is refused by the refresh token, without a question', async () => {
  const tokens = tokensOf(tab);
  await signIn(user.password);
  await signedIn();
  const questions: string[] = [];
  tab.on('request', request => {
    if (request.url().includes('/oauth2/authorize')) questions.push(request.url());
  });
  await refuse(tokens[0]);
  const answer = renewal();
  await showGoals();
  expect((await answer).status()).toBe(200);
  await signedIn();
  expect(tokens).toHaveLength(2);
  const [first, second] = tokens.map(claims);
  expect(second).toMatchObject({ sub: first?.['sub'], scope: first?.['scope'], auth_time: first?.['auth_time'] });
  expect(second?.['jti']).not.toBe(first?.['jti']);
  expect(questions).toEqual([]);
});

test('renews by itself before the token expires', async () => {
  await context.clock.install();
  const tokens = tokensOf(tab);
  await signIn(user.password);
  await signedIn();
  const answer = renewal();
  await context.clock.fastForward('59:30');
  expect((await answer).status()).toBe(200);
  // The page has to read the answer before it uses the new token.
  await expect
    .poll(
      async () => {
        await showGoals();
        await signedIn();
        return tokens.length;
      },
      { timeout: PATIENCE },
    )
    .toBe(2);
});

test('asks for a new sign-in when the user pool refuses the refresh token', async () => {
  const tokens = tokensOf(tab);
  const given = tab.waitForResponse(`${endpoint}/oauth2/token`);
  await signIn(user.password);
  await signedIn();
  const { refresh_token } = (await (await given).json()) as { refresh_token: string };
  const revoked = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'AWSCognitoIdentityProviderService.RevokeToken',
    },
    body: JSON.stringify({ ClientId: outputs['LoginClientId'], Token: refresh_token }),
  });
  expect(revoked.status, await revoked.text()).toBe(200);
  await refuse(tokens[0]);
  const answer = renewal();
  await showGoals();
  expect((await answer).status()).toBe(400);
  await signedOut();
});

test('signs out here and at the user pool', async () => {
  await signIn(user.password);
  await signedIn();
  const left = tab.waitForRequest(request => request.url().startsWith(`${endpoint}/logout?`));
  await tab.getByRole('button', { name: en.signOut }).click();
  const { searchParams } = new URL((await left).url());
  expect(Object.fromEntries(searchParams)).toEqual({ client_id: outputs['LoginClientId'], logout_uri: page });
  await signedOut();
  expect(tab.url()).toBe(page);
  // Nothing of the former sign-in works any more without a password.
  await tab.reload();
  await tab.getByRole('button', { name: en.signIn }).click();
  await tab.locator('input[name=password]').waitFor();
});

test('a wrong password gives no sign-in', async () => {
  await signIn('Wrong-horse-9');
  await tab.locator('input[name=password]').waitFor();
  await tab.goto(page);
  await tab.getByRole('button', { name: en.signIn }).waitFor();
});
