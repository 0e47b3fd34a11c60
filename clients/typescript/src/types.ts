import type { components } from './api.js';

/** The schemas of the API's answers and requests, by name. */
export type Schemas = components['schemas'];

/** The progress of a workflow. */
export type WorkflowStatus = Schemas['WorkflowStatus'];
/** Where a workflow is in its life. */
export type Status = Schemas['Status'];
/** How a workflow ended. */
export type FinalStatus = Schemas['FinalStatus'];
/** What went wrong (RFC 9457). */
export type Problem = Schemas['Problem'];

const FINAL: Record<FinalStatus, true> = { SUCCEEDED: true, PARTIALLY_SUCCEEDED: true, FAILED: true, TIMED_OUT: true, ABORTED: true };

/** Returns `true` if a workflow with this status has ended. */
export function isFinal(status: Status): status is FinalStatus {
  return Object.hasOwn(FINAL, status);
}
