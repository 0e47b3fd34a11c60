import { Duration, Names, Stack } from 'aws-cdk-lib';
import { CfnRule, type IEventBus, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { Grant, type IGrantable, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

/** The `source` of every event that the pipeline itself emits. */
export const SOURCE = 'goal-activity';

/** The types of the events that other services emit. */
const REQUESTS = ['GoalActivityRequested', 'GoalActivityCancelRequested', 'GoalActivityRetryRequested'];

export type FinalStatus = 'SUCCEEDED' | 'PARTIALLY_SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/**
 * Lets a service emit requests (`GoalActivityRequested`, `…CancelRequested` and `…RetryRequested`) under its own source name, and
 * nothing else: with another source its requests would be those of another service, with another type they would be events of
 * the pipeline. On the bus of another account (`EventBus.fromEventBusArn`) the pipeline's setting `consumerAccounts` must allow it
 * as well.
 */
export function grantRequests(bus: IEventBus, grantee: IGrantable, source: string): Grant {
  if (source === SOURCE || source.startsWith('aws.')) {
    throw new Error(`${source} is not the source of another service`);
  }
  return Grant.addToPrincipal({
    grantee,
    actions: ['events:PutEvents'],
    resourceArns: [bus.eventBusArn],
    conditions: {
      // One call may contain events of several sources. The condition is also true without a value, so one is required.
      'ForAllValues:StringEquals': { 'events:source': source },
      Null: { 'events:source': 'false' },
      StringEquals: { 'events:detail-type': REQUESTS },
    },
  });
}

export interface SubscriptionProps {
  readonly bus: IEventBus;
  /** The pipeline's account, on a bus of another one: there anybody who may emit could use the pipeline's source. */
  readonly pipelineAccount?: string;
  /** Reads the queue, and reports failures one by one (`ReportBatchItemFailures`). Default: any grantee. */
  readonly handler?: IFunction;
  /** How long handling may take: the handler's timeout. A message stays invisible six times as long. */
  readonly timeout?: Duration;
  /** How often a message is received before it goes to the dead-letter queue. */
  readonly maxReceiveCount?: number;
}

/**
 * A queue that receives events of the pipeline, with a dead-letter queue for events that cannot be delivered or handled.
 * A function also reads from it: a rule that calls a function directly loses events that the function could not handle.
 */
abstract class Subscription extends Construct {
  readonly queue: Queue;
  /** Contains whole events that the rule or the consumer could not deliver or handle. Set an alarm on it. */
  readonly dlq: Queue;

  protected constructor(scope: Construct, id: string, props: SubscriptionProps, detailType: string[], detail: Record<string, unknown>) {
    super(scope, id);
    const timeout = props.timeout ?? Duration.seconds(30);
    this.dlq = new Queue(this, 'Dlq', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    this.queue = new Queue(this, 'Queue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      visibilityTimeout: Duration.seconds(timeout.toSeconds() * 6),
      deadLetterQueue: { queue: this.dlq, maxReceiveCount: props.maxReceiveCount ?? 3 },
    });
    new Rule(this, 'Rule', {
      eventBus: props.bus,
      // A service that may request workflows must not be able to end them.
      eventPattern: {
        source: [SOURCE], detailType, detail: { version: ['1'], ...detail },
        ...(props.pipelineAccount && { account: [props.pipelineAccount] }),
      },
      targets: [new SqsQueue(this.queue, {
        deadLetterQueue: this.dlq,
        maxEventAge: Duration.hours(1),
        retryAttempts: 185,
      })],
    });
    props.handler?.addEventSource(new SqsEventSource(this.queue, { batchSize: 10, reportBatchItemFailures: true }));
  }
}

export interface CompletionSubscriptionProps extends SubscriptionProps {
  /** Only workflows that the service with this source has requested. Default: those of everybody, users included. */
  readonly requestedBy?: string;
  /** Only workflows with these final statuses. Default: all. */
  readonly statuses?: readonly FinalStatus[];
}

/** The ends of workflows. */
export class CompletionSubscription extends Subscription {
  constructor(scope: Construct, id: string, props: CompletionSubscriptionProps) {
    super(scope, id, props, ['WorkflowCompleted'], {
      ...(props.requestedBy && requestOf(props.requestedBy)),
      ...(props.statuses?.length && { status: [...props.statuses] }),
    });
  }
}

export interface AnswerSubscriptionProps extends SubscriptionProps {
  /** The source under which the service emits its requests. */
  readonly requestedBy: string;
  /** Also the progress of its workflows: about one event per batch and second. Default: no. */
  readonly progress?: boolean;
}

/** The answers to the requests of one service, and the ends of its workflows. */
export class AnswerSubscription extends Subscription {
  constructor(scope: Construct, id: string, props: AnswerSubscriptionProps) {
    const progress = props.progress ? ['BatchProgressed'] : [];
    super(scope, id, props, ['GoalActivityAccepted', 'GoalActivityRejected', 'WorkflowCompleted', ...progress], requestOf(props.requestedBy));
  }
}

const requestOf = (source: string) => ({ request: { source: [source] } });

export interface ForwardedEventsProps {
  /** The ARN of the pipeline's bus, which is in another account. */
  readonly pipelineBusArn: string;
  /** A bus of this account, for whose `AnswerSubscription` or `CompletionSubscription` the events are. */
  readonly bus: IEventBus;
  /** Only answers to the requests of the service with this source, and ends of its workflows. Default: ends of all workflows. */
  readonly requestedBy?: string;
}

/**
 * A rule on the pipeline's bus in another account that delivers to a bus of this account. The pipeline's setting
 * `consumerAccounts` must name this account. A rule has no dead-letter queue in another account: what cannot be delivered within
 * EventBridge's 24 hours is lost.
 */
export class ForwardedEvents extends Construct {
  constructor(scope: Construct, id: string, { pipelineBusArn, bus, requestedBy }: ForwardedEventsProps) {
    super(scope, id);
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('events.amazonaws.com') });
    role.addToPolicy(new PolicyStatement({ actions: ['events:PutEvents'], resources: [bus.eventBusArn] }));
    const answers = requestedBy ? ['GoalActivityAccepted', 'GoalActivityRejected'] : [];
    // A Rule of the CDK would name the bus, and so mean one of this account.
    const rule = new CfnRule(this, 'Rule', {
      // The pipeline's bus lets an account make rules with its own account in their names only.
      name: `${Stack.of(this).account}-${Names.uniqueResourceName(this, { maxLength: 50, separator: '-' })}`,
      eventBusName: pipelineBusArn,
      eventPattern: {
        source: [SOURCE],
        'detail-type': [...answers, 'WorkflowCompleted'],
        detail: { version: ['1'], ...(requestedBy && requestOf(requestedBy)) },
      },
      targets: [{ id: 'bus', arn: bus.eventBusArn, roleArn: role.roleArn }],
    });
    rule.node.addDependency(role);
  }
}
