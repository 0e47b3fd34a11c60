import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';

import { expect, test } from 'vitest';

/* Of the page as it is shipped: `npm run test:size` builds it before. */

const MOST_BYTES = 120_000;

const ASSETS = 'dist/assets';
const files = readdirSync(ASSETS);
const read = (name: string) => readFileSync(join(ASSETS, name));
const scripts = files.filter(name => name.endsWith('.js'));

test('all scripts together are small, compressed as they are sent', () => {
  const sizes = scripts.map(name => [name, brotliCompressSync(read(name)).length] as const);
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  console.log(Object.fromEntries(sizes), total);
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
