import type { GoalApi } from '../api/GoalApi';
import { Problem } from '../api/Problem';
import { isFinal } from 'goal-activity-client';
import type { Goal, WorkflowStatus } from '../api/types';
import { withActions } from '../chart/cells';

/** What is known of a goal, and what stands in the way of knowing more. */
export interface GoalView {
  goal: Goal | undefined;
  /** The workflow that runs, or else the newest one. */
  workflow: WorkflowStatus | undefined;
  /** Why what is shown may be old, or why nothing is shown. */
  problem: Problem | undefined;
}

export const NOTHING_KNOWN: GoalView = { goal: undefined, workflow: undefined, problem: undefined };

type Pause = (milliseconds: number, signal: AbortSignal) => Promise<void>;

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
/** Whatever the API asks for: the page is looked at. */
const LONGEST_WAIT_MS = 300_000;

/** Reads a goal and follows its workflow to the end. Repeats by itself what may succeed later. */
export async function followGoal(
  api: GoalApi,
  goalId: string,
  known: GoalView,
  signal: AbortSignal,
  show: (view: GoalView) => void,
  pause: Pause,
): Promise<void> {
  let view = known;
  let wait = FIRST_PAUSE_MS;
  const update = (change: Partial<GoalView>) => {
    view = { ...view, problem: undefined, ...change };
    if (!signal.aborted) show(view);
  };

  async function follow(): Promise<void> {
    const goal = await api.goal(goalId);
    const executionArn = goal.executionArn ?? goal.latestExecutionArn;
    if (executionArn === undefined) {
      update({ goal, workflow: undefined });
      return;
    }
    // A goal that is shown stays as it is until its first workflow is known as well.
    if (view.goal === undefined || view.workflow !== undefined) update({ goal });
    let current = goal;
    for await (const workflow of api.watch(executionArn, signal)) {
      wait = FIRST_PAUSE_MS;
      if (isFinal(workflow.status)) {
        // What was read before the end may be older than the end.
        update({ workflow, goal: goal.executionArn === undefined ? goal : await api.goal(goalId) });
      } else {
        current = withActions(current, await api.actions(executionArn));
        update({ workflow, goal: current });
      }
    }
  }

  while (!signal.aborted) {
    try {
      await follow();
      return;
    } catch (error) {
      const problem = Problem.of(error);
      update({ problem });
      if (!problem.isOutage && problem.status !== 429) return;
      await pause(Math.min(Math.max(wait, (problem.retryAfterSeconds ?? 0) * 1000), LONGEST_WAIT_MS), signal);
      wait = Math.min(wait * 2, LONGEST_PAUSE_MS);
    }
  }
}
