import { SettingsError } from './settings-error';

/** The command line of `npm run deploy`. */
export interface Arguments {
  readonly context: Record<string, unknown>;
  /** The settings that may change. */
  readonly change: string[];
  readonly profile?: string;
  /** What the CDK CLI gets. */
  readonly cdk: string[];
}

/**
 * `--change <setting>` allows a setting to change; `--repair` lets CloudFormation write every function's configuration again, which
 * an operator may have changed by hand: it updates what differs from the template before, not what differs from the template.
 */
export function readArguments(given: readonly string[], now = new Date()): Arguments {
  const context: Record<string, unknown> = {};
  const change: string[] = [];
  const cdk: string[] = [];
  let profile: string | undefined;
  const rest = given.flatMap((each) => {
    const [, name, value] = /^(--(?:context|change|profile))=(.*)$/s.exec(each) ?? [];
    return name === undefined || value === undefined ? [each] : [name, value];
  });
  const values = rest[Symbol.iterator]();
  const valueOf = (name: string): string => {
    const { value, done } = values.next();
    if (done || value === undefined) throw new SettingsError(`${name} needs a value`);
    return value;
  };
  const set = (pair: string) => {
    const [, key, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    if (key === undefined || value === undefined) throw new SettingsError(`-c ${pair}: expected key=value`);
    context[key] = value;
    cdk.push('-c', pair);
  };
  for (const each of values) {
    if (each === '-c' || each === '--context') set(valueOf(each));
    else if (each === '--change') change.push(...valueOf(each).split(','));
    else if (each === '--repair') set(`repair=${now.toISOString()}`);
    else {
      if (each === '--profile') cdk.push(each, profile = valueOf(each));
      else cdk.push(each);
    }
  }
  return { context, change, cdk, ...(profile !== undefined && { profile }) };
}
