import type { GoalApi } from '../api/GoalApi';
import { Problem } from '../api/Problem';
import type { GoalSummary, WorkflowSummary } from '../api/types';

/** What the list shows of a goal. */
export type ListedGoal = Omit<GoalSummary, 'status'>;

export interface GoalList {
  goals: ListedGoal[];
  nextCursor: string | undefined;
  /** The goals belong to another program: only those that tasks were requested for are listed. */
  elsewhere: boolean;
}

/** The user's goals, or where another program has them, the goals of the user's workflows. */
export async function listGoals(api: GoalApi, cursor?: string, elsewhere = false): Promise<GoalList> {
  if (!elsewhere) {
    try {
      const { items, nextCursor } = await api.goals(cursor);
      return { goals: items, nextCursor, elsewhere: false };
    } catch (error) {
      if (Problem.of(error).code !== 'GOALS_ELSEWHERE') throw error;
    }
  }
  const { items, nextCursor } = await api.workflows(undefined, cursor);
  const newest = new Map<string, WorkflowSummary>();
  for (const workflow of items) if (!newest.has(workflow.goalId)) newest.set(workflow.goalId, workflow);
  const goals = await Promise.all([...newest.values()].map(workflow => summaryOf(api, workflow)));
  return { goals, nextCursor, elsewhere: true };
}

/** The goal of a workflow. Where it cannot be read, what the workflow knows of it. */
async function summaryOf(api: GoalApi, workflow: WorkflowSummary): Promise<ListedGoal> {
  const { goalId, totalActions, succeededActions = 0 } = workflow;
  return api.goal(goalId).catch((error: unknown) => {
    const problem = Problem.of(error);
    if (problem.isOutage || problem.isSignIn) throw problem;
    return { goalId, title: goalId, totalActions, actionsWithTasks: succeededActions };
  });
}
