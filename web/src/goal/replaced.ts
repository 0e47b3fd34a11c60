import type { Goal, Task } from '../api/types';

/** What making all tasks anew does to a goal. */
export interface Replacement {
  /** Actions whose tasks are replaced, and how many tasks they have. */
  actions: number;
  tasks: number;
  /** Actions that keep their tasks, because one of them is completed. */
  kept: number;
  /** Actions that have none yet. */
  added: number;
}

export function replacementOf(goal: Goal, tasks: readonly Task[]): Replacement {
  const result: Replacement = { actions: 0, tasks: 0, kept: 0, added: 0 };
  for (const { actionId } of goal.subGoals.flatMap(({ actions }) => actions)) {
    const own = tasks.filter(task => task.actionId === actionId);
    if (own.length === 0) result.added += 1;
    else if (own.some(({ status }) => status === 'completed')) result.kept += 1;
    else {
      result.actions += 1;
      result.tasks += own.length;
    }
  }
  return result;
}
