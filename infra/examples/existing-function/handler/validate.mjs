const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const id = (value) => typeof value === 'string' && uuid.test(value);
const text = (value) => typeof value === 'string';
const title = (value) => text(value) && value.trim() !== '';
const textOrNull = (value) => value === null || text(value);

/** What the goal app requires of an action and of a goal. Every field is needed; an empty text or `null` where it is none. */
export const action = {
  actionId: id,
  title,
  description: text,
  type: (value) => value === 'execution' || value === 'habit',
  background: text,
  constraints: textOrNull,
  subGoalTitle: title,
  subGoalDescription: text,
};
export const goal = { goalId: id, title, description: text, deadline: text, background: text, constraints: textOrNull };

/** Returns the first field that is missing or invalid, such as `goalContext.deadline`. Fields that are not listed are ignored. */
export function missing(value, fields, path = '') {
  for (const [name, rule] of Object.entries(fields)) {
    const found = value?.[name];
    const nested = typeof rule === 'object' ? missing(found, rule, `${path}${name}.`) : undefined;
    if (nested) return nested;
    if (typeof rule === 'function' && !rule(found)) return `${path}${name}`;
  }
  return undefined;
}
