import assert from 'node:assert/strict';
import { test } from 'node:test';
import { synth } from './synth';

/** Properties by which AWS knows a resource in its account and region, if they are not left to CloudFormation. */
const NAME = /^(\w*Name|Domain)$/;
/** Names of something within a resource, or of a resource that is not made here. */
const within = /^(AttributeName|IndexName|PolicyName|TopicName|SchemaName|EventBusName|FunctionName|DatabaseName|MetricName|RouteName|StageName)$/;
/** Resources that are parts of another one. */
const parts = ['AWS::ApiGatewayV2::Authorizer', 'AWS::Cognito::UserPoolResourceServer'];

/** Every name that the template gives by itself, as `type name`. */
function names(context: Record<string, unknown>): string[] {
  const found: string[] = [];
  const collect = (type: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      const isOwn = NAME.test(key) && (!within.test(key) || (type === 'AWS::Events::EventBus' && key === 'Name'));
      if (typeof inner === 'string' && isOwn) found.push(`${type} ${key} ${inner}`);
    }
    const { DatabaseInput } = value as { DatabaseInput?: unknown };
    collect(type, DatabaseInput);
  };
  const resources = synth(context).template.toJSON().Resources as Record<string, { Type: string; Properties?: unknown }>;
  for (const { Type, Properties } of Object.values(resources)) if (!parts.includes(Type)) collect(Type, Properties);
  return found;
}

test('two stacks beside each other give nothing the same name', () => {
  const [first, second] = [names({}), names({ stackName: 'goal-activity-test' })];
  for (const type of ['Events::EventBus', 'StepFunctions::StateMachine', 'EventSchemas::Registry', 'Glue::Database', 'CloudWatch::Alarm', 'CloudWatch::Dashboard', 'Logs::LogGroup']) {
    assert.ok(first.some((name) => name.startsWith(`AWS::${type} `)), `${type} has a name: ${first.join(', ')}`);
  }
  assert.deepEqual(first.filter((name) => second.includes(name)), []);
});

test('metrics of a stack are in a namespace of its own, and so are those that its alarms read', () => {
  const { all } = synth({ stackName: 'goal-activity-test' });
  const own = all('AWS::CloudWatch::Alarm').map(({ Namespace }) => Namespace).filter((namespace) => !String(namespace).startsWith('AWS/'));
  assert.deepEqual([...new Set(own)], ['goal-activity-test']);
  const given = all('AWS::Lambda::Function').map(({ Environment }) => Environment.Variables.METRICS_NAMESPACE);
  assert.deepEqual([...new Set(given)], ['goal-activity-test']);
});
