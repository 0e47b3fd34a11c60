import { App, type AppProps } from 'aws-cdk-lib';
import { noteTarget } from './assembly';
import { GoalActivityStack } from './goal-activity-stack';
import { readSettings } from './settings';

/**
 * CDK's own switches. Here rather than in cdk.json, so that the command line, a plain `node build/bin/goal-activity.js`
 * and the tests create the same template.
 */
const featureFlags = {
  '@aws-cdk/aws-iam:minimizePolicies': true,
  // Queue policies name the rule that may send, even for an encrypted queue.
  '@aws-cdk/aws-events:eventsTargetQueueSameAccount': true,
  '@aws-cdk/core:checkSecretUsage': true,
  '@aws-cdk/core:target-partitions': ['aws', 'aws-cn', 'aws-us-gov'],
};

export function goalActivityApp(props: AppProps = {}): { app: App; stack: GoalActivityStack } {
  const app = new App({ ...props, context: { ...featureFlags, ...props.context } });
  const settings = readSettings(app.node.getAllContext());
  const stack = new GoalActivityStack(app, settings);
  noteTarget(stack);
  return { app, stack };
}
