import { Aws, Duration } from 'aws-cdk-lib';
import {
  AlarmStatusWidget, Dashboard as CloudWatchDashboard, GraphWidget, type HorizontalAnnotation, type IMetric,
  type IWidget, MathExpression, Stats, TextWidget, type YAxisProps,
} from 'aws-cdk-lib/aws-cloudwatch';
import { StateTransitionMetric } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { type Alarms, limits, type Watched } from './alarms';
import { OwnMetrics } from './metrics';
import { memoryMegabytes } from './rust-function';
import type { Settings } from './settings';

interface DashboardProps extends Watched {
  readonly settings: Settings;
  readonly alarms: Alarms;
}

const width = 24;
const height = 6;
const period = Duration.minutes(5);
const sum = { statistic: Stats.SUM, period };
const average = { statistic: Stats.AVERAGE, period };
const maximum = { statistic: Stats.MAXIMUM, period };

/** The target average duration of a workflow of 64 actions. */
const target = Duration.minutes(5);

const line = (value: number, label: string, color = '#d62728'): HorizontalAnnotation => ({ value, label, color });
/** Labelled by unit, from zero up. */
const axis = (label: string): YAxisProps => ({ label, min: 0, showUnits: false });

interface Graph {
  readonly title: string;
  readonly metrics: IMetric[];
  readonly unit: string;
  readonly right?: { readonly metrics: IMetric[]; readonly unit: string };
  readonly lines?: HorizontalAnnotation[];
  readonly stacked?: boolean;
}

const graph = ({ title, metrics, unit, right, lines, stacked }: Graph, columns: number): IWidget => new GraphWidget({
  title, width: columns, height, stacked, period,
  left: metrics, leftYAxis: axis(unit), leftAnnotations: lines,
  ...(right && { right: right.metrics, rightYAxis: axis(right.unit) }),
});

/** A metric in another unit, or a ratio in percent. */
function scaled(metric: IMetric, factor: string, label: string): IMetric {
  // Each has its own id in its graph.
  const id = `m_${label.replace(/\W/g, '')}`;
  return new MathExpression({ expression: `${id}${factor}`, usingMetrics: { [id]: metric }, label, period });
}

const statistics: [string, string][] = [['average', Stats.AVERAGE], ['p95', Stats.p(95)], ['longest', Stats.MAXIMUM]];

/** One page that shows: whether it works, how fast, the AI's behaviour, what waits, and the costs. */
export class Dashboard extends Construct {
  readonly page: CloudWatchDashboard;
  private readonly own: OwnMetrics;

  constructor(scope: Construct, id: string, private readonly props: DashboardProps) {
    super(scope, id);
    const { stackName } = props.settings;
    this.own = new OwnMetrics(stackName);
    this.page = new CloudWatchDashboard(this, 'Page', {
      // An account's dashboards have no region.
      dashboardName: `${stackName}-${Aws.REGION}`,
      defaultInterval: Duration.hours(6),
      widgets: [
        this.summary(), this.outcomes(), this.progress(), this.load(), this.ai(), this.queues(), this.functions(), this.costs(),
      ],
    });
  }

  /** Average, 95th percentile and maximum of a duration, in a unit of that many milliseconds. */
  private durations(name: string, milliseconds: number, prefix = ''): IMetric[] {
    return statistics.map(([label, statistic]) =>
      scaled(this.own.of(name, { statistic, period }), `/${milliseconds}`, `${prefix}${label}`));
  }

  private summary(): IWidget[] {
    const { settings: { operationsGuide }, alarms } = this.props;
    return [
      new TextWidget({
        width: 6, height: 4,
        markdown: `# ${this.props.settings.stackName}\n\nWhat each alarm means and what to do: ${operationsGuide}\n\nAll times are UTC.`,
      }),
      new AlarmStatusWidget({ title: 'Alarms', width: width - 6, height: 4, alarms: alarms.all }),
    ];
  }

