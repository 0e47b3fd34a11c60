import { Duration } from 'aws-cdk-lib';
import type { ITable } from 'aws-cdk-lib/aws-dynamodb';
import type { IHttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import {
  Alarm, type AlarmBase, AlarmRule, AlarmState, ComparisonOperator, CompositeAlarm, type IMetric, Stats, TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { StateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { OwnMetrics } from './metrics';
import type { Settings } from './settings';
import type { Variant } from './variant';

/** Everything that is monitored. */
export interface Watched {
  readonly http: IHttpApi;
  readonly stateMachine: StateMachine;
  readonly functions: Record<'Api' | 'Launch' | 'Worker' | 'Finalize' | 'Projector' | 'Reconcile', IFunction>;
  readonly queues: Record<'Launch' | 'Batch' | 'Projection', IQueue>;
  readonly tables: Record<'Goals' | 'Tasks' | 'WorkflowExecutions', ITable>;
  readonly deadLetterQueues: Record<string, IQueue>;
}

interface AlarmsProps extends Watched {
  readonly settings: Settings;
  readonly variant: Variant;
  readonly alerts: ITopic;
}

/** An alarm: its condition, and its message. */
interface Rule {
  /** What has happened, in a sentence for the operator on call. */
  readonly says: string;
  /** The first steps, for an operator who has only this text at hand. */
  readonly first: string;
  /** The section of the operations guide with the actions to take. */
  readonly section: string;
  readonly metric: IMetric;
  /** It is raised when the metric is greater than this, or less than `below`. */
  readonly above?: number;
  readonly below?: number;
  /** For how many periods, and in how many of them; default: one. */
  readonly of?: { readonly periods: number; readonly raised: number };
  /** How a period without data is treated. */
  readonly missing: TreatMissingData;
  /** Also send OK: where that is information, and does not merely mean that nothing more has happened. */
  readonly tellRecovery?: boolean;
}

/** The numbers that the guide and the dashboard also contain. */
export const limits = {
  failureRate: 0.1,
  aiErrorRate: 0.2,
  fallbackShare: 0.2,
  apiErrorRate: 0.05,
  duration: Duration.minutes(10),
  /** Far longer than workflows take: the capacity is too small for the load. */
  waiting: Duration.minutes(30),
  /** A batch's lifetime: one that waits longer is lost to its workflow. */
  batchAge: Duration.seconds(300),
  /** Ten times what progress is promised within: its messages are handled at once, unless something is wrong. */
  messageAge: Duration.minutes(5),
};

const once = { periods: 1, raised: 1 };
const lasting = { periods: 3, raised: 2 };
const inFiveMinutes = { statistic: Stats.SUM, period: Duration.minutes(5) };

/** Alarms of what users notice: work that fails, is late, or is not accepted. */
const usersNotice = [
  'FailureRate', 'TimedOut', 'Slow', 'Waiting', 'ApiErrorRate', 'ApiThrottles', 'LaunchesWait', 'BatchesWait', 'ProjectionsWait',
];

/**
 * The alarms that roll a deployment back: those that new code raises within the minutes of a shift, and that fall again by
 * themselves, as one that is raised lets no deployment begin. At most 10, CodeDeploy's limit. docs/OPERATIONS.md says why no others.
 */
export const rollbackAlarms = [
  ...['Api', 'Launch', 'Worker', 'Finalize', 'Projector', 'Reconcile'].map((name) => `${name}Errors`), 'ApiErrorRate', 'FailureRate',
];

/** The subject of an alarm's e-mail. */
export const alarmName = (stackName: string, name: string): string => `${stackName}-${name}`;

/** The alarms. Each publishes to the topic, and links to a section of the operations guide. */
export class Alarms extends Construct {
  readonly all: AlarmBase[] = [];
  private readonly named: Record<string, Alarm> = {};
  private readonly own: OwnMetrics;

  constructor(scope: Construct, id: string, private readonly props: AlarmsProps) {
    super(scope, id);
    this.own = new OwnMetrics(props.settings.stackName);
    this.workflows();
    this.queues();
    this.functions();
    this.tables();
    this.platform();
    if (props.variant.compositeAlarms) this.usersAffected();
  }

  private workflows(): void {
    this.add('FailureRate', {
      says: 'More than 10 % of the workflows that ended within 5 minutes failed or timed out.',
      first: 'Look at "Why actions fail" on the dashboard. AI_...: check the quota, status and key of the AI; if it '
        + 'lasts, goalctl pause. NOT_PROCESSED, BATCH_DEADLINE: check the function worker. Since a deployment: '
        + 'deploy the version before.',
      section: 'failure-rate',
      metric: this.own.of('WorkflowFailed', { statistic: Stats.AVERAGE, period: Duration.minutes(5) }),
      above: limits.failureRate,
      // No workflow has ended, so none has failed.
      missing: TreatMissingData.NOT_BREACHING,
      tellRecovery: true,
    });
    this.add('TimedOut', {
      says: 'A workflow did not end by itself within 900 s.',
      first: 'goalctl status <ARN of the notice> shows which batch is missing. None was started: check the errors and '
        + 'dead letters of launch. What was saved stays; goalctl retry does the rest.',
      section: 'a-workflow-timed-out',
      metric: this.own.of('WorkflowTimedOut', inFiveMinutes),
      above: 0,
      // No workflow has ended.
      missing: TreatMissingData.NOT_BREACHING,
    });
    this.add('Slow', {
      says: 'A workflow took more than 10 minutes from its launch to its end.',
      first: 'See on the dashboard whether batches wait (function throttles, a disabled mapping) or work (a slow AI).',
      section: 'slow-workflows',
      metric: this.own.of('WorkflowDuration', { statistic: Stats.MAXIMUM, period: Duration.minutes(5) }),
      above: limits.duration.toMilliseconds(),
      // No workflow has ended. Another alarm covers one that never ends.
      missing: TreatMissingData.NOT_BREACHING,
    });
    this.add('Waiting', {
      says: 'The workflow whose turn is next has waited for more than 30 minutes: more is asked for than can be worked on.',
      first: 'goalctl waiting shows who holds the capacity, and whether launching is paused (goalctl resume). Free '
        + 'capacity: check the errors of launch. None free: raise the quota of the AI, then concurrentBatches.',
      section: 'workflows-wait',
      metric: this.own.of('OldestWaiting', { statistic: Stats.MAXIMUM, period: Duration.minutes(5) }),
      above: limits.waiting.toMilliseconds(),
      of: lasting,
      // The reconciler has not checked: covered by another alarm.
      missing: TreatMissingData.NOT_BREACHING,
      tellRecovery: true,
    });
    this.add('PausedItself', {
      says: 'The pipeline has paused launching itself: the AI is down, or the amount that it may cost in a day is spent.',
      first: 'goalctl waiting says which. The AI is down: its status page, and goalctl ai check; launching goes on by itself when it '
        + 'answers. The amount is spent: launching goes on at midnight UTC, or with goalctl resume.',
      section: 'the-pipeline-has-paused-itself',
      metric: this.own.of('PausedItself', { statistic: Stats.MAXIMUM, period: Duration.minutes(1) }),
      above: 0,
      // The reconciler has not checked: covered by another alarm.
      missing: TreatMissingData.NOT_BREACHING,
      tellRecovery: true,
    });
    this.add('AiErrorRate', {
      says: 'More than 20 % of the calls of the AI gave nothing usable, for 10 of 15 minutes.',
      first: '"AI: errors" on the dashboard, and goalctl ai check. AI_THROTTLED: raise the quota or lower '
        + 'concurrentBatches. AI_TIMEOUT, AI_UNAVAILABLE: the status page of the provider. AI_REJECTED: key, model, '
        + 'access. If it lasts: goalctl pause --reason ...; requests wait, nothing is lost.',
      section: 'ai-error-rate',
      metric: this.own.of('AiCallFailed', { statistic: Stats.AVERAGE, period: Duration.minutes(5) }),
      above: limits.aiErrorRate,
      // One failed call in a quiet hour is 100 %, and its second attempt may succeed.
      of: lasting,
      // There were no calls of the AI.
      missing: TreatMissingData.NOT_BREACHING,
      tellRecovery: true,
    });
    const { dailyAiCost } = this.props.settings;
    if (dailyAiCost) {
      this.add('AiCost', {
        says: `The AI has cost more than ${dailyAiCost} US dollars within 24 hours, as far as its prices are known.`,
        first: 'Look at "AI: tokens and cost" and "Actions" on the dashboard: more work, more tokens, or more '
          + 'attempts? goalctl find shows who starts it. To stop it: goalctl pause --reason ...',
        section: 'ai-cost',
        metric: this.own.of('AiCost', { statistic: Stats.SUM, period: Duration.days(1) }),
        above: dailyAiCost,
        // There were no calls of the AI, or its prices are unknown.
        missing: TreatMissingData.NOT_BREACHING,
        tellRecovery: true,
      });
    }
    if (this.props.settings.fallback) {
      this.add('AiFallbackInUse', {
        says: 'More than 20 % of the calls of an AI went to the fallback, for 10 of 15 minutes: the first one refuses or is out.',
        first: 'goalctl ai check shows why the first AI fails. When it works again nothing has to be done.',
        section: 'the-fallback-is-in-use',
        metric: this.own.of('AiFallbackUsed', { statistic: Stats.AVERAGE, period: Duration.minutes(5) }),
        above: limits.fallbackShare,
        of: lasting,
        // There were no calls of an AI.
        missing: TreatMissingData.NOT_BREACHING,
        tellRecovery: true,
      });
    }
    this.add('ReconcilerSilent', {
      says: 'The reconciler has not come to the end of a run for 5 minutes: lost events are not made good.',
      first: 'Is the rule of its schedule enabled (goalctl doctor)? Does the log of reconcile show errors? Run it '
        + 'once: aws lambda invoke of the output ReconcileFunctionName.',
      section: 'the-reconciler-is-silent',
      metric: this.own.of('ReconcilerRuns', { statistic: Stats.SUM, period: Duration.minutes(1) }),
      below: 1,
      of: { periods: 5, raised: 5 },
      // It runs twice a minute: missing data is the condition to detect.
      missing: TreatMissingData.BREACHING,
      tellRecovery: true,
    });
    this.add('ReconcilerFailing', {
      says: 'The reconciler could not look at or not repair some workflows, for 10 of 15 minutes.',
      first: 'The log of reconcile has a line for each workflow, with the reason. The same for many: a service or a '
        + 'permission. The repair is retried twice a minute.',
      section: 'the-reconciler-fails',
      metric: this.own.of('ReconcilerFailures', inFiveMinutes),
      above: 0,
      // A transient failure is retried half a minute later.
      of: lasting,
      // It has not completed a run: covered by another alarm.
      missing: TreatMissingData.NOT_BREACHING,
      tellRecovery: true,
    });
  }

  private queues(): void {
    for (const [name, queue] of Object.entries(this.props.deadLetterQueues)) {
      this.add(`${name}DeadLetters`, {
        says: `${name}: there are messages in the dead-letter queue. Find out why, then retry or drop them.`,
        first: 'goalctl dlq list, then goalctl dlq show. When the cause is gone: goalctl dlq retry. Nothing waits for '
          + 'it: messages stay for 14 days.',
        section: 'dead-letters',
        metric: queue.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(1), statistic: Stats.MAXIMUM }),
        above: 0,
        // An empty, unused queue stops reporting after a while.
        missing: TreatMissingData.NOT_BREACHING,
        tellRecovery: true,
      });
    }
    const { Launch, Batch, Projection } = this.props.queues;
    this.add('LaunchesWait', {
      says: 'A request is older than 5 minutes: launch does not keep up, or fails for it again and again.',
      first: 'Check the errors and throttles of launch, then its log; goalctl doctor shows a disabled rule or mapping.',
      section: 'launches-wait',
      metric: Launch.metricApproximateAgeOfOldestMessage({ period: Duration.minutes(1), statistic: Stats.MAXIMUM }),
      above: limits.messageAge.toSeconds(),
      // An empty, unused queue stops reporting after a while.
      missing: TreatMissingData.NOT_BREACHING,
      tellRecovery: true,
    });
    this.add('ProjectionsWait', {
      says: 'A report of progress or of an end is older than 5 minutes: what users see of their workflows is late.',
      first: 'Check the errors and throttles of projector, then its log; goalctl doctor shows a disabled rule or '
        + 'mapping. The reconciler publishes ends meanwhile.',
      section: 'projections-wait',
      metric: Projection.metricApproximateAgeOfOldestMessage({ period: Duration.minutes(1), statistic: Stats.MAXIMUM }),
      above: limits.messageAge.toSeconds(),
      // An empty, unused queue stops reporting after a while.
      missing: TreatMissingData.NOT_BREACHING,
      tellRecovery: true,
    });
    this.add('BatchesWait', {
      says: 'A batch is older than 300 s, longer than its workflow waits for it: the workers do not keep up.',
      first: 'Check the throttles and errors of worker; goalctl doctor shows a disabled mapping. Actions that were '
        + 'lost can be retried.',
      section: 'batches-wait',
      metric: Batch.metricApproximateAgeOfOldestMessage({
        period: Duration.minutes(1), statistic: Stats.MAXIMUM,
      }),
      // The age keeps increasing while a worker has the message, and a worker may take all of the batch's time.
      above: limits.batchAge.toSeconds(),
      // An empty, unused queue stops reporting after a while.
      missing: TreatMissingData.NOT_BREACHING,
      tellRecovery: true,
    });
  }

  private functions(): void {
    for (const [name, each] of Object.entries(this.props.functions)) {
      this.add(`${name}Errors`, {
        says: `${name}: the function crashed, ran out of time or memory, or could not start.`,
        first: 'Search its log for "Task timed out", "panicked" and "Runtime.". Since a deployment: deploy the version '
          + 'before. The work is repeated by itself.',
        section: 'function-errors',
        metric: each.metricErrors(inFiveMinutes),
        // Failed messages are returned one by one and are not errors of the function, so there should be none.
        above: 0,
        // It was not invoked. For reconcile, ReconcilerSilent covers that.
        missing: TreatMissingData.NOT_BREACHING,
      });
    }
    for (const [name, each] of Object.entries(this.props.functions)) {
      this.add(`${name}Throttles`, {
        says: `${name}: invocations were throttled in 3 of 5 minutes. What it should handle waits.`,
        first: 'See what else uses the concurrency of the account. Raise that quota, or lower concurrentBatches.',
        section: 'function-throttles',
        metric: each.metricThrottles({ statistic: Stats.SUM, period: Duration.minutes(1) }),
        above: 0,
        // Lambda throttles briefly when it scales up.
        of: { periods: 5, raised: 3 },
        // It was not invoked, hence not throttled either: Lambda reports refused invocations as well.
        missing: TreatMissingData.NOT_BREACHING,
        tellRecovery: true,
      });
    }
    // Lambda detects loops through queues, so only functions that read one can be in one.
    const { Launch, Worker, Projector, Reconcile } = this.props.functions;
    for (const [name, each] of Object.entries({ Launch, Worker, Projector, Reconcile })) {
      this.add(`${name}Recursion`, {
        says: `${name}: Lambda has stopped a loop of invocations, and dropped the message that was in it.`,
        first: 'See what was connected at that time: rules on the bus, triggers of the function, subscriptions of the '
          + 'topic. Disconnect it.',
        section: 'recursion',
        metric: each.metric('RecursiveInvocationsDropped', inFiveMinutes),
        above: 0,
        // Lambda reports it only when it happens.
        missing: TreatMissingData.NOT_BREACHING,
      });
    }
  }

  /** One alarm for each metric: one on a sum of six costs as much, and does not say which table. */
  private tables(): void {
    for (const [name, table] of Object.entries(this.props.tables)) {
      for (const [kind, metricName] of [['Reads', 'ReadThrottleEvents'], ['Writes', 'WriteThrottleEvents']] as const) {
        this.add(`${name}${kind}Throttled`, {
          says: `${name}: DynamoDB refused ${kind.toLowerCase()} in 3 of 5 minutes: a partition, or the table, is at its limit.`,
          first: 'It adapts within minutes. If it lasts: lower concurrentBatches; switch on Contributor Insights of the '
            + 'table to see the keys.',
          section: 'dynamodb-throttles',
          metric: table.metric(metricName, { statistic: Stats.SUM, period: Duration.minutes(1) }),
          above: 0,
          // The SDK retries, and DynamoDB adapts to a peak within minutes.
          of: { periods: 5, raised: 3 },
          // DynamoDB reports it only when it happens.
          missing: TreatMissingData.NOT_BREACHING,
          tellRecovery: true,
        });
      }
    }
  }

  private platform(): void {
    this.add('StatesThrottled', {
      says: 'Step Functions delays the steps of workflows: the account\'s quota of state transitions is used up.',
      first: 'Workflows are slower and do not fail. See what else uses the state transitions of the account; raise the '
        + 'quota.',
      section: 'states-throttled',
      metric: this.props.stateMachine.metricThrottled(inFiveMinutes),
      above: 0,
      // Nothing runs.
      missing: TreatMissingData.NOT_BREACHING,
    });
    this.add('ApiErrorRate', {
      says: 'More than 5 % of the API\'s answers were 5xx, for 10 of 15 minutes.',
      first: 'See route and status in the access log. 503: DynamoDB or the bus does not answer. 500, 504: the errors '
        + 'of api.',
      section: 'api-error-rate',
      metric: this.props.http.metricServerError({ statistic: Stats.AVERAGE, period: Duration.minutes(5) }),
      above: limits.apiErrorRate,
      // 503 is a response that clients retry; a few of them are normal.
      of: lasting,
      // There were no calls.
      missing: TreatMissingData.NOT_BREACHING,
      tellRecovery: true,
    });
  }

  /** One alarm to wake someone: the others say why. */
  private usersAffected(): void {
    const { settings: { stackName, operationsGuide }, alerts } = this.props;
    const alarm = new CompositeAlarm(this, 'UsersAffected', {
      compositeAlarmName: alarmName(stackName, 'UsersAffected'),
      alarmDescription: 'Users are affected: workflows fail, are late, or are not accepted. First: see which alarm is raised as well, and '
        + `begin with ApiErrorRate, then LaunchesWait and ProjectionsWait, then the others. What to do: ${operationsGuide}#users-are-affected`,
      alarmRule: AlarmRule.anyOf(...usersNotice.map((name) => AlarmRule.fromAlarm(this.get(name), AlarmState.ALARM))),
    });
    alarm.addAlarmAction(new SnsAction(alerts));
    alarm.addOkAction(new SnsAction(alerts));
    this.all.push(alarm);
  }

  private get(name: string): Alarm {
    const alarm = this.named[name];
    if (!alarm) throw new Error(`there is no alarm ${name}`);
    return alarm;
  }

  private add(name: string, rule: Rule): void {
    const { settings: { stackName, operationsGuide }, alerts } = this.props;
    const below = rule.below !== undefined;
    const { periods, raised } = rule.of ?? once;
    const alarm = new Alarm(this, name, {
      // The subject of the e-mail.
      alarmName: alarmName(stackName, name),
      alarmDescription: `${rule.says} First: ${rule.first} What to do: ${operationsGuide}#${rule.section}`,
      metric: rule.metric,
      threshold: (below ? rule.below : rule.above) ?? 0,
      comparisonOperator: below
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: periods,
      datapointsToAlarm: raised,
      treatMissingData: rule.missing,
    });
    alarm.addAlarmAction(new SnsAction(alerts));
    if (rule.tellRecovery) alarm.addOkAction(new SnsAction(alerts));
    this.named[name] = alarm;
    this.all.push(alarm);
  }
}
