import { mkdirSync } from 'node:fs';

import type { Page } from 'playwright-core';
import { test } from 'vitest';

import { SCENARIOS } from '../../fake/scenarios';
import { WORLD_HEADER } from '../../fake/worldHeader';
import { button, visitor, withBrowser } from '../support/visitor';

const FOLDER = 'pictures';
const HEIGHTS = { 390: 844, 820: 1180, 1440: 900 };
const LANGUAGES = ['ja', 'en'] as const;
const LIGHTS = ['light', 'dark'] as const;
/** Beginnings of names. */
const ONLY = process.env['ONLY']?.split(',');

/** What is on a picture: where it is, and what is done there first. */
interface Shot {
  hash: string;
  until: string;
  then?: (page: Page) => Promise<unknown>;
  /** The goals that there are. */
  scenarios?: string;
}

const opened = (state: string) => async (page: Page) => {
  // A phone shows the goal's block first.
  if (!(await page.locator(`.cell.${state}:visible`).count()))
    await page.locator('.block-map-blocks button').first().click();
  await page.locator(`.cell.${state}:visible`).first().click();
  await page.getByRole('dialog').waitFor();
};

const SHOTS: Record<string, Shot> = {
  ...Object.fromEntries(SCENARIOS.map(scenario => [scenario, { hash: `#/goals/${scenario}`, until: '.cell.goal' }])),
  list: { hash: '#/', until: '.goal-row' },
  none: { hash: '#/', until: '.no-goals', scenarios: '' },
  missing: { hash: '#/goals/missing', until: '.problem-view' },
  bring: { hash: '#/new', until: '.bring' },
  sample: {
    hash: '#/new',
    until: '.bring',
    then: page =>
      button(page, /^(Use a sample|見本を使う)$/)
        .click()
        .then(() => page.locator('.cell.goal').waitFor()),
  },
  tasks: {
    hash: '#/goals/full',
    until: '.cell.goal',
    then: page => opened('succeeded')(page).then(() => page.locator('.tasks li').first().waitFor()),
  },
  failure: { hash: '#/goals/partial', until: '.cell.goal', then: opened('failed') },
  cancel: { hash: '#/goals/half', until: '.cell.goal', then: page => button(page, /^(Cancel|中止)$/).click() },
  history: {
    hash: '#/goals/partial',
    until: '.workflow',
    then: async page => {
      await page.locator('.workflow > button').first().click();
      await page.locator('.timeline li').first().waitFor();
      await page.locator('.export summary').click();
    },
  },
};

withBrowser();
mkdirSync(FOLDER, { recursive: true });

const all = Object.entries(SHOTS).flatMap(([name, shot]) =>
  Object.entries(HEIGHTS).flatMap(([width, height]) =>
    LANGUAGES.flatMap(language =>
      LIGHTS.map(light => {
        const picture = `${name}-${width}-${language}${light === 'dark' ? '-dark' : ''}`;
        return { picture, shot, viewport: { width: Number(width), height }, language, light };
      }),
    ),
  ),
);

test.each(all.filter(({ picture }) => ONLY?.some(beginning => picture.startsWith(beginning)) ?? true))(
  '$picture',
  async ({ picture, shot, viewport, language, light }) => {
    const { hash, until, then, scenarios = SCENARIOS.join() } = shot;
    const context = await visitor({
      viewport,
      locale: language,
      colorScheme: light,
      reducedMotion: 'reduce',
      extraHTTPHeaders: { [WORLD_HEADER]: `${picture}?scenarios=${scenarios}&language=${language}` },
    });
    const page = await context.newPage();
    await page.goto(`/${hash}`);
    await page.locator(until).first().waitFor();
    await then?.(page);
    await page.evaluate(() => document.fonts.ready);
    await page.screenshot({ path: `${FOLDER}/${picture}.png`, fullPage: !(await page.getByRole('dialog').count()) });
  },
);
