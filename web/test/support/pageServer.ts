import { build, preview } from 'vite';

/** What the page is served with on AWS. */
export const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

export interface PageServer {
  url: string;
  close: () => Promise<void>;
}

/** Builds the page as it is shipped, and serves it with the fake API and a strict policy. */
export async function servePage(): Promise<PageServer> {
  await build({ logLevel: 'error' });
  const server = await preview({
    mode: 'fake',
    logLevel: 'error',
    preview: { host: '127.0.0.1', port: 0, headers: { 'Content-Security-Policy': POLICY } },
  });
  const url = server.resolvedUrls?.local[0];
  if (!url) throw new Error('the server has no address');
  return { url: url.replace(/\/$/, ''), close: () => server.close() };
}
