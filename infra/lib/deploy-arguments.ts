import { parseArgs, type ParseArgsConfig } from 'node:util';
import { rejectUnknown } from './settings';
import { SettingsError } from './settings-error';

/** The command line of `npm run deploy`. */
export interface Arguments {
  /** The settings that may change. */
  readonly change: string[];
  readonly profile?: string;
  readonly region?: string;
  /** The folder of the cloud assembly. */
  readonly output?: string;
  /** What `cdk synth` gets, and then `cdk deploy`. */
  readonly synth: string[];
  readonly deploy: string[];
}

type Options = NonNullable<ParseArgsConfig['options']>;
const text = { type: 'string' } as const;
const texts = { type: 'string', multiple: true } as const;
const flag = { type: 'boolean' } as const;

const own = {
  change: texts, repair: flag, context: { ...texts, short: 'c' }, profile: text, region: text, output: { ...text, short: 'o' },
} satisfies Options;
const ofSynth: Options = {
  validation: flag, 'no-validation': flag, strict: flag, 'no-staging': flag, 'no-path-metadata': flag, 'no-asset-metadata': flag,
};
const ofBoth: Options = {
  verbose: { ...flag, short: 'v' }, debug: flag, trace: flag, ci: flag, color: flag, 'no-color': flag, notices: flag, 'no-notices': flag,
  proxy: text, 'ca-bundle-path': text,
};
/**
 * Not among them: what deploys something else than what was compared (`--app`, `--watch`, `--tags`), what changes functions and not
 * the template, which the next comparison reads (`--hotswap`), and what finds other credentials (`--plugin`, `--ec2creds`).
 */
const ofDeploy: Options = {
  all: flag, exclusively: { ...flag, short: 'e' }, force: { ...flag, short: 'f' }, yes: { ...flag, short: 'y' },
  method: { ...text, short: 'm' }, 'change-set-name': text, execute: flag, 'no-execute': flag, 'import-existing-resources': flag,
  'require-approval': text, rollback: flag, 'no-rollback': { ...flag, short: 'R' },
  'outputs-file': { ...text, short: 'O' }, progress: text, 'role-arn': { ...text, short: 'r' }, 'toolkit-stack-name': text,
  'notification-arns': texts, 'rollback-trigger-alarm-arns': texts, 'monitoring-time-minutes': text, concurrency: text,
  'asset-parallelism': flag, 'no-asset-parallelism': flag, 'asset-build-concurrency': text, 'asset-prebuild': flag,
  'no-asset-prebuild': flag, 'revert-drift': flag, express: flag,
};

/**
 * `--change <setting>` allows a setting to change; `--repair` lets CloudFormation write every function's configuration again, which
 * an operator may have changed by hand: it updates what differs from the template before, not what differs from the template.
 */
export function readArguments(given: readonly string[], now = new Date()): Arguments {
  const { values, tokens } = parse(given, { ...ofSynth, ...ofBoth, ...ofDeploy, ...own });
  const context = (values.context as string[] | undefined ?? []).map(pair);
  if (values.repair) context.push(`repair=${now.toISOString()}`);
  if (values.method === 'execute-change-set') {
    throw new SettingsError('--method execute-change-set: it would deploy settings that were not compared; use npx cdk deploy');
  }
  const passed = (options: Options) => tokens.flatMap((token) => {
    if (token.kind !== 'option' || !Object.hasOwn(options, token.name)) return [];
    return [`--${token.name}`, ...(token.value === undefined ? [] : [token.value])];
  });
  const { change = [], profile, region, output } = values as { change?: string[]; profile?: string; region?: string; output?: string };
  return {
    change: readChange(change),
    ...(profile !== undefined && { profile }), ...(region !== undefined && { region }), ...(output !== undefined && { output }),
    synth: [...context.flatMap((each) => ['-c', each]), ...passed({ ...ofSynth, ...ofBoth })],
    deploy: passed({ ...ofDeploy, ...ofBoth }),
  };
}

/** Of the CDK CLI: it takes every option also from a variable, as `CDK_HOTSWAP` for `--hotswap`. */
const optionsElsewhere = [
  'app', 'build', 'context', 'ec2creds', 'hotswap', 'hotswap-fallback', 'method', 'plugin', 'profile', 'region', 'tags', 'watch',
  'role-arn', 'change-set-name', 'execute', 'import-existing-resources', 'output',
];

/** What decides what is deployed, or where, is given where it can be seen. */
export function rejectVariables(env: Readonly<Record<string, string | undefined>>): void {
  const known = optionsElsewhere.map((option) => `CDK_${option.replaceAll('-', '_')}`.toUpperCase());
  const found = Object.keys(env).filter((name) => known.includes(name.toUpperCase()) && env[name] !== undefined);
  if (found.length > 0) throw new SettingsError(`${found.join(', ')}: the CDK CLI takes it as an option; unset it, and give options to npm run deploy`);
}

/** `npm run deploy` for a cloud assembly that exists, without the deployment. */
export function readCompareArguments(given: readonly string[]): { assembly: string; change: string[]; profile?: string; region?: string } {
  const { values, positionals } = parse(given, { change: texts, profile: text, region: text }, true);
  const [assembly, ...more] = positionals;
  if (assembly === undefined || more.length > 0) throw new SettingsError('expected one folder of a cloud assembly, and --change <setting>');
  const { change = [], ...rest } = values as { change?: string[]; profile?: string; region?: string };
  return { assembly, ...rest, change: readChange(change) };
}

/** The names of `--change`, which may be comma-separated. */
function readChange(given: string[]): string[] {
  const names = given.flatMap((each) => each.split(','));
  if (names.some((each) => !/^\w+$/.test(each))) throw new SettingsError(`--change ${given.join(' ')}: expected names of settings, comma-separated`);
  return [...new Set(names)];
}

function pair(given: string): string {
  // As of `-c=key=value`.
  const [whole, key] = /^=?(([^=]+)=.*)$/s.exec(given)?.slice(1) ?? [];
  if (whole === undefined || key === undefined) throw new SettingsError(`-c ${given}: expected key=value`);
  if (key !== 'environment') rejectUnknown(Object.fromEntries([[key, whole]]));
  return whole;
}

/** An unknown option is an error, and so is an option for a value: `--change --repair`. */
function parse(args: readonly string[], options: Options, allowPositionals = false) {
  try {
    return parseArgs({ args: [...args], options, tokens: true, allowPositionals });
  } catch (error) {
    if (error instanceof TypeError) throw new SettingsError(error.message);
    throw error;
  }
}
