import { Duration, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Settings } from './settings';

/** The topic that notifies operators: the alarms and the functions that end workflows publish to it. */
export class Alerts extends Construct {
  readonly topic: Topic;
  readonly key: Key;

  constructor(scope: Construct, id: string, { alertEmail }: Pick<Settings, 'alertEmail'>) {
    super(scope, id);
    // A customer managed key, because alarms cannot publish to a topic under AWS's key for SNS.
    this.key = new Key(this, 'Key', {
      description: 'Encrypts the alerts of the goal activity pipeline',
      enableKeyRotation: true,
      // It encrypts no stored data: alerts are delivered, not stored.
      removalPolicy: RemovalPolicy.DESTROY,
      pendingWindow: Duration.days(7),
    });
    this.topic = new Topic(this, 'Topic', { masterKey: this.key, enforceSSL: true });

    if (alertEmail) {
      this.topic.addSubscription(new EmailSubscription(alertEmail));
      Validations.of(this.topic).acknowledge({
        id: 'Serverless-SNSRedrivePolicy',
        reason: 'Nobody would read the e-mails that were not delivered: the alarms and the workflows still show what they said.',
      });
    }
    this.admit('cloudwatch.amazonaws.com');
  }

  /** Lets the account's budgets publish. */
  admitBudgets(): void {
    this.admit('budgets.amazonaws.com');
  }

  private admit(service: string): void {
    const publisher = new ServicePrincipal(service);
    // enforceSSL gives the topic a policy, which replaces the default one that let alarms publish.
    this.topic.addToResourcePolicy(new PolicyStatement({
      principals: [publisher],
      actions: ['sns:Publish'],
      resources: [this.topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
    }));
    // In a key's policy "*" is this key. The topic already limits the publisher's account; a condition here that it does
    // not meet would lose every alert silently.
    this.key.addToResourcePolicy(new PolicyStatement({
      principals: [publisher],
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: ['*'],
    }));
  }
}
