import { isFinal } from 'goal-activity-client';
import type { WorkflowStatus, WorkflowSummary } from '../api/types';

/** A history without what it lists twice, and with what is known of its newest workflow. */
export function withLatest(items: readonly WorkflowSummary[], latest: WorkflowStatus | undefined): WorkflowSummary[] {
  const known = new Map(items.map(item => [item.executionArn, item]));
  if (latest) {
    const { executionArn, goalId, status, startDate, stopDate, totalActions, succeededActions, failedActions } = latest;
    const processed = { succeededActions, failedCount: failedActions.length };
    const outcome = isFinal(status) && stopDate !== undefined ? { stopDate } : {};
    known.set(executionArn, { executionArn, goalId, status, startDate, totalActions, ...processed, ...outcome });
  }
  return [...known.values()].sort((a, b) => b.startDate.localeCompare(a.startDate));
}
