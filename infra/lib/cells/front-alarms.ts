import { Duration } from 'aws-cdk-lib';
import type { HttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { Alarm, ComparisonOperator, type IMetric, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

/** The share of answers 5xx above which users notice. As of a cell. */
const ERROR_RATE = 0.05;

interface FrontAlarmsProps {
  readonly http: HttpApi;
  readonly router: LambdaFunction;
  /** Who is told. Without: the alarms are only shown. */
  readonly topicArn?: string;
}

/** What nobody else notices: the alarms of the cells see only requests that reach them. */
export class FrontAlarms extends Construct {
  constructor(scope: Construct, id: string, private readonly props: FrontAlarmsProps) {
    super(scope, id);
    const { http, router } = props;
    const period = Duration.minutes(5);
    this.add('ErrorRate', http.metricServerError({ statistic: Stats.AVERAGE, period }), ERROR_RATE,
      'More than 5 % of the answers were 5xx, for 10 of 15 minutes. First: goalctl cells list says which cell does not answer; '
      + 'status and time of the access log say since when; UNAVAILABLE while users are moved is expected.', { periods: 3, raised: 2 });
    this.add('RouterErrors', router.metricErrors({ period }), 0,
      'The function router has failed: see its log. It answers an unreachable cell with 503 and does not fail then.');
    this.add('RouterThrottles', router.metricThrottles({ period }), 0,
      'The function router was refused concurrency: raise routerConcurrency, or the account\'s quota. A cell that hangs holds each '
      + 'request for cellTimeoutSeconds at first.');
  }

  private add(id: string, metric: IMetric, threshold: number, alarmDescription: string, of = { periods: 1, raised: 1 }): void {
    const alarm = new Alarm(this, id, {
      alarmDescription,
      metric,
      threshold,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: of.periods,
      datapointsToAlarm: of.raised,
      // There were no requests.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    const { topicArn } = this.props;
    if (topicArn) alarm.addAlarmAction(new SnsAction(Topic.fromTopicArn(this, `${id}Topic`, topicArn)));
  }
}
