// Made from ../../schemas by `cargo xtask schemas`. Do not edit.

/**
 * correlation id: 1 to 128 printable ASCII characters without spaces
 */
export type CorrelationId = string;
/**
 * event id: 1 to 128 printable ASCII characters without spaces
 */
export type EventId = string;
/**
 * execution ARN: arn:<partition>:states:<region>:<account>:execution:<state machine>:<name>, at most 256 characters
 */
export type ExecutionArn = string;
/**
 * action id: 1 to 64 letters, digits, '-' or '_'
 */
export type ActionId = string;
/**
 * Why an action got no tasks. Names are never reused or changed.
 *
 * Open vocabulary: accept a name that is not in this list, because names may be added.
 *
 * - `AI_TIMEOUT`: The AI did not answer in time.
 * - `AI_THROTTLED`: The AI refused for load.
 * - `AI_UNAVAILABLE`: The AI could not be reached or failed.
 * - `AI_INVALID_ANSWER`: The AI answered with something that is not a list of tasks within the limits.
 * - `AI_REJECTED`: The AI refused the request itself; asking again would not help.
 * - `ACTION_GONE`: The action is no longer part of the goal, or the goal is gone.
 * - `GOAL_CLOSED`: The user has closed the goal: completed, paused or cancelled it.
 * - `TASKS_EXIST`: The action has tasks already, and this workflow may not replace them.
 * - `BATCH_DEADLINE`: The batch's time was over before this action was finished.
 * - `CANCELLED`: The workflow was cancelled: the action has no tasks, or not any more.
 * - `NOT_PROCESSED`: The batch was lost: no worker reported this action before the end.
 */
export type FailureCode =
  | 'AI_TIMEOUT'
  | 'AI_THROTTLED'
  | 'AI_UNAVAILABLE'
  | 'AI_INVALID_ANSWER'
  | 'AI_REJECTED'
  | 'ACTION_GONE'
  | 'GOAL_CLOSED'
  | 'TASKS_EXIST'
  | 'BATCH_DEADLINE'
  | 'CANCELLED'
  | 'NOT_PROCESSED'
  | (string & {});
/**
 * goal id: 1 to 64 letters, digits, '-' or '_'
 */
export type GoalId = string;
/**
 * An RFC 3339 moment. The pipeline always writes it in UTC, to the millisecond.
 */
export type Timestamp = string;
/**
 * traceparent of W3C Trace Context; one that is malformed is ignored
 */
export type Traceparent = string;
/**
 * user id: 1 to 255 printable ASCII characters, spaces only between others
 */
export type UserId = string;
/**
 * The version of a message's shape. Within one, only optional fields are added; anything else is a new version.
 *
 * Closed vocabulary:
 *
 * - `1`: The first and present shape.
 */
export type Version = '1';
/**
 * Why a request was rejected. Names are never reused or changed.
 *
 * Open vocabulary: accept a name that is not in this list, because names may be added.
 *
 * - `UNKNOWN_GOAL`: No such goal.
 * - `NOT_OWNER`: The goal belongs to another user.
 * - `ALREADY_RUNNING`: A workflow of this goal has not ended yet.
 * - `NO_ACTIONS`: The goal has no actions.
 * - `UNKNOWN_ACTION`: The request names an action that the goal does not have.
 * - `NOTHING_TO_DO`: Every requested action has tasks already, and the request does not ask to regenerate them.
 * - `GOAL_CLOSED`: The goal is completed, paused or cancelled.
 * - `TOO_MANY_RUNNING`: So many workflows of the user are running that no more may be started until one has ended.
 * - `DAILY_LIMIT`: With this request the user would have asked for more actions than are allowed on one day (UTC).
 * - `INVALID`: The request breaks the contract of its version.
 * - `REQUEST_ID_REUSED`: The `eventId` was used for an accepted request that asks for something else.
 * - `UNKNOWN_EXECUTION`: There is no such workflow, or it ended more than 90 days ago.
 * - `NOT_REQUESTER`: Another service, or a user, has asked for the workflow.
 * - `ALREADY_ENDED`: The workflow has ended already, and was not cancelled.
 * - `NOT_ENDED`: The workflow has not ended yet, so it is not known what is to be retried.
 * - `NOTHING_FAILED`: No action of the workflow has failed.
 * - `GOAL_UNREADABLE`: The goal is stored in a form that cannot be read. `message` names the row and the attribute.
 */
