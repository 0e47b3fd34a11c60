import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { ASSETS, MOST_BYTES, scriptSizes } from '../support/scripts.ts';

/* Of the page as it is shipped: `npm run test:size` builds it before. */

const files = readdirSync(ASSETS);
const read = (name: string) => readFileSync(join(ASSETS, name));
const scripts = files.filter(name => name.endsWith('.js'));

test('all scripts together are small, compressed as they are sent', () => {
  const sizes = scriptSizes();
  const total = Object.values(sizes).reduce((sum, { brotli }) => sum + brotli, 0);
  console.log(sizes, total);
  expect(total).toBeLessThan(MOST_BYTES);
});

test('the fake of the API is not in it', () => {
  const all = scripts.map(name => read(name).toString()).join('\n');
  // Words of the fake that stay when names are shortened.
  for (const word of ['x-fake-world', 'fake.invalid', 'Write down where you stand']) {
    expect(all).not.toContain(word);
  }
  expect(all).toContain('/config.json');
});

test('a strict policy has nothing to refuse', () => {
  const page = readFileSync('dist/index.html', 'utf8');
  expect(page).not.toMatch(/<style|style=|<script(?![^>]*\ssrc=)|\son\w+=|javascript:/);
  const addresses = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address);
  expect(addresses.length).toBeGreaterThan(2);
  for (const address of addresses) expect(address).toMatch(/^\//);
  const style = files.filter(name => name.endsWith('.css')).map(name => read(name).toString());
  expect(style.join('')).not.toMatch(/@import|url\(/);
});
