import type { CellState } from '../chart/cells';
import type { ActionKind, Priority, Status, TaskStatus } from '../api/types';

const n = (count: number, one: string, many = `${one}s`) => `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** Everything that the page says, in English. */
export const en = {
  page: 'Mandala chart',
  goals: 'Goals',
  signOut: 'Sign out',
  close: 'Close',
  more: 'Show more',
  tryAgain: 'Try again',

  loading: 'Loading …',
  slow: 'This is taking longer than usual. Still waiting for an answer.',

  noGoals: 'No chart here yet',
  noGoalsHint: 'Import the chart that you already have: from a spreadsheet, a note or a file.',
  bring: 'Import a chart',
  filled: (done: number, total: number) =>
    `${done} of ${n(total, 'action')} ${done === 1 && total === 1 ? 'has' : 'have'} tasks`,
  running: 'In progress',
  elsewhere: 'The goals belong to another program. These are the ones for which tasks were requested here.',

  status: {
    PENDING: 'Waiting for its turn',
    RUNNING: 'Making tasks',
    SUCCEEDED: 'Done',
    PARTIALLY_SUCCEEDED: 'Partly done',
    FAILED: 'Failed',
    TIMED_OUT: 'Ran out of time',
    ABORTED: 'Cancelled',
  } satisfies Record<Status, string>,
  draft: 'No tasks yet',
  allFilled: 'Every action has tasks',
  noActions: 'The chart has no actions yet',
  processed: (done: number, total: number) => `${done} of ${total}`,
  failedCount: (count: number) => `${count} failed`,
  timeLeft: (seconds: number) =>
    seconds < 60
      ? `about ${n(Math.max(1, seconds), 'second')} left`
      : `about ${n(Math.ceil(seconds / 60), 'minute')} left`,
  next: 'Next in the waiting list',
  waitingBefore: (count: number) => `${count >= 100 ? '100 or more' : count} ahead in the waiting list`,
  paused: (reason: string) => `Paused: ${reason}`,
  pausedWithoutAi: 'Paused: the AI is not available. It goes on by itself when it is.',
  pausedForToday: (until: string) =>
    `Paused: what the AI may cost in a day is spent. It goes on by itself at ${until}.`,
  cancelledBecause: (reason: string) => `Reason given: ${reason}`,
  cancelledByOperator: 'An operator has cancelled it.',
  workflowError: {
    NOTHING_SUCCEEDED: 'No action got tasks.',
    WORKFLOW_TIMED_OUT: 'It took too long. What was made stays.',
  } as Record<string, string>,
  usage: (calls: number, read: number, written: number) =>
    `${n(calls, 'request')} to the AI, ${n(read, 'token')} read, ${n(written, 'token')} written`,
  withCost: (usage: string, dollars: string) => `${usage}, about ${dollars}`,

  start: (count: number) => `Make tasks for ${n(count, 'action')}`,
  cancel: 'Cancel',
  retryFailed: (count: number) => `Retry ${n(count, 'failed action')}`,
  regenerate: 'Regenerate all tasks',
  cancelTitle: 'Cancel this run?',
  cancelWhat: 'The tasks made in this run are removed, and none will follow. Tasks that replaced older ones stay.',
  cancelReason: 'Reason (optional)',
  cancelConfirm: 'Cancel the run',
  keepRunning: 'Keep it running',
  regenerateTitle: 'Regenerate all tasks?',
  regenerateWhat: (tasks: number, actions: number) =>
    `Replaces ${n(tasks, 'task')} of ${n(actions, 'action')}. This cannot be undone.`,
  regenerateKept: (actions: number) =>
    `${n(actions, 'action')} with completed tasks ${actions === 1 ? 'stays' : 'stay'} as ${actions === 1 ? 'it is' : 'they are'}.`,
  regenerateNew: (actions: number) => `${n(actions, 'action')} without tasks ${actions === 1 ? 'gets' : 'get'} some.`,
  regenerateNothing: 'Every action has completed tasks, which are never replaced.',
  regenerateConfirm: 'Replace',
  keepTasks: 'Keep the tasks',

  chart: 'Chart',
  chartHint: 'Arrow keys move between cells, Enter opens one.',
  block: (title: string) => (title ? `Block: ${title}` : 'Empty block'),
  emptyBlock: 'Empty',
  previousBlock: 'Previous block',
  nextBlock: 'Next block',
  goal: 'Goal',
  subGoal: 'Sub-goal',
  background: 'Background',
  constraints: 'Constraints',
  deadline: 'Deadline',
  tasksCount: (count: number) => n(count, 'task'),
  /** The same in a cell, where there is little room. */
  tasksShort: (count: number) => n(count, 'task'),
  wholeChart: 'Whole chart',
  state: {
    none: 'No tasks',
    waiting: 'Waiting',
    generating: 'Working',
    succeeded: 'Done',
    failed: 'Failed',
  } satisfies Record<CellState, string>,

  kind: { execution: 'Done once, in steps', habit: 'Habit' } satisfies Record<ActionKind, string>,
  taskKind: { execution: 'Step', habit: 'Habit' } satisfies Record<ActionKind, string>,
  minutes: (count: number) => `${count} min`,
  priority: { high: 'High priority', medium: 'Medium priority', low: 'Low priority' } satisfies Record<
    Priority,
    string
  >,
  taskStatus: {
    not_started: 'Not started',
    in_progress: 'In progress',
    completed: 'Completed',
    skipped: 'Skipped',
  } satisfies Record<TaskStatus, string>,
  noTasks: 'This action has no tasks yet.',
  attempts: (count: number) => `The AI was asked ${n(count, 'time')}.`,
  retryOne: 'Retry this action',
  startOne: 'Make tasks for this action',
  failure: {
    AI_TIMEOUT: 'The AI did not answer in time.',
    AI_THROTTLED: 'The AI was too busy.',
    AI_UNAVAILABLE: 'The AI could not be reached.',
    AI_INVALID_ANSWER: 'The AI’s answer was not usable.',
    AI_REJECTED: 'The AI refused the request. Other words for the action may help.',
    ACTION_GONE: 'The action is no longer in the chart.',
    GOAL_CLOSED: 'The goal was closed meanwhile.',
    TASKS_EXIST: 'It has tasks that may not be replaced.',
    BATCH_DEADLINE: 'The time was over before its turn.',
    CANCELLED: 'The run was cancelled.',
    NOT_PROCESSED: 'It was lost on the way.',
  } as Record<string, string>,
  failureUnknown: 'It did not succeed.',
  failureShort: {
    AI_TIMEOUT: 'No answer',
    AI_THROTTLED: 'AI was busy',
    AI_UNAVAILABLE: 'Unreachable',
    AI_INVALID_ANSWER: 'Bad answer',
    AI_REJECTED: 'Refused',
    ACTION_GONE: 'Removed',
    GOAL_CLOSED: 'Goal closed',
    TASKS_EXIST: 'Has tasks',
    BATCH_DEADLINE: 'Out of time',
    CANCELLED: 'Cancelled',
    NOT_PROCESSED: 'Lost',
  } as Record<string, string>,

  history: 'Runs',
  historyOf: (count: number) => n(count, 'action'),
  outcome: (succeeded: number, failed: number) =>
    failed > 0 ? `${succeeded} done, ${failed} failed` : `${succeeded} done`,
  timeline: 'Batches over time',
  batch: (number: number) => `Batch ${number}`,
  batchOutcome: (succeeded: number, failed: number, after: string) =>
    failed > 0 ? `${succeeded} done, ${failed} failed, after ${after}` : `${succeeded} done after ${after}`,
  batchOpen: 'not finished',
  waited: (duration: string) => `waited ${duration}`,
  took: (duration: string) => `took ${duration}`,
  soFar: (duration: string) => `${duration} so far`,
  duration: (seconds: number) =>
    seconds < 60
      ? `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`
      : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`,

  replaceChart: 'Change the chart',
  bringHint: 'Paste a table of nine by nine from a spreadsheet, or CSV, JSON, Markdown or OPML. Or drop a file.',
  replaceHint: 'Edit the chart here, or paste or drop another one: a table, CSV, JSON, Markdown or OPML.',
  bringExample: '# Run 10 km\n## Stamina\n- Run twice a week\n- Buy shoes\n## Food\n- Cook on Sundays',
  bringSimple: 'An outline is enough: a line “# Goal”, then “## Sub-goal”, and below it its actions as “- Action”.',
  bringLabel: 'Chart as text',
  chooseFile: 'Choose a file',
  useSample: 'Use a sample',
  dropHere: 'Drop the file here',
  preview: 'Preview',
  previewOf: (actions: number, empty: number) =>
    empty === 0
      ? n(actions, 'action')
      : `${n(actions, 'action')}. ${n(empty, 'cell is', 'cells are')} empty and no action.`,
  unreadable: 'This cannot be read yet',
  moreProblems: (count: number) => `… and ${count} more`,
  at: {
    cell: (name: string) => `Cell ${name}`,
    line: (line: number) => `Line ${line}`,
    whole: 'The whole text',
  },
  leftOut: 'Left out',
  save: 'Save the chart',
  saveReplace: 'Replace the chart',
  saving: 'Saving …',

  export: 'Export',
  exportAs: 'Export the chart',
  print: 'Print',

  offlineSince: (time: string) =>
    `No connection to the API. What you see is from ${time}; it is tried again by itself.`,
  announceProgress: (done: number, total: number) => `${done} of ${total} actions processed`,

  problem: {
    NO_RESPONSE: ['The API does not answer', 'The network or the service is down.'],
    UNAVAILABLE: ['Not possible right now', 'The service is busy or being repaired. Try again soon.'],
    INTERNAL: ['Something is wrong on our side', 'This is a defect of the service. Report it with the time.'],
    UNAUTHENTICATED: ['You are not signed in', 'Your sign-in is missing, wrong or has expired.'],
    NOT_OWNER: ['This belongs to someone else', 'Sign in as its owner to see it.'],
    UNKNOWN_GOAL: ['There is no such goal', 'It may have been removed, or the address is wrong.'],
    UNKNOWN_EXECUTION: ['There is no such run', 'It may have been removed, or the address is wrong.'],
    NOT_FOUND: ['There is nothing here', 'The address is wrong.'],
    NO_ACTIONS: ['The chart has no actions', 'Fill at least one cell first.'],
    UNKNOWN_ACTION: ['The action is not in the chart', 'The chart has changed meanwhile. Look again.'],
    INVALID_REQUEST: ['The request was refused', ''],
    BODY_TOO_LARGE: ['The chart is too large', 'Shorten its texts.'],
    ALREADY_RUNNING: ['A run is in progress', 'Wait for it, or cancel it.'],
    NOTHING_TO_DO: ['There is nothing to do', 'Every action has its tasks already.'],
    GOAL_CLOSED: ['The goal is closed', 'It is completed, paused or cancelled. Open it again first.'],
    ALREADY_ENDED: ['The run has ended already', 'There is nothing to cancel any more.'],
    NOT_ENDED: ['The run has not ended', 'Wait for its end.'],
    NOTHING_FAILED: ['Nothing has failed', 'There is nothing to retry.'],
    TOO_MANY_RUNNING: ['Too many runs at once', 'Wait until one of your other goals is done.'],
    DAILY_LIMIT: [
      'Today’s limit is reached',
      'As many actions as are allowed in a day were requested. Continue tomorrow.',
    ],
    TOO_MANY_REQUESTS: ['Too many requests', 'Wait a moment.'],
    IDEMPOTENCY_KEY_REUSED: ['The request was refused', 'Try it once more.'],
    UNREADABLE_GOAL: ['The goal cannot be read', 'It is stored in a form that the service does not know.'],
    TASKS_EXIST: ['Actions with tasks must stay', 'An action that has tasks has to stay in its place, unchanged.'],
    GOALS_ELSEWHERE: ['The goals belong to another program', 'Change the chart there.'],
    TOO_MANY_GOALS: ['Too many goals', 'Remove one first.'],
    OUTDATED: ['The chart was changed elsewhere meanwhile', 'Open it again, and make your change there.'],
    CHANGED: ['Somebody else changed it at the same moment', 'Look at it and try again.'],
  } as Record<string, [title: string, whatToDo: string]>,
  problemUnknown: ['It did not work', ''] as [title: string, whatToDo: string],
  detail: (detail: string) => `The service says: ${detail}`,
  retryAfter: (when: string) => `Possible again ${when}.`,
  repeats: 'It is tried again by itself.',
  signIn: 'Sign in',
  noConfig: ['The page is not set up', 'Its configuration (/config.json) is missing or wrong.'] as [string, string],
};

export type Text = typeof en;
