import { useEffect, useMemo, useRef, useSyncExternalStore } from 'react';
import { FollowedWorkflow, NOTHING_KNOWN, type FollowOptions } from '../workflow.js';
import { configuredClient, toCompat, type CancelWorkflowResponse, type StartWorkflowResponse, type WorkflowStatusResponse } from './api.js';

export {
  configureWorkflowApi, workflowApi,
  type CancelWorkflowResponse, type CompatStatus, type StartWorkflowResponse, type WorkflowApi, type WorkflowStatusResponse,
} from './api.js';

export interface UseWorkflowOptions {
  /** The milliseconds between two polls. Default 3,000. Less often while nothing changes. */
  pollingInterval?: number;
  /** Whether the status is asked for until the end. Default `true`. */
  enablePolling?: boolean;
  /** Called when all actions, or some of them, have their tasks. */
  onComplete?: (status: WorkflowStatusResponse) => void;
  /** Called when the workflow failed or took too long, and when a request failed. Not when it was cancelled. */
  onError?: (error: Error) => void;
}

export interface UseWorkflowResult {
  /** Starts a workflow, or follows the one that runs. Resolves with `undefined` if it was refused: `error` says why. */
  startWorkflow: (goalId: string) => Promise<StartWorkflowResponse | undefined>;
  cancelWorkflow: (reason?: string) => Promise<CancelWorkflowResponse | undefined>;
  refreshStatus: () => Promise<void>;
  status: WorkflowStatusResponse | null;
  isLoading: boolean;
  /** Its message, and the error as a text, are for people. */
  error: Error | null;
  isRunning: boolean;
  isCompleted: boolean;
  isFailed: boolean;
}

/** The goal app's hook: starts a workflow, and follows it until its end. */
export function useWorkflow(options: UseWorkflowOptions = {}): UseWorkflowResult {
  const latest = useRef(options);
  useEffect(() => {
    latest.current = options;
  });
  const client = configuredClient();
  const workflow = useMemo(() => new FollowedWorkflow(client, () => followOptions(latest.current)), [client]);
  useEffect(() => {
    workflow.resume();
    return () => workflow.stop();
  }, [workflow]);
  const { pollingInterval, enablePolling } = options;
  useEffect(() => workflow.reconsider(), [workflow, pollingInterval, enablePolling]);
  const { status, error, isLoading } = useSyncExternalStore(workflow.subscribe, () => workflow.state, () => NOTHING_KNOWN);
  const compatStatus = useMemo(() => (status === undefined ? null : toCompat(status)), [status]);
  const actions = useMemo(() => ({
    async startWorkflow(goalId: string): Promise<StartWorkflowResponse | undefined> {
      const started = await workflow.start(goalId);
      return started && { executionArn: started.executionArn, startDate: started.startDate, status: 'RUNNING' };
    },
    async cancelWorkflow(reason?: string): Promise<CancelWorkflowResponse | undefined> {
      const aborted = await workflow.cancel(typeof reason === 'string' ? reason : undefined);
      return aborted && { executionArn: aborted.executionArn, status: 'ABORTED', stopDate: aborted.stopDate ?? new Date().toISOString() };
    },
    refreshStatus: () => workflow.refresh(),
  }), [workflow]);
  const is = compatStatus?.status;
  return {
    ...actions, status: compatStatus, isLoading, error: error ?? null,
    isRunning: is === 'RUNNING', isCompleted: is === 'SUCCEEDED', isFailed: is === 'FAILED' || is === 'TIMED_OUT',
  };
}

function followOptions({ pollingInterval = 3_000, enablePolling = true, onComplete, onError }: UseWorkflowOptions): FollowOptions {
  return {
    intervalMs: pollingInterval,
    maxIntervalMs: Math.max(pollingInterval, 15_000),
    repeats: enablePolling,
    onEnded(ended) {
      const status = toCompat(ended);
      if (status.status === 'SUCCEEDED') onComplete?.(status);
      if (status.status === 'FAILED' || status.status === 'TIMED_OUT') {
        onError?.(new Error(status.error ?? (status.status === 'FAILED' ? 'no action got tasks' : 'the workflow took too long')));
      }
    },
    ...(onError && { onError }),
  };
}