export type RejectionReason =
  | 'UNKNOWN_GOAL'
  | 'NOT_OWNER'
  | 'ALREADY_RUNNING'
  | 'NO_ACTIONS'
  | 'UNKNOWN_ACTION'
  | 'NOTHING_TO_DO'
  | 'GOAL_CLOSED'
  | 'TOO_MANY_RUNNING'
  | 'DAILY_LIMIT'
  | 'INVALID'
  | 'REQUEST_ID_REUSED'
  | 'UNKNOWN_EXECUTION'
  | 'NOT_REQUESTER'
  | 'ALREADY_ENDED'
  | 'NOT_ENDED'
  | 'NOTHING_FAILED'
  | 'GOAL_UNREADABLE'
  | (string & {});
/**
 * How urgent a request is when more is requested than can be processed at once.
 *
 * Closed vocabulary:
 *
 * - `INTERACTIVE`: A user waits for the result.
 * - `BULK`: Work in the background: what is interactive and comes within the next hour is launched first, and nothing that comes later.
 */
export type PriorityClass = 'INTERACTIVE' | 'BULK';
/**
 * How a workflow ended. It never changes afterwards. Another end would be another version.
 *
 * Closed vocabulary:
 *
 * - `SUCCEEDED`: Every action has its tasks.
 * - `PARTIALLY_SUCCEEDED`: Some actions have their tasks.
 * - `FAILED`: No action got tasks.
 * - `TIMED_OUT`: It took too long; what was saved stays.
 * - `ABORTED`: It was cancelled; its tasks are removed.
 */
export type FinalStatus = 'SUCCEEDED' | 'PARTIALLY_SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/**
 * The details by their event's `detail-type`.
 */
export interface Details {
  BatchProgressed: BatchProgressed;
  GoalActivityAccepted: GoalActivityAccepted;
  GoalActivityCancelRequested: GoalActivityCancelRequested;
  GoalActivityRejected: GoalActivityRejected;
  GoalActivityRequested: GoalActivityRequested;
  GoalActivityRetryRequested: GoalActivityRetryRequested;
  WorkflowCompleted: WorkflowCompleted;
}
/**
 * A batch's whole state so far. Events of a batch may be lost, repeated or reordered: the highest sequence wins (promise P6).
 */
export interface BatchProgressed {
  /**
   * Which batch, from 0.
   */
  batchIndex: number;
  /**
   * What the request said to recognise it by.
   */
  correlationId?: CorrelationId;
  /**
   * Derived from the execution, the batch and the sequence.
   */
  eventId: EventId;
  /**
   * The workflow.
   */
  executionArn: ExecutionArn;
  /**
   * Those that failed.
   */
  failedActions: FailedAction[];
  /**
   * Its goal.
   */
  goalId: GoalId;
  /**
   * When this was the state.
   */
  occurredAt: Timestamp;
  /**
   * What asked for the workflow. Missing in workflows of before it was noted.
   */
  request?: RequestRef;
  /**
   * Grows with every change of the batch's state.
   */
  sequence: number;
  /**
   * How many of them have their tasks.
   */
  succeededActions: number;
  /**
   * How many actions the batch has.
   */
  totalActions: number;
  /**
   * The trace context (W3C) of this message. A malformed one is ignored.
   */
  traceparent?: Traceparent;
  /**
   * What the AI took for those that have an outcome.
   */
  usage?: Usage;
  /**
   * Its user.
   */
  userId: UserId;
  /**
   * The shape of this message.
   */
  version: Version;
}
/**
 * An action that got no tasks, and why.
 */
export interface FailedAction {
  /**
   * The action.
   */
  actionId: ActionId;
  /**
   * How many times the AI was asked.
   */
  attempts: number;
  /**
   * Why, for programs.
   */
  code: FailureCode;
  /**
   * Why, for people. At most 200 characters, never a user's text.
   */
  message: string;
}
/**
 * By what a request is known: its sender recognises what belongs to it.
 */
export interface RequestRef {
  /**
   * The `eventId` of the request; one of the pipeline's own for a call of the API.
   */
  eventId: EventId;
  /**
   * The `source` of the request's event; `goal-activity` for a call of the API.
   */
  source: string;
}
/**
 * What the AI took: for one action, or summed over several. What a worker had spent when it died, before it could record
 * the action, is not in it.
 */
