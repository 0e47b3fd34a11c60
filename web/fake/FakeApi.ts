import type { Chart, StartRequest } from '../src/api/types.ts';
import { actionsAnswer, goalAnswer, statusAnswer, statusName, summaryAnswer, timelineAnswer } from './answers.ts';
import type { FakeWorkflow } from './plan.ts';
import { subGoals, World } from './World.ts';

/** What the fake does instead of its answer. */
export interface Fault {
  path: RegExp;
  method?: string;
  /** Answers with this, or does not answer at all. */
  respond: (() => Response | Promise<Response>) | 'no response';
  /** How often. Without it, until it is removed. */
  times?: number;
}

/** The HTTP API in memory, for tests, pictures and development without a backend. */
export class FakeApi {
  readonly world: World;
  readonly faults: Fault[] = [];
  readonly calls: string[] = [];
  /** Only this token is good; any is without it. */
  token: string | undefined;

  constructor(world: World = new World()) {
    this.world = world;
  }

  /** The fake as a page's `fetch`. */
  readonly fetch: typeof fetch = async (input, init) => {
    const to = input instanceof Request ? input : new URL(String(input), 'http://fake.invalid');
    return this.handle(new Request(to, init));
  };

  async handle(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    this.calls.push(`${request.method} ${decodeURIComponent(pathname)}`);
    const fault = this.faults.find(
      ({ path, method, times }) => path.test(pathname) && (method ?? request.method) === request.method && times !== 0,
    );
    if (fault) {
      if (fault.times !== undefined) fault.times -= 1;
      if (fault.respond === 'no response') throw new TypeError('Failed to fetch');
      return fault.respond();
    }
    const given = request.headers.get('authorization')?.replace('Bearer ', '');
    if (!given || (this.token !== undefined && given !== this.token)) {
      return Response.json({ message: 'Unauthorized' }, { status: 401 });
    }
    this.world.settle();
    const text = await request.text();
    const body: unknown = text ? JSON.parse(text) : {};
    const [area, id = '', what = ''] = pathname
      .replace(/^\/api\//, '')
      .split('/')
      .map(decodeURIComponent);
    const route = `${request.method} ${area}${id ? '/{}' : ''}${what ? `/${what}` : ''}`;
    return this.route(route, id, body, searchParams, request);
  }

  private route(route: string, id: string, body: unknown, query: URLSearchParams, request: Request): Response {
    switch (route) {
      case 'GET goals':
        return Response.json(this.goals(query));
      case 'GET goals/{}':
        return this.known(id, () => Response.json(goalAnswer(this.world, id)));
      case 'PUT goals/{}':
        return this.put(id, body as Chart);
      case 'GET goals/{}/tasks':
        return this.known(id, () => Response.json(this.tasks(id, query)));
      case 'GET goals/{}/workflows':
        return this.known(id, () => Response.json(this.workflows(id)));
      case 'POST goals/{}/start-activity':
        return this.known(id, () => this.start(id, body as StartRequest));
      case 'GET workflows':
        return Response.json(this.workflows(undefined));
      default:
        return this.workflow(route, id, body as { reason?: string }, request);
    }
  }

  private workflow(route: string, arn: string, body: { reason?: string }, request: Request): Response {
    const workflow = this.world.workflows.find(workflow => workflow.arn === arn);
    if (!workflow) return problem(404, 'UNKNOWN_EXECUTION', 'there is no such workflow');
    switch (route) {
      case 'GET workflows/{}/status':
        return this.status(workflow, request);
      case 'GET workflows/{}/actions':
        return Response.json(actionsAnswer(this.world, workflow));
      case 'GET workflows/{}/timeline':
        return Response.json(timelineAnswer(this.world, workflow));
      case 'POST workflows/{}/cancel':
        if (workflow.endedAt !== undefined) return problem(409, 'ALREADY_ENDED', 'the workflow has ended');
        this.world.cancel(workflow, body.reason);
        return Response.json({
          executionArn: arn,
          status: 'ABORTED',
          stopDate: new Date(this.world.now()).toISOString(),
        });
      case 'POST workflows/{}/retry': {
        if (workflow.endedAt === undefined) return problem(409, 'NOT_ENDED', 'the workflow has not ended');
        const failed = actionsAnswer(this.world, workflow).items.filter(({ state }) => state === 'failed');
        if (failed.length === 0) return problem(409, 'NOTHING_FAILED', 'no action of the workflow has failed');
        return this.start(workflow.goalId, { actionIds: failed.map(({ actionId }) => actionId) });
      }
      default:
        return problem(404, 'NOT_FOUND', 'there is no such route');
    }
  }

  private status(workflow: FakeWorkflow, request: Request): Response {
    const body = JSON.stringify(statusAnswer(this.world, workflow));
    const headers = new Headers({ etag: `"${hash(body)}"`, 'content-type': 'application/json' });
    if (workflow.endedAt === undefined) headers.set('retry-after', workflow.admittedAt === undefined ? '5' : '1');
    if (request.headers.get('if-none-match') === headers.get('etag'))
      return new Response(null, { status: 304, headers });
    return new Response(body, { headers });
  }

  private start(goalId: string, { actionIds, regenerate }: StartRequest): Response {
    const running = this.world.workflows.find(({ goalId: id, endedAt }) => id === goalId && endedAt === undefined);
    if (running) return problem(409, 'ALREADY_RUNNING', 'a workflow of this goal is running', running.arn);
    if (/^(completed|paused|cancelled)$/.test(this.world.goals.get(goalId)?.goal.status ?? '')) {
      return problem(409, 'GOAL_CLOSED', 'the goal is completed, paused or cancelled');
    }
    const workflow = this.world.start(goalId, { ...(actionIds && { actionIds }), regenerate: regenerate ?? false });
    if (workflow.plan.length === 0) {
      this.world.workflows.pop();
      return problem(409, 'NOTHING_TO_DO', 'every requested action has tasks already');
    }
    const startDate = new Date(workflow.startedAt).toISOString();
    const answer = { executionArn: workflow.arn, startDate, status: 'PENDING', totalActions: workflow.plan.length };
    return Response.json(answer, { status: 202 });
  }

  private put(goalId: string, chart: Chart): Response {
    if (!chart.title.trim()) return problem(400, 'INVALID_REQUEST', 'title: the goal needs one');
    const before = this.world.goals.get(goalId);
    if (this.world.workflows.some(workflow => workflow.goalId === goalId && workflow.endedAt === undefined)) {
      return problem(409, 'ALREADY_RUNNING', 'a workflow of this goal is running');
    }
    const places = subGoals(chart).flatMap(({ actions, position }) =>
      actions.map(action => `${position}.${action.position} ${action.title}`),
    );
    const lost = before?.goal.subGoals.flatMap(({ actions, position }) =>
      actions
        .filter(({ actionId }) => (before.tasks[actionId] ?? []).length > 0)
        .map(action => `${position}.${action.position} ${action.title}`)
        .filter(place => !places.includes(place)),
    );
    if (lost && lost.length > 0) {
      const names = lost.map(place => place.split(' ')[0]).join(', ');
      return problem(409, 'TASKS_EXIST', `actions with tasks must stay as they are: ${names}`);
    }
    if (before && chart.revision !== undefined && chart.revision !== before.goal.revision) {
      return problem(409, 'OUTDATED', 'the chart was changed meanwhile');
    }
    this.world.put(goalId, chart);
    return Response.json(goalAnswer(this.world, goalId), { status: before ? 200 : 201 });
  }

  private known(goalId: string, answer: () => Response): Response {
    return this.world.goals.has(goalId) ? answer() : problem(404, 'UNKNOWN_GOAL', 'there is no such goal');
  }

  private goals(query: URLSearchParams) {
    const ids = [...this.world.goals.keys()].sort();
    const { page, next } = paged(ids, query, 20);
    const items = page.flatMap(id => {
      const goal = goalAnswer(this.world, id);
      if (!goal) return [];
      const { goalId, title, status, totalActions, actionsWithTasks, executionArn } = goal;
      return [{ goalId, title, status, totalActions, actionsWithTasks, ...(executionArn && { executionArn }) }];
    });
    return { items, ...next };
  }

  private tasks(goalId: string, query: URLSearchParams) {
    const stored = this.world.goals.get(goalId);
    const all = this.world.actionsOf(goalId).flatMap(({ actionId }) => stored?.tasks[actionId] ?? []);
    const { page, next } = paged(all, query, 100);
    return { items: page, ...next };
  }

  private workflows(goalId: string | undefined) {
    const of = this.world.workflows.filter(workflow => goalId === undefined || workflow.goalId === goalId);
    const newestFirst = of.toSorted((a, b) => b.startedAt - a.startedAt);
    return { items: newestFirst.map(workflow => summaryAnswer(this.world, workflow)) };
  }

  /** The newest workflow's state in one word, for tests. */
  latest(goalId: string): string | undefined {
    this.world.settle();
    const workflow = this.world.workflows.findLast(workflow => workflow.goalId === goalId);
    return workflow && statusName(this.world, workflow);
  }
}

export function problem(status: number, code: string, detail: string, executionArn?: string): Response {
  const retryable = status === 429 || status === 503;
  const body = {
    type: 'about:blank',
    title: code,
    status,
    detail,
    code,
    retryable,
    ...(executionArn && { executionArn }),
  };
  return Response.json(body, { status, headers: { 'content-type': 'application/problem+json' } });
}

function paged<T>(all: T[], query: URLSearchParams, limit: number): { page: T[]; next: { nextCursor?: string } } {
  const size = Math.min(Number(query.get('limit')) || limit, 100);
  const from = Number(query.get('cursor')) || 0;
  const rest = from + size < all.length;
  return { page: all.slice(from, from + size), next: rest ? { nextCursor: String(from + size) } : {} };
}

function hash(text: string): string {
  let value = 0;
  for (const character of text) value = (Math.imul(value, 31) + (character.codePointAt(0) ?? 0)) | 0;
  return (value >>> 0).toString(36);
}
