import * as path from 'node:path';
import { type Environment, readEnvironment, text as asText } from './environment';
import { Reader } from './context-reader';
import { type Given, given } from './given';
import { infraDir } from './paths';
import { type Generator, generatorKeys, readGenerators } from './generator-settings';
import { type OperationSettings, operationKeys, readOperations } from './operation-settings';
import { SettingsError } from './settings-error';
import { isCallback, isIssuer, isOrigin, isPlainServer } from './web-address';
import { readWeb, type WebSettings, webKeys } from './web-settings';

export { infraDir } from './paths';
export { SettingsError } from './settings-error';

/** Of Lambda, by its names. */
export const architectures = ['arm64', 'x86_64'] as const;
export const userPoolPlans = ['lite', 'essentials', 'plus'] as const;
export const tracings = ['off', 'print', 'otlp'] as const;

/** How many pollers of a queue there are at all times, and how many at most. Each causes up to ten invocations at once. */
export interface Pollers {
  readonly minimumPollers: number;
  readonly maximumPollers: number;
}

/** The settings that `-c key=value` can change, validated once; see the table in README.md. */
export interface Settings extends OperationSettings {
  readonly given: Given;
  /** Begins every name that is not made by CloudFormation, so that a second stack can stand beside the first. */
  readonly stackName: string;
  /** Deploy to the emulator; lib/variant.ts has the differences. */
  readonly local: boolean;
  /** What the functions were built for. A local deployment runs those of this machine instead. */
  readonly architecture: (typeof architectures)[number];
  /** Contains one folder per function, with its `bootstrap`. Absolute. */
  readonly functionsDir: string;
  /** Existing tables to use instead of creating them. */
  readonly goalsTable?: string;
  /** The index of an existing Goals table by user, to list goals with. */
  readonly goalsUserIndex?: string;
  readonly tasksTable?: string;
  readonly executionsTable?: string;
  /** The same for the bucket of ended workflows. */
  readonly archiveBucket?: string;
  /** The issuer of the tokens, instead of the stack's own Cognito user pool. */
  readonly oidc?: {
    readonly issuer: string;
    readonly audience: string[];
    /** A token needs one of these; without them its audience alone tells an access token from others. */
    readonly scopes?: string[];
    /** The public client with which `goalctl login` signs in. */
    readonly clientId?: string;
  };
  /** The stack's own user pool; ignored with another issuer. */
  readonly userPool: {
    /** The prefix of the sign-in pages' domain; derived from stack and account without it. */
    readonly domain?: string;
    readonly plan: (typeof userPoolPlans)[number];
    /** The pages that may receive a sign-in, besides `goalctl` on the user's own machine. */
    readonly callbackUrls: string[];
  };
  /** The origins of web pages that may call the API from a browser. */
  readonly corsOrigins?: string[];
  /** The web page, if the stack serves it. */
  readonly web?: WebSettings;
  /** Headers that these pages may send besides those of the API. */
  readonly corsHeaders: string[];
  /** Whether a browser may send cookies of these pages along. */
  readonly corsCredentials: boolean;
  /** The generator of the tasks. */
  readonly generator: Generator;
  /** Takes over for an action for which the generator is refused, throttled or out. */
  readonly fallback?: Generator;
  /** A filter of Rust's `tracing`: a level, or levels by module. */
  readonly logLevel: string;
  /** How many batches are processed at once; requests above it wait. */
  readonly concurrentBatches: number;
  /** The pollers that are provisioned for the batch queue, which then has no maximum concurrency. */
  readonly batchPollers?: Pollers;
  /** How many batches one invocation of the worker gets at most. */
  readonly workerBatchSize: number;
  /** For how many seconds Lambda gathers batches before it invokes the worker. */
  readonly workerBatchWindowSeconds: number;
  /** How many actions a user may ask for in a day; 0 for no limit. Without it: the variant's. */
  readonly actionsPerUserAndDay?: number;
  /** The URL of docs/OPERATIONS.md: alarms and notices link to its sections. */
  readonly operationsGuide: string;
  /** Whether X-Ray traces the functions and the state machine. */
  readonly xray: boolean;
  /** The destination of the functions' own spans. */
  readonly tracing: (typeof tracings)[number];
  /** Of how many workflows in a hundred spans are recorded. Without it: of all. */
  readonly tracingPercentage?: number;
  /** A collector as a Lambda layer, for `otlp`. */
  readonly tracingLayer?: string;
  /** The endpoint of the collector, for `otlp`. */
  readonly tracingEndpoint: string;
  /** When a repair was asked for: every function's configuration is written again. */
  readonly repair?: string;
}

