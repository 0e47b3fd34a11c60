/**
 * Stands in for the goal app's own task generation: what it is invoked with and what it answers is what the worker expects
 * of such a function. It knows no AI, and fails for some actions in the ways in which such a function can.
 */
export async function handler({ actionId, goalContext, actionContext }) {
  if (actionId === 'a-1-2') throw new Error(`no idea what to do about ${actionContext.title}`);
  if (actionId === 'a-1-3') {
    return { actionId, status: 'success', tasks: [{ title: '', description: '', type: actionContext.type, estimatedMinutes: 30 }] };
  }
  if (actionId === 'a-1-4') return { actionId, status: 'failed', tasks: [], error: `${actionContext.title} is too vague` };
  const task = (title, description, estimatedMinutes) => ({ title, description, type: actionContext.type, estimatedMinutes });
  return {
    actionId,
    status: 'success',
    tasks: [
      task(`Plan: ${actionContext.title}`, `Write down what ${goalContext.title} needs of this, by ${goalContext.deadline ?? 'any day'}.`, 30),
      task(`Do: ${actionContext.title}`, `Work on it until it is finished: ${actionContext.description}`, 60),
    ],
  };
}
