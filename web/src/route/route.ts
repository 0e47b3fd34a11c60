export type Route =
  | { page: 'goals' }
  | { page: 'goal'; goalId: string }
  | { page: 'bring'; goalId: string | undefined }
  | { page: 'unknown' };

/** The page that the fragment of an address names. Fragments need nothing of the server. */
export function parseRoute(hash: string): Route {
  const parts = hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decode);
  const [area, goalId, what, ...rest] = parts;
  if (area === undefined) return { page: 'goals' };
  if (area === 'new' && goalId === undefined) return { page: 'bring', goalId: undefined };
  // A URL of the API would lose an id of dots.
  if (area === 'goals' && goalId !== undefined && !/^\.{1,2}$/.test(goalId) && rest.length === 0) {
    if (what === undefined) return { page: 'goal', goalId };
    if (what === 'chart') return { page: 'bring', goalId };
  }
  return { page: 'unknown' };
}

export const GOALS = '#/';
export const BRING = '#/new';
export const goalPath = (goalId: string) => `#/goals/${encodeURIComponent(goalId)}`;
export const chartPath = (goalId: string) => `${goalPath(goalId)}/chart`;

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
