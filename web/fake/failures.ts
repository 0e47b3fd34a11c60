/** The messages of failed actions, as the API writes them. */
export const FAILURES: Record<string, string> = {
  AI_TIMEOUT: 'the AI did not answer within 120 s',
  AI_THROTTLED: 'the AI refused for load',
  AI_UNAVAILABLE: 'the AI could not be reached',
  AI_INVALID_ANSWER: 'the answer was not a list of tasks',
  AI_REJECTED: 'the AI refused the request',
  CANCELLED: 'the workflow was cancelled',
};
