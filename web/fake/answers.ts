import type {
  ActionState,
  Goal,
  Timeline,
  WorkflowActions,
  WorkflowStatus,
  WorkflowSummary,
} from '../src/api/types.ts';
import { FAILURES } from './failures.ts';
import type { FakeWorkflow, PlannedAction } from './plan.ts';
import type { World } from './World.ts';

const iso = (at: number) => new Date(at).toISOString();

function stateOf(workflow: FakeWorkflow, elapsed: number, { from, until, code, actionId }: PlannedAction): ActionState {
  if (workflow.cancelledAt !== undefined) return workflow.replaced[actionId] ? 'succeeded' : 'failed';
  if (elapsed < from) return 'waiting';
  if (elapsed < until) return 'generating';
  return code ? 'failed' : 'succeeded';
}

function count(world: World, workflow: FakeWorkflow) {
  const elapsed = world.elapsed(workflow);
  const states = workflow.plan.map(planned => stateOf(workflow, elapsed, planned));
  const succeeded = states.filter(state => state === 'succeeded').length;
  const failed = states.filter(state => state === 'failed').length;
  const processed = workflow.plan.filter(({ until }) => until <= elapsed).length;
  return { elapsed, succeeded, failed, processed, total: states.length };
}

export function statusName(world: World, workflow: FakeWorkflow): WorkflowStatus['status'] {
  const { succeeded, total } = count(world, workflow);
  if (workflow.cancelledAt !== undefined) return 'ABORTED';
  if (workflow.endedAt === undefined) return workflow.admittedAt === undefined ? 'PENDING' : 'RUNNING';
  return succeeded === total ? 'SUCCEEDED' : succeeded === 0 ? 'FAILED' : 'PARTIALLY_SUCCEEDED';
}

export function statusAnswer(world: World, workflow: FakeWorkflow): WorkflowStatus {
  const { elapsed, succeeded, processed, total } = count(world, workflow);
  const admittedAt = workflow.admittedAt ?? 0;
  const status = statusName(world, workflow);
  const running = status === 'RUNNING';
  const last = Math.max(0, ...workflow.plan.map(({ until }) => until));
  const failed = actionsAnswer(world, workflow).items.filter(({ state }) => state === 'failed');
  const batches = [...new Set(workflow.plan.map(({ batchIndex }) => batchIndex))].map(batchIndex => {
    const actions = workflow.plan.filter(planned => planned.batchIndex === batchIndex);
    const done = actions.filter(({ until }) => until <= elapsed);
    return {
      batchIndex,
      totalActions: actions.length,
      processedActions: done.length,
      succeededActions: done.filter(({ code }) => !code).length,
      updatedAt: iso(admittedAt + Math.max(0, ...done.map(({ until }) => until))),
    };
  });
  return {
    executionArn: workflow.arn,
    goalId: workflow.goalId,
    status,
    startDate: iso(workflow.startedAt),
    ...(workflow.endedAt !== undefined && { stopDate: iso(workflow.endedAt) }),
    ...(workflow.admittedAt !== undefined && { admittedAt: iso(workflow.admittedAt) }),
    progressPercentage: status === 'ABORTED' ? Math.min(99, percent(processed, total)) : percent(processed, total),
    processedActions: processed,
    totalActions: total,
    succeededActions: workflow.cancelledAt === undefined ? succeeded : 0,
    failedActions: failed.map(({ actionId, code = '', message = '', attempts = 0 }) => ({
      actionId,
      code,
      message,
      attempts,
    })),
    ...(running && { estimatedSecondsRemaining: Math.ceil((last - elapsed) / 1000) }),
    ...(status === 'PENDING' && { waitingBefore: workflow.waitingBefore ?? 3 }),
    ...(status === 'PENDING' && workflow.paused && { paused: workflow.paused }),
    ...(workflow.cancelledAt !== undefined && {
      cancellation: {
        at: iso(workflow.cancelledAt),
        by: 'user-1',
        ...(workflow.reason && { reason: workflow.reason }),
      },
    }),
    usage: {
      attempts: processed,
      inputTokens: processed * 612,
      outputTokens: processed * 348,
      latencyMs: processed * 2_310,
      costMicroUsd: processed * 801,
    },
    batches,
  };
}

