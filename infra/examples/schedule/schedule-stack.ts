import { ArnFormat, CfnOutput, Duration, Stack, type StackProps, Token, Validations } from 'aws-cdk-lib';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { Grant, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { CfnSchedule, CfnScheduleGroup, ContextAttribute } from 'aws-cdk-lib/aws-scheduler';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { grantRequests } from '../../constructs/src';

/** A request for a goal's tasks, at a time or again and again. */
export interface ScheduledRequest {
  /** Of the schedule, unique in the stack: letters, digits, `-`, `_` and `.`, at most 64. A part of every event's id. */
  readonly name: string;
  /** `at(2026-12-01T09:00:00)`, `rate(7 days)` or `cron(0 9 ? * MON *)`. */
  readonly expression: string;
  /** Of the expression. Default: UTC. */
  readonly timezone?: string;
  readonly goalId: string;
  /** The goal's owner. */
  readonly userId: string;
  readonly actionIds?: readonly string[];
  /** Replace existing tasks. Without it a repeated request is for actions that were added since, and otherwise `NOTHING_TO_DO`. */
  readonly regenerate?: boolean;
}

export interface ScheduleStackProps extends StackProps {
  /** The name of the pipeline's bus. */
  readonly busName?: string;
  /** The `source` of the requests: a service of its own. */
  readonly source?: string;
  readonly requests: readonly ScheduledRequest[];
}

/** The longest id of an event, and the length of a scheduled time. */
const LONGEST_ID = 128;
const TIME = '2026-12-01T09:00:00Z'.length;

/** EventBridge Scheduler requests workflows as any other service does: with events on the pipeline's bus. */
export class ScheduleStack extends Stack {
  constructor(scope: Construct, id: string, { busName = 'goal-activity', source = 'com.example.schedule', requests, ...props }: ScheduleStackProps) {
    super(scope, id, { description: 'Starts goal activities at a time, or again and again', ...props });
    const bus = EventBus.fromEventBusName(this, 'Bus', busName);

    // A group of its own, which the role trusts. Its name is known before it is there, unlike its ARN.
    const groupName = this.stackName;
    const group = new CfnScheduleGroup(this, 'Group', { name: groupName });
    const groupArn = this.formatArn({
      service: 'scheduler', resource: 'schedule-group', resourceName: groupName, arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
    });
    const dlq = new Queue(this, 'Dlq', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    Validations.of(dlq).acknowledge(
      { id: 'AwsSolutions-SQS3', reason: 'It is the dead-letter queue, of the schedules: the check knows only those of other queues.' },
      { id: 'Serverless-SQSRedrivePolicy', reason: 'It is the dead-letter queue, of the schedules: the check knows only those of other queues.' },
    );
    const role = new Role(this, 'Role', {
      // Of all schedules of the account only those of the group (Scheduler's user guide, "Confused deputy prevention").
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': this.account, 'aws:SourceArn': groupArn } },
      }),
    });
    const grants = [
      grantRequests(bus, role, source),
      Grant.addToPrincipal({ grantee: role, actions: ['sqs:SendMessage'], resourceArns: [dlq.queueArn] }),
    ];

    requests.forEach((request) => {
      const schedule = new CfnSchedule(this, `Request${request.name}`, {
        name: request.name,
        groupName,
        scheduleExpression: request.expression,
        scheduleExpressionTimezone: request.timezone,
        flexibleTimeWindow: { mode: 'OFF' },
        target: {
          arn: bus.eventBusArn,
          roleArn: role.roleArn,
          eventBridgeParameters: { source, detailType: 'GoalActivityRequested' },
          input: JSON.stringify(detail(request)),
          deadLetterConfig: { arn: dlq.queueArn },
          // An hour late is still in time for a week; what is later is for people to decide.
          retryPolicy: { maximumEventAgeInSeconds: 3600, maximumRetryAttempts: 185 },
        },
      });
      schedule.addResourceDependency(group);
      // Scheduler tries to assume the role when a schedule is created.
      for (const grant of grants) grant.applyBefore(schedule);
    });

    const outputs = {
      ScheduleGroup: groupName,
      ScheduleRoleArn: role.roleArn,
      ScheduleBusArn: bus.eventBusArn,
      ScheduleSource: source,
      ScheduleDlqArn: dlq.queueArn,
      ScheduleDlqUrl: dlq.queueUrl,
    };
    for (const [name, value] of Object.entries(outputs)) new CfnOutput(this, name, { value });
  }
}

/**
 * The detail of the events of a schedule. Their id is the schedule and the time that it was for, so that each occurrence is one
 * request: Scheduler delivers at least once, and its execution id is another one at each attempt.
 */
export function detail({ name, goalId, userId, actionIds, regenerate }: ScheduledRequest): Record<string, unknown> {
  if (!Token.isUnresolved(name) && name.length + 1 + TIME > LONGEST_ID) throw new Error(`the name of the schedule is too long: ${name}`);
  return {
    version: '1',
    eventId: `${name}/${ContextAttribute.scheduledTime}`,
    occurredAt: ContextAttribute.scheduledTime,
    goalId,
    userId,
    ...(actionIds && { actionIds }),
    ...(regenerate && { regenerate }),
    correlationId: ContextAttribute.executionId,
  };
}
