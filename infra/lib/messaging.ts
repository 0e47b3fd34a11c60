import { Duration, Lazy, Stack, Validations } from 'aws-cdk-lib';
import { EventBus, type EventPattern, type IEventBus, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { AccountPrincipal, AnyPrincipal, Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type IQueue, Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { ConsumerAccount } from './operation-settings';
import type { Settings } from './settings';
import type { Variant } from './variant';

/** The `source` of every event that the pipeline itself emits. */
const PIPELINE = 'goal-activity';

/** The types of the events that other services emit. */
const REQUESTS = ['GoalActivityRequested', 'GoalActivityCancelRequested', 'GoalActivityRetryRequested'];

/** A queue and its dead-letter queue for messages that cannot be handled. */
export interface QueuePair {
  readonly queue: IQueue;
  readonly dlq: IQueue;
}

/**
 * How often a message is received before it is a dead letter. Functions increase the time between two receives from 5 s
 * to 5 minutes (batches: to 1 minute), so ten of them outlast an outage of a dependency of 20 minutes (batches: 6). A
 * malformed message returns at once every time, and is a dead letter within seconds.
 */
const maxReceiveCount = 10;

/**
 * The custom bus, the queues and the rules between them. Rules never call a function: a queue buffers, retries and
 * can be redriven.
 */
export class Messaging extends Construct {
  readonly bus: EventBus;
  readonly launch: QueuePair;
  readonly batch: QueuePair;
  readonly projection: QueuePair;
  /** Events that a rule could not deliver to its queue. */
  readonly undelivered: IQueue;
  /** The reconciler's ticks, half a minute later: a schedule cannot be finer than a minute. */
  readonly ticks: IQueue;
  /** The rules, by what they deliver. */
  readonly rules: Record<string, Rule> = {};
  /** The roles that may publish under the pipeline's own source. */
  private readonly publishers: IRole[] = [];
  private readonly admitted = new Set<string>();

  constructor(scope: Construct, id: string, private readonly props: { settings: Settings; variant: Variant; key?: IKey }) {
    super(scope, id);
    this.bus = new EventBus(this, 'Bus', { eventBusName: props.settings.stackName });
    if (props.variant.busPolicy) {
      this.reserveSource();
      for (const consumer of props.settings.consumerAccounts) this.admit(consumer);
    }

    // Six times the function's 30 s, as Lambda advises: room for retries of a throttled invocation.
    this.launch = this.queuePair('Launch', { visibility: Duration.seconds(180) });
    // One worker runs at most 300 s, and a batch lives no longer: 6 x 300 s would only delay the second attempt past
    // the batch's end. 30 s on top, so that a message never returns while its worker may still be running. A batch that
    // no worker received within the hour is long lost to its workflow (900 s); keeping it would waste a worker. A message is
    // hidden from when it is received, and the batching window passes before its worker begins.
    const window = props.settings.workerBatchWindowSeconds;
    this.batch = this.queuePair('Batch', { visibility: Duration.seconds(330 + window), retention: Duration.hours(1) });
    this.projection = this.queuePair('Projection', { visibility: Duration.seconds(360) });

    this.undelivered = this.deadLetterQueue('Undelivered');
    Validations.of(this.undelivered).acknowledge(...['AwsSolutions-SQS3', 'Serverless-SQSRedrivePolicy'].map((id) => ({
      id,
      reason: 'This is a dead-letter queue: the one of the rules, which the check cannot see as it looks at queues only.',
    })));

    this.ticks = new Queue(this, 'Ticks', {
      ...this.protection(),
      deliveryDelay: Duration.seconds(30),
      // The reconciler's timeout. A tick that failed is too old to be retried.
      visibilityTimeout: Duration.seconds(60),
      retentionPeriod: Duration.seconds(60),
    });
    Validations.of(this.ticks).acknowledge(...['AwsSolutions-SQS3', 'Serverless-SQSRedrivePolicy'].map((id) => ({
      id,
      reason: 'A tick says nothing and is worth nothing after a minute, when the next one comes: it is not kept.',
    })));

    // Of any source: any service may request workflows, and the bus decides who may put events on it.
    this.route('GoalActivityRequested', this.bus, {
      detailType: REQUESTS,
    }, this.launch);
    // An end releases capacity for waiting workflows. Only of the pipeline's source: a forged end must not release any.
    this.route('WorkflowCompleted', this.bus, { source: [PIPELINE], detailType: ['WorkflowCompleted'] }, this.launch);
    // The same: a forged event must not be shown as progress.
    this.route('BatchProgressed', this.bus, { source: [PIPELINE], detailType: ['BatchProgressed'] }, this.projection);
  }

  /** Lets a function publish under the pipeline's source, which is denied to all other principals. */
  addPublisher(role: IRole): void {
    this.publishers.push(role);
  }

  /** Step Functions reports every change of status on the default bus, aborts and timeouts included. */
  projectStatusOf({ stateMachineArn }: IStateMachine, alias?: string): void {
    // AWS documents the alias that started an execution as a field beside this one. Its form in this one is matched as well: if
    // AWS should send it, ends would be noticed late otherwise, by the reconciler.
    const qualified = alias === undefined ? [] : [{ prefix: `${stateMachineArn}:` }];
    this.route('ExecutionStatusChanged', undefined, {
      source: ['aws.states'],
      detailType: ['Step Functions Execution Status Change'],
      detail: { stateMachineArn: [stateMachineArn, ...qualified] },
    }, this.projection);
  }

  get deadLetterQueues(): Record<string, IQueue> {
    return {
      Launch: this.launch.dlq,
      Batch: this.batch.dlq,
      Projection: this.projection.dlq,
      Undelivered: this.undelivered,
    };
  }

  /**
   * Rules and subscribers know the pipeline's events by their source. An administrator's `events:PutEvents` on `*`
   * would allow that source, too; a denial in the policy of the bus overrides any permission in the same account.
   */
  private reserveSource(): void {
    this.bus.addToResourcePolicy(new PolicyStatement({
      sid: 'OnlyThePipelineSpeaksAsItself',
      effect: Effect.DENY,
      principals: [new AnyPrincipal()],
      actions: ['events:PutEvents'],
      resources: [this.bus.eventBusArn],
      conditions: {
        // One call may contain events of several sources: one with the pipeline's source among them is enough.
        'ForAnyValue:StringEquals': { 'events:source': PIPELINE },
        // For an assumed role this is the role's ARN. A caller without one, such as a service, is denied as well.
        ArnNotEquals: {
          'aws:PrincipalArn': Lazy.list({ produce: () => this.publishers.map(({ roleArn }) => roleArn) }),
        },
      },
    }));
  }

  /**
   * Lets a service of another account emit requests under its source, and make rules for the pipeline's events, as in
   * EventBridge's examples "Send events to a custom bus in a different account" and "restrict updates". A rule is less than
   * it seems: the bus's owner sees it, and it can only match. The alternative, rules of this stack that deliver to the other
   * account's bus, would need its ARN here, and a deployment of the pipeline for each change of what it wants to receive.
   */
  private admit({ account, source }: ConsumerAccount): void {
    const { partition, region, account: own } = Stack.of(this);
    const principals = [new AccountPrincipal(account)];
    const name = sid(`${account}${source}`);
    this.bus.addToResourcePolicy(new PolicyStatement({
      sid: `Requests${name}`,
      principals,
      actions: ['events:PutEvents'],
      resources: [this.bus.eventBusArn],
      conditions: {
        // One call may contain events of several sources. The condition is also true without a value, so one is required.
        'ForAllValues:StringEquals': { 'events:source': source },
        Null: { 'events:source': 'false' },
        StringEquals: { 'events:detail-type': REQUESTS },
      },
    }));
    if (!this.admitted.has(account)) {
      this.admitted.add(account);
      // Its rules have its account in their names: never one of this stack, whoever is recorded as its creator.
      const rules = [`arn:${partition}:events:${region}:${own}:rule/${this.bus.eventBusName}/${account}-*`];
      this.bus.addToResourcePolicy(new PolicyStatement({
        sid: `NewRules${account}`,
        principals,
        actions: ['events:PutRule'],
        resources: rules,
        conditions: {
          // A pattern without a source would also match what other services request.
          StringEquals: { 'events:source': PIPELINE },
          Null: { 'events:source': 'false' },
          // A new rule has no creator yet.
          StringEqualsIfExists: { 'events:creatorAccount': account },
        },
      }));
      this.bus.addToResourcePolicy(new PolicyStatement({
        sid: `OwnRules${account}`,
        principals,
        actions: ['DeleteRule', 'DescribeRule', 'DisableRule', 'EnableRule', 'ListTargetsByRule', 'PutTargets', 'RemoveTargets']
          .map((action) => `events:${action}`),
        resources: rules,
        conditions: { StringEquals: { 'events:creatorAccount': account } },
      }));
    }
  }

  private protection(): Pick<QueueProps, 'encryption' | 'encryptionMasterKey' | 'enforceSSL'> {
    const { key } = this.props;
    return key
      ? { encryption: QueueEncryption.KMS, encryptionMasterKey: key, enforceSSL: true }
      : { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };
  }

  private route(id: string, eventBus: IEventBus | undefined, eventPattern: EventPattern, to: QueuePair): void {
    this.rules[id] = new Rule(this, id, {
      eventBus,
      eventPattern,
      targets: [new SqsQueue(to.queue, {
        deadLetterQueue: this.undelivered,
        // SQS refuses for an hour only when something is broken; better an alarm and the dead-letter queue than a day late.
        maxEventAge: Duration.hours(1),
        retryAttempts: 185,
      })],
    });
  }

  private queuePair(id: string, props: { visibility: Duration; retention?: Duration }): QueuePair {
    const dlq = this.deadLetterQueue(`${id}Dlq`);
    Validations.of(dlq).acknowledge({
      id: 'Serverless-SQSRedrivePolicy',
      reason: 'This is the dead-letter queue itself. Its messages wait for an operator, and nothing receives them before.',
    });
    const queue = new Queue(this, `${id}Queue`, {
      ...this.protection(),
      visibilityTimeout: props.visibility,
      retentionPeriod: props.retention ?? Duration.days(4),
      deadLetterQueue: { queue: dlq, maxReceiveCount },
    });
    return { queue, dlq };
  }

  /** 14 days, the maximum: a message's age counts from its first queue. */
  private deadLetterQueue(id: string): Queue {
    return new Queue(this, id, {
      ...this.protection(),
      retentionPeriod: Duration.days(14),
    });
  }
}

/** A statement's id has letters and digits only. */
const sid = (text: string): string => text.replace(/[^A-Za-z0-9]/g, '');
