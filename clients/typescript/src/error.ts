import type { Problem } from './types.js';

/** What {@link ApiError} is made of. */
interface Details {
  status: number;
  title: string;
  detail: string;
  code?: string | undefined;
  retryable: boolean;
  retryAfter?: number | undefined;
  problem?: Problem | undefined;
  cause?: unknown;
}

/** A request that failed. Its message is for people. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** The HTTP status; 0 if there was no answer. */
  readonly status: number;
  /** What went wrong, for programs. Absent if the gateway or a proxy answered, or nobody. Codes are added: treat one that you do not know by its status. */
  readonly code: string | undefined;
  /** What went wrong, in short. */
  readonly title: string;
  /** What went wrong this time. */
  readonly detail: string;
  /** `true` if the same request may succeed later. */
  readonly retryable: boolean;
  /** After how many seconds, if the answer says so. */
  readonly retryAfter: number | undefined;
  /** The workflow that it is about. */
  readonly executionArn: string | undefined;
  /** The answer, if it was a problem document. */
  readonly problem: Problem | undefined;

  constructor({ status, title, detail, code, retryable, retryAfter, problem, cause }: Details) {
    super(detail, cause === undefined ? undefined : { cause });
    this.status = status;
    this.title = title;
    this.detail = detail;
    this.code = code;
    this.retryable = retryable;
    this.retryAfter = retryAfter;
    this.executionArn = problem?.executionArn;
    this.problem = problem;
  }
}

/** The error that an answer with a status of 400 or more is. */
export async function errorOf(response: Response): Promise<ApiError> {
  const { status, headers } = response;
  const retryAfter = retryAfterOf(headers);
  const body = parsed(await response.text().catch(() => ''));
  if (isProblem(body)) {
    const { title, detail, code, retryable } = body;
    return new ApiError({ status, title, detail, code, retryable, retryAfter, problem: body });
  }
  // The gateway answers `{"message": …}`, other proxies what they like.
  const said = typeof body === 'object' && body !== null && 'message' in body && typeof body.message === 'string' ? body.message : '';
  const title = response.statusText || `HTTP status ${status}`;
  const detail = said ? `${said} (HTTP status ${status})` : `the request failed with HTTP status ${status}`;
  return new ApiError({ status, title, detail, retryable: status === 408 || status === 429 || status >= 500, retryAfter });
}

/** The error of a request without an answer. */
export function noAnswer(cause: unknown): ApiError {
  const detail = 'no answer from the API: the network, or a CORS setting that does not allow this page';
  return new ApiError({ status: 0, title: 'No answer', detail, retryable: true, cause });
}

/** A wrong clock makes a date of minutes one of years, and timers take no more than 24 days. */
const LONGEST_SECONDS = 86_400;

/** After how many seconds a request is worth while, by the header `Retry-After`: a number of seconds, or a date. A day at the most. */
export function retryAfterOf(headers: Headers): number | undefined {
  const value = headers.get('retry-after')?.trim();
  if (!value) return undefined;
  const seconds = /^\d+$/.test(value) ? Number(value) : (Date.parse(value) - Date.now()) / 1_000;
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(0, seconds), LONGEST_SECONDS);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isProblem(body: unknown): body is Problem {
  if (typeof body !== 'object' || body === null) return false;
  const { title, detail, code, retryable } = body as Record<string, unknown>;
  return [title, detail, code].every((text) => typeof text === 'string') && typeof retryable === 'boolean';
}
