import assert from 'node:assert/strict';
import { test } from 'node:test';
import { list, type Resource, synth, target } from './synth';

const { resources } = synth();
const policies = Object.values(resources('AWS::IAM::Policy'));

/** What a role may do: actions by resource, without the function's own log. */
function grants(role: string): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const policy of policies.filter(({ Properties }) => Properties.Roles.some((each: any) => target(each) === role))) {
    for (const statement of policy.Properties.PolicyDocument.Statement) {
      assert.equal(statement.Effect, 'Allow');
      for (const resource of list(statement.Resource)) {
        (found[target(resource)] ??= []).push(...list<string>(statement.Action));
      }
    }
  }
  return found;
}

function functionGrants(name: string): Record<string, string[]> {
  const { [`${name}Logs`]: logs, ...others } = grants(`${name}Role`);
  assert.deepEqual(logs, ['logs:CreateLogStream', 'logs:PutLogEvents']);
  return others;
}

const environment = (name: string): string[] => {
  const { Properties } = resources('AWS::Lambda::Function')[`${name}Function`] as Resource;
  return Object.keys(Properties.Environment.Variables).filter((key) => key !== 'LOG_LEVEL').sort();
};

const consume = ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'];

test('api reads a goal, claims it, writes the execution row and emits the request; it may not start anything', () => {
  assert.deepEqual(functionGrants('FunctionsApi'), {
    StorageGoals: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
    StorageTasks: ['dynamodb:GetItem', 'dynamodb:Query'],
    StorageWorkflowExecutions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query'],
    MessagingBus: ['events:PutEvents'],
  });
  assert.deepEqual(environment('FunctionsApi'),
    ['EVENT_BUS', 'EXECUTIONS_TABLE', 'GOALS_TABLE', 'STATE_MACHINE_ARN', 'TASKS_TABLE']);
});

test('launch may do what api may, and start the execution', () => {
  assert.deepEqual(functionGrants('FunctionsLaunch'), {
    ...functionGrants('FunctionsApi'),
    WorkflowStateMachine: ['states:StartExecution'],
    MessagingLaunchQueue: consume,
  });
  assert.deepEqual(environment('FunctionsLaunch'), [...environment('FunctionsApi'), 'QUEUE_URL'].sort());
});

test('worker writes tasks and the ledger, reports, and answers its token', () => {
  assert.deepEqual(functionGrants('FunctionsWorker'), {
    StorageGoals: ['dynamodb:Query'],
    StorageTasks: ['dynamodb:DeleteItem', 'dynamodb:PutItem', 'dynamodb:Query'],
    StorageWorkflowExecutions: ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
    MessagingBus: ['events:PutEvents'],
    WorkflowStateMachine: ['states:SendTaskSuccess'],
    MessagingBatchQueue: consume,
  });
  assert.deepEqual(environment('FunctionsWorker'),
    ['EVENT_BUS', 'EXECUTIONS_TABLE', 'GENERATOR', 'GOALS_TABLE', 'QUEUE_URL', 'TASKS_TABLE']);
});

test('finalize touches nothing but the executions', () => {
  assert.deepEqual(functionGrants('WorkflowFinalize'), {
    StorageWorkflowExecutions: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
  });
  assert.deepEqual(environment('WorkflowFinalize'), ['EXECUTIONS_TABLE']);
});

test('projector keeps the read model, settles the goal, publishes the end and alerts', () => {
  assert.deepEqual(functionGrants('FunctionsProjector'), {
    StorageGoals: ['dynamodb:GetItem', 'dynamodb:UpdateItem'],
    StorageWorkflowExecutions: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
    MessagingBus: ['events:PutEvents'],
    MonitoringAlerts: ['sns:Publish'],
    MonitoringKey: ['kms:Decrypt', 'kms:GenerateDataKey'],
    MessagingProjectionQueue: consume,
  });
  assert.deepEqual(environment('FunctionsProjector'),
    ['ALERT_TOPIC_ARN', 'EVENT_BUS', 'EXECUTIONS_TABLE', 'GOALS_TABLE', 'QUEUE_URL']);
});

test('the state machine may fill the batch queue and invoke finalize; only logs and traces are without a resource', () => {
  const { '*': unnamed, ...named } = grants('WorkflowRole');
  assert.deepEqual(named, {
    MessagingBatchQueue: ['sqs:SendMessage'],
    WorkflowFinalizeFunction: ['lambda:InvokeFunction'],
  });
  assert.deepEqual([...new Set(unnamed?.map((action) => action.split(':')[0]))], ['logs', 'xray']);
});

test('no role has a managed policy or an inline one', () => {
  for (const [name, { Properties }] of Object.entries(resources('AWS::IAM::Role'))) {
    assert.deepEqual([Properties.ManagedPolicyArns, Properties.Policies], [undefined, undefined], name);
  }
});

test('only the API calls its function, each route by itself', () => {
  const permissions = Object.values(resources('AWS::Lambda::Permission')).map(({ Properties }) => Properties);
  assert.equal(permissions.length, Object.keys(resources('AWS::ApiGatewayV2::Route')).length);
  for (const { FunctionName, Principal, SourceArn } of permissions) {
    assert.deepEqual([target(FunctionName), Principal], ['FunctionsApiFunction', 'apigateway.amazonaws.com']);
    assert.match(JSON.stringify(SourceArn), /\/\*\/\*\/api\/(goals|workflows)\//);
  }
});
