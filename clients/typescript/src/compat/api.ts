import { cancelWorkflow, startOrJoin } from '../actions.js';
import type { GoalActivityClient } from '../client.js';
import type { WorkflowStatus } from '../types.js';

/** How the goal app calls the states: a workflow that waits runs, and a partial success is a success with failed actions. */
export type CompatStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

export interface StartWorkflowResponse {
  executionArn: string;
  startDate: string;
  status: 'RUNNING';
}

export interface WorkflowStatusResponse {
  executionArn: string;
  status: CompatStatus;
  startDate: string;
  stopDate?: string;
  progressPercentage: number;
  processedActions: number;
  totalActions: number;
  /** The ids of the actions without tasks. */
  failedActions: string[];
  /** Why it failed, for people. */
  error?: string;
}

export interface CancelWorkflowResponse {
  executionArn: string;
  status: 'ABORTED';
  stopDate: string;
}

/** The calls of the goal app. */
export interface WorkflowApi {
  /** Starts a workflow for a goal, or returns the one that runs. */
  startWorkflow(goalId: string): Promise<StartWorkflowResponse>;
  getWorkflowStatus(executionArn: string): Promise<WorkflowStatusResponse>;
  cancelWorkflow(executionArn: string, reason?: string): Promise<CancelWorkflowResponse>;
}

let configured: GoalActivityClient | undefined;

/** Sets the client that {@link workflowApi} and the hook use. Once, where the app begins. */
export function configureWorkflowApi(client: GoalActivityClient): void {
  configured = client;
}

export function configuredClient(): GoalActivityClient {
  if (configured === undefined) throw new Error('call configureWorkflowApi(client) once before the first use');
  return configured;
}

/** The calls of the goal app, by the configured client. They throw an `ApiError`, whose message is for people. */
export const workflowApi: WorkflowApi = {
  async startWorkflow(goalId) {
    const { executionArn, startDate } = await startOrJoin(configuredClient(), goalId);
    return { executionArn, startDate, status: 'RUNNING' };
  },
  async getWorkflowStatus(executionArn) {
    const { data } = await configuredClient().GET('/api/workflows/{executionArn}/status', { params: { path: { executionArn } } });
    return toCompat(data);
  },
  async cancelWorkflow(executionArn, reason) {
    const { stopDate = new Date().toISOString() } = await cancelWorkflow(configuredClient(), executionArn, reason);
    return { executionArn, status: 'ABORTED', stopDate };
  },
};

const STATUSES: Record<WorkflowStatus['status'], CompatStatus> = {
  PENDING: 'RUNNING', RUNNING: 'RUNNING', SUCCEEDED: 'SUCCEEDED', PARTIALLY_SUCCEEDED: 'SUCCEEDED',
  FAILED: 'FAILED', TIMED_OUT: 'TIMED_OUT', ABORTED: 'ABORTED',
};

/** A status as the goal app knows it. */
export function toCompat(status: WorkflowStatus): WorkflowStatusResponse {
  const { executionArn, startDate, stopDate, progressPercentage, processedActions, totalActions, failedActions, error } = status;
  return {
    executionArn, status: STATUSES[status.status], startDate, ...(stopDate !== undefined && { stopDate }),
    progressPercentage, processedActions, totalActions, failedActions: failedActions.map(({ actionId }) => actionId),
    ...(error !== undefined && { error: error.message }),
  };
}
