import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, Stats, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

/** Where people are told that something needs them, and the alarms that do so. */
export class Monitoring extends Construct {
  readonly alerts: Topic;

  constructor(scope: Construct, id: string, props: { deadLetterQueues: Record<string, IQueue> }) {
    super(scope, id);
    // A key of our own, because alarms cannot publish to a topic under AWS's key for SNS.
    const key = new Key(this, 'Key', {
      description: 'Encrypts the alerts of the goal activity pipeline',
      enableKeyRotation: true,
      // Nothing is kept under it: alerts are delivered, not stored.
      removalPolicy: RemovalPolicy.DESTROY,
      pendingWindow: Duration.days(7),
    });
    this.alerts = new Topic(this, 'Alerts', { masterKey: key, enforceSSL: true });

    const cloudWatch = new ServicePrincipal('cloudwatch.amazonaws.com');
    // enforceSSL gives the topic a policy, which replaces the default one that let alarms publish.
    this.alerts.addToResourcePolicy(new PolicyStatement({
      principals: [cloudWatch],
      actions: ['sns:Publish'],
      resources: [this.alerts.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
    }));
    // In a key's policy "*" is this key. The topic already limits whose alarms; a condition here that CloudWatch
    // does not meet would lose every alert in silence.
    key.addToResourcePolicy(new PolicyStatement({
      principals: [cloudWatch],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: ['*'],
    }));
    for (const [name, queue] of Object.entries(props.deadLetterQueues)) this.notEmpty(name, queue);
  }

  private notEmpty(name: string, queue: IQueue): void {
    new Alarm(this, `${name}DeadLetters`, {
      alarmDescription: `${name}: messages in the dead-letter queue. Find out why, then redrive them.`,
      metric: queue.metricApproximateNumberOfMessagesVisible({ period: Duration.minutes(1), statistic: Stats.MAXIMUM }),
      threshold: 0,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 1,
      // An empty, unused queue stops reporting after a while.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    }).addAlarmAction(new SnsAction(this.alerts));
  }
}
