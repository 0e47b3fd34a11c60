import type { Reader } from './context-reader';
import { SettingsError } from './settings-error';

/** What may be requested per second, and at once. */
export interface Throttle {
  readonly rateLimit: number;
  readonly burstLimit: number;
}

/** The service that emits requests from another account. */
export interface ConsumerAccount {
  readonly account: string;
  /** The `source` of its requests. */
  readonly source: string;
}

/** How a deployment moves to new versions bit by bit, by CodeDeploy's names. */
export const gradualDeployments = [
  'canary10percent5minutes', 'canary10percent10minutes', 'canary10percent15minutes', 'canary10percent30minutes',
  'linear10percentevery1minute', 'linear10percentevery2minutes', 'linear10percentevery3minutes', 'linear10percentevery10minutes',
] as const;
/** `in-place` has no versions: functions and state machine are replaced. */
export const deployments = ['in-place', 'all-at-once', ...gradualDeployments] as const;

/** Settings of those who run the pipeline: limits, retention, protection, cost, networks, other accounts. */
export interface OperationSettings {
  /** Requests of all users together: those that cause or stop work, each route, and all. */
  readonly starts: Throttle;
  readonly requests: Throttle;
  /** The reserved concurrency of these functions, which is also their maximum. */
  readonly apiConcurrency?: number;
  readonly projectorConcurrency?: number;
  /** How many invocations of `launch` its queue causes at once. */
  readonly launchConcurrency?: number;
  readonly logRetentionDays: number;
  /** What happens to users' data when its resource leaves the stack; without it lib/variant.ts decides. */
  readonly removalPolicy?: 'retain' | 'destroy';
  /** The ARN of a customer managed key for tables, queues, bucket and logs. */
  readonly kmsKey?: string;
  readonly terminationProtection: boolean;
  readonly deployment: (typeof deployments)[number];
  readonly tags: Readonly<Record<string, string>>;
  /** Daily backups of tables and bucket by AWS Backup. */
  readonly backup: boolean;
  readonly alertEmail?: string;
  /** In US dollars, of the whole account. */
  readonly monthlyBudget?: number;
  /** In US dollars: the AI's estimated cost of a day that pauses launching and raises an alarm. */
  readonly dailyAiCost?: number;
  /** How many requests and tokens the AI takes in a minute: as many are launched. Without them only the batches are counted. */
  readonly aiRequestsPerMinute?: number;
  readonly aiTokensPerMinute?: number;
  /** Whether launching is paused while the AI is down. */
  readonly pauseOnAiFailure: boolean;
  /** The network of the worker. */
  readonly vpc?: { readonly id: string; readonly subnets: string[]; readonly securityGroups: string[] };
  readonly consumerAccounts: ConsumerAccount[];
}

/** The keys of these settings. */
export const operationKeys = {
  startRate: true, startBurst: true, requestRate: true, requestBurst: true,
  apiConcurrency: true, projectorConcurrency: true, launchConcurrency: true,
  logRetentionDays: true, removalPolicy: true, kmsKey: true, terminationProtection: true, deployment: true, tags: true,
  backup: true, alertEmail: true, monthlyBudget: true, dailyAiCost: true, aiRequestsPerMinute: true, aiTokensPerMinute: true,
  pauseOnAiFailure: true,
  vpcId: true, subnets: true, securityGroups: true, consumerAccounts: true,
} as const;

/** As CloudWatch Logs accepts them (PutRetentionPolicy). */
export const retentionDays = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

