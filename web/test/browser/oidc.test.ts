import type { BrowserContext, Page } from 'playwright-core';
import { expect, test } from 'vitest';

import type { OidcConfig } from '../../src/config';
import { challengeOf, issuer } from '../support/issuer';
import { button, eventually, isFake, putGoal, slowChart, visitor, withBrowser } from '../support/visitor';

withBrowser();

/** The stores that outlive a page must not have a token. */
const stored = (page: Page) => page.evaluate(() => JSON.stringify([localStorage, sessionStorage]));

async function signedIn(context: BrowserContext, more: Partial<OidcConfig> = {}) {
  const goalId = await putGoal(context, slowChart());
  const at = await issuer(context, more);
  const page = await context.newPage();
  await page.goto(`/#/goals/${goalId}`);
  await page.getByRole('heading', { name: 'You are not signed in' }).waitFor();
  await button(page, 'Sign in').click();
  await page.locator('.cell.goal').waitFor();
  return { page, at, goalId };
}

test.runIf(isFake)('a person signs in by authorization code with PKCE, and is where they were', async () => {
  const { page, at, goalId } = await signedIn(await visitor());
  expect(new URL(page.url())).toMatchObject({ search: '', hash: `#/goals/${goalId}` });
  expect(at.authorizations[0]?.get('response_type')).toBe('code');
  expect(at.authorizations[0]?.get('audience')).toBe('goals-api');
  expect(at.authorizations[0]?.get('code_challenge_method')).toBe('S256');
  expect(challengeOf(at.grants[0]?.get('code_verifier') ?? '')).toBe(at.authorizations[0]?.get('code_challenge'));
  const kept = await stored(page);
  for (const secret of ['access-', 'refresh', ...(await page.context().cookies()).map(({ value }) => value)]) {
    expect(kept).not.toContain(secret);
  }
});

test.runIf(isFake)('an issuer is told for what the token is, where the deployment says so', async () => {
  const { at } = await signedIn(await visitor(), { audience: 'goals', resource: 'urn:goals' });
  const [asked] = at.authorizations;
  expect([asked?.get('audience'), asked?.get('resource')]).toEqual(['goals', 'urn:goals']);
});

test.runIf(isFake)('a token that is refused is renewed by the refresh token in memory', async () => {
  const { page, at } = await signedIn(await visitor());
  await page.route(/start-activity/, route =>
    route.request().headers()['authorization'] === 'Bearer access-1'
      ? route.fulfill({ status: 401, json: { message: 'Unauthorized' } })
      : route.continue(),
  );
  await button(page, 'Make tasks for 64 actions').click();
  await button(page, 'Cancel').waitFor();
  expect(at.tokens).toEqual(['access-1', 'access-2']);
  expect(at.grants[1]?.get('grant_type')).toBe('refresh_token');
  expect(at.authorizations).toHaveLength(1);
});

test.runIf(isFake)('a session that the issuer has ended is asked for again', async () => {
  const { page, at } = await signedIn(await visitor());
  at.refreshes = false;
  await page.route(/start-activity/, route => route.fulfill({ status: 401, json: { message: 'Unauthorized' } }));
  await button(page, 'Make tasks for 64 actions').click();
  await page.getByRole('alert').getByText('You are not signed in').waitFor();
});

test.runIf(isFake)('a reload goes through the issuer without a question', async () => {
  const { page, at, goalId } = await signedIn(await visitor());
  await page.reload();
  await page.locator('.cell.goal').waitFor();
  expect(at.authorizations).toHaveLength(2);
  expect(new URL(page.url()).hash).toBe(`#/goals/${goalId}`);
});

test.runIf(isFake)('signing out revokes the refresh token and ends the session at the issuer', async () => {
  const { page, at } = await signedIn(await visitor());
  await button(page, 'Sign out').click();
  await page.getByRole('heading', { name: 'Signed out' }).waitFor();
  expect(at).toMatchObject({ revoked: 1, signedOut: 1 });
  await page.goto('/');
  await page.getByRole('heading', { name: 'You are not signed in' }).waitFor();
});

test.runIf(isFake)('an answer of the issuer that does not belong here signs nobody in', async () => {
  const context = await visitor();
  await issuer(context);
  const page = await context.newPage();
  await page.goto('/?code=stolen&state=unknown');
  await page.getByRole('heading', { name: 'You are not signed in' }).waitFor();
  expect(new URL(page.url()).search).toBe('');
});

/** Refuses the first token, from now on. */
const refuseFirst = (page: Page) =>
  page.route(/\/api\//, route =>
    route.request().headers()['authorization'] === 'Bearer access-1'
      ? route.fulfill({ status: 401, json: { message: 'Unauthorized' } })
      : route.continue(),
  );

test.runIf(isFake)('requests that are refused at the same time renew once', async () => {
  const { page, at } = await signedIn(await visitor());
  await button(page, 'Make tasks for 64 actions').click();
  await page.locator('.workflow > button').click();
  await page.locator('.timeline').waitFor();
  await page.locator('.workflow > button').click();
  let go = () => {};
  const held = new Promise<void>(resolve => (go = resolve));
  at.before = () => held;
  let refused = 0;
  page.on('response', response => (refused += response.status() === 401 ? 1 : 0));
  await refuseFirst(page);
  // Asks for the timeline and the status at once.
  await page.locator('.workflow > button').click();
  await eventually(() => Promise.resolve(refused)).toBeGreaterThan(1);
  go();
  await page.locator('.timeline').waitFor();
  expect(at.tokens).toEqual(['access-1', 'access-2']);
  expect(await page.getByText('You are not signed in').count()).toBe(0);
});

test.runIf(isFake)('an issuer that is out of reach ends no session', async () => {
  const { page, at } = await signedIn(await visitor());
  await page.route(/issuer\/token/, route => route.abort('connectionrefused'));
  await refuseFirst(page);
  await button(page, 'Make tasks for 64 actions').click();
  await page.getByRole('alert').getByText('The API does not answer').waitFor();
  await page.unroute(/issuer\/token/);
  await button(page, 'Make tasks for 64 actions').click();
  await button(page, 'Cancel').waitFor();
  expect(at.authorizations).toHaveLength(1);
});

test.runIf(isFake)('without a refresh token a sign-in that is refused is asked for at once', async () => {
  const context = await visitor();
  const goalId = await putGoal(context, slowChart());
  const at = await issuer(context);
  at.gives = false;
  const page = await context.newPage();
  await page.goto(`/#/goals/${goalId}`);
  await button(page, 'Sign in').click();
  await page.locator('.cell.goal').waitFor();
  await refuseFirst(page);
  await button(page, 'Make tasks for 64 actions').click();
  await page.getByRole('alert').getByText('You are not signed in').first().waitFor();
  // Not by a frame, which the policy forbids and the library waits for.
  expect(await page.locator('iframe').count()).toBe(0);
  expect(at.authorizations).toHaveLength(1);
});

test.runIf(isFake)('who signs out in one tab has signed out in all', async () => {
  const { page, goalId } = await signedIn(await visitor());
  const other = await page.context().newPage();
  await other.goto(`/#/goals/${goalId}`);
  await button(other, 'Sign in').click();
  await other.locator('.cell.goal').waitFor();
  await button(page, 'Sign out').click();
  await other.getByRole('heading', { name: 'You are not signed in' }).waitFor();
});
