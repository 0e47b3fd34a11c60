import { cancelWorkflow, newestWorkflow, retryOrJoin, startOrJoin } from './actions.js';
import type { GoalActivityClient } from './client.js';
import { isFinal, type Schemas, type WorkflowStatus } from './types.js';
import { watchWorkflow, type WatchOptions } from './watch.js';

/** What is known of a workflow. */
export interface WorkflowState {
  /** The workflow that is followed. */
  executionArn: string | undefined;
  /** Its progress. */
  status: WorkflowStatus | undefined;
  /** Why the last action, or following, failed. */
  error: Error | undefined;
  /** The API was asked for something, and the answer is not there yet. */
  isLoading: boolean;
}

/** How a {@link FollowedWorkflow} behaves. Read anew each time. */
export interface FollowOptions extends Omit<WatchOptions, 'signal'> {
  /** Whether the status is asked for until the end. Default `true`. */
  repeats?: boolean;
  /** Called when the end of a workflow was seen that ran before. */
  onEnded?: (status: WorkflowStatus) => void;
  /** Called with what becomes the state's error. */
  onError?: (error: Error) => void;
}

/** Before anything was asked. */
export const NOTHING_KNOWN: WorkflowState = { executionArn: undefined, status: undefined, error: undefined, isLoading: false };

/** A workflow that is followed and acted on. What is known of it is in `state`, a new object after each change. */
export class FollowedWorkflow {
  state: WorkflowState;
  private readonly listeners = new Set<() => void>();
  private following: AbortController | undefined;
  /** What is followed, until its first status is there. */
  private unanswered: AbortController | undefined;
  /** The workflow whose end was told. */
  private told: string | undefined;
  private isStopped = false;
  /** Raised by `stop`: what was asked for before changes nothing any more. */
  private generation = 0;
  /** How many actions are not answered yet. */
  private pending = 0;

  constructor(private readonly client: GoalActivityClient, private readonly options: () => FollowOptions, state = NOTHING_KNOWN) {
    this.state = state;
  }

  /** For `useSyncExternalStore`. */
  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Follows the goal's newest workflow, if it has one. Resolves when its first status is there. */
  attach(goalId: string): Promise<string | undefined> {
    const { following } = this;
    return this.act(() => newestWorkflow(this.client, goalId), async (executionArn) => {
      // One that was started meanwhile is newer than the answer may know.
      if (executionArn !== undefined && this.following === following) await this.follow(executionArn, false);
    });
  }

  /** Follows again, after `stop`. */
  resume(): void {
    this.isStopped = false;
  }

  /** Follows nothing any more, until `resume`. What the API was or is asked to do happens nevertheless. */
  stop(): void {
    this.isStopped = true;
    this.generation += 1;
    this.following?.abort();
    this.following = this.unanswered = undefined;
    this.pending = 0;
  }

  /** Starts a workflow, or follows the one that runs. Returns `undefined` if that is refused; then `error` says why. */
  start(goalId: string | undefined, request: Schemas['StartRequest'] = {}): Promise<Schemas['Started'] | undefined> {
    return this.act(async () => {
      if (goalId === undefined) throw new Error('there is no goal to start');
      return startOrJoin(this.client, goalId, request);
    }, ({ executionArn }) => void this.follow(executionArn, true));
  }

  /** Starts a workflow for what failed in the one that was followed. */
  retry(): Promise<Schemas['Started'] | undefined> {
    return this.actOn('retry', (arn) => retryOrJoin(this.client, arn), ({ executionArn }) => void this.follow(executionArn, true));
  }

  /** Stops the workflow that is followed. */
  cancel(reason?: string): Promise<Schemas['Aborted'] | undefined> {
    return this.actOn('cancel', (arn) => cancelWorkflow(this.client, arn, reason), ({ executionArn }) => void this.follow(executionArn, true));
  }

  /** Asks for the status now. */
  async refresh(): Promise<void> {
    const { executionArn } = this.state;
    if (executionArn !== undefined) await this.follow(executionArn, this.isOpen);
  }

  /** Follows on by the options as they are now. */
  reconsider(): void {
    if (this.isOpen) void this.refresh();
  }

  /** A workflow is followed whose end was not seen. */
  get isOpen(): boolean {
    const { executionArn, status } = this.state;
    return executionArn !== undefined && !(status && isFinal(status.status));
  }

  private actOn<Result>(name: string, action: (executionArn: string) => Promise<Result>, then: (result: Result) => void) {
    const { executionArn } = this.state;
    return this.act(async () => {
      if (executionArn === undefined) throw new Error(`there is no workflow to ${name}`);
      return action(executionArn);
    }, then);
  }

  /** Does something, and then something with its result, unless `stop` was called in between. */
  private async act<Result>(action: () => Promise<Result>, then: (result: Result) => void | Promise<void>): Promise<Result | undefined> {
    const generation = this.generation;
    this.pending += 1;
    this.change({ error: undefined });
    try {
      const result = await action();
      if (this.generation === generation) await then(result);
      return result;
    } catch (error) {
      if (this.generation === generation) this.fail(error);
      return undefined;
    } finally {
      if (this.generation === generation) {
        this.pending -= 1;
        this.change({});
      }
    }
  }

  /** Resolves with the first status, or when that fails. */
  private follow(executionArn: string, tellsEnd: boolean): Promise<void> {
    if (this.isStopped) return Promise.resolve();
    this.following?.abort();
    const following = new AbortController();
    this.following = this.unanswered = following;
    if (executionArn !== this.state.executionArn) this.state = { ...NOTHING_KNOWN, executionArn };
    this.change({ error: undefined });
    return new Promise((resolve) => {
      const answered = () => {
        if (this.unanswered === following) this.unanswered = undefined;
        resolve();
      };
      void this.watch(executionArn, tellsEnd, following.signal, answered).finally(answered);
    });
  }

  private async watch(executionArn: string, tellsEnd: boolean, signal: AbortSignal, answered: () => void): Promise<void> {
    const { repeats = true, ...options } = this.options();
    let ran = tellsEnd;
    try {
      for await (const status of watchWorkflow(this.client, executionArn, { ...options, signal })) {
        if (signal.aborted) return;
        answered();
        this.change({ status, error: undefined });
        if (isFinal(status.status) && ran && this.told !== executionArn) {
          // Once: a cancellation may be answered after its end was seen.
          this.told = executionArn;
          this.options().onEnded?.(status);
        }
        if (!repeats) return;
        ran = true;
      }
    } catch (error) {
      if (signal.aborted) return;
      answered();
      this.fail(error);
    }
  }

  private fail(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    this.change({ error });
    this.options().onError?.(error);
  }

  private change(changes: Partial<WorkflowState>): void {
    this.state = { ...this.state, ...changes, isLoading: this.pending > 0 || this.unanswered !== undefined };
    for (const listener of this.listeners) listener();
  }
}