  private outcomes(): IWidget[] {
    const ends = ['Succeeded', 'PartiallySucceeded', 'Failed', 'Aborted'];
    const failed = this.own.of('WorkflowFailed', average);
    return [
      graph({
        title: 'How workflows end', unit: 'workflows in 5 minutes', stacked: true,
        // Those that timed out are among the failed.
        metrics: ends.map((end) => this.own.of(`Workflow${end}`, { ...sum, label: end })),
        right: {
          unit: 'started, open',
          metrics: [
            this.own.of('WorkflowStarted', { ...sum, label: 'started' }), this.own.of('OpenWorkflows', { ...maximum, label: 'open' }),
          ],
        },
      }, 8),
      graph({
        title: 'Failure rate', unit: '% of the workflows that ended', metrics: [scaled(failed, '*100', 'failed')],
        lines: [line(limits.failureRate * 100, 'alarm')],
      }, 8),
      graph({
        title: 'How long workflows take', unit: 'minutes', metrics: this.durations('WorkflowDuration', 60_000),
        lines: [
          line(target.toMinutes(), 'target: 5 minutes on average', '#2ca02c'),
          line(limits.duration.toMinutes(), 'alarm'),
        ],
      }, 8),
    ];
  }

  private progress(): IWidget[] {
    return [
      graph({
        title: 'Actions', unit: 'actions in 5 minutes',
        metrics: [
          this.own.of('ActionsProcessed', { ...sum, label: 'processed' }),
          this.own.of('ActionsFailed', { ...sum, label: 'failed' }),
          this.own.of('ActionsNotProcessed', { ...sum, label: 'not processed' }),
        ],
        right: { unit: 'tasks', metrics: [this.own.of('TasksGenerated', { ...sum, label: 'tasks' })] },
      }, 8),
      graph({
        title: 'Why actions fail', unit: 'actions in 5 minutes', stacked: true,
        metrics: [new MathExpression({ expression: this.own.by('Code', 'ActionsFailed', sum), label: '', period })],
      }, 8),
      graph({
        title: 'Batches', unit: 'seconds', lines: [line(limits.batchAge.toSeconds(), 'time of a batch')],
        metrics: [...this.durations('BatchDuration', 1_000, 'whole, '), ...this.durations('BatchQueueWait', 1_000, 'waiting, ')],
      }, 8),
    ];
  }

  private load(): IWidget[] {
    const { concurrentBatches } = this.props.settings;
    return [
      graph({
        title: 'Capacity', unit: 'batches', metrics: [this.own.of('CapacityInUse', { ...maximum, label: 'in use' })],
        lines: [line(concurrentBatches, 'concurrentBatches')],
        right: { unit: '1 = launching is paused', metrics: [
          this.own.of('Paused', { ...maximum, label: 'paused' }),
          this.own.of('PausedItself', { ...maximum, label: 'paused by itself' }),
        ] },
      }, 8),
      graph({
        title: 'Waiting time', unit: 'minutes',
        metrics: [scaled(this.own.of('OldestWaiting', { ...maximum }), '/60000', 'whose turn is next')],
        lines: [line(limits.waiting.toMinutes(), 'alarm')],
      }, 8),
      graph({ title: 'How long launched workflows had waited', unit: 'seconds', metrics: this.durations('AdmissionWait', 1_000) }, 8),
    ];
  }

  private ai(): IWidget[] {
    const failed = this.own.of('AiCallFailed', average);
    const attempts = new MathExpression({
      expression: 'm_attempts/m_actions', label: 'attempts', period,
      usingMetrics: { m_attempts: this.own.of('AiAttempts', { ...sum }), m_actions: this.own.of('ActionsProcessed', { ...sum }) },
    });
    const second = this.props.settings.fallback ? [scaled(this.own.of('AiFallbackUsed', { ...average }), '*100', 'by the fallback')] : [];
    return [
      graph({
        title: 'AI: time of a call', unit: 'seconds', metrics: this.durations('AiLatency', 1_000),
        right: { unit: 'attempts for an action', metrics: [attempts] },
      }, 6),
      graph({
        title: 'AI: error rate', unit: '% of the calls', metrics: [scaled(failed, '*100', 'failed'), ...second],
        lines: [line(limits.aiErrorRate * 100, 'alarm')],
      }, 6),
      graph({
        title: 'AI: errors', unit: 'calls in 5 minutes', stacked: true,
        metrics: [new MathExpression({ expression: this.own.by('Code', 'AiErrors', sum), label: '', period })],
      }, 6),
      graph({
        title: 'AI: tokens and cost', unit: 'tokens in 5 minutes', stacked: true,
        metrics: [
          this.own.of('AiInputTokens', { ...sum, label: 'read' }), this.own.of('AiOutputTokens', { ...sum, label: 'written' }),
        ],
        right: { unit: 'US dollars', metrics: [this.own.of('AiCost', { ...sum, label: 'estimated cost' })] },
      }, 6),
    ];
  }

