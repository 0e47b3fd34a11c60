import type { IncomingMessage, ServerResponse } from 'node:http';

import type { Connect, Plugin } from 'vite';

import { type FakeApi } from './FakeApi.ts';
import { fakeApi, type Language, type Scenario, SCENARIOS } from './scenarios.ts';
import { WORLD_HEADER } from './worldHeader.ts';

const CONFIG = { api: '/api', signIn: { kind: 'token', url: '/session/token' } };

/**
 * Serves the fake API beside the page, in Vite's mode `fake`. The page itself is the one that is shipped: it knows nothing of
 * this.
 */
export function fakeServer(): Plugin {
  let tokens = 0;
  const worlds = new Map<string, FakeApi>();
  const worldOf = (name: string) => {
    const known = worlds.get(name);
    if (known) return known;
    const parameters = new URLSearchParams(name.split('?')[1]);
    const named = parameters.get('scenarios');
    const scenarios = named === null ? SCENARIOS : SCENARIOS.filter(scenario => named.split(',').includes(scenario));
    const language: Language = parameters.get('language') === 'en' ? 'en' : 'ja';
    const api = fakeApi(scenarios satisfies readonly Scenario[], language);
    worlds.set(name, api);
    return api;
  };
  const serve: Connect.NextHandleFunction = (request, response, next) => {
    const url = request.url ?? '/';
    const fixed = { '/config.json': CONFIG, '/session/token': { token: `fake-${(tokens += 1)}` } }[url];
    if (fixed) {
      answer(response, Response.json(fixed));
      return;
    }
    if (!url.startsWith('/api/')) {
      next();
      return;
    }
    const world = worldOf(String(request.headers[WORLD_HEADER] ?? 'default'));
    toRequest(request)
      .then(request => world.handle(request))
      .then(result => answer(response, result))
      .catch(next);
  };
  return {
    name: 'fake-api',
    configureServer: server => void server.middlewares.use(serve),
    configurePreviewServer: server => void server.middlewares.use(serve),
  };
}

async function toRequest(request: IncomingMessage): Promise<Request> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value));
  const method = request.method ?? 'GET';
  const body = method === 'GET' ? null : Buffer.concat(chunks).toString();
  return new Request(`http://127.0.0.1${request.url ?? '/'}`, { method, headers, body });
}

function answer(response: ServerResponse, result: Response): void {
  response.statusCode = result.status;
  result.headers.forEach((value, name) => response.setHeader(name, value));
  result.text().then(
    text => response.end(text),
    () => response.destroy(),
  );
}