export interface Usage {
  /**
   * How many times the AI was asked.
   */
  attempts: number;
  /**
   * An estimate of the price of the counted tokens, in millionths of a US dollar. Missing when the price of any part is
   * not known.
   */
  costMicroUsd?: number;
  /**
   * How many of the attempts were made with the second AI, which takes over when the first is not available. Missing when
   * there were none.
   */
  fallbackAttempts?: number;
  /**
   * How many tokens it has read, as it counts them.
   */
  inputTokens: number;
  /**
   * How long its answers took, in milliseconds: the sum over all calls, also of those that ran side by side.
   */
  latencyMs: number;
  /**
   * How many tokens it has written.
   */
  outputTokens: number;
  /**
   * How many accepted answers had to be repaired, by kind. Missing when none had to be.
   */
  repairs?: Repairs;
}
/**
 * How many accepted answers had to be repaired, by kind. A kind that did not occur is missing. An AI that needs this often
 * works, but another model, or another setting of this one, may serve better.
 */
export interface Repairs {
  /**
   * A title or description contained invisible characters.
   */
  cleaned?: number;
  /**
   * An estimate was a text.
   */
  numberAsText?: number;
  /**
   * Text stood around the JSON.
   */
  prose?: number;
  /**
   * The answer was in the field for the model's reasoning.
   */
  reasoningField?: number;
  /**
   * A title or description was a little too long, and was cut.
   */
  shortened?: number;
  /**
   * A field or a priority was spelled differently.
   */
  spelling?: number;
  /**
   * The server streamed its answer, or marked its end, though it was asked not to.
   */
  stream?: number;
  /**
   * The JSON had trailing commas, comments or other quotation marks.
   */
  syntax?: number;
  /**
   * The tasks were JSON within a text.
   */
  textForJson?: number;
  /**
   * It thought aloud before the answer.
   */
  thinking?: number;
  /**
   * The tasks were a bare list, or within another object.
   */
  wrapper?: number;
}
/**
 * A request of another service was accepted: its workflow runs, or waits for its turn. Its end comes as
 * `WorkflowCompleted`, with the same `executionArn`. For a `GoalActivityCancelRequested` it is the workflow that is stopped.
 */
export interface GoalActivityAccepted {
  /**
   * What the request said to recognise it by.
   */
  correlationId?: CorrelationId;
  /**
   * One per accepted request: the same for every delivery of it.
   */
  eventId: EventId;
  /**
   * The workflow as which it was accepted.
   */
  executionArn: ExecutionArn;
  /**
   * Its goal.
   */
  goalId: GoalId;
  /**
   * When the answer was given.
   */
  occurredAt: Timestamp;
  /**
   * The request.
   */
  request: RequestRef;
  /**
   * How many actions it is to turn into tasks.
   */
  totalActions: number;
  /**
   * The trace context (W3C) of this message. A malformed one is ignored.
   */
  traceparent?: Traceparent;
  /**
   * Its user.
   */
  userId: UserId;
  /**
   * The shape of this message.
   */
  version: Version;
  /**
   * `true` if the workflow waited for its turn when the answer was given.
   */
  waiting: boolean;
  /**
   * About how many workflows then waited before it, counted up to 100: the list is seconds behind. 0 if it did not wait.
   */
  waitingBefore: number;
}
/**
 * Please stop this workflow, and remove its tasks. Only the service that has asked for the workflow may ask for that.
 *
 * Answered by `GoalActivityAccepted` or `GoalActivityRejected`; the workflow then ends as `ABORTED`.
 */
export interface GoalActivityCancelRequested {
  /**
   * By what the requester recognises the answer, which repeats it.
   */
  correlationId?: CorrelationId | null;
  /**
   * Identifies the request: the same id delivered again is the same request.
   */
  eventId: EventId;
  /**
   * The workflow to stop.
   */
  executionArn: ExecutionArn;
  /**
   * When it was requested.
   */
  occurredAt: Timestamp;
  /**
   * The trace context (W3C) of this message. A malformed one is ignored.
   */
  traceparent?: Traceparent | null;
  /**
   * Its user, in whose name the request is made.
   */
  userId: UserId;
  /**
   * The shape of this message.
   */
  version: Version;
}
/**
 * A `GoalActivityRequested` could not be accepted, and the pipeline does not try it again by
 * itself. Nothing of it is remembered: sent again with the same `eventId`, it is looked at anew.
 */
