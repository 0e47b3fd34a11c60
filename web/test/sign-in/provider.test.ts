/** Signing in to a deployed pipeline whose issuer is a certified OpenID provider, in a real browser. */

import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';

import { en } from '../../src/text/en.ts';
import { launch } from '../support/browser.ts';
import { type Issuer, startIssuer } from './provider.ts';

const PATIENCE = 30_000;

const { WEB_URL, ISSUER_PORT } = process.env;
if (WEB_URL === undefined || ISSUER_PORT === undefined) {
  throw new Error('set WEB_URL and ISSUER_PORT: cargo xtask test web does, with a pipeline that trusts that issuer');
}
const page = `${WEB_URL}/`;

let browser: Browser;
let issuer: Issuer;
let context: BrowserContext;
let tab: Page;

beforeAll(async () => {
  issuer = await startIssuer(Number(ISSUER_PORT), page);
  browser = await launch();
});

afterAll(async () => {
  await browser.close();
  await issuer.close();
});

beforeEach(async () => {
  context = await browser.newContext({ locale: 'en' });
  context.setDefaultTimeout(PATIENCE);
  tab = await context.newPage();
});

afterEach(() => context.close());

/** What the API says to a user without goals: only a token that it accepts gets so far. */
const signedIn = () => tab.getByText(en.noGoals).waitFor();
const signedOut = () => tab.getByRole('button', { name: en.signIn }).waitFor();

async function signIn(user: string): Promise<void> {
  await tab.goto(page);
  await tab.getByRole('button', { name: en.signIn }).click();
  await tab.locator('input[name=login]').fill(user);
  await tab.locator('input[name=password]').fill('any');
  await tab.locator('button[type=submit]').click();
  // What the page may do in the user's name.
  await tab.locator('button[type=submit]').click();
  await signedIn();
}

test('signs in with a code and PKCE, keeps the tokens in memory only, and survives a reload without a question', async () => {
  const requests: URL[] = [];
  tab.on('request', request => requests.push(new URL(request.url())));
  await signIn('ann');

  const asked = requests.find(url => url.searchParams.get('response_type') === 'code');
  expect(asked?.searchParams.get('code_challenge_method')).toBe('S256');
  expect(new URL(tab.url()).search).toBe('');
  const stored = await tab.evaluate(() => JSON.stringify([localStorage, sessionStorage]));
  expect(stored).not.toMatch(/eyJ|access_token|refresh_token/);

  await tab.reload();
  await signedIn();
});

test('renews an expired token without a question', async () => {
  await signIn('ben');
  const before = issuer.renewals();
  await vi.waitUntil(
    async () => {
      await tab.goto(`${page}#/new`);
      await tab.goto(`${page}#/`);
      await signedIn();
      return issuer.renewals() > before;
    },
    { timeout: PATIENCE, interval: 500 },
  );
});

test('signs out here and at the issuer, and the next sign-in asks again', async () => {
  await signIn('cleo');
  const before = issuer.revocations();
  await tab.getByRole('button', { name: en.signOut }).click();
  await tab.locator('button[name=logout]').click();
  await signedOut();
  expect(issuer.revocations()).toBeGreaterThan(before);
  await tab.getByRole('button', { name: en.signIn }).click();
  await tab.locator('input[name=login]').waitFor();
});

test('says so when the sign-in is refused, and can be tried again', async () => {
  await tab.goto(page);
  await tab.getByRole('button', { name: en.signIn }).click();
  await tab.locator('a[href$="/abort"]').click();
  await signedOut();
});

test('shows nothing of a user to the next one', async () => {
  await signIn('dora');
  await tab.getByRole('button', { name: en.signOut }).click();
  await tab.locator('button[name=logout]').click();
  await signedOut();
  await tab.goBack().catch(() => null);
  await expect(tab.getByText(en.noGoals).isVisible()).resolves.toBe(false);
});
