import assert from 'node:assert/strict';
import { test } from 'node:test';
import { synth } from './synth';

const aws = synth();

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
  const keys = (schema: any[]) => schema.map(({ AttributeName }) => AttributeName).join(' ');
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

test('existing Goals and Tasks tables are used by name and never created', () => {
  const existing = synth({ goalsTable: 'app-goals', tasksTable: 'app-tasks' });
  assert.deepEqual(existing.all('AWS::DynamoDB::Table').map(({ name }) => name), ['StorageWorkflowExecutions']);
  const variables = existing.resources('AWS::Lambda::Function').FunctionsWorkerFunction!.Properties.Environment.Variables;
  assert.deepEqual([variables.GOALS_TABLE, variables.TASKS_TABLE], ['app-goals', 'app-tasks']);
  const policy = JSON.stringify(existing.resources('AWS::IAM::Policy').FunctionsWorkerRoleDefaultPolicy);
  assert.match(policy, /:table\/app-goals"/);
  assert.match(policy, /:table\/app-tasks"/);
});
