import type { TestProject } from 'vitest/node';

import { servePage } from './pageServer';

declare module 'vitest' {
  interface ProvidedContext {
    site: { url: string; isFake: boolean };
  }
}

/** The page that the browser tests are about: at `WEB_URL`, or else the one that is built here, with the fake API. */
export default async function site(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const url = process.env['WEB_URL'];
  if (url !== undefined) {
    project.provide('site', { url: url.replace(/\/$/, ''), isFake: false });
    return undefined;
  }
  const server = await servePage();
  project.provide('site', { url: server.url, isFake: true });
  return server.close;
}
