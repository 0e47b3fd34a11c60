import { readdirSync, readFileSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import type { Connect } from 'vite';

const TYPES: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
};

/** Files of at least so many bytes, as CloudFront does. */
const LEAST_BYTES = 1_000;

/**
 * Sends the files of a build with Brotli, as CloudFront does by default (`Compress`), and lets browsers keep those with a hash in their
 * name, as the stack does (infra/lib/web.ts).
 */
export function compressed(folder: string, headers: Readonly<Record<string, string>>): Connect.NextHandleFunction {
  const files = new Map<string, { type: string; body: Buffer }>();
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const [file, type] = [join(folder, name), TYPES[extname(name)]];
    if (type === undefined || statSync(file).size < LEAST_BYTES) continue;
    files.set(`/${name.replaceAll('\\', '/')}`, { type, body: brotliCompressSync(readFileSync(file)) });
  }
  return (request, response, next) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const file = files.get(path === '/' ? '/index.html' : path);
    if (request.method !== 'GET' || !file || !/\bbr\b/.test(String(request.headers['accept-encoding']))) {
      next();
      return;
    }
    const cache = path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache';
    response.writeHead(200, {
      ...headers,
      'Content-Type': file.type,
      'Content-Encoding': 'br',
      'Cache-Control': cache,
      Vary: 'Accept-Encoding',
    });
    response.end(file.body);
  };
}
