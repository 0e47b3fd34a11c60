import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';

import {
  axe,
  button,
  cells,
  eventually,
  isFake,
  openGoal,
  putGoal,
  slowChart,
  withBrowser,
  visitor,
} from '../support/visitor';

withBrowser();

const START = 'Make tasks for 64 actions';

/** How far the page is wider than its window. */
const overflow = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

test.each([
  ['a desktop in light', { viewport: { width: 1440, height: 900 }, colorScheme: 'light' as const }],
  ['a phone in the dark', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' as const }],
])('axe finds nothing on %s', async (_where, options) => {
  const context = await visitor({ ...options, reducedMotion: 'reduce' });
  const goalId = await putGoal(context, slowChart({ latencyMs: 700, lastMs: 20_000, failing: [0] }));
  const page = await openGoal(context, goalId);
  expect(await axe(page), 'a goal without tasks').toEqual([]);
  await button(page, START).click();
  if (options.viewport.width < 720) await page.locator('.block-map-blocks button').first().click();
  await page.locator('.cell.failed:visible').waitFor();
  expect(await axe(page), 'a run').toEqual([]);
  await button(page, 'Cancel').click();
  expect(await axe(page), 'a question').toEqual([]);
  await page.keyboard.press('Escape');
  await page.locator('.progress[data-status="PARTIALLY_SUCCEEDED"]').waitFor();
  expect(await axe(page), 'the end').toEqual([]);
  await page.locator('.cell.failed:visible').click();
  expect(await axe(page), 'a failed action').toEqual([]);
  await page.keyboard.press('Escape');
  await page.locator('.cell.succeeded:visible').first().click();
  await page.locator('.tasks li').first().waitFor();
  expect(await axe(page), 'tasks').toEqual([]);
  await page.keyboard.press('Escape');
  await page.locator('.workflow > button').first().click();
  await page.locator('.timeline li').first().waitFor();
  await page.locator('.export summary').click();
  expect(await axe(page), 'the history').toEqual([]);
  await page.goto('/#/');
  await page.locator('.goal-row').first().waitFor();
  expect(await axe(page), 'the goals').toEqual([]);
  await page.goto('/#/new');
  await button(page, 'Use a sample').click();
  await page.locator('.chart').waitFor();
  expect(await axe(page), 'a chart that is brought').toEqual([]);
  await page.goto('/#/goals/not-there');
  await page.getByRole('heading', { name: 'There is no such goal' }).waitFor();
  expect(await axe(page), 'a problem').toEqual([]);
});

test('on a phone one block is seen at a time, and nothing is cut off', async () => {
  const context = await visitor({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const page = await openGoal(context, await putGoal(context, slowChart({ latencyMs: 10 })));
  const visible = page.locator('.cell:visible');
  expect(await visible.count()).toBe(9);
  expect(await overflow(page)).toBe(0);
  await page.locator('.cell.subGoal:visible').first().tap();
  await eventually(() => page.locator('.cell.action:visible').count()).toBe(8);
  await button(page, 'Next block').tap();
  expect(await page.locator('.block-map-title').innerText()).toContain('Place');
  await page.locator('.block-map-blocks button').nth(4).tap();
  await page.locator('.cell.goal:visible').waitFor();
  await button(page, START).tap();
  await eventually(() => cells(page, 'succeeded').count()).toBe(64);
  await page.locator('.block-map-blocks button').first().tap();
  await page.locator('.cell.succeeded:visible').first().tap();
  await page.locator('.tasks li').first().waitFor();
  expect(await overflow(page)).toBe(0);
});

test.each([320, 390, 719, 720, 820, 1024, 1440])('nothing is cut off at a width of %i', async width => {
  const context = await visitor({ viewport: { width, height: 800 } });
  const page = await openGoal(context, await putGoal(context, slowChart()));
  expect(await overflow(page)).toBe(0);
});

test('the chart is used with the keyboard alone', async () => {
  const context = await visitor();
  const page = await openGoal(context, await putGoal(context, slowChart()));
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-cell') ?? null);
  await eventually(async () => {
    await page.keyboard.press('Tab');
    return focused();
  }).toBe('4,4');
  await page.getByText('Arrow keys move between cells').waitFor();
  for (const key of ['ArrowUp', 'ArrowUp', 'ArrowLeft']) await page.keyboard.press(key);
  await eventually(focused).toBe('2,3');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  expect(await focused()).toBe('2,3');
});

test('another page that is opened with the keyboard has the focus, without a ring around all of it', async () => {
  const context = await visitor();
  const page = await openGoal(context, await putGoal(context, slowChart()));
  await page.getByText('Change the chart').focus();
  await page.keyboard.press('Enter');
  await page.locator('.bring').waitFor();
  const ring = page.locator('main:focus');
  await ring.waitFor();
  expect(await ring.evaluate(main => getComputedStyle(main).outlineStyle)).toBe('none');
});

test('the language is the browser’s, and can be changed', async () => {
  const context = await visitor({ locale: 'ja-JP' });
  const page = await openGoal(context, await putGoal(context, slowChart()));
  await button(page, '64件の行動のタスクを作る').waitFor();
  await button(page, 'English').click();
  await button(page, START).waitFor();
  await page.reload();
  await button(page, START).waitFor();
  expect(await page.locator('html').getAttribute('lang')).toBe('en');
});

test.each([390, 1440])('the chart is printed on one sheet (from a width of %i)', async width => {
  const context = await visitor({ viewport: { width, height: 844 } });
  const page = await openGoal(context, await putGoal(context, slowChart()));
  const sheet = (await page.pdf({ preferCSSPageSize: true })).toString('latin1');
  expect(sheet.match(/\/Type\s*\/Page\b/g)).toHaveLength(1);
  await page.emulateMedia({ media: 'print' });
  expect(await page.locator('.cell:visible').count()).toBe(81);
});

test('a strict policy refuses nothing', async () => {
  const context = await visitor();
  await context.addInitScript(() => {
    const refused: string[] = [];
    Object.assign(window, { refused });
    document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
      refused.push(`${violatedDirective} ${blockedURI}`),
    );
  });
  const goalId = await putGoal(context, slowChart({ latencyMs: 10, subGoals: 1 }));
  const page = await context.newPage();
  const answer = await page.goto(`/#/goals/${goalId}`);
  if (isFake) expect(answer?.headers()['content-security-policy']).toContain("style-src 'self'");
  await button(page, 'Make tasks for 8 actions').click();
  await page.locator('.workflow[data-status="SUCCEEDED"] > button').click();
  await page.locator('.timeline .bar').first().waitFor();
  await page.locator('.export summary').click();
  for (const name of ['SVG', 'PNG', 'Markdown']) {
    await Promise.all([page.waitForEvent('download'), button(page, name).click()]);
  }
  expect(await page.evaluate(() => (window as unknown as { refused: string[] }).refused)).toEqual([]);
  expect(await page.locator('[style]').count()).toBeGreaterThan(0);
});
