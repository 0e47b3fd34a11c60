import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { AccountRootPrincipal, Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { CompletionSubscription, grantRequests } from 'goal-activity-constructs';

/** Another service: it requests workflows, receives every end, and separately receives the ends that need attention. */
export class SubscriberStack extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, { description: 'A service that uses the goal activity pipeline', ...props });
    // By name: this stack needs nothing else of the pipeline.
    const bus = EventBus.fromEventBusName(this, 'Bus', 'goal-activity');

    const planner = new Role(this, 'Planner', { assumedBy: new AccountRootPrincipal() });
    grantRequests(bus, planner, 'com.example.planner');

    const completions = new CompletionSubscription(this, 'Completions', { bus });
    const failures = new CompletionSubscription(this, 'Failures', {
      bus, statuses: ['PARTIALLY_SUCCEEDED', 'FAILED', 'TIMED_OUT'],
    });

    const outputs = {
      PlannerRoleArn: planner.roleArn,
      CompletionsQueueUrl: completions.queue.queueUrl,
      CompletionsDlqUrl: completions.dlq.queueUrl,
      FailuresQueueUrl: failures.queue.queueUrl,
      FailuresDlqUrl: failures.dlq.queueUrl,
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}
