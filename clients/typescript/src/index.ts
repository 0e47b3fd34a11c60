export { createGoalActivityClient, type ClientOptions, type GoalActivityClient } from './client.js';
export { ApiError } from './error.js';
export { isFinal, type FinalStatus, type Problem, type Schemas, type Status, type WorkflowStatus } from './types.js';
export { waitForWorkflow, watchWorkflow, type EndedWorkflow, type WatchOptions } from './watch.js';
export type { components, operations, paths } from './api.js';
