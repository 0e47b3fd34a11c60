import { createContext, createElement, useContext, useEffect, useMemo, useRef, useSyncExternalStore, type ReactElement, type ReactNode } from 'react';
import type { GoalActivityClient } from '../client.js';
import type { Schemas, WorkflowStatus } from '../types.js';
import { FollowedWorkflow, NOTHING_KNOWN, type FollowOptions, type WorkflowState } from '../workflow.js';

export type { WorkflowState } from '../workflow.js';

const Context = createContext<GoalActivityClient | undefined>(undefined);

/** Gives the hooks below it the client that they use. */
export function GoalActivityProvider({ client, children }: { client: GoalActivityClient; children?: ReactNode }): ReactElement {
  return createElement(Context.Provider, { value: client }, children);
}

/** How {@link useWorkflow} behaves. */
export interface UseWorkflowOptions extends Omit<FollowOptions, 'repeats'> {
  /** In place of the provider's. */
  client?: GoalActivityClient;
}

/** What {@link useWorkflow} returns. The actions never reject: if one is refused it resolves with `undefined`, and `error` says why. */
export interface Workflow extends WorkflowState {
  /** `PENDING` or `RUNNING`. */
  isRunning: boolean;
  /** All actions have their tasks, or some of them: then the status lists the others. */
  isCompleted: boolean;
  /** It failed, or took too long. Neither is a workflow that was cancelled: its status is `ABORTED`. */
  isFailed: boolean;
  /** Starts a workflow for these actions, or for all, that have no tasks. If one runs already, follows that one. */
  start: (actionIds?: string[]) => Promise<Schemas['Started'] | undefined>;
  /** The same, and replaces the tasks that are not finished. */
  regenerate: (actionIds?: string[]) => Promise<Schemas['Started'] | undefined>;
  /** Starts a workflow for what failed. */
  retry: () => Promise<Schemas['Started'] | undefined>;
  /** Stops the workflow. */
  cancel: (reason?: string) => Promise<Schemas['Aborted'] | undefined>;
  /** Asks for the status now; after the end, whether there is a newer workflow. */
  refresh: () => Promise<void>;
}

/** Before the answer to the first question, which is asked when the page is shown. */
const ASKING: WorkflowState = { ...NOTHING_KNOWN, isLoading: true };

/** The workflow of a goal: the newest one, followed until its end, and what can be done with it. Nothing while there is no goal yet. */
export function useWorkflow(goalId: string | undefined, options: UseWorkflowOptions = {}): Workflow {
  const provided = useContext(Context);
  const client = options.client ?? provided;
  if (client === undefined) throw new Error('useWorkflow needs a client: from <GoalActivityProvider client={...}>, or as an option');
  const latest = useLatest(options);
  const initial = goalId === undefined ? NOTHING_KNOWN : ASKING;
  const workflow = useMemo(() => new FollowedWorkflow(client, () => latest.current, initial), [client, goalId, latest, initial]);
  useEffect(() => {
    workflow.resume();
    if (goalId !== undefined) void workflow.attach(goalId);
    return () => workflow.stop();
  }, [workflow, goalId]);
  const state = useSyncExternalStore(workflow.subscribe, () => workflow.state, () => initial);
  const actions = useMemo(() => ({
    start: (actionIds?: string[]) => workflow.start(goalId, { ...listed(actionIds) }),
    regenerate: (actionIds?: string[]) => workflow.start(goalId, { ...listed(actionIds), regenerate: true }),
    retry: () => workflow.retry(),
    cancel: (reason?: string) => workflow.cancel(typeof reason === 'string' ? reason : undefined),
    refresh: async () => {
      // After its end, another page may have started the next one.
      if (workflow.isOpen) await workflow.refresh();
      else if (goalId !== undefined) await workflow.attach(goalId);
    },
  }), [workflow, goalId]);
  return { ...state, ...phase(state.status), ...actions };
}

/** As a handler of clicks it gets an event, which is no list of actions. */
const listed = (actionIds: string[] | undefined) => (Array.isArray(actionIds) ? { actionIds } : {});

function phase(status: WorkflowStatus | undefined) {
  const is = (...statuses: Schemas['Status'][]) => status !== undefined && statuses.includes(status.status);
  return { isRunning: is('PENDING', 'RUNNING'), isCompleted: is('SUCCEEDED', 'PARTIALLY_SUCCEEDED'), isFailed: is('FAILED', 'TIMED_OUT') };
}

/** Callbacks are usually new functions each time; that restarts nothing. */
function useLatest<Value>(value: Value): { readonly current: Value } {
  const latest = useRef(value);
  useEffect(() => {
    latest.current = value;
  });
  return latest;
}
