import createClient, { defaultPathSerializer, type MaybeOptionalInit } from 'openapi-fetch';
import type { HttpMethod, MediaType, PathsWithMethod, Readable, RequiredKeysOf, ResponseObjectMap, SuccessResponse } from 'openapi-typescript-helpers';
import type { paths } from './api.js';
import { ApiError, errorOf, noAnswer } from './error.js';
import { within } from './within.js';

/** How the API is reached. */
export interface ClientOptions {
  /** The API's URL, without `/api`. */
  baseUrl: string;
  /**
   * The caller's access token. Called for each request, so it should keep the token and renew it when it expires. Called a second time,
   * with `renew`, if the API refuses the first one, which is `refused`.
   */
  token: (hint: { renew: boolean; refused?: string }) => string | Promise<string>;
  /** In place of the global `fetch`. */
  fetch?: (request: Request) => Promise<Response>;
  /** How long an answer is awaited. Default 30,000: the gateway takes no longer. */
  timeoutMs?: number;
}

/** The answer to a request that succeeded. `data` is missing only where a conditional request was answered with 304. */
type Answer<Operation> = Operation extends Record<string | number, any>
  ? { data: Readable<SuccessResponse<ResponseObjectMap<Operation>, MediaType>>; response: Response }
  : never;

/** Calls a route with this method. Throws an {@link ApiError} unless the request succeeds. */
type Call<Method extends HttpMethod> = <Path extends PathsWithMethod<paths, Method>, Init extends MaybeOptionalInit<paths[Path], Method>>(
  path: Path,
  ...init: RequiredKeysOf<Init> extends never ? [init?: Init] : [init: Init]
) => Promise<Answer<paths[Path][Method]>>;

/** The API: a method for each HTTP method, which takes a path of the description, its parameters and its body. */
export interface GoalActivityClient {
  GET: Call<'get'>;
  POST: Call<'post'>;
  PUT: Call<'put'>;
}

/** A client of the API at a URL. */
export function createGoalActivityClient(
  { baseUrl, token, fetch: send = (request) => fetch(request), timeoutMs = 30_000 }: ClientOptions,
): GoalActivityClient {
  const authorized = async (request: Request): Promise<Response> => {
    const first = await token({ renew: false });
    const response = await answered(send, withToken(request.clone(), first), timeoutMs);
    if (response.status !== 401) return response;
    const second = await token({ renew: true, refused: first });
    return second === first ? response : answered(send, withToken(request, second), timeoutMs);
  };
  const checked = async (request: Request): Promise<Response> => {
    const response = await authorized(request);
    // Not modified since what the caller has: no error.
    if (response.status >= 400) throw await errorOf(response);
    return response;
  };
  // Its methods return an error, or throw what `fetch` throws. Here everything is thrown, so that their results have the data.
  return createClient<paths>({ baseUrl, fetch: checked, pathSerializer }) as unknown as GoalActivityClient;
}

/** The path with its parameters. A URL drops a segment of dots, and an empty one leads elsewhere, too: to another route. */
function pathSerializer(path: string, parameters: Record<string, unknown>): string {
  for (const [name, value] of Object.entries(parameters)) {
    if (/^\.{0,2}$/.test(String(value))) throw new TypeError(`${name} cannot be '${String(value)}'`);
  }
  return defaultPathSerializer(path, parameters);
}

function withToken(request: Request, token: string): Request {
  request.headers.set('authorization', `Bearer ${token}`);
  return request;
}

/** The answer with its body: it may break off, or never come. */
async function answered(send: (request: Request) => Promise<Response>, request: Request, timeoutMs: number): Promise<Response> {
  let response: Response;
  let body: string;
  try {
    [response, body] = await within(timeoutMs, request.signal, async (signal) => {
      const response = await send(new Request(request, { signal }));
      return [response, await response.text()];
    });
  } catch (error) {
    request.signal.throwIfAborted();
    throw noAnswer(error);
  }
  const { status, statusText, headers } = response;
  if (response.ok && !isJson(body)) {
    const detail = `what answers there is not the API: no JSON (HTTP status ${status})`;
    throw new ApiError({ status, title: 'Not JSON', detail, retryable: false });
  }
  return new Response(body === '' ? null : body, { status, statusText, headers });
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
