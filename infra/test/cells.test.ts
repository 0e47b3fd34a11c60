import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { routes } from '../lib/api';
import { frontApp } from '../lib/cells/front-stack';
import { SettingsError } from '../lib/settings-error';
import { list, type Resource, target } from './synth';

const minimal = { functionsDir: 'test/functions', oidcIssuer: 'https://login.example', oidcAudience: 'app' };

function synth(context: Record<string, unknown> = {}) {
  const { app, stack } = frontApp({ context: { ...minimal, ...context } });
  const template = Template.fromStack(stack);
  const all = (type: string) => Object.values(template.findResources(type)) as Resource[];
  return { app, template, all };
}

test('the front has the routes of a cell, each behind the same authorizer', () => {
  const { all } = synth({ oidcScopes: 'goals/use' });
  const found = all('AWS::ApiGatewayV2::Route').map(({ Properties }) => Properties);
  assert.deepEqual(found.map(({ RouteKey }) => RouteKey).sort(), routes.map(({ method, path }) => `${method} ${path}`).sort());
  for (const { RouteKey, AuthorizationType, AuthorizationScopes } of found) {
    const open = RouteKey === 'GET /api/openapi.json';
    assert.deepEqual([AuthorizationType, AuthorizationScopes], open ? ['NONE', undefined] : ['JWT', ['goals/use']], RouteKey);
  }
  const [authorizer, ...others] = all('AWS::ApiGatewayV2::Authorizer');
  assert.equal(others.length, 0);
  assert.deepEqual(authorizer?.Properties.JwtConfiguration, { Audience: ['app'], Issuer: 'https://login.example' });
});

test('the router may use its table and its log, and nothing else', () => {
  const statements = synth().all('AWS::IAM::Policy').flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
  const allowed = statements.map(({ Effect, Action, Resource }) => [Effect, list<string>(Action), list<unknown>(Resource).map(target)]);
  assert.deepEqual(allowed, [
    ['Allow', ['logs:CreateLogStream', 'logs:PutLogEvents'], ['Logs']],
    ['Allow', ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'], ['UserCells']],
  ]);
});

test('alarms say what the cells do not see, to a topic when one is named', () => {
  const topic = 'arn:aws:sns:eu-west-1:123456789012:alerts';
  for (const [context, actions] of [[{}, undefined], [{ alarmTopicArn: topic }, [topic]]] as const) {
    const alarms = synth(context).all('AWS::CloudWatch::Alarm').map(({ Properties }) => Properties);
    const watched = alarms.map(({ Namespace, MetricName, Threshold }) => [Namespace, MetricName, Threshold].join(' '));
    assert.deepEqual(watched.sort(), ['AWS/ApiGateway 5xx 0.05', 'AWS/Lambda Errors 0', 'AWS/Lambda Throttles 0']);
    for (const { AlarmActions, AlarmDescription, TreatMissingData, Dimensions } of alarms) {
      assert.deepEqual([AlarmActions, TreatMissingData, Dimensions.length], [actions, 'notBreaching', 1]);
      assert.ok(AlarmDescription.length > 60 && AlarmDescription.length <= 1024, AlarmDescription);
    }
  }
});

test('the table is kept and can be restored', () => {
  const [table] = synth().all('AWS::DynamoDB::Table');
  assert.equal(table?.DeletionPolicy, 'Retain');
  assert.deepEqual([table?.Properties.DeletionProtectionEnabled, table?.Properties.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled], [true, true]);
  const [index] = table?.Properties.GlobalSecondaryIndexes;
  assert.deepEqual([index.IndexName, index.KeySchema.map(({ AttributeName }: any) => AttributeName)], ['by-cell', ['cell', 'id']]);
  const [local] = synth({ local: 'true' }).all('AWS::DynamoDB::Table');
  assert.equal(local?.DeletionPolicy, 'Delete');
});

test('the router waits less long for a cell than the gateway for it, and a move longer', () => {
  for (const cellTimeoutSeconds of [1, 15, 25]) {
    const { all, template } = synth({ cellTimeoutSeconds });
    const [router] = all('AWS::Lambda::Function');
    assert.equal(router?.Properties.Environment.Variables.CELL_TIMEOUT_SECONDS, String(cellTimeoutSeconds));
    assert.ok(cellTimeoutSeconds < router?.Properties.Timeout && router?.Properties.Timeout < 30);
    assert.equal(template.findOutputs('InFlightSeconds').InFlightSeconds?.Value, String(cellTimeoutSeconds + 12));
  }
});

test('a setting that is missing, wrong or unknown is named', () => {
  for (const [context, says] of [
    [{ oidcIssuer: undefined }, /oidcIssuer is missing: the front and all cells/],
    [{ oidcAudience: undefined }, /oidcAudience is missing/],
    [{ oidcIssuer: 'http://login.example' }, /https URL/],
    [{ cellTimeoutSeconds: '26' }, /cellTimeoutSeconds="26": expected 1 to 25/],
    [{ alarmTopicArn: 'alerts' }, /alarmTopicArn="alerts": expected the ARN of an SNS topic/],
    [{ cells: 'a' }, /unknown context cells/],
  ] as const) {
    assert.throws(() => synth(context), (error) => error instanceof SettingsError && says.test(error.message), String(says));
  }
});

for (const [name, context] of Object.entries({ AWS: {}, local: { local: 'true' } })) {
  test(`cdk-nag finds nothing in the front that is not explained: ${name}`, () => {
    const { app } = synth(context);
    const found = [new AwsSolutionsChecks(), new ServerlessChecks()].flatMap((pack) =>
      pack.validateScope(app).violations.flatMap(({ ruleName, violatingResources }) => violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath}`)));
    assert.deepEqual(found, []);
  });
}
