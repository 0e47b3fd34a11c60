import assert from 'node:assert/strict';
import { test } from 'node:test';
import { synth } from './synth';

const aws = synth();
const keys = (schema: any[]) => schema.map(({ AttributeName }) => AttributeName).join(' ');

test('tables are on demand, encrypted, recoverable and protected', () => {
  for (const { name, ...table } of aws.all('AWS::DynamoDB::Table')) {
    assert.equal(table.BillingMode, 'PAY_PER_REQUEST', name);
    assert.deepEqual(table.SSESpecification, { SSEEnabled: true }, name);
    assert.equal(table.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled, true, name);
    assert.equal(table.DeletionProtectionEnabled, true, name);
    assert.equal(aws.resources('AWS::DynamoDB::Table')[name]!.DeletionPolicy, 'Retain', name);
  }
});

test('tables have the keys of the design, and executions expire', () => {
  const tables = aws.all('AWS::DynamoDB::Table');
  assert.deepEqual(tables.map(({ name, KeySchema }) => [name, keys(KeySchema)]), [
    ['StorageGoals', 'goalId item'], ['StorageTasks', 'goalId position'], ['StorageWorkflowExecutions', 'executionArn item'],
  ]);
  const executions = tables[2]!;
  assert.deepEqual(executions.TimeToLiveSpecification, { AttributeName: 'expiresAt', Enabled: true });
  assert.deepEqual(
    executions.GlobalSecondaryIndexes.map(({ IndexName, KeySchema, Projection }: any) =>
      [IndexName, keys(KeySchema), Projection.NonKeyAttributes?.sort().join(' ')]),
    [
      ['by-goal', 'goalId startDate', 'end startedAt totalActions userId'],
      ['by-user', 'userId startDate', 'end goalId startedAt totalActions'],
      ['open', 'openShard startDate', 'goalId'],
      ['waiting', 'waiting turn', undefined],
    ],
  );
});

test('the goals of a user are listed by an index without any of their texts', () => {
  const goals = aws.all('AWS::DynamoDB::Table').find(({ name }) => name === 'StorageGoals');
  assert.deepEqual(goals?.GlobalSecondaryIndexes.map(({ IndexName, KeySchema, Projection }: any) => [IndexName, keys(KeySchema), Projection]),
    [['by-user', 'userId goalId', { ProjectionType: 'KEYS_ONLY' }]]);
});

test('goals of an existing table are listed only by an index that is named, and their charts never written', () => {
  const adopted = (more: Record<string, string>) => {
    const stack = synth({ goalsTable: 'app-goals', ...more });
    const { GOALS_ARE_OWN, GOALS_USER_INDEX } = stack.resources('AWS::Lambda::Function').FunctionsApiFunction!.Properties.Environment.Variables;
    const { Statement } = stack.resources('AWS::IAM::Policy').FunctionsApiRoleDefaultPolicy!.Properties.PolicyDocument;
    const grants = Statement.filter((each: unknown) => JSON.stringify(each).includes(':table/app-goals')).map(({ Action }: any) => Action);
    return [GOALS_ARE_OWN, GOALS_USER_INDEX, grants];
  };
  const claims = ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'];
  assert.deepEqual(adopted({}), ['false', undefined, [claims]]);
  assert.deepEqual(adopted({ goalsUserIndex: 'by-owner' }), ['false', 'by-owner', [claims, 'dynamodb:Query']]);
});

test('existing Goals and Tasks tables are used by name and never created', () => {
  const existing = synth({ goalsTable: 'app-goals', tasksTable: 'app-tasks' });
  assert.deepEqual(existing.all('AWS::DynamoDB::Table').map(({ name }) => name), ['StorageWorkflowExecutions']);
  const variables = existing.resources('AWS::Lambda::Function').FunctionsWorkerFunction!.Properties.Environment.Variables;
  assert.deepEqual([variables.GOALS_TABLE, variables.TASKS_TABLE], ['app-goals', 'app-tasks']);
  const policy = JSON.stringify(existing.resources('AWS::IAM::Policy').FunctionsWorkerRoleDefaultPolicy);
  assert.match(policy, /:table\/app-goals"/);
  assert.match(policy, /:table\/app-tasks"/);
});
