import { isFinal } from 'goal-activity-client';
import type { Goal, GoalSummary, WorkflowStatus } from '../api/types';
import type { Text } from '../text/en';
import { dollars, pauseWords } from '../text/wording';

/** What a goal's page says about the run, line by line. */
export interface ProgressWords {
  title: string;
  /** What belongs to the title, such as the time that is left. */
  parts: string[];
  /** More about it: a pause, a reason. */
  notes: string[];
  usage: string | undefined;
}

export function progressWords(
  text: Text,
  goal: Goal,
  workflow: WorkflowStatus | undefined,
  language: string,
): ProgressWords {
  if (!workflow) {
    const title = filledWords(text, goal);
    return { title, parts: [], notes: [], usage: undefined };
  }
  const { status, processedActions, totalActions, succeededActions, failedActions } = workflow;
  const parts: string[] = [];
  const notes: string[] = [];
  if (!isFinal(status)) {
    if (status === 'PENDING' && workflow.admittedAt === undefined && workflow.waitingBefore !== undefined) {
      parts.push(workflow.waitingBefore === 0 ? text.next : text.waitingBefore(workflow.waitingBefore));
    } else {
      parts.push(text.processed(processedActions, totalActions));
    }
    if (workflow.estimatedSecondsRemaining !== undefined) parts.push(text.timeLeft(workflow.estimatedSecondsRemaining));
    if (workflow.paused) notes.push(pauseWords(text, workflow.paused.reason, language));
  } else {
    parts.push(filledWords(text, goal));
  }
  const failed =
    status === 'ABORTED'
      ? 0
      : Math.max(failedActions.length, isFinal(status) ? 0 : processedActions - succeededActions);
  if (failed > 0) parts.push(text.failedCount(failed));
  const { cancellation, error, usage } = workflow;
  if (cancellation?.operator) notes.push(text.cancelledByOperator);
  if (cancellation?.reason) notes.push(text.cancelledBecause(cancellation.reason));
  if (error) notes.push(text.workflowError[error.code] ?? error.message);
  return { title: text.status[status], parts, notes, usage: usageWords(text, usage, language) };
}

/** How full a goal's chart is. */
export function filledWords(text: Text, { actionsWithTasks, totalActions }: Omit<GoalSummary, 'status'>): string {
  if (totalActions === 0) return text.noActions;
  if (actionsWithTasks === 0) return text.draft;
  return actionsWithTasks === totalActions ? text.allFilled : text.filled(actionsWithTasks, totalActions);
}

export function usageWords(text: Text, usage: WorkflowStatus['usage'], language: string): string | undefined {
  if (usage.attempts === 0) return undefined;
  const words = text.usage(usage.attempts, usage.inputTokens, usage.outputTokens);
  const cost = usage.costMicroUsd;
  return cost === undefined || cost === 0 ? words : text.withCost(words, dollars(language, cost));
}