export function readOperations(read: Reader<keyof typeof operationKeys>): OperationSettings {
  const policy = read.text('removalPolicy', /^(retain|destroy)$/, 'retain or destroy');
  const days = read.integer('logRetentionDays', 1, 3653) ?? 30;
  if (!retentionDays.some((each) => each === days)) {
    throw new SettingsError(`context logRetentionDays=${days}: expected one of ${retentionDays.join(', ')}`);
  }
  // An account's limit is 10,000 a second until it is raised.
  const throttle = (rate: 'startRate' | 'requestRate', burst: 'startBurst' | 'requestBurst', usual: Throttle): Throttle => ({
    rateLimit: read.integer(rate, 1, 100_000) ?? usual.rateLimit,
    burstLimit: read.integer(burst, 1, 100_000) ?? usual.burstLimit,
  });
  return {
    // A start causes up to 64 AI calls, so its limit is low; raise it with the number of users.
    starts: throttle('startRate', 'startBurst', { rateLimit: 10, burstLimit: 20 }),
    requests: throttle('requestRate', 'requestBurst', { rateLimit: 50, burstLimit: 100 }),
    apiConcurrency: read.integer('apiConcurrency', 1, 100_000),
    projectorConcurrency: read.integer('projectorConcurrency', 1, 100_000),
    launchConcurrency: read.integer('launchConcurrency', 2, 1000),
    logRetentionDays: days,
    removalPolicy: policy as OperationSettings['removalPolicy'],
    kmsKey: read.text('kmsKey', keyArn, 'the ARN of a KMS key in the region of the stack'),
    terminationProtection: read.flag('terminationProtection'),
    deployment: read.oneOf('deployment', deployments) ?? 'in-place',
    tags: readTags(read),
    backup: read.flag('backup'),
    alertEmail: read.text('alertEmail', emailAddress, 'an e-mail address'),
    monthlyBudget: read.amount('monthlyBudget'),
    dailyAiCost: read.amount('dailyAiCost', 0.01, 999_999),
    aiRequestsPerMinute: read.integer('aiRequestsPerMinute', 1, 1_000_000_000),
    aiTokensPerMinute: read.integer('aiTokensPerMinute', 1_000, 1_000_000_000_000),
    pauseOnAiFailure: read.flag('pauseOnAiFailure', true),
    vpc: readVpc(read),
    consumerAccounts: readConsumers(read),
  };
}

const emailAddress = /^[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$/;
const keyArn = /^arn:aws[\w-]*:kms:[\w-]+:\d{12}:key\/[\w-]+$/;

/** As AWS accepts them: at most 50 in all, and CloudFormation adds three. */
function readTags(read: Reader<'tags'>): Record<string, string> {
  const shape = 'a JSON object of at most 40 strings such as {"team":"goals"}, no key with aws:';
  const tags = read.object('tags', shape) ?? {};
  const entries = Object.entries(tags);
  const accepted = /^[\p{L}\p{Z}\p{N}_.:/=+@-]*$/u;
  for (const [key, value] of entries) {
    const fits = typeof value === 'string' && key.length >= 1 && key.length <= 128 && value.length <= 256
      && accepted.test(key) && accepted.test(value) && !/^aws:/i.test(key);
    if (!fits) throw read.wrong('tags', shape);
  }
  if (entries.length > 40) throw read.wrong('tags', shape);
  return tags as Record<string, string>;
}

function readVpc(read: Reader<'vpcId' | 'subnets' | 'securityGroups'>): OperationSettings['vpc'] {
  const id = read.text('vpcId', /^vpc-[0-9a-f]{8,17}$/, 'the id of a VPC');
  const subnets = read.list('subnets', (each) => /^subnet-[0-9a-f]{8,17}$/.test(each), 'ids of subnets, comma-separated');
  const securityGroups = read.list('securityGroups', (each) => /^sg-[0-9a-f]{8,17}$/.test(each), 'ids of security groups, comma-separated');
  if (!id && !subnets && !securityGroups) return undefined;
  if (!id || !subnets || !securityGroups) {
    throw new SettingsError('context vpcId, subnets and securityGroups belong together: give all three or none');
  }
  // Lambda's own limits.
  if (subnets.length > 16 || securityGroups.length > 5) {
    throw new SettingsError('context subnets and securityGroups: a function takes at most 16 subnets and 5 security groups');
  }
  return { id, subnets, securityGroups };
}

/** A bus's policy has 10,240 bytes. */
const maxConsumers = 8;

function readConsumers(read: Reader<'consumerAccounts'>): ConsumerAccount[] {
  const shape = '<account>=<source>, comma-separated, as in 111122223333=com.example.planner';
  const found = read.list('consumerAccounts', (each) => /^\d{12}=[\w.\-/]{1,256}$/.test(each), shape) ?? [];
  const consumers = found.map((each) => ({ account: each.slice(0, 12), source: each.slice(13) }));
  for (const { source } of consumers) {
    if (source === 'goal-activity' || source.startsWith('aws.')) throw read.wrong('consumerAccounts', `a source of the service's own, not ${source}`);
  }
  if (found.length > maxConsumers) throw read.wrong('consumerAccounts', `at most ${maxConsumers}: a bus's policy has no room for more`);
  return consumers;
}