  private queues(): IWidget[] {
    const queues = Object.entries(this.props.queues);
    return [
      graph({
        title: 'Messages that wait', unit: 'messages',
        metrics: queues.map(([label, queue]) => queue.metricApproximateNumberOfMessagesVisible({ ...maximum, label })),
      }, 8),
      graph({
        title: 'Oldest message', unit: 'seconds', lines: [line(limits.batchAge.toSeconds(), 'alarm for batches')],
        metrics: queues.map(([label, queue]) => queue.metricApproximateAgeOfOldestMessage({ ...maximum, label })),
      }, 8),
      graph({
        title: 'Dead letters', unit: 'messages', stacked: true,
        metrics: Object.entries(this.props.deadLetterQueues).map(([label, queue]) =>
          queue.metricApproximateNumberOfMessagesVisible({ ...maximum, label })),
      }, 8),
    ];
  }

  private functions(): IWidget[] {
    const functions = Object.entries(this.props.functions);
    const { stateMachine, http } = this.props;
    return [
      graph({
        title: 'Errors of functions', unit: 'invocations in 5 minutes', stacked: true,
        metrics: functions.map(([label, each]) => each.metricErrors({ ...sum, label })),
      }, 6),
      graph({
        title: 'Throttled', unit: 'invocations in 5 minutes', stacked: true,
        metrics: functions.map(([label, each]) => each.metricThrottles({ ...sum, label })),
        right: { unit: 'state transitions', metrics: [stateMachine.metricThrottled({ ...sum, label: 'states' })] },
      }, 6),
      graph({
        title: 'API', unit: 'answers in 5 minutes',
        metrics: [
          http.metricCount({ ...sum, label: 'all' }), http.metricClientError({ ...sum, label: '4xx' }),
          http.metricServerError({ ...sum, label: '5xx' }),
        ],
        right: { unit: 'milliseconds', metrics: [http.metricLatency({ period, statistic: Stats.p(95), label: 'p95' })] },
      }, 6),
      graph({
        title: 'Repairs', unit: 'workflows in 5 minutes',
        metrics: [
          this.own.of('ReconcilerRepairs', { ...sum, label: 'repaired by the reconciler' }),
          this.own.of('ReconcilerFailures', { ...sum, label: 'not repaired' }),
          this.own.of('StaleTokens', { ...sum, label: 'stale tokens' }),
        ],
        right: { unit: 'runs', metrics: [this.own.of('ReconcilerRuns', { ...sum, label: 'reconciler' })] },
      }, 6),
    ];
  }

  /** What is billed by use, except the AI. */
  private costs(): IWidget[] {
    const functions = Object.entries(this.props.functions);
    const tables = Object.entries(this.props.tables);
    return [
      graph({
        title: 'Lambda: memory times time', unit: 'GB seconds in 5 minutes', stacked: true,
        metrics: functions.map(([label, each]) =>
          scaled(each.metricDuration(sum), `/1000*${memoryMegabytes}/1024`, label)),
      }, 6),
      graph({
        title: 'Lambda: invocations', unit: 'invocations in 5 minutes', stacked: true,
        metrics: functions.map(([label, each]) => each.metricInvocations({ ...sum, label })),
      }, 6),
      graph({
        title: 'Step Functions', unit: 'executions in 5 minutes',
        metrics: [this.props.stateMachine.metricStarted({ ...sum, label: 'started' })],
        // There is no metric per state machine.
        right: {
          unit: 'state transitions of the account',
          metrics: [StateTransitionMetric.metricConsumedCapacity({ ...sum, label: 'transitions' })],
        },
      }, 6),
      graph({
        title: 'DynamoDB', unit: 'units in 5 minutes', stacked: true,
        metrics: tables.flatMap(([label, table]) => [
          table.metricConsumedReadCapacityUnits({ ...sum, label: `${label} read` }),
          table.metricConsumedWriteCapacityUnits({ ...sum, label: `${label} write` }),
        ]),
      }, 6),
    ];
  }
}
