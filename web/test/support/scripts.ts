import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

export const ASSETS = 'dist/assets';

/** How large all scripts together may be, with Brotli. */
export const MOST_BYTES = 121_000;

/** The bytes of a script as it is built, and as servers send it. */
export interface ScriptSize {
  plain: number;
  gzip: number;
  brotli: number;
}

/** The scripts of the page as it is shipped, by name: `vite build` makes them. */
export function scriptSizes(): Record<string, ScriptSize> {
  const names = readdirSync(ASSETS).filter(name => name.endsWith('.js'));
  return Object.fromEntries(
    names.map(name => {
      const script = readFileSync(join(ASSETS, name));
      const [gzip, brotli] = [gzipSync(script).length, brotliCompressSync(script).length];
      return [name, { plain: script.length, gzip, brotli }];
    }),
  );
}