type OidcKey = 'oidcIssuer' | 'oidcAudience' | 'oidcScopes' | 'oidcClientId';
type UserPoolKey = 'userPoolDomain' | 'userPoolPlan' | 'callbackUrls';
/** All keys of the context. */
type Key = Exclude<keyof Settings, 'given' | 'oidc' | 'userPool' | keyof OperationSettings> | OidcKey | UserPoolKey | keyof typeof generatorKeys
  | keyof typeof operationKeys | keyof typeof webKeys;
export const keys: Record<Key, true> = {
  stackName: true, local: true, architecture: true, functionsDir: true, goalsTable: true, goalsUserIndex: true, tasksTable: true,
  executionsTable: true, archiveBucket: true, oidcIssuer: true, oidcAudience: true, oidcScopes: true, oidcClientId: true,
  userPoolDomain: true, userPoolPlan: true, callbackUrls: true, corsOrigins: true, corsHeaders: true, corsCredentials: true, logLevel: true,
  concurrentBatches: true, batchPollers: true, workerBatchSize: true, workerBatchWindowSeconds: true, actionsPerUserAndDay: true, operationsGuide: true, xray: true, tracing: true, tracingPercentage: true, tracingLayer: true, tracingEndpoint: true, repair: true,
  ...generatorKeys, ...operationKeys, ...webKeys,
};

/** What the context says, and the file of the environment that it names. Keys of the context have precedence. */
export function readSettings(context: Record<string, unknown>, folder?: string): Settings {
  const { environment: _, ...own } = context;
  rejectUnknown(own);
  const environment = readEnvironment(context, folder);
  try {
    const merged = { ...environment?.settings, ...own };
    rejectUnknown(merged);
    return readContext(set(merged), own, environment);
  } catch (error) {
    throw error instanceof SettingsError && environment ? ofFile(error, environment, own) : error;
  }
}

/**
 * An empty text, or a list of nothing, is no value: so a command line takes away what a file says. Not where it decides what is
 * deployed to, as a shell's variable may be empty by mistake.
 */
const set = (context: Record<string, unknown>): Record<string, unknown> => Object.fromEntries(Object.entries(context)
  .filter(([key, value]) => value !== undefined && value !== null && (isDestination(key) || asText(value) !== '')));
const isDestination = (key: string): boolean => key === 'stackName' || key === 'local';

/** Names the file of the values that the error is about. */
function ofFile(error: SettingsError, { file, settings }: Environment, own: Record<string, unknown>): SettingsError {
  const named = Object.keys(settings).filter((key) => !(Object.hasOwn(own, key)) && new RegExp(`\\b${key}\\b`).test(error.message));
  return named.length === 0 ? error : new SettingsError(`${error.message} (${file} has ${named.join(', ')})`);
}

