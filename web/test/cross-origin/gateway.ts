/**
 * CORS as API Gateway's HTTP APIs do it, in front of the emulator, which does not apply what a template says. Each rule has its
 * source; "guide" is https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html.
 */

import { createServer, type IncomingMessage, request as send, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { Cors } from './template.ts';

/** A request that a browser has sent. */
export interface Received {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
}

export interface Gateway {
  url: string;
  /** Preflights that it has answered, and requests that it has passed on. */
  preflights: Received[];
  passedOn: Received[];
  close: () => Promise<void>;
}

/** Starts it before the API at `apiUrl`. */
export async function startGateway(apiUrl: string, cors: Cors | undefined): Promise<Gateway> {
  const api = new URL(apiUrl);
  const preflights: Received[] = [];
  const passedOn: Received[] = [];
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    const received = { method, path: url, headers };
    if (method === 'OPTIONS') {
      preflights.push(received);
      answerPreflight(cors, headers, response);
      return;
    }
    passedOn.push(received);
    passOn(api, cors, request, response);
  });
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    preflights,
    passedOn,
    close: () =>
      new Promise(closed => {
        server.closeAllConnections();
        server.close(() => closed());
      }),
  };
}

function answerPreflight(cors: Cors | undefined, headers: Received['headers'], response: ServerResponse): void {
  if (!cors) {
    // The template has no route with OPTIONS, and the gateway answers 404 where no route matches
    // (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html).
    response.writeHead(404, { 'content-type': 'application/json' }).end('{"message":"Not Found"}');
    return;
  }
  // Guide: "API Gateway automatically sends a response to preflight OPTIONS requests, even if there isn't an OPTIONS route
  // configured for your API". So neither authorizer nor function see it. Its status is not documented; to a browser all from
  // 200 to 299 are the same (https://fetch.spec.whatwg.org/#cors-preflight-fetch).
  // Guide: "For the OPTIONS method, your request must contain an origin header and an Access-Control-Request-Method header."
  const allowed = headers['access-control-request-method'] && ofEveryAnswer(cors, headers.origin);
  response.writeHead(204, {
    ...allowed,
    ...(allowed && {
      'access-control-allow-methods': cors.AllowMethods.join(','),
      'access-control-allow-headers': cors.AllowHeaders.join(','),
      'access-control-max-age': String(cors.MaxAge),
    }),
  });
  response.end();
}

/**
 * Guide: "To return CORS headers, your request must contain an origin header", and "API Gateway adds the configured CORS headers to
 * the response from an integration". An origin that is not configured gets none; one of several is named alone, as browsers accept no
 * list (https://fetch.spec.whatwg.org/#cors-check).
 */
function ofEveryAnswer(cors: Cors | undefined, origin: string | undefined): Record<string, string> | undefined {
  if (!cors || origin === undefined || !cors.AllowOrigins.includes(origin)) return undefined;
  return {
    'access-control-allow-origin': origin,
    ...(cors.AllowCredentials && { 'access-control-allow-credentials': 'true' }),
    'access-control-expose-headers': cors.ExposeHeaders.join(','),
  };
}

function passOn(api: URL, cors: Cors | undefined, request: IncomingMessage, response: ServerResponse): void {
  const headers = { ...request.headers, host: api.host };
  const path = api.pathname.replace(/\/$/, '') + (request.url ?? '/');
  const behind = send({ host: api.hostname, port: api.port, path, method: request.method, headers }, answer => {
    // Guide: "If you configure CORS for an API, API Gateway ignores CORS headers returned from your backend integration." Those of
    // the emulator's own gateway must not count either; the functions send none.
    const own = Object.entries(answer.headers).filter(([name]) => !name.startsWith('access-control-'));
    // The guide names answers of the integration only. Here those of the authorizer have the headers as well: see the test of it.
    response.writeHead(answer.statusCode ?? 502, {
      ...Object.fromEntries(own),
      ...ofEveryAnswer(cors, request.headers.origin),
    });
    answer.pipe(response);
  });
  behind.on('error', () => response.writeHead(502).end());
  request.pipe(behind);
}
