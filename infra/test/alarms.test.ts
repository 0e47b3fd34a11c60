import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { infraDir } from '../lib/settings';
import { full } from './full';
import { list, synth, target } from './synth';

const aws = synth();
const alarms = aws.all('AWS::CloudWatch::Alarm');
const guide = fs.readFileSync(path.join(infraDir, '../docs/OPERATIONS.md'), 'utf8');

/** The anchors of a page, as GitHub generates them from its headings. */
const anchors = (page: string): string[] => [...page.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
  heading.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-'));

/** Metric by name and dimensions, statistic, seconds; condition; treatment of missing data; whether it sends OK. */
const shape = (alarm: Record<string, any>): string => {
  const on = (alarm.Dimensions ?? []).map(({ Value }: any) => target(Value)).join(' ');
  const compare = { GreaterThanThreshold: '>', LessThanThreshold: '<' }[alarm.ComparisonOperator as string];
  return [
    `${alarm.Namespace} ${alarm.MetricName}${on && ` of ${on}`}, ${alarm.Statistic} in ${alarm.Period} s`,
    `${compare} ${alarm.Threshold} in ${alarm.DatapointsToAlarm} of ${alarm.EvaluationPeriods}`,
    alarm.TreatMissingData,
    ...(alarm.OKActions ? ['tells recovery'] : []),
  ].join('; ');
};

const functions = {
  Api: 'FunctionsApiFunction', Launch: 'FunctionsLaunchFunction', Worker: 'FunctionsWorkerFunction',
  Finalize: 'WorkflowFinalizeFunction', Projector: 'FunctionsProjectorFunction', Reconcile: 'FunctionsReconcileFunction',
};
const deadLetters = {
  Launch: 'MessagingLaunchDlq', Batch: 'MessagingBatchDlq', Projection: 'MessagingProjectionDlq',
  Undelivered: 'MessagingUndelivered',
};
const { Api: _api, Finalize: _finalize, ...consumers } = functions;
const tables = { Goals: 'StorageGoals', Tasks: 'StorageTasks', WorkflowExecutions: 'StorageWorkflowExecutions' };
const named = <T>(all: Record<string, T>, suffix: string, text: (value: T) => string) =>
  Object.fromEntries(Object.entries(all).map(([name, value]) => [`${name}${suffix}`, text(value)]));

const bySetting: Record<string, string> = {
  AiCost: 'goal-activity AiCost, Sum in 86400 s; > 25 in 1 of 1; notBreaching; tells recovery',
  AiFallbackInUse: 'goal-activity AiFallbackUsed, Average in 300 s; > 0.2 in 2 of 3; notBreaching; tells recovery',
};
const expected: Record<string, string> = {
  FailureRate: 'goal-activity WorkflowFailed, Average in 300 s; > 0.1 in 1 of 1; notBreaching; tells recovery',
  TimedOut: 'goal-activity WorkflowTimedOut, Sum in 300 s; > 0 in 1 of 1; notBreaching',
  Slow: 'goal-activity WorkflowDuration, Maximum in 300 s; > 600000 in 1 of 1; notBreaching',
  Waiting: 'goal-activity OldestWaiting, Maximum in 300 s; > 1800000 in 2 of 3; notBreaching; tells recovery',
  PausedItself: 'goal-activity PausedItself, Maximum in 60 s; > 0 in 1 of 1; notBreaching; tells recovery',
  AiErrorRate: 'goal-activity AiCallFailed, Average in 300 s; > 0.2 in 2 of 3; notBreaching; tells recovery',
  ReconcilerSilent: 'goal-activity ReconcilerRuns, Sum in 60 s; < 1 in 5 of 5; breaching; tells recovery',
  ReconcilerFailing: 'goal-activity ReconcilerFailures, Sum in 300 s; > 0 in 2 of 3; notBreaching; tells recovery',
  ...named(deadLetters, 'DeadLetters', (queue) =>
    `AWS/SQS ApproximateNumberOfMessagesVisible of ${queue}, Maximum in 60 s; > 0 in 1 of 1; notBreaching; tells recovery`),
  BatchesWait: 'AWS/SQS ApproximateAgeOfOldestMessage of MessagingBatchQueue, Maximum in 60 s; > 300 in 1 of 1; '
    + 'notBreaching; tells recovery',
  ...named(functions, 'Errors', (each) =>
    `AWS/Lambda Errors of ${each}, Sum in 300 s; > 0 in 1 of 1; notBreaching`),
  LaunchesWait: 'AWS/SQS ApproximateAgeOfOldestMessage of MessagingLaunchQueue, Maximum in 60 s; > 300 in 1 of 1; '
    + 'notBreaching; tells recovery',
  ProjectionsWait: 'AWS/SQS ApproximateAgeOfOldestMessage of MessagingProjectionQueue, Maximum in 60 s; > 300 in 1 of 1; '
    + 'notBreaching; tells recovery',
  ...named(functions, 'Throttles', (each) =>
    `AWS/Lambda Throttles of ${each}, Sum in 60 s; > 0 in 3 of 5; notBreaching; tells recovery`),
  ...named(consumers, 'Recursion', (each) =>
    `AWS/Lambda RecursiveInvocationsDropped of ${each}, Sum in 300 s; > 0 in 1 of 1; notBreaching`),
  ...named(tables, 'ReadsThrottled', (table) =>
    `AWS/DynamoDB ReadThrottleEvents of ${table}, Sum in 60 s; > 0 in 3 of 5; notBreaching; tells recovery`),
  ...named(tables, 'WritesThrottled', (table) =>
    `AWS/DynamoDB WriteThrottleEvents of ${table}, Sum in 60 s; > 0 in 3 of 5; notBreaching; tells recovery`),
  StatesThrottled: 'AWS/States ExecutionThrottled of WorkflowStateMachine, Sum in 300 s; > 0 in 1 of 1; notBreaching',
  ApiErrorRate: 'AWS/ApiGateway 5xx of ApiHttp, Average in 300 s; > 0.05 in 2 of 3; notBreaching; tells recovery',
};

for (const [name, text] of Object.entries(expected)) {
  test(`alarm ${name}: ${text}`, () => {
    const [alarm, ...others] = alarms.filter(({ AlarmName }) => AlarmName === `goal-activity-${name}`);
    assert.ok(alarm && others.length === 0);
    assert.equal(shape(alarm), text);
  });
}

test('there are no other alarms, and every queue for dead letters and every function has its own', () => {
  assert.deepEqual(alarms.map(({ AlarmName }) => AlarmName).sort(), Object.keys(expected).map((name) => `goal-activity-${name}`).sort());
  const dlqs = aws.all('AWS::SQS::Queue').filter(({ RedrivePolicy, name }) => !RedrivePolicy && name !== 'MessagingTicks');
  assert.deepEqual(dlqs.map(({ name }) => name).sort(), Object.values(deadLetters).sort());
  const all = aws.all('AWS::Lambda::Function').map(({ name }) => name);
  assert.deepEqual(all.filter((name) => Object.values(functions).includes(name)).sort(), Object.values(functions).sort());
  assert.equal(all.length, Object.keys(functions).length);
});

test('every alarm tells the topic, and says what has happened, what to do first, and where the guide says more', () => {
  const sections = anchors(guide);
  for (const { name, AlarmActions, OKActions, AlarmDescription } of alarms) {
    assert.deepEqual(AlarmActions.map(target), ['AlertsTopic'], name);
    assert.deepEqual((OKActions ?? AlarmActions).map(target), ['AlertsTopic'], name);
    const [, says = '', first = '', section = ''] =
      /^(.{30,}?\.) First: (.{30,}\.) What to do: docs\/OPERATIONS\.md#(.+)$/.exec(AlarmDescription) ?? [];
    assert.ok(says && first, AlarmDescription);
    assert.ok(sections.includes(section), `${name} links to #${section}, which docs/OPERATIONS.md does not have`);
  }
});

test('with a fallback there is an alarm and a line on the dashboard that say when it is in use, and only then', () => {
  const chained = synth({ fallback: 'bedrock', fallbackBedrockModel: 'amazon.nova-lite-v1:0' });
  const [alarm, ...others] = chained.all('AWS::CloudWatch::Alarm').filter(({ AlarmName }) => !alarms.some((alarm) => alarm.AlarmName === AlarmName));
  assert.ok(alarm && others.length === 0);
  assert.equal(alarm.AlarmName, 'goal-activity-AiFallbackInUse');
  assert.equal(shape(alarm), bySetting.AiFallbackInUse);
  const [, section = ''] = /docs\/OPERATIONS\.md#(.+)$/.exec(alarm.AlarmDescription) ?? [];
  assert.ok(anchors(guide).includes(section), section);
  const shows = (of: typeof aws) => JSON.stringify(of.all('AWS::CloudWatch::Dashboard')).includes('AiFallbackUsed');
  assert.deepEqual([shows(aws), shows(chained)], [false, true]);
});

test('the cost of the AI has an alarm when its daily amount is set', () => {
  const [alarm, ...others] = synth({ dailyAiCost: '25' }).all('AWS::CloudWatch::Alarm')
    .filter(({ AlarmName }) => !alarms.some((alarm) => alarm.AlarmName === AlarmName));
  assert.ok(alarm && others.length === 0);
  assert.deepEqual([alarm.AlarmName, shape(alarm)], ['goal-activity-AiCost', bySetting.AiCost]);
  assert.match(alarm.AlarmDescription, /more than 25 US dollars/);
});

test('one alarm combines those that users notice, and tells the topic as the others do', () => {
  const combined = aws.one('AWS::CloudWatch::CompositeAlarm');
  assert.equal(combined.AlarmName, 'goal-activity-UsersAffected');
  const rule = combined.AlarmRule['Fn::Join'][1].map((part: any) => target(part)).join('');
  assert.equal(rule.replace(/ALARM\("Alarms(\w+)"\)/g, '$1'), '(FailureRate OR TimedOut OR Slow OR Waiting OR ApiErrorRate OR '
    + 'ApiThrottles OR LaunchesWait OR BatchesWait OR ProjectionsWait)');
  assert.deepEqual([combined.AlarmActions, combined.OKActions].map((all) => all.map(target)), [['AlertsTopic'], ['AlertsTopic']]);
  const [, section = ''] = /docs\/OPERATIONS\.md#(.+)$/.exec(combined.AlarmDescription) ?? [];
  assert.ok(anchors(guide).includes(section), section);
  assert.deepEqual(synth({ local: 'true' }).all('AWS::CloudWatch::CompositeAlarm'), []);
});

test('the guide names every alarm', () => {
  for (const name of Object.keys({ ...expected, ...bySetting, UsersAffected: '' })) {
    const pattern = name.replace(/^(\w+)(DeadLetters|Errors|Throttles|Recursion|ReadsThrottled|WritesThrottled)$/, '…$2');
    assert.ok(guide.includes(`\`${pattern}\``), `docs/OPERATIONS.md does not name ${pattern}`);
  }
});

test('operationsGuide says where the links go, and the longest one leaves room', () => {
  const operationsGuide = `https://git.example/${'x'.repeat(280)}`;
  const elsewhere = synth({ ...full, operationsGuide });
  for (const { name, AlarmDescription } of elsewhere.all('AWS::CloudWatch::Alarm')) {
    assert.ok(AlarmDescription.includes(` What to do: ${operationsGuide}#`), name);
    assert.ok(AlarmDescription.length <= 1024, name);
  }
  for (const [name, { Properties }] of Object.entries(elsewhere.resources('AWS::Lambda::Function'))) {
    const { ALERT_TOPIC_ARN, OPERATIONS_GUIDE } = Properties.Environment.Variables;
    assert.equal(OPERATIONS_GUIDE, ALERT_TOPIC_ARN && operationsGuide, name);
  }
});

test('the emulator knows alarms on one metric only, so there are no others', () => {
  for (const { name, Metrics, ThresholdMetricId } of alarms) assert.deepEqual([Metrics, ThresholdMetricId], [undefined, undefined], name);
});

test('alarms can publish to the topic and use its key', () => {
  const toAlarms = (statements: any[]) => statements
    .filter(({ Effect, Principal }) => Effect === 'Allow' && Principal.Service === 'cloudwatch.amazonaws.com')
    .flatMap(({ Action }) => list(Action));
  assert.deepEqual(toAlarms(aws.one('AWS::SNS::TopicPolicy').PolicyDocument.Statement), ['sns:Publish']);
  assert.deepEqual(toAlarms(aws.one('AWS::KMS::Key').KeyPolicy.Statement), ['kms:Decrypt', 'kms:GenerateDataKey']);
  assert.equal(target(aws.one('AWS::SNS::Topic').KmsMasterKeyId), 'AlertsKey');
});
