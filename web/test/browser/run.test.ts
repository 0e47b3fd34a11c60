import { expect, test } from 'vitest';

import { button, cells, eventually, openGoal, putGoal, slowChart, withBrowser, visitor } from '../support/visitor';

withBrowser();

const START = 'Make tasks for 64 actions';

test('64 cells fill with tasks while a workflow runs', async () => {
  const context = await visitor();
  const page = await openGoal(context, await putGoal(context, slowChart({ latencyMs: 350, lastMs: 6_000 })));
  expect(await cells(page, 'none').count()).toBe(64);
  await button(page, START).click();
  const seen = new Set<number>();
  await eventually(async () => {
    const count = await cells(page, 'succeeded').count();
    seen.add(count);
    return count;
  }).toBe(64);
  expect(seen.size, `steps seen: ${[...seen].join(', ')}`).toBeGreaterThan(2);
  await page.getByText('Every action has tasks').waitFor();
  expect(await cells(page, 'failed').count()).toBe(0);
  await page.locator('.workflow[data-status="SUCCEEDED"]').waitFor();

  await cells(page, 'succeeded').first().click();
  await page.locator('dialog .tasks li').first().waitFor();
  expect(await page.locator('dialog .tasks li').count()).toBeGreaterThan(1);
  expect(await page.locator('dialog .task-facts').first().innerText()).toMatch(
    /\d+ min\s+Step\s+(High|Medium|Low) priority/,
  );
});

test('what fails says why, and is retried', async () => {
  const context = await visitor();
  const chart = slowChart({ latencyMs: 20, failing: [2, 30, 63] });
  const goalId = await putGoal(context, chart);
  const page = await openGoal(context, goalId);
  await button(page, START).click();
  await eventually(() => cells(page, 'failed').count()).toBe(3);
  await eventually(() => cells(page, 'succeeded').count()).toBe(61);
  await page.locator('.progress[data-status="PARTIALLY_SUCCEEDED"]').waitFor();
  await cells(page, 'failed').first().click();
  await page.locator('dialog').getByText('The AI refused the request').waitFor();
  await button(page, 'Retry this action').waitFor();
  await page.keyboard.press('Escape');

  // Its owner writes the actions anew; those without tasks may change.
  const mended = structuredClone(chart);
  for (const action of mended.subGoals.flatMap(({ actions }) => actions)) {
    if (action.constraints?.endsWith(', fail')) action.constraints = 'offline: latency-ms=20';
  }
  await putGoal(context, mended, goalId);
  await button(page, 'Retry 3 failed actions').click();
  await eventually(() => cells(page, 'succeeded').count()).toBe(64);
  await eventually(() => page.locator('.workflow').count()).toBe(2);
});

test('a run is cancelled with a reason, and its tasks are gone', async () => {
  const context = await visitor();
  const page = await openGoal(context, await putGoal(context, slowChart({ latencyMs: 300, lastMs: 60_000 })));
  await button(page, START).click();
  await eventually(() => cells(page, 'succeeded').count()).toBeGreaterThan(0);
  await button(page, 'Cancel').click();
  await page.getByLabel('Reason (optional)').fill('Plans have changed');
  await button(page, 'Cancel the run').click();
  await page.getByText('Reason given: Plans have changed').first().waitFor();
  await eventually(() => cells(page, 'none').count()).toBe(64);
  await page.locator('.workflow[data-status="ABORTED"]').waitFor();
  await button(page, START).waitFor();
});

test('tasks are made anew after the page has said what that replaces', async () => {
  const context = await visitor();
  const chart = slowChart({ latencyMs: 20 });
  const [subGoal] = chart.subGoals;
  chart.subGoals = subGoal ? [{ ...subGoal, actions: subGoal.actions.slice(0, 3) }] : [];
  const page = await openGoal(context, await putGoal(context, chart));
  await button(page, 'Make tasks for 3 actions').click();
  await page.getByText('Every action has tasks').waitFor();
  await button(page, 'Regenerate all tasks').click();
  await page
    .locator('dialog')
    .getByText(/Replaces \d+ tasks of 3 actions/)
    .waitFor();
  await button(page, 'Replace').click();
  await eventually(() => page.locator('.workflow[data-status="SUCCEEDED"]').count()).toBe(2);
});

test('a second tab sees what the first one starts', async () => {
  const context = await visitor();
  const goalId = await putGoal(context, slowChart({ latencyMs: 20 }));
  const [first, second] = [await openGoal(context, goalId), await openGoal(context, goalId)];
  await button(first, START).click();
  await Promise.all([first, second].map(page => eventually(() => cells(page, 'succeeded').count()).toBe(64)));
});

test('a reload in the middle loses nothing', async () => {
  const context = await visitor();
  const page = await openGoal(context, await putGoal(context, slowChart({ latencyMs: 300, lastMs: 6_000 })));
  await button(page, START).click();
  await eventually(() => cells(page, 'succeeded').count()).toBeGreaterThan(0);
  const before = await cells(page, 'succeeded').count();
  await page.reload();
  await cells(page, 'succeeded').first().waitFor();
  expect(await cells(page, 'succeeded').count()).toBeGreaterThanOrEqual(before);
  await eventually(() => cells(page, 'succeeded').count()).toBe(64);
});

test('the history opens a run: its batches over time', async () => {
  const context = await visitor();
  const page = await openGoal(context, await putGoal(context, slowChart({ latencyMs: 20, subGoals: 2 })));
  await button(page, 'Make tasks for 16 actions').click();
  await page.locator('.workflow[data-status="SUCCEEDED"] > button').click();
  await eventually(() => page.locator('.timeline .bar:not(.open)').count()).toBe(2);
  const widths = await page
    .locator('.timeline .bar')
    .evaluateAll(bars => bars.map(bar => bar.getBoundingClientRect().width));
  expect(Math.min(...widths)).toBeGreaterThan(0);
});
