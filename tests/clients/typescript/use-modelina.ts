// Uses modelina's types of the events as a subscriber does. The compiler is the test.
import assert from 'node:assert/strict';
import type { FinalStatus } from '../generated/modelina/typescript/FinalStatus';
import type { GoalActivityRejected } from '../generated/modelina/typescript/GoalActivityRejected';
import type { WorkflowCompleted } from '../generated/modelina/typescript/WorkflowCompleted';
import { details } from './recorded';

for (const [file, { goalId, failedActions, usage }] of details<WorkflowCompleted>('WorkflowCompleted')) {
  const codes: string[] = failedActions.map(({ code }) => code);
  const cost: number | undefined = usage?.costMicroUsd;
  assert.deepEqual(codes, [file.includes('newer') ? 'AI_TIRED' : 'AI_TIMEOUT'], file);
  assert.ok(goalId.length > 0 && (cost === undefined || cost >= 0), file);
}
const reasons: string[] = details<GoalActivityRejected>('GoalActivityRejected').map(([, { reason }]) => reason);
assert.ok(reasons.includes('GOAL_TIRED'));
// @ts-expect-error: no such status
const status: FinalStatus = 'TIRED';
assert.ok(status);
console.log('modelina, TypeScript: the types of the events');
