import * as path from 'node:path';
import { Reader } from '../context-reader';
import { infraDir } from '../paths';
import { isIssuer, isOrigin } from '../web-address';
import { SettingsError } from '../settings-error';

/** The settings of the front, see docs/CELLS.md. */
export interface FrontSettings {
  readonly stackName: string;
  /** For an emulator on this machine. */
  readonly local: boolean;
  readonly architecture: 'arm64' | 'x86_64';
  readonly functionsDir: string;
  /** Of the tokens. Every cell has the same. */
  readonly oidcIssuer: string;
  readonly oidcAudience: readonly string[];
  /** An access token has at least one of them. Without: any token of that audience. */
  readonly oidcScopes?: readonly string[];
  /** The client of `goalctl login`. */
  readonly oidcClientId?: string;
  /** How long a cell may take to answer. */
  readonly cellTimeoutSeconds: number;
  /** Requests of all users together, a second and at once. */
  readonly requestRate: number;
  readonly requestBurst: number;
  /** How many requests are routed at once: no more of the account's concurrency is used. Without: as many as there are. */
  readonly routerConcurrency?: number;
  readonly logLevel: string;
  /** An SNS topic that the front's alarms are sent to, such as the alerts of a cell. Without: they are only shown. */
  readonly alarmTopicArn?: string;
  readonly corsOrigins?: string[];
}

type Key = keyof FrontSettings;

const known: Record<Key, true> = {
  stackName: true, local: true, architecture: true, functionsDir: true, oidcIssuer: true, oidcAudience: true, oidcScopes: true,
  oidcClientId: true, cellTimeoutSeconds: true, requestRate: true, requestBurst: true, routerConcurrency: true, logLevel: true, alarmTopicArn: true,
  corsOrigins: true,
};

export function readFrontSettings(context: Record<string, unknown>): FrontSettings {
  const unknown = Object.keys(context).filter((key) => !key.includes(':') && !Object.hasOwn(known, key));
  if (unknown.length > 0) {
    throw new SettingsError(`unknown context ${unknown.join(', ')}: known are ${Object.keys(known).join(', ')}`);
  }
  const reader = new Reader<Key>(context);
  const required = <T>(key: Key, value: T | undefined): T => {
    if (value !== undefined) return value;
    throw new SettingsError(`context ${key} is missing: the front and all cells take tokens of one issuer`);
  };
  const local = reader.flag('local');
  const architecture = reader.oneOf('architecture', ['arm64', 'x86_64']) ?? 'arm64';
  const issuer = reader.checked('oidcIssuer', (each) => isIssuer(each, local), 'the https URL of an OIDC issuer, without user, query and fragment');
  const texts = (key: Key, shape: string) => reader.list(key, (each) => /^\S+$/.test(each), shape);
  return {
    stackName: reader.text('stackName', /^[A-Za-z][A-Za-z0-9-]{0,63}$/, 'a stack name: at most 64 letters, digits and hyphens, a letter first')
      ?? 'goal-activity-front',
    local,
    architecture,
    functionsDir: path.resolve(infraDir, reader.text('functionsDir', /./, 'a path') ?? `../target/lambda/${architecture}`),
    oidcIssuer: required('oidcIssuer', issuer),
    oidcAudience: required('oidcAudience', texts('oidcAudience', 'a comma-separated list of audiences')),
    oidcScopes: texts('oidcScopes', 'a comma-separated list of scopes'),
    oidcClientId: reader.text('oidcClientId', /^\S+$/, 'a client id'),
    // The API itself gives up after 10 s, and the gateway after 30.
    cellTimeoutSeconds: reader.integer('cellTimeoutSeconds', 1, 25) ?? 15,
    requestRate: reader.integer('requestRate', 1, 100_000) ?? 1_000,
    requestBurst: reader.integer('requestBurst', 1, 100_000) ?? 2_000,
    routerConcurrency: reader.integer('routerConcurrency', 1, 10_000),
    logLevel: reader.text('logLevel', /^[\w:=,]+$/, 'a tracing filter such as info or goal_activity_cells=debug') ?? 'info',
    alarmTopicArn: reader.text('alarmTopicArn', /^arn:[\w-]+:sns:[\w-]+:\d{12}:[\w-]{1,256}$/, 'the ARN of an SNS topic'),
    corsOrigins: reader.list('corsOrigins', isOrigin, 'origins as browsers write them, such as https://app.example, comma-separated'),
  };
}
