import type { Settings } from './settings';

/** Where the template keeps the settings that it was made with. */
export const METADATA = 'GoalActivity::Settings';

/** What is not a setting of the deployed stack: where it comes from, and why. */
const ofThisMachine = ['given', 'functionsDir', 'local', 'repair'] as const;

/** The settings as they are in force, defaults included. No secret is among them: a key is the name of a secret. */
export const inForce = (settings: Settings): Record<string, unknown> => JSON.parse(JSON.stringify(
  Object.fromEntries(Object.entries(settings).filter(([key]) => !ofThisMachine.some((each) => each === key)))));

export interface Change {
  readonly key: string;
  /** `undefined` where there was or will be none. */
  readonly from: unknown;
  readonly to: unknown;
}

/** What a deployment would change. A setting that the deployed version did not know yet is none. */
export function changes(deployed: Record<string, unknown>, next: Record<string, unknown>): Change[] {
  const same = (a: unknown, b: unknown) => sorted(a) === sorted(b);
  const lost = Object.keys(deployed).filter((key) => !same(deployed[key], next[key]));
  // What has no default is left out of the stored ones, so a new key may be a new setting of an old version.
  const given = Object.keys(next).filter((key) => !(key in deployed) && !isNewDefault(key, next[key]));
  return [...lost, ...given].sort().map((key) => ({ key, from: deployed[key], to: next[key] }));
}

/** Settings that are only there when they are given: all others have a default, which a newer version brings along. */
const optional = ['goalsTable', 'tasksTable', 'oidc', 'corsOrigins', 'fallback', 'tracingLayer'];
const isNewDefault = (key: string, value: unknown): boolean => value === undefined || !optional.includes(key);

/** The same text for the same value, whatever the order of its keys. */
const sorted = (value: unknown): string => JSON.stringify(value, (_, inner: unknown) =>
  typeof inner === 'object' && inner !== null && !Array.isArray(inner)
    ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
    : inner) ?? 'none';
