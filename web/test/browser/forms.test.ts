import { readFileSync } from 'node:fs';

import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';

import { button, openGoal, putGoal, slowChart, withBrowser, visitor } from '../support/visitor';

withBrowser();

const titles = (page: Page) => page.locator('.chart .cell .cell-title').allInnerTexts();

async function exported(page: Page, name: string): Promise<string> {
  const [file] = await Promise.all([page.waitForEvent('download'), button(page, name).click()]);
  return file.path();
}

test('a chart leaves in each form and comes back as it was', async () => {
  const context = await visitor();
  const page = await openGoal(context, await putGoal(context, slowChart()));
  const before = await titles(page);
  expect(before).toHaveLength(9 * 9);
  await page.locator('.export summary').click();
  for (const [name, ending] of [
    ['CSV', 'csv'],
    ['TSV', 'tsv'],
    ['JSON', 'json'],
    ['Markdown', 'md'],
    ['OPML', 'opml'],
  ] as const) {
    const content = readFileSync(await exported(page, name));
    const bring = await context.newPage();
    await bring.goto('/#/new');
    await bring
      .locator('input[type=file]')
      .setInputFiles({ name: `chart.${ending}`, mimeType: 'text/plain', buffer: content });
    await bring.getByText('64 actions', { exact: true }).waitFor();
    expect(await titles(bring), name).toEqual(before);
    await button(bring, 'Save the chart').click();
    await button(bring, 'Make tasks for 64 actions').waitFor();
    expect(await titles(bring), name).toEqual(before);
    await bring.close();
  }
});

test('a picture of the chart is an SVG or a PNG', async () => {
  const context = await visitor();
  const page = await openGoal(context, await putGoal(context, slowChart()));
  await page.locator('.export summary').click();
  const svg = readFileSync(await exported(page, 'SVG'), 'utf8');
  expect(svg).toMatch(/^<svg [^]*>Choose the[^]*<\/svg>\s*$/);
  const png = readFileSync(await exported(page, 'PNG'));
  expect([...png.subarray(1, 4)].map(byte => String.fromCharCode(byte)).join('')).toBe('PNG');
  expect(png.readUInt32BE(16)).toBeGreaterThan(2000);
});

test('a table is pasted; empty cells are no actions; what cannot be read is told by its cell', async () => {
  const context = await visitor();
  const page = await context.newPage();
  await page.goto('/#/new');
  const rows = Array.from({ length: 9 }, () => new Array<string>(9).fill(''));
  const write = () => page.getByLabel('Chart as text').fill(rows.map(row => row.join('\t')).join('\n'));
  const set = (row: number, column: number, text: string) => ((rows[row] ?? [])[column] = text);
  set(0, 0, 'Run twice a week');
  await write();
  await page.getByText(/^Cell E5:/).waitFor();
  set(4, 4, 'Run 10 km');
  set(1, 1, 'Stamina');
  await write();
  await page.getByText('1 action. 63 cells are empty and no action.').waitFor();
  expect(await page.getByText(/^Cell E5:/).count()).toBe(0);
  await button(page, 'Save the chart').click();
  await page.getByRole('heading', { level: 1, name: 'Run 10 km' }).waitFor();
  expect(await page.locator('.cell[data-action]').count()).toBe(1);
});

test('a file that is dropped is read', async () => {
  const context = await visitor();
  const page = await context.newPage();
  await page.goto('/#/new');
  await page.locator('.bring').waitFor();
  const data = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(['# Goal\n\n## Sub-goal\n\n- Action\n'], 'chart.md'));
    return transfer;
  });
  await page.locator('.bring').dispatchEvent('drop', { dataTransfer: data });
  await page.getByText('1 action. 63 cells are empty and no action.').waitFor();
});
