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

const executions = 'arn:AWS::Partition:states:AWS::Region:AWS::AccountId:execution:goal-activity:*';

test('api claims goals, writes execution rows, emits requests and cancels; it may not start anything', () => {
  assert.deepEqual(functionGrants('FunctionsApi'), {
    StorageGoals: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
    StorageTasks: ['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:Query'],
    StorageWorkflowExecutions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
    'StorageWorkflowExecutions/index/by-goal': ['dynamodb:Query'],
    MessagingBus: ['events:PutEvents'],
    [executions]: ['states:StopExecution'],
  });
  assert.deepEqual(environment('FunctionsApi'),
    ['EVENT_BUS', 'EXECUTIONS_TABLE', 'GOALS_TABLE', 'STATE_MACHINE_ARN', 'TASKS_TABLE']);
});

test('launch claims goals like api, starts the execution, and stops one that was cancelled at that moment', () => {
  assert.deepEqual(functionGrants('FunctionsLaunch'), {
    StorageGoals: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
    StorageTasks: ['dynamodb:GetItem', 'dynamodb:Query'],
    StorageWorkflowExecutions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
    MessagingBus: ['events:PutEvents'],
    [executions]: ['states:StopExecution'],
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
    WorkflowStateMachine: ['states:SendTaskHeartbeat', 'states:SendTaskSuccess'],
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

/** Ending a workflow and telling everybody. */
const conclude = {
  StorageGoals: ['dynamodb:UpdateItem'],
  StorageTasks: ['dynamodb:DeleteItem', 'dynamodb:Query'],
  StorageWorkflowExecutions: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
  MessagingBus: ['events:PutEvents'],
  AlertsTopic: ['sns:Publish'],
  AlertsKey: ['kms:Decrypt', 'kms:GenerateDataKey'],
};
const toConclude = ['ALERT_TOPIC_ARN', 'EVENT_BUS', 'EXECUTIONS_TABLE', 'GOALS_TABLE', 'OPERATIONS_GUIDE', 'TASKS_TABLE'];

test('projector keeps the read model, ends workflows and tells everybody', () => {
  assert.deepEqual(functionGrants('FunctionsProjector'), { ...conclude, MessagingProjectionQueue: consume });
  assert.deepEqual(environment('FunctionsProjector'), [...toConclude, 'QUEUE_URL'].sort());
});

test('reconcile may do what projector may, list what is open, and look at and stop executions', () => {
  assert.deepEqual(functionGrants('FunctionsReconcile'), {
    ...conclude,
    'StorageWorkflowExecutions/index/open': ['dynamodb:Query'],
    [executions]: ['states:DescribeExecution', 'states:StopExecution'],
    MessagingTicks: ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'],
  });
  assert.deepEqual(environment('FunctionsReconcile'), toConclude);
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

test('only the API calls its function, each route by itself, and only its schedule calls reconcile', () => {
  const all = Object.values(resources('AWS::Lambda::Permission')).map(({ Properties }) => Properties);
  const ofSchedules = all.filter(({ Principal }) => Principal === 'events.amazonaws.com');
  assert.deepEqual(ofSchedules.map(({ FunctionName, SourceArn }) => [FunctionName, SourceArn].map(target)),
    [['FunctionsReconcileFunction', 'FunctionsReconcileSchedule']]);
  const permissions = all.filter((permission) => !ofSchedules.includes(permission));
  assert.equal(permissions.length, Object.keys(resources('AWS::ApiGatewayV2::Route')).length);
  for (const { FunctionName, Principal, SourceArn } of permissions) {
    assert.deepEqual([target(FunctionName), Principal], ['FunctionsApiFunction', 'apigateway.amazonaws.com']);
    assert.match(JSON.stringify(SourceArn), /\/\*\/\*\/api\/(goals\/|workflows\/|openapi\.json)/);
  }
});
