import type {
  Aborted,
  Chart,
  Goal,
  GoalSummary,
  Page,
  StartRequest,
  Started,
  Task,
  Timeline,
  WorkflowActions,
  WorkflowStatus,
  WorkflowSummary,
} from './types';

/** What the page asks of the API. `Problem.of` says why a call was rejected. */
export interface GoalApi {
  goals(cursor?: string): Promise<Page<GoalSummary>>;
  goal(goalId: string): Promise<Goal>;
  putGoal(goalId: string, chart: Chart): Promise<Goal>;
  /** All tasks of the goal, in the order of the actions. */
  tasks(goalId: string): Promise<Task[]>;
  start(goalId: string, request: StartRequest): Promise<Started>;
  /** Yields the status now and after each change, until the workflow has ended or `signal` aborts. */
  watch(executionArn: string, signal: AbortSignal): AsyncIterable<WorkflowStatus>;
  status(executionArn: string): Promise<WorkflowStatus>;
  actions(executionArn: string): Promise<WorkflowActions>;
  timeline(executionArn: string): Promise<Timeline>;
  cancel(executionArn: string, reason?: string): Promise<Aborted>;
  retry(executionArn: string): Promise<Started>;
  /** The workflows of a goal, or of all goals, the newest first. */
  workflows(goalId: string | undefined, cursor?: string): Promise<Page<WorkflowSummary>>;
}
