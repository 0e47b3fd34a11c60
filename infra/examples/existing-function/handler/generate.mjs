/**
 * Stands in for the goal app's own task generation. Both handlers use it; they differ in the form that they validate and
 * in which they answer:
 *
 * - `flat.mjs`: the fields of the action beside `goalContext`; returns JSON, and as `error` a text.
 * - `nested.mjs`: the fields of the action under `actionContext`; returns `{statusCode, body}` as for API Gateway, and as
 *   `error` an object with a code and a field.
 *
 * It knows no AI. A line in the action's `constraints` makes it fail in one of the ways in which such a function can:
 *
 * | Line | Effect |
 * |---|---|
 * | `generate-tasks: throw` | the function ends with an exception |
 * | `generate-tasks: invalid` | reports success, with a task without a title |
 * | `generate-tasks: refuse` | reports `status: "failed"` with an `error` |
 */
export function generate(action, goal) {
  const { actionId, title, description, type, constraints } = action;
  switch (/^generate-tasks: (throw|invalid|refuse)$/m.exec(constraints ?? '')?.[1]) {
    case 'throw':
      throw new Error(`no idea what to do about ${title}`);
    case 'invalid':
      return { actionId, status: 'success', tasks: [{ title: '', description: '', type, estimatedMinutes: 30 }] };
    case 'refuse':
      return { actionId, status: 'failed', tasks: [], error: `${title} is too vague` };
  }
  const task = (title, description, estimatedMinutes) => ({ title, description, type, estimatedMinutes });
  return {
    actionId,
    status: 'success',
    tasks: [
      task(`Plan: ${title}`, `Write down what ${goal.title} needs of this, by ${goal.deadline || 'any day'}.`, 30),
      task(`Do: ${title}`, `Work on it until it is finished: ${description}`, 60),
    ],
  };
}
