import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';

/** The topic that notifies operators: the alarms and the functions that end workflows publish to it. */
export class Alerts extends Construct {
  readonly topic: Topic;

  constructor(scope: Construct, id: string) {
    super(scope, id);
    // A customer managed key, because alarms cannot publish to a topic under AWS's key for SNS.
    const key = new Key(this, 'Key', {
      description: 'Encrypts the alerts of the goal activity pipeline',
      enableKeyRotation: true,
      // It encrypts no stored data: alerts are delivered, not stored.
      removalPolicy: RemovalPolicy.DESTROY,
      pendingWindow: Duration.days(7),
    });
    this.topic = new Topic(this, 'Topic', { masterKey: key, enforceSSL: true });

    const cloudWatch = new ServicePrincipal('cloudwatch.amazonaws.com');
    // enforceSSL gives the topic a policy, which replaces the default one that let alarms publish.
    this.topic.addToResourcePolicy(new PolicyStatement({
      principals: [cloudWatch],
      actions: ['sns:Publish'],
      resources: [this.topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
    }));
    // In a key's policy "*" is this key. The topic already limits the alarms' account; a condition here that CloudWatch
    // does not meet would lose every alert silently.
    key.addToResourcePolicy(new PolicyStatement({
      principals: [cloudWatch],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: ['*'],
    }));
  }
}