export interface GoalActivityRejected {
  /**
   * What the request said to recognise it by, where that can be read.
   */
  correlationId?: CorrelationId;
  /**
   * Identifies this answer: the same when the request is delivered again, another one for another answer, and when the
   * request is emitted again.
   */
  eventId: EventId;
  /**
   * The workflow that stands in the way, where there is one.
   */
  executionArn?: ExecutionArn;
  /**
   * The requested goal, where the request named one that can be read.
   */
  goalId?: GoalId;
  /**
   * Why, for people.
   */
  message: string;
  /**
   * When it was rejected.
   */
  occurredAt: Timestamp;
  /**
   * Why, for programs.
   */
  reason: RejectionReason;
  /**
   * The request, with its source: by `detail.request.source` a rule selects the answers to one service. Missing if the
   * source cannot be repeated.
   */
  request?: RequestRef;
  /**
   * The `eventId` of the request.
   */
  requestEventId: EventId;
  /**
   * `true` if the same request may be accepted later without a change of the goal. Missing in rejections of before it was noted.
   */
  retryable?: boolean;
  /**
   * The trace context (W3C) of this message. A malformed one is ignored.
   */
  traceparent?: Traceparent;
  /**
   * The requesting user, where the request named one that can be read.
   */
  userId?: UserId;
  /**
   * The shape of this message.
   */
  version: Version;
}
/**
 * Please turn this goal's actions into tasks.
 *
 * Emitted by the API after it has claimed the goal (then with `executionArn`), or by any other service (without).
 */
export interface GoalActivityRequested {
  /**
   * Only these actions. Without it: every action that has no tasks yet.
   *
   * @minItems 1
   * @maxItems 64
   */
  actionIds?: ActionId[] | null;
  /**
   * By what the requester recognises the answers and the events of the workflow, which repeat it.
   */
  correlationId?: CorrelationId | null;
  /**
   * Identifies the request: the same id delivered again is the same request (promise P2).
   */
  eventId: EventId;
  /**
   * The workflow that the API has already recorded for this request. Other services leave it out.
   */
  executionArn?: ExecutionArn | null;
  /**
   * The goal.
   */
  goalId: GoalId;
  /**
   * When it was requested.
   */
  occurredAt: Timestamp;
  /**
   * How urgent it is. Without it: a user is waiting.
   */
  priorityClass?: PriorityClass;
  /**
   * Replace the tasks of actions that already have some.
   */
  regenerate?: boolean;
  /**
   * The trace context (W3C) of this message. A malformed one is ignored.
   */
  traceparent?: Traceparent | null;
  /**
   * The goal's owner, in whose name the request is made.
   */
  userId: UserId;
  /**
   * The shape of this message.
   */
  version: Version;
}
/**
 * Please start a new workflow for the actions that failed in this one, which has ended. Only the service that has asked for
 * that workflow may ask for that.
 *
 * Answered by `GoalActivityAccepted`, with the new workflow, or `GoalActivityRejected`.
 */
export interface GoalActivityRetryRequested {
  /**
   * By what the requester recognises the answers and the events of the new workflow, which repeat it.
   */
  correlationId?: CorrelationId | null;
  /**
   * Identifies the request: the same id delivered again is the same request (promise P2).
   */
  eventId: EventId;
  /**
   * The workflow that has ended.
   */
  executionArn: ExecutionArn;
  /**
   * When it was requested.
   */
  occurredAt: Timestamp;
  /**
   * How urgent it is. Without it: a user is waiting.
   */
  priorityClass?: PriorityClass;
  /**
   * The trace context (W3C) of this message. A malformed one is ignored.
   */
  traceparent?: Traceparent | null;
  /**
   * Its user, in whose name the request is made.
   */
  userId: UserId;
  /**
   * The shape of this message.
   */
  version: Version;
}
/**
 * A workflow ended. Delivered at least once, always with the same event id for the same workflow (promise P7).
 */
export interface WorkflowCompleted {
  /**
   * What the request said to recognise it by.
   */
  correlationId?: CorrelationId;
  /**
   * From the request to the end, in milliseconds.
   */
  durationMs: number;
  /**
   * Made from the workflow: the same each time the event is published.
   */
  eventId: EventId;
  /**
   * The workflow.
   */
  executionArn: ExecutionArn;
  /**
   * The others, and why.
   */
  failedActions: FailedAction[];
  /**
   * Its goal.
   */
  goalId: GoalId;
  /**
   * When the workflow ended.
   */
  occurredAt: Timestamp;
  /**
   * What asked for the workflow. Missing in workflows of before it was noted.
   */
  request?: RequestRef;
  /**
   * When it was requested.
   */
  startDate: Timestamp;
  /**
   * How it ended.
   */
  status: FinalStatus;
  /**
   * When it ended.
   */
  stopDate: Timestamp;
  /**
   * How many it did.
   */
  succeededActions: number;
  /**
   * How many actions it was to turn into tasks.
   */
  totalActions: number;
  /**
   * The trace context (W3C) of this message. A malformed one is ignored.
   */
  traceparent?: Traceparent;
  /**
   * What the AI took for all of them.
   */
  usage?: Usage;
  /**
   * Its user.
   */
  userId: UserId;
  /**
   * The shape of this message.
   */
  version: Version;
}
