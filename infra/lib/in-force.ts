import { type Given, inOrder } from './given';
import type { Settings } from './settings';
import { generatorKeys } from './generator-settings';

/** Where the template keeps the settings that it was made with. */
export const METADATA = 'GoalActivity::Settings';

/** Keys that are not settings of the deployed stack: where its functions and its page come from, and what was done once. */
const onlyOnce = ['functionsDir', 'webDir', 'repair'];

/** What the template says about itself: what was given, without defaults. No secret is among it: a key is the name of a secret. */
export const noted = ({ given: { environment, context } }: Settings) => ({
  // CloudFormation refuses null.
  ...(environment !== undefined && { environment }),
  context: Object.fromEntries(Object.entries(context).filter(([key]) => !onlyOnce.includes(key)).sort(([a], [b]) => (a < b ? -1 : 1))),
});

/** What a former version noted: all settings with their defaults, some of them as groups. */
export interface Former {
  readonly former: Readonly<Record<string, unknown>>;
}

/** Reads what `noted` has written, or a former version. Nothing if it is neither. */
export function readNoted(metadata: unknown): Given | Former | undefined {
  if (typeof metadata !== 'object' || metadata === null) return undefined;
  const { environment, context } = metadata as { environment?: string; context?: Record<string, string> };
  if (typeof context !== 'object') return { former: metadata as Record<string, unknown> };
  return { context, ...(environment !== undefined && { environment }) };
}

export interface Change {
  readonly key: string;
  /** `undefined` where there was or will be none. */
  readonly from: unknown;
  readonly to: unknown;
}

/** The stack is found by its name, so that is the same, whether it was given or not. */
const sameInAny = ['stackName'];

/** What a deployment would change of what was given, by key of the context: another default of a newer version is no change. */
export function changes(deployed: Given, next: Given): Change[] {
  const [from, to] = [deployed, next].map(({ environment, context }): Record<string, string> => ({
    ...context, ...(environment !== undefined && { environment }),
  })) as [Record<string, string>, Record<string, string>];
  return [...new Set([...Object.keys(from), ...Object.keys(to)])].sort()
    .filter((key) => from[key] !== to[key] && !sameInAny.includes(key))
    .map((key) => ({ key, from: from[key], to: to[key] }));
}

/** The same for a stack of a former version, by what that one compared. Its environment is not known. */
export function changesOfFormer({ former }: Former, next: Settings): Change[] {
  const { given, functionsDir: _functionsDir, local: _local, repair: _repair, ...settings } = next;
  const now = JSON.parse(JSON.stringify(settings)) as Record<string, unknown>;
  const groupsGiven = Object.keys(given.context).map(groupOf);
  const same = (key: string) => JSON.stringify(former[key], inOrder) === JSON.stringify(now[key], inOrder);
  const isNewDefault = (key: string) => !Object.hasOwn(former, key) && !groupsGiven.includes(key);
  return [...new Set([...Object.keys(former), ...Object.keys(now)])].sort()
    .filter((key) => !same(key) && !isNewDefault(key))
    .map((key) => ({ key, from: former[key], to: now[key] }));
}

const groups: Record<string, keyof Settings> = {
  oidcIssuer: 'oidc', oidcAudience: 'oidc', oidcScopes: 'oidc', oidcClientId: 'oidc',
  userPoolDomain: 'userPool', userPoolPlan: 'userPool', callbackUrls: 'userPool',
  startRate: 'starts', startBurst: 'starts', requestRate: 'requests', requestBurst: 'requests',
  vpcId: 'vpc', subnets: 'vpc', securityGroups: 'vpc',
};
const groupOf = (key: string): string => (key.startsWith('fallback') ? 'fallback' : Object.hasOwn(groups, key) ? groups[key]!
  : Object.hasOwn(generatorKeys, key) ? 'generator' : key);
