// Uses json-schema-to-typescript's types of the events, each from its own schema. The compiler is the test.
import assert from 'node:assert/strict';
import type { BatchProgressed } from '../generated/json-schema-to-typescript/BatchProgressed';
import type { GoalActivityRejected } from '../generated/json-schema-to-typescript/GoalActivityRejected';
import type { GoalActivityRequested } from '../generated/json-schema-to-typescript/GoalActivityRequested';
import type { WorkflowCompleted } from '../generated/json-schema-to-typescript/WorkflowCompleted';
import { details } from './recorded';

for (const [file, { status, failedActions, usage }] of details<WorkflowCompleted>('WorkflowCompleted')) {
  const ended: 'SUCCEEDED' | 'PARTIALLY_SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' = status;
  const code: string | undefined = failedActions[0]?.code;
  const cost: number | undefined = usage?.costMicroUsd;
  assert.deepEqual([ended, code], ['PARTIALLY_SUCCEEDED', file.includes('newer') ? 'AI_TIRED' : 'AI_TIMEOUT'], file);
  assert.ok(cost === undefined || Number.isInteger(cost), file);
}
const rejected = details<GoalActivityRejected>('GoalActivityRejected');
assert.deepEqual(rejected.filter(([file]) => file.includes('newer')).map(([, { reason }]) => reason), ['GOAL_TIRED']);
assert.ok(details<BatchProgressed>('BatchProgressed').every(([, { batchIndex }]) => batchIndex >= 0));
const request: GoalActivityRequested = {
  version: '1', eventId: 'plan-17', occurredAt: '2026-11-24T09:30:00.000Z', goalId: 'learn-piano', userId: 'user-1',
};
assert.ok(details<GoalActivityRequested>('GoalActivityRequested').every(([, { version }]) => version === request.version));
console.log('json-schema-to-typescript: the types of 4 events');
