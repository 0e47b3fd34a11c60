import * as fs from 'node:fs';
import * as path from 'node:path';
import { Aws, Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import { Rule, Schedule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction as LambdaTarget, SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  type CfnFunction, Code, EventSourceMapping, type EventSourceMappingOptions, Function as LambdaFunction, type IFunction, LayerVersion, Runtime, Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { Archive } from './archive';
import { ALIAS, type Deployment } from './deployment';
import { elfArchitecture } from './elf';
import type { Messaging } from './messaging';
import { type Settings, SettingsError } from './settings';
import type { Variant } from './variant';

/** The properties of every function. */
export interface FunctionContext {
  readonly settings: Settings;
  readonly variant: Variant;
  /** Encrypts what the function reads and writes; missing: AWS's own keys, which need no permission. */
  readonly key?: IKey;
  /** Makes versions and aliases; missing: there are none, and a deployment replaces the function. */
  readonly deployment?: Deployment;
}

interface RustFunctionProps extends FunctionContext {
  readonly name: string;
  readonly description: string;
  readonly timeout: Duration;
  readonly reservedConcurrency?: number;
}

/** The memory of each function, in megabytes. */
export const memoryMegabytes = 256;

/** What Lambda's developer guide requires of a function in a VPC. */
const interfaces = [
  'AssignPrivateIpAddresses', 'CreateNetworkInterface', 'DeleteNetworkInterface', 'DescribeNetworkInterfaces', 'DescribeSubnets',
  'UnassignPrivateIpAddresses',
];

const redriven = {
  id: 'Serverless-LambdaEventSourceMappingDestination',
  reason: 'A destination is for streams: a message that fails stays in its queue, whose own policy decides what becomes of it.',
};

/** All executions of a state machine: an execution has an ARN only once it runs. */
export interface ExecutionArns {
  readonly pattern: string;
  /** The same as checks of the template print it. */
  readonly readable: string;
}

type TableVariable = 'GOALS_TABLE' | 'TASKS_TABLE' | 'EXECUTIONS_TABLE';
type TableAction = 'GetItem' | 'Query' | 'PutItem' | 'UpdateItem' | 'DeleteItem';

/**
 * One of the binaries in `functions/src/bin`. It may only write its log until something is bound to it: a binding is
 * one call that sets the variable of a resource and grants exactly the actions on it.
 */
export class RustFunction extends Construct {
  readonly function: LambdaFunction;
  /** What callers invoke: the alias, or the function if there is none. */
  readonly invoked: IFunction;
  /** The event source mapping of its queue, for a function that reads one. */
  messages?: EventSourceMapping;
  /** The rule of its schedule, for a function that runs periodically. */
  schedule?: Rule;
  private readonly role: Role;

  constructor(scope: Construct, id: string, private readonly props: RustFunctionProps) {
    super(scope, id);
    const logGroup = new LogGroup(this, 'Logs', {
      retention: props.settings.logRetentionDays,
      encryptionKey: props.key,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // A separate role: the one that CDK creates has a managed policy that may write to every log group of the account.
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    this.allow(['logs:CreateLogStream', 'logs:PutLogEvents'], logGroup.logGroupArn);
    this.function = new LambdaFunction(this, 'Function', {
      description: props.description,
      runtime: Runtime.PROVIDED_AL2023,
      architecture: props.variant.architecture,
      handler: 'bootstrap',
      code: Code.fromAsset(functionFolder(props.settings.functionsDir, props.name, props.variant.architecture.name)),
      role: this.role,
      logGroup,
      timeout: props.timeout,
      memorySize: memoryMegabytes,
      reservedConcurrentExecutions: props.reservedConcurrency,
      environment: { LOG_LEVEL: props.settings.logLevel, METRICS_NAMESPACE: props.settings.stackName },
      // Active also allows it to send X-Ray segments, which the emulator's functions never do.
      tracing: props.settings.xray ? Tracing.ACTIVE : undefined,
      // To go back to.
      currentVersionOptions: { removalPolicy: RemovalPolicy.RETAIN },
    });
    this.invoked = props.deployment?.ofFunction(this, this.function) ?? this.function;
    if (props.settings.xray) {
      Validations.of(this.role).acknowledge({
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason: 'Tracing: X-Ray segments have no ARN to name, AWS documents "*" for sending them.',
      });
    } else {
      // Named, so that a function that was traced before is not any more. CDK would grant it the permission, too.
      (this.function.node.defaultChild as CfnFunction).tracingConfig = { mode: 'PassThrough' };
      Validations.of(this.function).acknowledge({ id: 'Serverless-LambdaTracing', reason: 'The setting xray=false.' });
    }
    this.setting('REPAIRED', props.settings.repair);
    Validations.of(this.function).acknowledge({
      id: 'Serverless-LambdaDLQ',
      reason: 'Only for asynchronous invocations, of which there are none but the ticks: queues keep and redrive their messages '
        + 'themselves, the API answers its caller, the state machine retries its call.',
    });
    this.trace(props.settings);
  }

  /** The ARN of what callers invoke, for those that must not wait until an alias has moved to a new version. */
  get invokedArn(): string {
    return this.props.deployment ? `${this.function.functionArn}:${ALIAS}` : this.function.functionArn;
  }

  /** The function's own spans. Without a variable it creates none. */
  private trace({ tracing, tracingPercentage, tracingLayer, tracingEndpoint }: Settings): void {
    if (tracing === 'off') return;
    this.function.addEnvironment('TRACING', tracing);
    if (tracingPercentage !== undefined) {
      // All spans of a workflow or none: the one that accepts it decides.
      this.function.addEnvironment('OTEL_TRACES_SAMPLER', 'parentbased_traceidratio');
      this.function.addEnvironment('OTEL_TRACES_SAMPLER_ARG', String(tracingPercentage / 100));
    }
    if (tracing === 'otlp') this.function.addEnvironment('OTEL_EXPORTER_OTLP_ENDPOINT', tracingEndpoint);
    if (tracingLayer) this.function.addLayers(LayerVersion.fromLayerVersionArn(this, 'Collector', tracingLayer));
  }

  useTable(variable: TableVariable, table: ITable, ...actions: TableAction[]): this {
    this.function.addEnvironment(variable, table.tableName);
    // What DynamoDB's developer guide requires of a caller, without wildcards: a reader only decrypts.
    const writes = actions.some((action) => action !== 'GetItem' && action !== 'Query');
    this.useKey('dynamodb', 'Decrypt', 'DescribeKey', ...(writes ? ['Encrypt', 'GenerateDataKey', 'ReEncryptFrom', 'ReEncryptTo'] : []));
    return this.allow(actions.map((action) => `dynamodb:${action}`), table.tableArn);
  }

  /** Lists the rows of an index of the table; with `Scan` also all of them. */
  queryIndex(table: ITable, index: string, ...more: 'Scan'[]): this {
    return this.allow(['Query', ...more].map((action) => `dynamodb:${action}`), `${table.tableArn}/index/${index}`);
  }

  useArchive(archive: Archive, action: 'GetObject' | 'PutObject'): this {
    this.function.addEnvironment('ARCHIVE_BUCKET', archive.bucket.bucketName);
    Validations.of(this.role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${archive.readable}]`,
      reason: 'The records of ended workflows, one object each: none of them exists when the stack is deployed.',
    });
    this.useKey('s3', 'Decrypt', ...(action === 'PutObject' ? ['GenerateDataKey'] : []));
    return this.allow([`s3:${action}`], archive.records);
  }

  /** Under the pipeline's own source, too. */
  publishTo(messaging: Messaging): this {
    this.function.addEnvironment('EVENT_BUS', messaging.bus.eventBusName);
    messaging.addPublisher(this.role);
    return this.allow(['events:PutEvents'], messaging.bus.eventBusArn);
  }

  /** Notifies the operators, with links to their guide. */
  alert(topic: ITopic, guide: string): this {
    this.function.addEnvironment('ALERT_TOPIC_ARN', topic.topicArn);
    this.function.addEnvironment('OPERATIONS_GUIDE', guide);
    if (topic.masterKey) this.allow(['kms:Decrypt', 'kms:GenerateDataKey'], topic.masterKey.keyArn);
    return this.allow(['sns:Publish'], topic.topicArn);
  }

  /** Without an action the function only derives execution ARNs from the state machine's. */
  useStateMachine(stateMachine: IStateMachine, ...actions: 'StartExecution'[]): this {
    this.function.addEnvironment('STATE_MACHINE_ARN', stateMachine.stateMachineArn);
    return this.allow(actions.map((action) => `states:${action}`), stateMachine.stateMachineArn);
  }

  useExecutions(executions: ExecutionArns, ...actions: ('StopExecution' | 'DescribeExecution')[]): this {
    Validations.of(this.role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${executions.readable}]`,
      reason: 'The executions of one state machine: none of them exists when the stack is deployed.',
    });
    return this.allow(actions.map((action) => `states:${action}`), executions.pattern);
  }

  /** Answers the task tokens in its messages, and sends their heartbeats; it needs no ARN for that. */
  answerTasksOf(stateMachine: IStateMachine): this {
    return this.allow(['states:SendTaskSuccess', 'states:SendTaskHeartbeat'], stateMachine.stateMachineArn);
  }

  /**
   * Runs periodically: at each tick, and once more when the queue releases the tick's delayed copy. Unlike an event, a
   * tick needs no queue: when one is lost the next follows within a minute.
   */
  every(rate: Duration, copies: IQueue): this {
    const schedule = this.schedule = new Rule(this, 'Schedule', {
      schedule: Schedule.rate(rate),
      targets: [
        new LambdaTarget(this.invoked, { retryAttempts: 0, maxEventAge: rate }),
        new SqsQueue(copies, { retryAttempts: 0, maxEventAge: rate }),
      ],
    });
    // Of an asynchronous invocation that failed: the next tick follows sooner than Lambda's own second attempt.
    this.invoked.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: rate });
    const reason = 'A tick says nothing and is worth nothing after a minute, when the next one comes; the alarm ReconcilerSilent '
      + 'notices when none arrives.';
    Validations.of(schedule).acknowledge({ id: 'Serverless-EventBusDLQ', reason });
    Validations.of(this.invoked).acknowledge({ id: 'Serverless-LambdaAsyncFailureDestination', reason });
    this.useKey('sqs', 'Decrypt');
    this.allow(['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'], copies.queueArn);
    // One run does the work of all queued ticks.
    this.readFrom('Copies', copies, { batchSize: 10 });
    return this;
  }

  /**
   * Failed messages return to the queue one by one, never their whole batch. The function itself sets when: the queue's
   * visibility timeout is for crashes.
   */
  consume(queue: IQueue, source: Pick<EventSourceMappingOptions, 'batchSize' | 'maxBatchingWindow' | 'maxConcurrency' | 'provisionedPollerConfig'>): this {
    this.function.addEnvironment('QUEUE_URL', queue.queueUrl);
    this.useKey('sqs', 'Decrypt');
    this.allow(
      ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ChangeMessageVisibility'],
      queue.queueArn,
    );
    this.messages = this.readFrom('Messages', queue, { ...source, reportBatchItemFailures: true });
    return this;
  }

  /** The mapping is the function's, whatever it invokes: another one would read beside it while a deployment replaces it. */
  private readFrom(id: string, queue: IQueue, options: EventSourceMappingOptions): EventSourceMapping {
    const mapping = new EventSourceMapping(this.function, id, { ...options, target: this.invoked, eventSourceArn: queue.queueArn });
    Validations.of(mapping).acknowledge(redriven);
    return mapping;
  }

  /**
   * Attaches the function to a network. Lambda creates its network interfaces with the function's role, but the function's
   * own code may not.
   */
  attachTo({ subnets, securityGroups }: NonNullable<Settings['vpc']>): this {
    const { partition, region, account } = Stack.of(this);
    (this.function.node.defaultChild as CfnFunction).vpcConfig = { subnetIds: subnets, securityGroupIds: securityGroups };
    // Without resources: AWS documents "*" for the two that only describe, and Lambda checks the others against it.
    this.allow(interfaces.map((action) => `ec2:${action}`), '*');
    this.role.addToPolicy(new PolicyStatement({
      effect: Effect.DENY,
      actions: [...interfaces, 'DetachNetworkInterface'].map((action) => `ec2:${action}`),
      resources: ['*'],
      // Of code, not of Lambda itself. No other function has this role, and this one's ARN would be a cycle: it waits for the
      // permissions of its role.
      conditions: { ArnLike: { 'lambda:SourceFunctionArn': `arn:${partition}:lambda:${region}:${account}:function:*` } },
    }));
    return this;
  }

  /** A customer managed key, through this service only. */
  private useKey(service: 'dynamodb' | 's3' | 'sqs', ...actions: string[]): void {
    if (!this.props.key) return;
    this.allow(actions.map((action) => `kms:${action}`), this.props.key.keyArn, {
      StringEquals: { 'kms:ViaService': `${service}.${Aws.REGION}.${Aws.URL_SUFFIX}` },
    });
  }

  /** A variable that does not come from a resource of the stack. Without a value the function's own default applies. */
  setting(variable: string, value: string | undefined): this {
    if (value !== undefined) this.function.addEnvironment(variable, value);
    return this;
  }

  /** For targets that are not resources of the stack; for those, prefer a specific binding. */
  allow(actions: string[], resource: string, conditions?: Record<string, Record<string, string>>): this {
    if (actions.length > 0) this.role.addToPolicy(new PolicyStatement({ actions, resources: [resource], conditions }));
    return this;
  }
}

/** The folder of a built function, which must be for that architecture. */
export function functionFolder(functionsDir: string, name: string, architecture: string): string {
  const folder = path.join(functionsDir, name);
  const bootstrap = path.join(folder, 'bootstrap');
  if (!fs.existsSync(bootstrap)) {
    throw new SettingsError(`no ${bootstrap}: build the functions first, or say where they are with -c functionsDir=...`);
  }
  // Lambda would accept it, and fail with every invocation.
  const built = elfArchitecture(bootstrap);
  if (built && built !== architecture) {
    throw new SettingsError(`${bootstrap} is for ${built}, not for ${architecture}: set -c architecture=... as the functions were built`);
  }
  return folder;
}
