import type { Chart, Goal, GoalAction, SubGoal, Task } from '../src/api/types.ts';
import { type FakeWorkflow, planOf } from './plan.ts';
import { tasksOf } from './tasks.ts';

export interface FakeGoal {
  goal: Omit<Goal, 'totalActions' | 'actionsWithTasks' | 'executionArn' | 'latestExecutionArn'>;
  tasks: Record<string, Task[]>;
}

export interface FakeStart {
  actionIds?: string[];
  regenerate?: boolean;
  startedAt?: number;
  waits?: boolean;
}

/** Everything that one user of the fake API has. Time only moves when it is looked at. */
export class World {
  readonly goals = new Map<string, FakeGoal>();
  readonly workflows: FakeWorkflow[] = [];
  readonly now: () => number;
  private sequence = 0;

  constructor(now: () => number = Date.now) {
    this.now = now;
  }

  put(goalId: string, chart: Chart): FakeGoal {
    const before = this.goals.get(goalId);
    const stored: FakeGoal = {
      goal: {
        ...texts(chart),
        goalId,
        revision: (before?.goal.revision ?? -1) + 1,
        status: before?.goal.status ?? 'draft',
        subGoals: subGoals(chart),
      },
      tasks: before?.tasks ?? {},
    };
    this.goals.set(goalId, stored);
    return stored;
  }

  actionsOf(goalId: string): GoalAction[] {
    return this.goals.get(goalId)?.goal.subGoals.flatMap(subGoal => subGoal.actions) ?? [];
  }

  start(goalId: string, request: FakeStart = {}): FakeWorkflow {
    const stored = this.goals.get(goalId);
    const wanted = this.actionsOf(goalId).filter(({ actionId }) => {
      const tasks = stored?.tasks[actionId] ?? [];
      if (request.actionIds && !request.actionIds.includes(actionId)) return false;
      return request.regenerate ? tasks.every(task => task.status !== 'completed') : tasks.length === 0;
    });
    this.sequence += 1;
    const startedAt = request.startedAt ?? this.now();
    const name = `${goalId}-${this.sequence}`;
    const workflow: FakeWorkflow = {
      arn: `arn:aws:states:us-east-1:000000000000:execution:goal-activity:${name}`,
      goalId,
      startedAt,
      ...(request.waits ? {} : { admittedAt: startedAt + 200 }),
      plan: planOf(wanted),
      regenerate: request.regenerate ?? false,
      replaced: {},
    };
    this.workflows.push(workflow);
    return workflow;
  }

  cancel(workflow: FakeWorkflow, reason?: string): void {
    const at = this.now();
    Object.assign(workflow, { cancelledAt: at, endedAt: at, ...(reason && { reason }) });
    const tasks = this.goals.get(workflow.goalId)?.tasks ?? {};
    for (const [actionId, of] of Object.entries(tasks)) {
      if (of[0]?.executionArn === workflow.arn && !workflow.replaced[actionId]) tasks[actionId] = [];
    }
  }

  /** Milliseconds since the workflow's admission; negative while it waits. */
  elapsed(workflow: FakeWorkflow): number {
    if (workflow.admittedAt === undefined) return -1;
    const until = workflow.cancelledAt ?? this.now();
    return Math.min(until - workflow.admittedAt, workflow.holdAfter ?? Infinity);
  }

  /** Brings what is stored up to the present. */
  settle(): void {
    for (const workflow of this.workflows.filter(({ endedAt }) => endedAt === undefined)) {
      const elapsed = this.elapsed(workflow);
      const admittedAt = workflow.admittedAt ?? 0;
      for (const { actionId, until, code } of workflow.plan) {
        if (until <= elapsed && !code) this.store(workflow, actionId, admittedAt + until);
      }
      const last = Math.max(0, ...workflow.plan.map(({ until }) => until));
      if (elapsed >= last) workflow.endedAt = admittedAt + last;
    }
  }

  private store(workflow: FakeWorkflow, actionId: string, at: number): void {
    const stored = this.goals.get(workflow.goalId);
    const before = stored?.tasks[actionId] ?? [];
    if (!stored || before[0]?.executionArn === workflow.arn) return;
    for (const subGoal of stored.goal.subGoals) {
      const action = subGoal.actions.find(action => action.actionId === actionId);
      if (!action) continue;
      workflow.replaced[actionId] = before.length;
      const place = `${subGoal.position}#${action.position}`;
      stored.tasks[actionId] = tasksOf(workflow.goalId, place, action, workflow.arn, at);
    }
  }
}

function texts({ title, description, background, constraints, deadline }: Chart) {
  return {
    title,
    ...(description && { description }),
    ...(background && { background }),
    ...(constraints && { constraints }),
    ...(deadline && { deadline }),
  };
}

/** The chart's parts with their places and ids, without its empty cells. */
export function subGoals(chart: Chart): SubGoal[] {
  return chart.subGoals.map((subGoal, index) => {
    const position = subGoal.position ?? index + 1;
    const actions = subGoal.actions.map((action, number): GoalAction => {
      const place = action.position ?? number + 1;
      const { title, description, background, constraints, type = 'execution' } = action;
      return {
        actionId: action.actionId ?? `a-${position}-${place}`,
        position: place,
        title,
        ...(description && { description }),
        ...(background && { background }),
        ...(constraints && { constraints }),
        type,
        tasks: 0,
      };
    });
    const { title, description } = subGoal;
    return { position, title, ...(description && { description }), actions: actions.filter(a => a.title.trim()) };
  });
}
