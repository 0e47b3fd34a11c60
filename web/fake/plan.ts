import type { GoalAction, WorkflowStatus } from '../src/api/types.ts';

/** What happens with an action of a workflow, in milliseconds after its admission. */
export interface PlannedAction {
  actionId: string;
  batchIndex: number;
  from: number;
  until: number;
  code?: string;
}

export interface FakeWorkflow {
  arn: string;
  goalId: string;
  startedAt: number;
  /** Missing while it waits for its turn. */
  admittedAt?: number;
  /** It stands still this long after its admission: for pictures. */
  holdAfter?: number;
  plan: PlannedAction[];
  regenerate: boolean;
  replaced: Record<string, number>;
  paused?: WorkflowStatus['paused'];
  waitingBefore?: number;
  cancelledAt?: number;
  reason?: string;
  endedAt?: number;
}

const PER_BATCH = 8;
const BATCHES_AT_ONCE = 3;
const DEFAULT_LATENCY_MS = 250;

/** Batches of eight, some at once, the actions of a batch one after the other. */
export function planOf(actions: readonly GoalAction[]): PlannedAction[] {
  const lanes = new Array<number>(BATCHES_AT_ONCE).fill(400);
  const plan: PlannedAction[] = [];
  for (let start = 0; start < actions.length; start += PER_BATCH) {
    const batchIndex = start / PER_BATCH;
    const lane = lanes.indexOf(Math.min(...lanes));
    const from = lanes[lane] ?? 0;
    let at = from;
    actions.slice(start, start + PER_BATCH).forEach((action, index) => {
      const { latency, code } = directives(action.constraints ?? '');
      at += latency ?? DEFAULT_LATENCY_MS + ((index * 37 + batchIndex * 53) % 5) * 40;
      plan.push({ actionId: action.actionId, batchIndex, from, until: at, ...(code && { code }) });
    });
    lanes[lane] = at + 120;
  }
  return plan;
}

/** The offline generator's directives that the fake follows: docs/GENERATORS.md. */
function directives(constraints: string): { latency?: number; code?: string } {
  const line = /^offline:(.*)$/m.exec(constraints)?.[1] ?? '';
  const latency = /latency-ms=(\d+)/.exec(line)?.[1];
  const code = /\bhang\b/.test(line) ? 'AI_TIMEOUT' : /\bfail\b(?!-)/.test(line) ? 'AI_REJECTED' : undefined;
  return { ...(latency && { latency: Number(latency) }), ...(code && { code }) };
}
