import type { Schemas } from 'goal-activity-client';

/** What the page reads of the API's answers. */

export type { FinalStatus, Status, WorkflowStatus } from 'goal-activity-client';

export type Aborted = Schemas['Aborted'];
export type ActionKind = Schemas['ActionKind'];
export type ActionState = Schemas['ActionState'];
export type Priority = Schemas['Priority'];
export type StartRequest = Schemas['StartRequest'];
export type Started = Schemas['Started'];
export type Task = Schemas['Task'];
export type TaskStatus = Schemas['TaskStatus'];
export type Timeline = Schemas['Timeline'];
export type Usage = Schemas['Usage'];
export type WorkflowActions = Schemas['WorkflowActions'];
export type WorkflowSummary = Schemas['WorkflowSummary'];

/** A goal with its chart. */
export type Goal = Schemas['Goal'];
export type GoalAction = Schemas['GoalAction'];
export type GoalSummary = Schemas['GoalSummary'];
export type SubGoal = Schemas['GoalSubGoal'];

export interface Page<T> {
  items: T[];
  nextCursor?: string;
}

export interface ChartAction {
  actionId?: string;
  position?: number;
  title: string;
  description?: string;
  background?: string;
  constraints?: string;
  type?: ActionKind;
}

export interface ChartSubGoal {
  position?: number;
  title: string;
  description?: string;
  actions: ChartAction[];
}

/** A chart as it is put: the API accepts more (`GoalRequest`), such as parts that are missing. */
export interface Chart {
  /** That of the chart that this one was made of: a newer one is not replaced. */
  revision?: number;
  title: string;
  description?: string;
  background?: string;
  constraints?: string;
  deadline?: string;
  subGoals: ChartSubGoal[];
}
