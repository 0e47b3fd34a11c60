import assert from 'node:assert/strict';
import { test } from 'node:test';
import { full } from './full';
import { synth, target } from './synth';

/** Properties by which AWS knows a resource in its account and region, if they are not left to CloudFormation. */
const NAME = /^(\w*Name|Domain)$/;
/** Names of something within a resource, or of a resource that is not made here. */
const within = /^(AttributeName|IndexName|PolicyName|TopicName|SchemaName|EventBusName|FunctionName|DatabaseName|MetricName|RouteName|StageName|DeploymentConfigName)$/;
/** Resources that are parts of another one. */
const parts = [
  'AWS::ApiGatewayV2::Authorizer', 'AWS::Cognito::UserPoolResourceServer', 'AWS::Lambda::Alias', 'AWS::StepFunctions::StateMachineAlias',
];

/** Properties that contain the name. */
const named = ['DatabaseInput', 'Budget', 'CachePolicyConfig', 'OriginAccessControlConfig', 'ResponseHeadersPolicyConfig'];

/** Every name that the template gives by itself, as `type name`. */
function names(context: Record<string, unknown>): string[] {
  const found: string[] = [];
  const collect = (type: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      const isOwn = NAME.test(key) && (!within.test(key) || (type === 'AWS::Events::EventBus' && key === 'Name'));
      const name = isOwn ? target(inner) : undefined;
      if (name !== undefined && (typeof inner === 'string' || name.includes('AWS::'))) found.push(`${type} ${key} ${name}`);
    }
    for (const part of named) collect(type, (value as Record<string, unknown>)[part]);
  };
  const resources = synth(context).template.toJSON().Resources as Record<string, { Type: string; Properties?: unknown }>;
  for (const { Type, Properties } of Object.values(resources)) if (!parts.includes(Type)) collect(Type, Properties);
  return found;
}

test('two stacks beside each other give nothing the same name', () => {
  const [first, second] = [names(full), names({ ...full, stackName: 'goal-activity-test' })];
  for (const type of ['Events::EventBus', 'StepFunctions::StateMachine', 'EventSchemas::Registry', 'Glue::Database', 'CloudWatch::Alarm', 'CloudWatch::Dashboard', 'Logs::LogGroup', 'Budgets::Budget', 'Backup::BackupVault']) {
    assert.ok(first.some((name) => name.startsWith(`AWS::${type} `)), `${type} has a name: ${first.join(', ')}`);
  }
  assert.deepEqual(first.filter((name) => second.includes(name)), []);
});

/** Services whose names have no region: unique in the account, or in all accounts. */
const withoutRegion = /^AWS::(CloudWatch::Dashboard|Budgets::Budget|IAM::\w+|S3::Bucket|CloudFront::\w+|Route53::\w+) /;

test('stacks of one name in two regions of an account give nothing the same name', () => {
  const found = names(full).filter((name) => withoutRegion.test(name));
  assert.deepEqual(found.sort(), [
    'AWS::Budgets::Budget BudgetName goal-activity-AWS::Region',
    'AWS::CloudFront::CachePolicy Name goal-activity-AWS::Region',
    'AWS::CloudFront::OriginAccessControl Name goal-activity-AWS::Region',
    'AWS::CloudFront::ResponseHeadersPolicy Name goal-activity-AWS::Region',
    'AWS::CloudWatch::Dashboard DashboardName goal-activity-AWS::Region',
  ]);
});

test('metrics of a stack are in a namespace of its own, and so are those that its alarms read', () => {
  const { all } = synth({ stackName: 'goal-activity-test' });
  const own = all('AWS::CloudWatch::Alarm').map(({ Namespace }) => Namespace).filter((namespace) => !String(namespace).startsWith('AWS/'));
  assert.deepEqual([...new Set(own)], ['goal-activity-test']);
  const given = all('AWS::Lambda::Function').map(({ Environment }) => Environment.Variables.METRICS_NAMESPACE);
  assert.deepEqual([...new Set(given)], ['goal-activity-test']);
});
