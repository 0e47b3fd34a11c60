import { generate } from './generate.mjs';
import { action, goal, missing } from './validate.mjs';

/** Validates the fields of the action under `actionContext`. Returns an answer for API Gateway, and as `error` an object. */
export async function handler(event) {
  const field = missing(event, { goalContext: goal, actionContext: action });
  const answer = field
    ? { actionId: event?.actionContext?.actionId, status: 'failed', tasks: [], error: { code: 'VALIDATION_ERROR', field } }
    : generate(event.actionContext, event.goalContext);
  return { statusCode: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(answer) };
}
