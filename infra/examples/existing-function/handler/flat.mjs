import { generate } from './generate.mjs';
import { action, goal, missing } from './validate.mjs';

/** Validates the fields of the action beside `goalContext`. Returns JSON, and as `error` a text. */
export async function handler(event) {
  const field = missing(event, { ...action, goalContext: goal });
  if (field) return { actionId: event?.actionId, status: 'failed', tasks: [], error: `${field} is missing or invalid` };
  return generate(event, event.goalContext);
}
