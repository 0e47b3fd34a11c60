import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { before, test } from 'node:test';
import { App, Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { EventBus } from 'aws-cdk-lib/aws-events';
import { AccountRootPrincipal, Role } from 'aws-cdk-lib/aws-iam';
import { Code, Function as LambdaFunction, Runtime } from 'aws-cdk-lib/aws-lambda';
import { AwsSolutionsChecks } from 'cdk-nag';
import { AnswerSubscription, CompletionSubscription, ForwardedEvents, grantRequests } from '../constructs/src';
import { infraDir } from '../lib/settings';
import { readable, target } from './synth';

const properties = (template: Template, type: string): Record<string, any> =>
  Object.fromEntries(Object.entries(template.findResources(type)).map(([id, { Properties }]) => [readable(id), Properties]));

/** The example's folder under `build`, where the packed constructs are installed, and compiled with them. */
const example = path.join(infraDir, 'build', 'subscriber');
const packed = path.join(example, 'node_modules', 'goal-activity-constructs');

before(() => {
  const run = (command: string, args: string[]) => execFileSync(command, args, { cwd: example, encoding: 'utf8', stdio: 'pipe' });
  const source = path.join(infraDir, 'examples', 'subscriber');
  fs.mkdirSync(packed, { recursive: true });
  for (const file of ['main.ts', 'subscriber-stack.ts', 'tsconfig.json']) fs.copyFileSync(path.join(source, file), path.join(example, file));
  const tarball = run('npm', ['pack', '--silent', path.join(infraDir, 'constructs')]).trim();
  run('tar', ['-xzf', tarball, '-C', packed, '--strip-components=1']);
  run(path.join(infraDir, 'node_modules', '.bin', 'tsc'), []);
});

const subscriber = () => {
  const { SubscriberStack } = require(path.join(example, 'build', 'subscriber-stack.js'));
  const app = new App();
  return { app, template: Template.fromStack(new SubscriberStack(app, 'Subscriber')) };
};

test('the package contains what its users need, and uses their CDK', () => {
  const { dependencies, peerDependencies } = JSON.parse(fs.readFileSync(path.join(packed, 'package.json'), 'utf8'));
  assert.deepEqual([dependencies, Object.keys(peerDependencies)], [undefined, ['aws-cdk-lib', 'constructs']]);
  assert.deepEqual(fs.readdirSync(packed, { recursive: true }).sort(),
    ['LICENSE', 'README.md', 'build', 'build/index.d.ts', 'build/index.js', 'package.json']);
  const require = createRequire(path.join(example, 'main.js'));
  assert.deepEqual(Object.keys(require('goal-activity-constructs')).sort(), ['AnswerSubscription', 'CompletionSubscription', 'ForwardedEvents', 'SOURCE', 'grantRequests']);
});

test('a service may emit requests under its own name on that bus, and nothing else', () => {
  const [policy, ...others] = Object.values(properties(subscriber().template, 'AWS::IAM::Policy'));
  assert.equal(others.length, 0);
  const [statement, ...more] = policy.PolicyDocument.Statement;
  assert.equal(more.length, 0);
  assert.match(JSON.stringify(statement.Resource), /:event-bus\/goal-activity"/);
  // The same as in the guide for those without CDK.
  const guide = fs.readFileSync(path.join(infraDir, '..', 'docs', 'EVENTS.md'), 'utf8');
  const [, block = ''] = /\n### Without CDK\n.*?```json\n(.*?)```/s.exec(guide) ?? [];
  const [documented] = JSON.parse(block).Statement;
  assert.match(documented.Resource, /:event-bus\/goal-activity$/);
  assert.deepEqual({ ...statement, Resource: undefined }, { ...documented, Resource: undefined });
  assert.equal(documented.Condition.Null['events:source'], 'false');
});

test("nobody is let speak in the pipeline's name or in that of AWS", () => {
  const stack = new Stack();
  const bus = new EventBus(stack, 'Bus');
  const role = new Role(stack, 'Role', { assumedBy: new AccountRootPrincipal() });
  for (const source of ['goal-activity', 'aws.states']) assert.throws(() => grantRequests(bus, role, source), /another service/);
});

test('a subscription hears what the pipeline itself says, of all workflows or of some', () => {
  const rules = properties(subscriber().template, 'AWS::Events::Rule');
  const pattern = (detail: object) => ({ source: ['goal-activity'], 'detail-type': ['WorkflowCompleted'], detail });
  assert.deepEqual(rules.CompletionsRule.EventPattern, pattern({ version: ['1'] }));
  assert.deepEqual(rules.FailuresRule.EventPattern,
    pattern({ version: ['1'], status: ['PARTIALLY_SUCCEEDED', 'FAILED', 'TIMED_OUT'] }));
  for (const [name, { Targets, EventBusName }] of Object.entries(rules)) {
    const [{ Arn, DeadLetterConfig, RetryPolicy }, ...others] = Targets;
    const of = name.replace(/Rule$/, '');
    assert.deepEqual([EventBusName, others, target(Arn), target(DeadLetterConfig.Arn), RetryPolicy.MaximumEventAgeInSeconds],
      ['goal-activity', [], `${of}Queue`, `${of}Dlq`, 3600]);
  }
});

test('what cannot be delivered or handled is kept for 14 days, encrypted as everything else', () => {
  const queues = properties(subscriber().template, 'AWS::SQS::Queue');
  assert.deepEqual(Object.keys(queues).sort(), ['CompletionsDlq', 'CompletionsQueue', 'FailuresDlq', 'FailuresQueue']);
  for (const [name, queue] of Object.entries(queues)) {
    assert.equal(queue.SqsManagedSseEnabled, true, name);
    if (name.endsWith('Dlq')) assert.equal(queue.MessageRetentionPeriod, 14 * 86_400, name);
    else assert.deepEqual([target(queue.RedrivePolicy.deadLetterTargetArn), queue.RedrivePolicy.maxReceiveCount],
      [name.replace('Queue', 'Dlq'), 3]);
  }
});

test('a function is reached through the queue, and reports failures one by one', () => {
  const stack = new Stack();
  const handler = new LambdaFunction(stack, 'Handler', {
    runtime: Runtime.PROVIDED_AL2023, handler: 'bootstrap', timeout: Duration.minutes(2),
    code: Code.fromAsset(path.join(infraDir, 'test', 'functions', 'api')),
  });
  new CompletionSubscription(stack, 'Ends', {
    bus: new EventBus(stack, 'Bus'), handler, timeout: Duration.minutes(2), maxReceiveCount: 5,
  });
  const template = Template.fromStack(stack);
  const [source] = Object.values(properties(template, 'AWS::Lambda::EventSourceMapping'));
  assert.deepEqual([target(source.EventSourceArn), target(source.FunctionName), source.FunctionResponseTypes],
    ['EndsQueue', 'Handler', ['ReportBatchItemFailures']]);
  const queue = properties(template, 'AWS::SQS::Queue').EndsQueue;
  assert.deepEqual([queue.VisibilityTimeout, queue.RedrivePolicy.maxReceiveCount], [720, 5]);
  const [rule] = Object.values(properties(template, 'AWS::Events::Rule'));
  assert.deepEqual(rule.Targets.map(({ Arn }: any) => target(Arn)), ['EndsQueue']);
});

test('a service hears the answers to its own requests, as in the guide for those without CDK', () => {
  const stack = new Stack();
  const bus = new EventBus(stack, 'Bus');
  new AnswerSubscription(stack, 'Answers', { bus, requestedBy: 'com.example.planner' });
  new AnswerSubscription(stack, 'Progress', { bus, requestedBy: 'com.example.planner', progress: true });
  const rules = properties(Template.fromStack(stack), 'AWS::Events::Rule');
  const guide = fs.readFileSync(path.join(infraDir, '..', 'docs', 'EVENTS.md'), 'utf8');
  const [, section = ''] = /\n### Without CDK\n(.*?)\n###? /s.exec(guide) ?? [];
  const [, pattern] = [...section.matchAll(/```json\n(.*?)```/gs)].map(([, block = '']) => JSON.parse(block));
  assert.deepEqual(rules.AnswersRule.EventPattern, pattern);
  assert.deepEqual(rules.ProgressRule.EventPattern['detail-type'], [...pattern['detail-type'], 'BatchProgressed']);
});

test('cdk-nag finds nothing in the subscriber', () => {
  const { violations } = new AwsSolutionsChecks().validateScope(subscriber().app);
  assert.deepEqual(violations.map(({ ruleName, description }) => `${ruleName}: ${description}`), []);
});

test('a service of another account emits to the bus by its ARN, and forwards what is for it to a bus of its own', () => {
  const pipelineBusArn = 'arn:aws:events:eu-west-1:999988887777:event-bus/goal-activity';
  const stack = new Stack(new App(), 'Planner', { env: { account: '111122223333', region: 'eu-west-1' } });
  const bus = new EventBus(stack, 'Bus');
  const planner = new Role(stack, 'Service', { assumedBy: new AccountRootPrincipal() });
  grantRequests(EventBus.fromEventBusArn(stack, 'Pipeline', pipelineBusArn), planner, 'com.example.planner');
  new ForwardedEvents(stack, 'Forwarded', { pipelineBusArn, bus, requestedBy: 'com.example.planner' });
  new AnswerSubscription(stack, 'Answers', { bus, requestedBy: 'com.example.planner', pipelineAccount: '999988887777' });
  const template = Template.fromStack(stack);

  const { ServiceDefaultPolicy, ForwardedRoleDefaultPolicy } = properties(template, 'AWS::IAM::Policy');
  assert.equal(ServiceDefaultPolicy.PolicyDocument.Statement[0].Resource, pipelineBusArn);
  const [forward] = ForwardedRoleDefaultPolicy.PolicyDocument.Statement;
  assert.deepEqual([forward.Action, target(forward.Resource)], ['events:PutEvents', 'Bus']);

  const { ForwardedRule, AnswersRule } = properties(template, 'AWS::Events::Rule');
  // What the bus's policy demands: infra/test/operations.test.ts.
  assert.match(ForwardedRule.Name, /^111122223333-.{1,51}$/);
  assert.equal(ForwardedRule.EventBusName, pipelineBusArn);
  assert.deepEqual(ForwardedRule.EventPattern, {
    source: ['goal-activity'],
    'detail-type': ['GoalActivityAccepted', 'GoalActivityRejected', 'WorkflowCompleted'],
    detail: { version: ['1'], request: { source: ['com.example.planner'] } },
  });
  assert.deepEqual(ForwardedRule.Targets.map(({ Arn, RoleArn }: any) => [target(Arn), target(RoleArn)]), [['Bus', 'ForwardedRole']]);
  assert.deepEqual(AnswersRule.EventPattern.account, ['999988887777']);
});
