import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { build, type Rolldown } from 'vite';

export interface AppServer {
  origin: string;
  close: () => Promise<void>;
}

/** The app and the client that it uses, as one script for browsers. */
export async function bundleApp(): Promise<string> {
  const built = (await build({
    configFile: false,
    logLevel: 'error',
    build: { write: false, rolldownOptions: { input: 'test/cross-origin/app.ts' } },
  })) as Rolldown.RolldownOutput;
  const [script, ...others] = built.output.flatMap(file => (file.type === 'chunk' ? [file.code] : []));
  if (script === undefined || others.length > 0) throw new Error('the app is not one script');
  return script;
}

/** Serves the app at an origin of its own. */
export async function serveApp(script: string): Promise<AppServer> {
  const server = createServer((request, response) => {
    if (request.url === '/app.js') response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
    else if (request.url === '/') {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<!doctype html><title>An app</title><script type="module" src="/app.js"></script>');
    } else response.writeHead(404).end();
  });
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise(closed => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}
