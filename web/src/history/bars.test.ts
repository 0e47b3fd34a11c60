import { expect, test } from 'vitest';

import { barsOf } from './bars';
import { withLatest } from './withLatest';

const at = (seconds: number) => new Date(1_000_000 + seconds * 1000).toISOString();

test('batches are bars from the start of the workflow to their end', () => {
  const items = [
    { id: '1', at: at(0), what: 'ACCEPTED' as const },
    { id: '2', at: at(2), what: 'STARTED' as const },
    { id: '3', at: at(5), what: 'BATCH_FINISHED' as const, batchIndex: 1, succeeded: 7, failed: 1 },
    { id: '4', at: at(8), what: 'BATCH_FINISHED' as const, batchIndex: 0, succeeded: 8, failed: 0 },
    { id: '5', at: at(9), what: 'ENDED' as const, status: 'SUCCEEDED' as const },
  ];
  expect(barsOf({ items }, 2, 0)).toEqual({
    waited: 2,
    total: 9,
    bars: [
      { batchIndex: 0, from: 2, to: 8, succeeded: 8, failed: 0 },
      { batchIndex: 1, from: 2, to: 5, succeeded: 7, failed: 1 },
    ],
  });
});

test('a workflow that waits has no bars, one that runs has open ones', () => {
  const accepted = { id: '1', at: at(0), what: 'ACCEPTED' as const };
  const now = 1_000_000 + 4_000;
  expect(barsOf({ items: [accepted] }, 2, now)).toEqual({ bars: [], waited: 4, total: 4 });
  const started = { id: '2', at: at(1), what: 'STARTED' as const };
  expect(barsOf({ items: [accepted, started] }, 1, now).bars).toEqual([
    { batchIndex: 0, from: 1, to: undefined, succeeded: 0, failed: 0 },
  ]);
});

test('the newest workflow is in the history before the index has it, once', () => {
  const item = (arn: string, seconds: number) => ({
    executionArn: arn,
    goalId: 'g',
    status: 'RUNNING' as const,
    startDate: at(seconds),
    totalActions: 64,
  });
  const usage = { attempts: 0, inputTokens: 0, outputTokens: 0, latencyMs: 0 };
  const latest = {
    ...item('b', 5),
    status: 'SUCCEEDED' as const,
    ...{ stopDate: at(9), progressPercentage: 100, processedActions: 64, succeededActions: 64, failedActions: [] },
    ...{ usage, batches: [] },
  };
  expect(withLatest([item('a', 1)], latest).map(({ executionArn }) => executionArn)).toEqual(['b', 'a']);
  expect(withLatest([item('b', 5), item('a', 1)], latest)).toMatchObject([
    { executionArn: 'b', status: 'SUCCEEDED', stopDate: at(9), succeededActions: 64, failedCount: 0 },
    { executionArn: 'a' },
  ]);
});
