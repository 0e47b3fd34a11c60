import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { install, type Clock } from '@sinonjs/fake-timers';
import { createGoalActivityClient, type ClientOptions, type GoalActivityClient, type WorkflowStatus } from '../src/index.js';

/** This package's folder; the compiled tests are in `build/test`. */
export const packageDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const root = path.resolve(packageDir, '../..');

/** An answer of the real handlers, recorded by `cargo xtask schemas`. */
export const recorded = <Body = any>(name: string): Body => JSON.parse(fs.readFileSync(path.join(root, 'tests/clients/answers', `${name}.json`), 'utf8'));

export const ARN: string = recorded('started').executionArn;
const ENDED: WorkflowStatus = recorded('status-partly-succeeded');

/** A status of a workflow that differs from the recorded one in this. */
export const status = (changes: Partial<WorkflowStatus> = {}): WorkflowStatus => ({ ...ENDED, ...changes });
export const running = (processedActions = 1) => {
  const { stopDate: _, ...running } = status({ status: 'RUNNING', processedActions, progressPercentage: processedActions * 10, failedActions: [] });
  return running;
};

export const json = (body: unknown, init: ResponseInit = {}) => Response.json(body, init);
export const problem = (name: string, headers: HeadersInit = {}) => {
  const body = recorded(name);
  return json(body, { status: body.status, headers: { 'content-type': 'application/problem+json', ...headers } });
};
/** As `fetch` fails without a network. */
export const noNetwork = () => new TypeError('fetch failed');

type Answer = Response | Error | ((request: Request) => Response | Promise<Response>);

/** Answers the requests of a route one after the other; the last answer again and again. Nothing is sent. */
export class RecordedApi {
  readonly requests: Request[] = [];
  private readonly answers = new Map<string, Answer[]>();
  readonly client: GoalActivityClient;

  constructor(options: Partial<ClientOptions> = {}) {
    this.client = createGoalActivityClient({ baseUrl: 'https://api.example', token: () => 'token-1', fetch: this.fetch, ...options });
  }

  /** `route` is a method and the end of a path. */
  on(route: string, ...answers: Answer[]): this {
    this.answers.set(route, answers);
    return this;
  }

  count(route: string): number {
    return this.requests.filter((request) => matches(route, request)).length;
  }

  readonly fetch = async (request: Request): Promise<Response> => {
    request.signal.throwIfAborted();
    this.requests.push(request.clone());
    // As a real one: it can be sent once.
    await request.arrayBuffer();
    const [, answers] = [...this.answers].find(([route]) => matches(route, request)) ?? [];
    assert.ok(answers, `no answer for ${request.method} ${request.url}`);
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    return answer instanceof Response ? answer.clone() : answer!(request);
  };
}

function matches(route: string, request: Request): boolean {
  const [method, end = ''] = route.split(' ');
  return request.method === method && decodeURIComponent(new URL(request.url).pathname).endsWith(end);
}

/** Time that passes when the test says so. */
export function fakeTime(t: { after: (done: () => void) => void }): Clock {
  const clock = install({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  t.after(() => clock.uninstall());
  return clock;
}
