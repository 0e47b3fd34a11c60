import type { GoalActivityClient } from './client.js';
import { ApiError } from './error.js';
import { pause } from './pause.js';
import type { Schemas } from './types.js';

/** How often a request is sent that has no answer. */
const ATTEMPTS = 3;
const BETWEEN_MS = 1_000;

/** Starts a workflow of a goal. If one runs already, it is that one which is returned. */
export async function startOrJoin(client: GoalActivityClient, goalId: string, body: Schemas['StartRequest'] = {}): Promise<Schemas['Started']> {
  return joining(client, (header) => client.POST('/api/goals/{goalId}/start-activity', { params: { path: { goalId }, header }, body }));
}

/** Starts a workflow for what failed in an ended one. If one of its goal runs already, it is that one which is returned. */
export async function retryOrJoin(client: GoalActivityClient, executionArn: string): Promise<Schemas['Started']> {
  return joining(client, (header) => client.POST('/api/workflows/{executionArn}/retry', { params: { path: { executionArn }, header } }));
}

/** Stops a workflow. */
export async function cancelWorkflow(client: GoalActivityClient, executionArn: string, reason?: string): Promise<Schemas['Aborted']> {
  const body = reason === undefined ? {} : { reason };
  const { data } = await client.POST('/api/workflows/{executionArn}/cancel', { params: { path: { executionArn } }, body });
  return data;
}

/** The ARN of a goal's newest workflow, if it has one. */
export async function newestWorkflow(client: GoalActivityClient, goalId: string): Promise<string | undefined> {
  // A page may be empty and still have a next one.
  for (let cursor: string | undefined; ;) {
    const query = { limit: 1, ...(cursor !== undefined && { cursor }) };
    const { data } = await client.GET('/api/goals/{goalId}/workflows', { params: { path: { goalId }, query } });
    const [first] = data.items;
    if (first !== undefined || data.nextCursor === undefined) return first?.executionArn;
    cursor = data.nextCursor;
  }
}

async function joining(
  client: GoalActivityClient, send: (header: { 'Idempotency-Key': string }) => Promise<{ data: Schemas['Started'] }>,
): Promise<Schemas['Started']> {
  try {
    // The same key for each attempt: what was accepted is not started again, if only its answer was lost.
    const header = { 'Idempotency-Key': randomKey() };
    return (await repeated(() => send(header))).data;
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 'ALREADY_RUNNING' || error.executionArn === undefined) throw error;
    const path = { executionArn: error.executionArn };
    const { data: { executionArn, startDate, status, totalActions } } = await client.GET('/api/workflows/{executionArn}/status', { params: { path } });
    return { executionArn, startDate, status, totalActions };
  }
}

async function repeated<Result>(send: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      const isOutage = error instanceof ApiError && error.retryable && (error.status === 0 || error.status >= 500);
      if (!isOutage || attempt === ATTEMPTS) throw error;
      await pause(Math.max(BETWEEN_MS * attempt, Math.min(error.retryAfter ?? 0, 10) * 1_000), undefined);
    }
  }
}

/** Also where there is no `crypto.randomUUID`: in a page that was loaded by HTTP. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