function readContext(context: Record<string, unknown>, own: Record<string, unknown>, environment: Environment | undefined): Settings {
  const reader = new Reader<Key>(context);
  const text = reader.text.bind(reader);

  const local = reader.flag('local');
  // The file of an environment may say it.
  if (local && set(own).architecture !== undefined) {
    throw new SettingsError('context architecture: not with local=true, where the functions run on this machine');
  }
  const operations = readOperations(reader);
  if (local && (operations.backup || operations.monthlyBudget || operations.consumerAccounts.length > 0)) {
    throw new SettingsError('context backup, monthlyBudget and consumerAccounts: not with local=true, as the emulator has none of them');
  }
  if (local && operations.deployment !== 'in-place' && operations.deployment !== 'all-at-once') {
    throw new SettingsError(`context deployment=${operations.deployment}: not with local=true, as the emulator has no CodeDeploy; all-at-once makes aliases there, too`);
  }
  const architecture = reader.oneOf('architecture', architectures) ?? 'arm64';
  const tracing = reader.oneOf('tracing', tracings) ?? 'off';
  const tracingLayer = text('tracingLayer', layerArn, 'the ARN of a version of a Lambda layer');
  if (tracing !== 'otlp' && (tracingLayer ?? context.tracingEndpoint) !== undefined) {
    throw new SettingsError('context tracingLayer and tracingEndpoint: only with tracing=otlp');
  }
  const tracingPercentage = reader.integer('tracingPercentage', 1, 100);
  if (tracing === 'off' && tracingPercentage !== undefined) {
    throw new SettingsError('context tracingPercentage: only with tracing=print or otlp');
  }

  const stackName = text('stackName', /^[a-z][a-z0-9-]{0,39}$/, 'at most 40 lower-case letters, digits and hyphens, a letter first')
    ?? 'goal-activity';
  return {
    given: given(Object.fromEntries(Object.entries(context).filter(([key]) => isKey(key))), environment?.name),
    stackName,
    local,
    architecture,
    functionsDir: path.resolve(infraDir, text('functionsDir', /./, 'a path') ?? `../target/lambda/${architecture}`),
    goalsTable: text('goalsTable', tableName, 'a DynamoDB table name'),
    goalsUserIndex: goalsUserIndex(text('goalsUserIndex', tableName, 'the name of an index of a DynamoDB table'), context),
    tasksTable: text('tasksTable', tableName, 'a DynamoDB table name'),
    executionsTable: text('executionsTable', tableName, 'a DynamoDB table name'),
    archiveBucket: text('archiveBucket', bucketName, 'the name of an S3 bucket'),
    oidc: oidc(
      reader.checked('oidcIssuer', (each) => isIssuer(each, local), 'the https URL of an OIDC issuer, without user, query and fragment'),
      reader.list('oidcAudience', (each) => each !== '', 'a comma-separated list of audiences'),
      reader.list('oidcScopes', (each) => /^\S+$/.test(each), 'a comma-separated list of scopes'),
      text('oidcClientId', /^\S+$/, 'a client id'),
    ),
    userPool: userPool(reader, context, stackName),
    ...cors(reader),
    web: readWeb(reader, context, local),
    ...readGenerators(context),
    ...operations,
    logLevel: text('logLevel', logFilter, 'a level or a filter such as info,goal_activity_functions=debug') ?? 'info',
    ...concurrency(reader, context.concurrentBatches ?? 64, local),
    workerBatchSize: reader.integer('workerBatchSize', 1, 10) ?? 4,
    // Less than the 90 s after which a batch without a heartbeat is sent again.
    workerBatchWindowSeconds: reader.integer('workerBatchWindowSeconds', 0, 30) ?? 0,
    actionsPerUserAndDay: dailyLimit(context.actionsPerUserAndDay),
    // An alarm's description has 1,024 characters for its text and this.
    operationsGuide: text('operationsGuide', /^[^\s#]{1,300}$/, 'an address of at most 300 characters, without #')
      ?? 'docs/OPERATIONS.md',
    repair: text('repair', /^[\w:.-]{1,40}$/, 'a time'),
    xray: reader.flag('xray', true),
    tracing,
    tracingPercentage,
    tracingLayer,
    tracingEndpoint: reader.checked('tracingEndpoint', isPlainServer, 'http://<host>:<port> of a collector') ?? 'http://localhost:4318',
  };
}

const directive = '([\\w:]+=)?(off|error|warn|info|debug|trace)';
const logFilter = new RegExp(`^${directive}(,${directive})*$`);
const layerArn = /^arn:[\w-]+:lambda:[\w-]+:\d{12}:layer:[\w-]+:\d+$/;
/** As S3 accepts them, without the names of access points. */
const bucketName = /^(?!.*\.\.)(?!\d+\.\d+\.\d+\.\d+$)(?!xn--|sthree-|amzn-s3-demo-)(?!.*(-s3alias|--ol-s3|\.mrap|--x-s3|--table-s3)$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
/** RFC 9110, section 5.6.2; `*` would not mean all where cookies are sent. */
const headerName = /^[A-Za-z0-9!#$%&'+.^_`|~-]{1,64}$/;
const tableName = /^[A-Za-z0-9_.-]{3,255}$/;

/** Whether the context may have it. */
export const isKey = (key: string): boolean => Object.hasOwn(keys, key);

/** Of CDK's own keys, those without a `:`: its CLI puts them into a user's `~/.cdk.json`, `cdk.json` or `cdk.context.json`. */
const cdkKeys = ['cli-telemetry', 'acknowledged-issue-numbers'];

/** A misspelt key would otherwise be ignored, and `-c locale=true` would go to AWS. */
export function rejectUnknown(context: Record<string, unknown>): void {
  const unknown = Object.keys(context).filter((key) => !key.includes(':') && !cdkKeys.includes(key) && !isKey(key));
  if (unknown.length === 0) return;
  const misplaced = unknown.find((key) => /^(fallbackO|o)penai(Api)?Key$/.test(key));
  if (misplaced) {
    const prefix = misplaced.startsWith('fallback') ? 'fallbackOpenai' : 'openai';
    throw new SettingsError(`unknown context ${misplaced}: a key is never in the context; ${prefix}KeySecret is the ARN of a secret `
      + 'with the key');
  }
  const known = Object.keys(keys).filter((key) => !/^fallback[A-Z]/.test(key));
  throw new SettingsError(`unknown context ${unknown.join(', ')}: known are ${known.join(', ')}, `
    + 'and the keys of a generator with the prefix fallback, such as fallbackBedrockModel');
}

/** A created table has its own index. */
function goalsUserIndex(index: string | undefined, context: Record<string, unknown>): string | undefined {
  if (index === undefined || context.goalsTable !== undefined) return index;
  throw new SettingsError('context goalsUserIndex: only with goalsTable; a table of the stack\'s own has an index by user');
}

function cors(reader: Reader<Key>): Pick<Settings, 'corsOrigins' | 'corsHeaders' | 'corsCredentials'> {
  // Exact origins and no `*`: an unknown page must not use a user's token or, with corsCredentials, cookies.
  const corsOrigins = reader.list('corsOrigins', isOrigin, 'origins as browsers write them, such as https://app.example, comma-separated');
  const corsHeaders = reader.list('corsHeaders', (each) => headerName.test(each), 'names of headers such as x-csrf-token, comma-separated') ?? [];
  const corsCredentials = reader.flag('corsCredentials');
  if (!corsOrigins && (corsHeaders.length > 0 || corsCredentials)) {
    throw new SettingsError('context corsHeaders and corsCredentials: only with corsOrigins');
  }
  return { corsOrigins, corsHeaders: corsHeaders.map((each) => each.toLowerCase()), corsCredentials };
}

function oidc(issuer?: string, audience?: string[], scopes?: string[], clientId?: string): Settings['oidc'] {
  if (issuer === undefined && audience === undefined) {
    if ((scopes ?? clientId) === undefined) return undefined;
    throw new SettingsError('context oidcScopes and oidcClientId: only with oidcIssuer');
  }
  // An authorizer without an audience would accept the issuer's tokens for any other application.
  if (issuer && audience) return { issuer, audience, ...(scopes && { scopes }), ...(clientId && { clientId }) };
  throw new SettingsError('context oidcIssuer and oidcAudience belong together: give both or neither');
}

function userPool(reader: Reader<Key>, context: Record<string, unknown>, stackName: string): Settings['userPool'] {
  const { oidcIssuer, userPoolDomain: domain } = context;
  const own: UserPoolKey[] = ['userPoolDomain', 'userPoolPlan', 'callbackUrls'];
  const idle = own.filter((key) => context[key] !== undefined);
  if (oidcIssuer !== undefined && idle.length > 0) {
    throw new SettingsError(`context ${idle.join(', ')}: only without oidcIssuer, which replaces the user pool`);
  }
  if (domain !== undefined && !(typeof domain === 'string' && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(domain))) {
    throw new SettingsError(`context userPoolDomain=${JSON.stringify(domain)}: expected at most 63 of a-z, 0-9 and -`);
  }
  // Cognito refuses such a prefix, after the rest of the stack has been created.
  const reserved = ['aws', 'amazon', 'cognito'].find((word) => (domain ?? stackName).includes(word));
  if (reserved && oidcIssuer === undefined) {
    throw new SettingsError(`context ${domain ? 'userPoolDomain' : 'stackName'}: the domain of a user pool must not contain `
      + `${reserved}; set another userPoolDomain`);
  }
  const urls = reader.list('callbackUrls', isCallback,
    'complete URLs such as https://app.example/signed-in, comma-separated; http for localhost only') ?? [];
  return { domain, plan: reader.oneOf('userPoolPlan', userPoolPlans) ?? 'essentials', callbackUrls: urls };
}

/** SQS's event sources accept 2 to 1,000 as maximum concurrency, and either that or pollers. */
function concurrency(reader: Reader<Key>, value: unknown, local: boolean): Pick<Settings, 'concurrentBatches' | 'batchPollers'> {
  const batchPollers = pollers(reader);
  if (local && batchPollers) throw new SettingsError('context batchPollers: not with local=true, as the emulator has none');
  const batches = Number(value);
  if (!Number.isInteger(batches) || batches < 2 || batches > maxBatches) {
    throw new SettingsError(`context concurrentBatches=${JSON.stringify(value)}: expected 2 to ${maxBatches}`);
  }
  if (batches > 1000 && !batchPollers) {
    throw new SettingsError(`context concurrentBatches=${batches}: over 1000 only with batchPollers, as a queue's maximum concurrency is 1000 at most`);
  }
  if (batchPollers && batchPollers.maximumPollers * invocationsOfPoller < batches) {
    throw new SettingsError(`context batchPollers: ${batchPollers.maximumPollers} pollers process ${batchPollers.maximumPollers * invocationsOfPoller} `
      + `batches at once, less than concurrentBatches=${batches}; what is launched would wait for them until its time is over`);
  }
  return { concurrentBatches: batches, batchPollers };
}

/** As many as 2,000 pollers process. */
const maxBatches = 20_000;
const invocationsOfPoller = 10;

function pollers(reader: Reader<Key>): Pollers | undefined {
  const expected = 'the least and the most pollers, such as 20-200: 2 to 200, and 2 to 2000';
  const given = reader.text('batchPollers', /^\d{1,3}-\d{1,4}$/, expected);
  if (given === undefined) return undefined;
  const [minimumPollers = 0, maximumPollers = 0] = given.split('-').map(Number);
  const fits = minimumPollers >= 2 && minimumPollers <= 200 && maximumPollers >= minimumPollers && maximumPollers <= 2000;
  if (!fits) throw new SettingsError(`context batchPollers="${given}": expected ${expected}`);
  return { minimumPollers, maximumPollers };
}

/** Less than the actions of a whole chart would refuse it every day again. */
function dailyLimit(value: unknown): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (String(value).trim() !== '' && Number.isInteger(number) && (number === 0 || (number >= 64 && number <= 1e9))) return number;
  throw new SettingsError(`context actionsPerUserAndDay=${JSON.stringify(value)}: expected 0 for no limit, or 64 to 1000000000`);
}
