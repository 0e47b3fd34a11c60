import { ApiError } from 'goal-activity-client';

interface Details {
  status?: number;
  detail?: string;
  retryAfterSeconds?: number | undefined;
}

/** Why a request did not get its answer. */
export class Problem extends Error {
  override name = 'Problem';
  /** The API's code, or one of the page's own: `NO_RESPONSE`, `UNAUTHENTICATED`, `TOO_MANY_REQUESTS`, `HTTP_<status>`. */
  readonly code: string;
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number;
  readonly detail: string;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: string, { status = 0, detail = '', retryAfterSeconds }: Details = {}) {
    super(detail || code);
    this.code = code;
    this.status = status;
    this.detail = detail;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** Any error as a problem: what is neither that nor an answer of the API is a request without a response. */
  static of(error: unknown): Problem {
    if (error instanceof Problem) return error;
    if (!(error instanceof ApiError)) return new Problem('NO_RESPONSE', { detail: String(error) });
    const { status, detail, retryAfter: retryAfterSeconds } = error;
    return new Problem(error.code ?? codeOf(status), { status, detail, retryAfterSeconds });
  }

  /** Returns `true` if the API did not answer, or cannot at the moment. */
  get isOutage(): boolean {
    return this.code === 'NO_RESPONSE' || this.status >= 500;
  }

  get isSignIn(): boolean {
    return this.code === 'UNAUTHENTICATED';
  }
}

function codeOf(status: number): string {
  if (status === 0) return 'NO_RESPONSE';
  if (status === 401) return 'UNAUTHENTICATED';
  return status === 429 ? 'TOO_MANY_REQUESTS' : `HTTP_${status}`;
}
