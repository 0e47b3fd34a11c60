import { Duration } from 'aws-cdk-lib';
import { type IEventBus, Rule } from 'aws-cdk-lib/aws-events';
import { SqsQueue } from 'aws-cdk-lib/aws-events-targets';
import { Grant, type IGrantable } from 'aws-cdk-lib/aws-iam';
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
 * the pipeline.
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

export interface CompletionSubscriptionProps {
  readonly bus: IEventBus;
  /** Only workflows that the service with this source has requested. Default: those of everybody, users included. */
  readonly requestedBy?: string;
  /** Only workflows with these final statuses. Default: all. */
  readonly statuses?: readonly FinalStatus[];
  /** Reads the queue, and reports failures one by one (`ReportBatchItemFailures`). Default: any grantee. */
  readonly handler?: IFunction;
  /** How long handling may take: the handler's timeout. A message stays invisible six times as long. */
  readonly timeout?: Duration;
  /** How often a message is received before it goes to the dead-letter queue. */
  readonly maxReceiveCount?: number;
}

/**
 * A queue that receives the ends of workflows, with a dead-letter queue for events that cannot be delivered or handled.
 * A function also reads from it: a rule that calls a function directly loses events that the function could not handle.
 */
export class CompletionSubscription extends Construct {
  readonly queue: Queue;
  /** Contains whole events that the rule or the consumer could not deliver or handle. Set an alarm on it. */
  readonly dlq: Queue;

  constructor(scope: Construct, id: string, props: CompletionSubscriptionProps) {
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
      eventPattern: {
        // A service that may request workflows must not be able to end them.
        source: [SOURCE],
        detailType: ['WorkflowCompleted'],
        detail: {
          version: ['1'],
          ...(props.requestedBy && { request: { source: [props.requestedBy] } }),
          ...(props.statuses?.length && { status: [...props.statuses] }),
        },
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
