import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import Ajv from 'ajv';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { detail, type ScheduledRequest, ScheduleStack } from '../examples/schedule/schedule-stack';
import { infraDir } from '../lib/settings';

const weekly: ScheduledRequest = {
  name: 'weekly', expression: 'cron(0 9 ? * MON *)', timezone: 'Europe/Berlin', goalId: 'learn-piano', userId: '8c1f7f0a-user',
};
const once: ScheduledRequest = {
  name: 'once', expression: 'at(2026-12-01T09:00:00)', goalId: 'learn-piano', userId: '8c1f7f0a-user', actionIds: ['a-1'], regenerate: true,
};
const template = Template.fromStack(new ScheduleStack(new App(), 'Schedule', { requests: [weekly, once] }));
const properties = (type: string): Record<string, any>[] => Object.values(template.findResources(type)).map(({ Properties }) => Properties);

/** As EventBridge Scheduler does it, with the examples of its user guide. */
const emitted = (input: string): Record<string, unknown> => JSON.parse(input
  .replaceAll('<aws.scheduler.scheduled-time>', '2022-03-22T18:59:43Z')
  .replaceAll('<aws.scheduler.execution-id>', 'd32c5kddcf5bb8c3'));

const schema = JSON.parse(fs.readFileSync(path.join(infraDir, '..', 'events', 'schemas', 'GoalActivityRequested.v1.json'), 'utf8'));

test('what a schedule emits is a request as the schema describes it', () => {
  const ajv = new Ajv({ strict: false, formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/ } });
  const valid = ajv.compile(schema);
  const inputs = properties('AWS::Scheduler::Schedule').map(({ Target }) => emitted(Target.Input));
  assert.equal(inputs.length, 2);
  for (const input of inputs) assert.ok(valid(input), JSON.stringify(valid.errors));
  assert.deepEqual(inputs[0], {
    version: '1', eventId: 'weekly/2022-03-22T18:59:43Z', occurredAt: '2022-03-22T18:59:43Z', goalId: 'learn-piano', userId: '8c1f7f0a-user',
    correlationId: 'd32c5kddcf5bb8c3',
  });
  assert.deepEqual([inputs[1]?.actionIds, inputs[1]?.regenerate], [['a-1'], true]);
});

test('a repeated delivery is the same request, and every occurrence is another one', () => {
  assert.equal(detail(weekly).eventId, 'weekly/<aws.scheduler.scheduled-time>');
  assert.notEqual(detail(weekly).eventId, detail(once).eventId);
  assert.throws(() => detail({ ...weekly, name: 'x'.repeat(108) }), /too long/);
});

test('a schedule may emit requests under one source, and use one dead-letter queue', () => {
  const [policy] = properties('AWS::IAM::Policy');
  const statements = policy?.PolicyDocument.Statement as Record<string, any>[];
  assert.deepEqual(statements.map(({ Action }) => Action), ['events:PutEvents', 'sqs:SendMessage']);
  assert.deepEqual(statements[0]?.Condition['ForAllValues:StringEquals'], { 'events:source': 'com.example.schedule' });
  for (const { Resource } of statements) assert.notEqual(Resource, '*');
  const [role] = properties('AWS::IAM::Role');
  const [trust] = role?.AssumeRolePolicyDocument.Statement;
  assert.deepEqual(trust.Principal, { Service: 'scheduler.amazonaws.com' });
  assert.deepEqual(Object.keys(trust.Condition.StringEquals), ['aws:SourceAccount', 'aws:SourceArn']);
  assert.match(JSON.stringify(trust.Condition), /:schedule-group\/Schedule"/);
});

test('a schedule has the target of the templated operation, with retries and a dead-letter queue', () => {
  for (const { Target, GroupName, FlexibleTimeWindow } of properties('AWS::Scheduler::Schedule')) {
    assert.deepEqual(Target.EventBridgeParameters, { DetailType: 'GoalActivityRequested', Source: 'com.example.schedule' });
    assert.deepEqual(Target.RetryPolicy, { MaximumEventAgeInSeconds: 3600, MaximumRetryAttempts: 185 });
    assert.ok(Target.DeadLetterConfig.Arn && Target.RoleArn && Target.Arn);
    assert.deepEqual([GroupName, FlexibleTimeWindow], ['Schedule', { Mode: 'OFF' }]);
  }
  const [first] = properties('AWS::Scheduler::Schedule');
  assert.deepEqual([first?.ScheduleExpression, first?.ScheduleExpressionTimezone], [weekly.expression, 'Europe/Berlin']);
});

test('cdk-nag finds nothing in the schedules that is not explained', () => {
  const app = new App();
  new ScheduleStack(app, 'Schedule', { requests: [weekly] });
  const found = [new AwsSolutionsChecks(), new ServerlessChecks()].flatMap((pack) =>
    pack.validateScope(app).violations.flatMap(({ ruleName, violatingResources }) => violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath}`)));
  assert.deepEqual(found, []);
});

test('the source of the pipeline is not one of a schedule', () => {
  assert.throws(() => new ScheduleStack(new App(), 'Schedule', { source: 'goal-activity', requests: [weekly] }), /not the source of another service/);
});
