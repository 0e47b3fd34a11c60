import type { GoalActivityClient } from './client.js';
import { ApiError, retryAfterOf } from './error.js';
import { pause } from './pause.js';
import { isFinal, type FinalStatus, type WorkflowStatus } from './types.js';

/** How a workflow is followed. */
export interface WatchOptions {
  /** Stops following. */
  signal?: AbortSignal | undefined;
  /** The time between two polls while something changes. Default 2,000. */
  intervalMs?: number;
  /** The time between two polls at most, if the API does not ask for more. Default 15,000. */
  maxIntervalMs?: number;
  /** How many failures in a row are survived. Default 20, which are about five minutes. */
  maxFailures?: number;
  /** Called with each failure that is survived: a page may say that there is no connection. */
  onRetry?: (error: ApiError) => void;
}

/** The last status of a workflow. */
export type EndedWorkflow = WorkflowStatus & { status: FinalStatus };

/** The longest time between two polls, whatever the API asks for. */
const LONGEST_MS = 300_000;
/** By how much the time grows while nothing changes. */
const GROWTH = 1.5;

/**
 * Follows a workflow: each status that differs from the one before it, until the workflow has ended.
 *
 * It polls no more often than the API asks for, less often while nothing changes or nobody looks, and survives limits, outages and a
 * lost network. Throws an {@link ApiError} if following is refused, and the signal's reason when that is aborted.
 */
export async function* watchWorkflow(
  client: GoalActivityClient, executionArn: string, options: WatchOptions = {},
): AsyncGenerator<WorkflowStatus, void, undefined> {
  const { signal, intervalMs = 2_000, maxIntervalMs = 15_000 } = options;
  const poll = poller(client, executionArn, options);
  let last = '';
  for (let interval = intervalMs; ;) {
    const { status, retryAfter = 0 } = await poll();
    const seen = status === undefined ? last : JSON.stringify(status);
    interval = seen === last ? Math.min(interval * GROWTH, maxIntervalMs) : intervalMs;
    if (status !== undefined && seen !== last) {
      last = seen;
      yield status;
      if (isFinal(status.status)) return;
    }
    await pause(Math.min(interval, LONGEST_MS), signal, Math.min(retryAfter * 1_000, LONGEST_MS));
  }
}

/**
 * Waits until a workflow has ended. `onStatus` is called with each status that differs from the one before it.
 *
 * @throws the same as {@link watchWorkflow}.
 */
export async function waitForWorkflow(
  client: GoalActivityClient, executionArn: string, options: WatchOptions & { onStatus?: (status: WorkflowStatus) => void } = {},
): Promise<EndedWorkflow> {
  let last: WorkflowStatus | undefined;
  for await (const status of watchWorkflow(client, executionArn, options)) {
    last = status;
    options.onStatus?.(status);
  }
  return last as EndedWorkflow;
}

interface Poll {
  /** Absent if nothing has changed. */
  status?: WorkflowStatus | undefined;
  /** In seconds. */
  retryAfter?: number | undefined;
}

/** Asks for the status until there is an answer. */
function poller(client: GoalActivityClient, executionArn: string, options: WatchOptions): () => Promise<Poll> {
  const { signal, intervalMs = 2_000, maxIntervalMs = 15_000, maxFailures = 20, onRetry } = options;
  let etag: string | null = null;
  let isConditional = true;
  return async () => {
    for (let failures = 1; ; failures += 1) {
      const condition = isConditional && etag !== null ? { 'If-None-Match': etag } : {};
      try {
        const { data, response } = await client.GET('/api/workflows/{executionArn}/status', {
          params: { path: { executionArn } }, headers: condition, cache: 'no-store', ...(signal && { signal }),
        });
        const status = response.status === 304 ? undefined : data;
        // The tag of what is known: a proxy may drop it from an answer, and that of an older one says nothing of this.
        if (status !== undefined) etag = response.headers.get('etag');
        return { status, retryAfter: retryAfterOf(response.headers) };
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof ApiError) || !error.retryable || failures > maxFailures) throw error;
        // A CORS setting may not allow this header: then each such request fails like one without a network.
        if (error.status === 0 && 'If-None-Match' in condition) isConditional = false;
        onRetry?.(error);
        // Not all clients at once after an outage.
        const backoff = Math.min(intervalMs * 2 ** (failures - 1), maxIntervalMs) * (1 + Math.random() / 4);
        await pause(Math.min(backoff, LONGEST_MS), signal, Math.min((error.retryAfter ?? 0) * 1_000, LONGEST_MS));
      }
    }
  };
}
