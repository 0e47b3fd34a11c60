import { expect, test } from 'vitest';

import type { Goal, WorkflowStatus } from '../api/types';
import { en } from '../text/en';
import { progressWords } from './progress';
import { replacementOf } from './replaced';

const goal: Goal = {
  goalId: 'g',
  revision: 0,
  title: 'G',
  status: 'draft',
  totalActions: 64,
  actionsWithTasks: 0,
  subGoals: [],
};
const workflow: WorkflowStatus = {
  executionArn: 'arn',
  goalId: 'g',
  status: 'RUNNING',
  startDate: '2026-11-30T05:00:00Z',
  admittedAt: '2026-11-30T05:00:01Z',
  progressPercentage: 50,
  processedActions: 32,
  totalActions: 64,
  succeededActions: 30,
  failedActions: [],
  usage: { attempts: 0, inputTokens: 0, outputTokens: 0, latencyMs: 0 },
  batches: [],
};
const words = (change: Partial<WorkflowStatus>, of: Partial<Goal> = {}) =>
  progressWords(en, { ...goal, ...of }, { ...workflow, ...change }, 'en');

test('without a workflow the goal says how full it is', () => {
  expect(progressWords(en, goal, undefined, 'en').title).toBe('No tasks yet');
  expect(progressWords(en, { ...goal, totalActions: 0 }, undefined, 'en').title).toBe('The chart has no actions yet');
  expect(progressWords(en, { ...goal, actionsWithTasks: 64 }, undefined, 'en').title).toBe('Every action has tasks');
});

test('a run says how far it is, what failed so far, and how long it takes', () => {
  const { title, parts } = words({ estimatedSecondsRemaining: 61 });
  expect(title).toBe('Making tasks');
  expect(parts).toEqual(['32 of 64', 'about 2 minutes left', '2 failed']);
});

test('a place in the waiting list ends with the admission', () => {
  const waiting: Partial<WorkflowStatus> = { status: 'PENDING', waitingBefore: 100, processedActions: 0 };
  const notAdmitted = { ...workflow };
  delete notAdmitted.admittedAt;
  expect(progressWords(en, goal, { ...notAdmitted, ...waiting, succeededActions: 0 }, 'en').parts).toEqual([
    '100 or more ahead in the waiting list',
  ]);
  expect(words({ ...waiting, succeededActions: 0 }).parts).toEqual(['0 of 64']);
});

test('the end says what the goal has now', () => {
  const failedActions = [{ actionId: 'a', code: 'AI_TIMEOUT', message: '', attempts: 3 }];
  const ended = words({ status: 'PARTIALLY_SUCCEEDED', failedActions }, { actionsWithTasks: 63 });
  expect(ended.parts).toEqual(['63 of 64 actions have tasks', '1 failed']);
});

test('a cancelled run has no failures, but a reason', () => {
  const failedActions = [{ actionId: 'a', code: 'CANCELLED', message: '', attempts: 0 }];
  const cancellation = { at: '2026-11-30T05:00:09Z', operator: 'arn:aws:iam::1:user/ann', reason: 'maintenance' };
  const { parts, notes } = words({ status: 'ABORTED', failedActions, cancellation });
  expect(parts).toEqual(['No tasks yet']);
  expect(notes).toEqual(['An operator has cancelled it.', 'Reason given: maintenance']);
});

test('usage has a price where one is known', () => {
  const usage = { attempts: 1, inputTokens: 1200, outputTokens: 1, latencyMs: 9 };
  expect(words({ usage }).usage).toBe('1 request to the AI, 1,200 tokens read, 1 token written');
  expect(words({ usage: { ...usage, costMicroUsd: 801 } }).usage).toMatch(/, about \$0\.0008$/);
});

test('what has a completed task is not replaced', () => {
  const action = (actionId: string) => ({ actionId, position: 1, title: actionId, type: 'habit' as const, tasks: 0 });
  const subGoals = [{ position: 1, title: 'S', actions: ['a', 'b', 'c'].map(action) }];
  const task = (actionId: string, status: 'not_started' | 'completed') => ({
    ...{ actionId, status, goalId: 'g', position: '', taskId: '', executionArn: '', title: '', description: '' },
    ...{ type: 'habit' as const, estimatedMinutes: 30, priority: 'low' as const, createdAt: '', updatedAt: '' },
  });
  const tasks = [task('a', 'not_started'), task('a', 'not_started'), task('b', 'completed'), task('b', 'not_started')];
  expect(replacementOf({ ...goal, subGoals }, tasks)).toEqual({ actions: 1, tasks: 2, kept: 1, added: 1 });
});
