import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { resolve } from 'node:path';
import type { Connect, Plugin } from 'vite';

import { compressed } from './compressed.ts';

/** The file in which `cargo xtask up` describes its stack: what is needed of it. */
export interface Stack {
  readonly endpoint: string;
  readonly apiUrl: string;
  readonly outputs: Readonly<Record<string, string>>;
  readonly user: { readonly username: string; readonly password: string };
}

const TOKEN = '/session/token';

/** Reads that file. */
export const readStack = (file: string): Stack => JSON.parse(readFileSync(file, 'utf8')) as Stack;

/**
 * Serves the page with a stack of this machine: `/api` is its API, and `/session/token` signs its sample user in.
 *
 * `file` describes the stack. `signIn` replaces the sample user by another way to sign in, as
 * `/config.json` says it, in JSON.
 */
export function localStack(file: string, signIn: string | undefined): Plugin {
  const stack = readStack(file);
  const url = new URL(stack.apiUrl);
  const proxy = {
    '/api': { target: url.origin, rewrite: (path: string) => url.pathname.replace(/\/$/, '') + path },
  };
  const other = signIn === undefined ? undefined : (JSON.parse(signIn) as { authority: string });
  const config = { api: '/api', signIn: other ?? { kind: 'token', url: TOKEN } };
  const headers = { 'Content-Security-Policy': policy(other && new URL(other.authority).origin) };
  const serve: Connect.NextHandleFunction = (request, response, next) => {
    const path = request.url?.split('?')[0];
    if (path === '/config.json') {
      send(response, 200, config);
      return;
    }
    if (path !== TOKEN || other) {
      next();
      return;
    }
    // The page's own calls only: another site must not get at the token, nor sign anybody in.
    if (!isOwn(request)) {
      send(response, 403, { error: 'for the page of this server' });
      return;
    }
    signInSampleUser(stack).then(
      token => send(response, 200, { token }),
      (error: unknown) => send(response, 502, { error: `the sample user cannot sign in: ${String(error)}` }),
    );
  };
  return {
    name: 'local-stack',
    config: () => ({ server: { proxy }, preview: { proxy, headers } }),
    configureServer: server => void server.middlewares.use(serve),
    configurePreviewServer: server => {
      server.middlewares.use(serve);
      server.middlewares.use(compressed(resolve(server.config.root, server.config.build.outDir), headers));
    },
  };
}

/** The policy that CloudFront sends (infra/lib/web.ts); `issuer` is where people sign in. */
function policy(issuer: string | undefined): string {
  const connect = ["'self'", ...(issuer === undefined ? [] : [issuer])].join(' ');
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    `connect-src ${connect}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/** Whether the page has made the request: browsers say so, and no page can say otherwise. */
function isOwn(request: IncomingMessage): boolean {
  const site = request.headers['sec-fetch-site'];
  return site === undefined || site === 'same-origin';
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}

/** The sample user's token. Name and password are valid on this machine only. */
export async function signInSampleUser({ endpoint, outputs, user }: Stack): Promise<string> {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'AWSCognitoIdentityProviderService.InitiateAuth',
    },
    body: JSON.stringify({
      ClientId: outputs['UserPoolClientId'],
      AuthFlow: 'USER_PASSWORD_AUTH',
      AuthParameters: { USERNAME: user.username, PASSWORD: user.password },
    }),
    signal: AbortSignal.timeout(10_000),
  });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const { AuthenticationResult: result } = (await answer.json()) as { AuthenticationResult?: { AccessToken?: string } };
  if (result?.AccessToken === undefined) throw new Error('no access token');
  return result.AccessToken;
}
