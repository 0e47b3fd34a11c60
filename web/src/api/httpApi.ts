import { createGoalActivityClient, watchWorkflow } from 'goal-activity-client';

import type { Session } from '../session/Session';
import type { GoalApi } from './GoalApi';
import { Problem } from './Problem';
import type { Task } from './types';

const LARGEST_PAGE = 100;

/** The API over HTTP. `url` ends with `/api`. */
export function httpApi(url: string, session: Session, fetcher: typeof fetch = fetch): GoalApi {
  const client = createGoalActivityClient({
    baseUrl: new URL(url, location.origin).href.replace(/\/api$/, ''),
    token: async ({ renew, refused }) => {
      if (renew && !(await session.renew(refused))) throw new Problem('UNAUTHENTICATED', { status: 401 });
      return session.token();
    },
    fetch: request => fetcher(request),
  });

  async function tasks(goalId: string): Promise<Task[]> {
    const all: Task[] = [];
    let cursor: string | undefined;
    do {
      const query = { limit: LARGEST_PAGE, ...(cursor !== undefined && { cursor }) };
      const { data } = await client.GET('/api/goals/{goalId}/tasks', { params: { path: { goalId }, query } });
      all.push(...data.items);
      cursor = data.nextCursor;
    } while (cursor !== undefined);
    return all;
  }

  async function workflows(goalId: string | undefined, cursor: string | undefined) {
    const query = cursor === undefined ? {} : { cursor };
    const { data } =
      goalId === undefined
        ? await client.GET('/api/workflows', { params: { query } })
        : await client.GET('/api/goals/{goalId}/workflows', { params: { path: { goalId }, query } });
    return data;
  }

  const of = (executionArn: string) => ({ params: { path: { executionArn } } });
  return {
    goals: async cursor => {
      const { data } = await client.GET('/api/goals', { params: { query: cursor === undefined ? {} : { cursor } } });
      return data;
    },
    goal: async goalId => {
      const { data } = await client.GET('/api/goals/{goalId}', { params: { path: { goalId } } });
      return data;
    },
    putGoal: async (goalId, body) => {
      const { data } = await client.PUT('/api/goals/{goalId}', { params: { path: { goalId } }, body });
      return data;
    },
    tasks,
    start: async (goalId, body) => {
      const { data } = await client.POST('/api/goals/{goalId}/start-activity', { params: { path: { goalId } }, body });
      return data;
    },
    // The page says at once that an answer is missing, and repeats by itself.
    watch: (arn, signal) => watchWorkflow(client, arn, { signal, maxFailures: 0 }),
    status: async arn => (await client.GET('/api/workflows/{executionArn}/status', of(arn))).data,
    actions: async arn => (await client.GET('/api/workflows/{executionArn}/actions', of(arn))).data,
    timeline: async arn => (await client.GET('/api/workflows/{executionArn}/timeline', of(arn))).data,
    cancel: async (arn, reason) => {
      const body = reason ? { reason } : {};
      return (await client.POST('/api/workflows/{executionArn}/cancel', { ...of(arn), body })).data;
    },
    retry: async arn => (await client.POST('/api/workflows/{executionArn}/retry', of(arn))).data,
    workflows,
  };
}