export function actionsAnswer(world: World, workflow: FakeWorkflow): WorkflowActions {
  const elapsed = world.elapsed(workflow);
  return {
    executionArn: workflow.arn,
    goalId: workflow.goalId,
    status: statusName(world, workflow),
    items: workflow.plan.map(planned => {
      const { actionId, batchIndex } = planned;
      const state = stateOf(workflow, elapsed, planned);
      const tasks = world.goals.get(workflow.goalId)?.tasks[actionId]?.length ?? 0;
      const code = workflow.cancelledAt === undefined ? (planned.code ?? '') : 'CANCELLED';
      return {
        actionId,
        batchIndex,
        state,
        ...(state === 'succeeded' && { tasks, attempts: 1 }),
        ...(state === 'failed' && { code, message: FAILURES[code] ?? code, attempts: code === 'AI_REJECTED' ? 1 : 3 }),
      };
    }),
  };
}

export function timelineAnswer(world: World, workflow: FakeWorkflow): Timeline {
  const status = statusName(world, workflow);
  const elapsed = world.elapsed(workflow);
  const items: Timeline['items'] = [{ id: 'accepted', at: iso(workflow.startedAt), what: 'ACCEPTED' }];
  const { admittedAt, cancelledAt, endedAt, reason } = workflow;
  if (admittedAt !== undefined) {
    items.push({ id: 'started', at: iso(admittedAt), what: 'STARTED' });
    for (const { batchIndex, totalActions } of statusAnswer(world, workflow).batches) {
      const actions = workflow.plan.filter(planned => planned.batchIndex === batchIndex);
      const until = Math.max(...actions.map(action => action.until));
      if (until > elapsed) continue;
      const failed = actions.filter(({ code }) => code).length;
      const at = iso(admittedAt + until);
      items.push({
        id: `batch-${batchIndex}`,
        at,
        what: 'BATCH_FINISHED',
        batchIndex,
        succeeded: totalActions - failed,
        failed,
      });
    }
  }
  if (cancelledAt !== undefined)
    items.push({ id: 'cancelled', at: iso(cancelledAt), what: 'CANCELLED', ...(reason && { reason }) });
  if (endedAt !== undefined && status !== 'PENDING' && status !== 'RUNNING') {
    items.push({ id: 'ended', at: iso(endedAt), what: 'ENDED', status });
  }
  items.sort((a, b) => a.at.localeCompare(b.at));
  return { executionArn: workflow.arn, goalId: workflow.goalId, status, items };
}

export function summaryAnswer(world: World, workflow: FakeWorkflow): WorkflowSummary {
  const status = statusAnswer(world, workflow);
  const ended = status.stopDate !== undefined;
  return {
    executionArn: workflow.arn,
    goalId: workflow.goalId,
    status: status.status,
    startDate: status.startDate,
    ...(ended && {
      stopDate: status.stopDate ?? '',
      succeededActions: status.succeededActions,
      failedCount: status.failedActions.length,
    }),
    totalActions: status.totalActions,
  };
}

export function goalAnswer(world: World, goalId: string): Goal | undefined {
  const stored = world.goals.get(goalId);
  if (!stored) return undefined;
  const workflows = world.workflows.filter(workflow => workflow.goalId === goalId);
  const latest = workflows.at(-1);
  const items = latest ? actionsAnswer(world, latest).items : [];
  const actions = world.actionsOf(goalId);
  const withTasks = actions.filter(({ actionId }) => (stored.tasks[actionId] ?? []).length > 0);
  return {
    ...stored.goal,
    totalActions: actions.length,
    actionsWithTasks: withTasks.length,
    ...(latest && { latestExecutionArn: latest.arn }),
    ...(latest && latest.endedAt === undefined && { executionArn: latest.arn }),
    subGoals: stored.goal.subGoals.map(subGoal => ({
      ...subGoal,
      actions: subGoal.actions.map(action => {
        const tasks = (stored.tasks[action.actionId] ?? []).length;
        const item = items.find(({ actionId }) => actionId === action.actionId);
        const outcome = item && {
          state: item.state,
          ...(item.code && { code: item.code, message: item.message ?? '' }),
          ...(item.attempts !== undefined && { attempts: item.attempts }),
        };
        return { ...action, tasks, ...(outcome ?? (tasks > 0 ? { state: 'succeeded' as const } : {})) };
      }),
    })),
  };
}

const percent = (part: number, whole: number) => (whole === 0 ? 100 : Math.floor((100 * part) / whole));
