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
const { user } = JSON.parse(readFileSync(GOAL_ACTIVITY_STACK, 'utf8')) as {
  user: { username: string; password: string };
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

test('signs in with a code and PKCE, and keeps no token where it outlives the page', async () => {
  const asked = tab.waitForRequest(request => request.url().includes('/oauth2/authorize?'));
  await signIn(user.password);
  await signedIn();
  expect(new URL((await asked).url()).searchParams.get('code_challenge_method')).toBe('S256');
  const stored = await tab.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
  expect(stored).not.toMatch(/eyJ|access_token|refresh_token/);
});

test('a wrong password gives no sign-in', async () => {
  await signIn('Wrong-horse-9');
  await tab.locator('input[name=password]').waitFor();
  await tab.goto(page);
  await tab.getByRole('button', { name: en.signIn }).waitFor();
});
