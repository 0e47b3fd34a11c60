/** Another app in the browser, which calls the API of another origin through the client. Tests drive it by `window.app`. */

import {
  ApiError,
  createGoalActivityClient,
  type GoalActivityClient,
  type Schemas,
  waitForWorkflow,
} from 'goal-activity-client';
import { configureWorkflowApi, workflowApi } from 'goal-activity-client/compat';

export interface Options {
  baseUrl: string;
  /** The token, and what there is after it was refused. */
  tokens: [first: string, renewed: string];
  /** What the app's own security asks for. */
  csrfToken?: string;
  /** Whether cookies go along. */
  cookies?: boolean;
}

/** What the app can read of an answer. */
export interface Read {
  status: number;
  /** With their names in lower case. */
  headers: Record<string, string>;
  data: unknown;
}

/** What the app can read of a failure. */
export interface Failed {
  failed: { status: number; code: string | undefined; detail: string };
}

let client: GoalActivityClient;

function connect({ baseUrl, tokens: [first, renewed], csrfToken, cookies }: Options): void {
  let token = first;
  client = createGoalActivityClient({
    baseUrl,
    token: ({ renew }) => (token = renew ? renewed : token),
    fetch: request => {
      if (csrfToken !== undefined) request.headers.set('x-csrf-token', csrfToken);
      return fetch(request, { credentials: cookies === true ? 'include' : 'same-origin' });
    },
  });
  configureWorkflowApi(client);
}

async function read(answer: Promise<{ data: unknown; response: Response }>): Promise<Read | Failed> {
  return attempt(async () => {
    const { data, response } = await answer;
    return { status: response.status, headers: Object.fromEntries(response.headers), data };
  });
}

async function attempt<T>(what: () => Promise<T>): Promise<T | Failed> {
  try {
    return await what();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const { status, code, detail } = error;
    return { failed: { status, code, detail } };
  }
}

const at = (executionArn: string) => ({ path: { executionArn } });

const app = {
  connect,
  goal: (goalId: string) => read(client.GET('/api/goals/{goalId}', { params: { path: { goalId } } })),
  goals: () => read(client.GET('/api/goals')),
  put: (goalId: string, body: Schemas['GoalRequest']) =>
    read(client.PUT('/api/goals/{goalId}', { params: { path: { goalId } }, body })),
  start: (goalId: string, key: string) => {
    const header = { 'Idempotency-Key': key, 'X-Correlation-Id': key };
    const params = { path: { goalId }, header };
    return read(client.POST('/api/goals/{goalId}/start-activity', { params, body: {} }));
  },
  status: (executionArn: string, known?: string) => {
    const header = known === undefined ? {} : { 'If-None-Match': known };
    return read(client.GET('/api/workflows/{executionArn}/status', { params: { ...at(executionArn), header } }));
  },
  /** Follows a workflow until its end. */
  follow: (executionArn: string) => attempt(() => waitForWorkflow(client, executionArn)),
  compat: {
    start: (goalId: string) => attempt(() => workflowApi.startWorkflow(goalId)),
    status: (executionArn: string) => attempt(() => workflowApi.getWorkflowStatus(executionArn)),
    cancel: (executionArn: string) => attempt(() => workflowApi.cancelWorkflow(executionArn, 'no longer needed')),
  },
};

declare global {
  interface Window {
    app: typeof app;
  }
}

window.app = app;
