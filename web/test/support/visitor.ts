import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

import type { AxeResults } from 'axe-core';
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest';

import { sample } from '../../fake/scenarios';
import { WORLD_HEADER } from '../../fake/worldHeader';
import type { Chart } from '../../src/api/types';
import type { Config } from '../../src/config';
import { launch } from './browser';

export const { url, isFake } = inject('site');

/** How long something may take on a slow machine: nothing waits for as long when it comes sooner. */
export const DEADLINE = 90_000;

let browser: Browser;
const contexts: BrowserContext[] = [];

/** Call once in each file. */
export function withBrowser(): void {
  beforeAll(async () => {
    browser = await launch();
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map(context => context.close()));
  });
  afterAll(() => browser.close());
}

/** A browser in English. With the fake, each has an API of its own. */
export async function visitor(options: BrowserContextOptions = {}): Promise<BrowserContext> {
  const context = await browser.newContext({
    baseURL: url,
    viewport: { width: 1440, height: 900 },
    locale: 'en',
    acceptDownloads: true,
    ...(isFake && { extraHTTPHeaders: { [WORLD_HEADER]: `${randomUUID()}?scenarios=` } }),
    ...options,
  });
  context.setDefaultTimeout(DEADLINE);
  contexts.push(context);
  return context;
}

interface Slow {
  latencyMs?: number;
  /** Of the last action on a real stack, where all actions of a batch are made at the same time: so long the run lasts at least. */
  lastMs?: number;
  failing?: number[];
  subGoals?: number;
}

/** The sample chart, or its first sub-goals: its actions take so long, and these fail, by their number from 0. */
export function slowChart({ latencyMs = 150, lastMs = latencyMs, failing = [], subGoals = 8 }: Slow = {}): Chart {
  const chart = structuredClone(sample('en'));
  chart.subGoals.splice(subGoals);
  chart.title = `${chart.title} ${randomUUID().slice(0, 8)}`;
  chart.subGoals
    .flatMap(({ actions }) => actions)
    .forEach((action, number, { length }) => {
      const fails = failing.includes(number) ? ', fail' : '';
      const latency = !isFake && number === length - 1 ? lastMs : latencyMs;
      action.constraints = `${action.constraints ?? ''}\noffline: latency-ms=${latency}${fails}`.trim();
    });
  return chart;
}

/** Stores a chart as the page's user, and returns the goal's id. */
export async function putGoal(context: BrowserContext, chart: Chart, goalId: string = randomUUID()): Promise<string> {
  const config = (await (await context.request.get('/config.json')).json()) as Config;
  if (config.signIn.kind !== 'token') throw new Error('these tests sign in by a token of this machine');
  const given = await (await context.request.get(config.signIn.url)).text();
  const token = given.startsWith('{') ? (JSON.parse(given) as { token: string }).token : given.trim();
  const answer = await context.request.put(`${new URL(config.api, url).href}/goals/${goalId}`, {
    headers: { authorization: `Bearer ${token}` },
    data: chart,
  });
  expect(answer.ok(), await answer.text()).toBe(true);
  return goalId;
}

export async function openGoal(context: BrowserContext, goalId: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`/#/goals/${goalId}`);
  await page.locator('.cell.goal').waitFor();
  return page;
}

export const cells = (page: Page, state: string): Locator => page.locator(`.cell[data-state="${state}"]`);

/** Waits until a condition holds. */
export const eventually = (what: () => Promise<unknown>) => expect.poll(what, { timeout: DEADLINE, interval: 50 });

export const button = (page: Page, name: string | RegExp): Locator => page.getByRole('button', { name });

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What axe finds on the page. */
export async function axe(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() =>
    (window as unknown as { axe: { run(): Promise<AxeResults> } }).axe.run(),
  );
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, any }) => `${id}: ${html.slice(0, 160)} ${any[0]?.message ?? ''}`),
  );
}
