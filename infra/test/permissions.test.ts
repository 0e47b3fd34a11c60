import assert from 'node:assert/strict';
import { test } from 'node:test';
import { list, type Resource, synth, target } from './synth';

const { resources, one } = synth();
const policies = Object.values(resources('AWS::IAM::Policy'));

/** The permissions of a role: actions by resource. */
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

/** The same for a function, without the common ones: to write its own log and to send X-Ray segments. */
function functionGrants(name: string): Record<string, string[]> {
  const { [`${name}Logs`]: logs, '*': unnamed, ...others } = grants(`${name}Role`);
  assert.deepEqual(logs, ['logs:CreateLogStream', 'logs:PutLogEvents']);
  assert.deepEqual(unnamed, ['xray:PutTelemetryRecords', 'xray:PutTraceSegments']);
  return others;
}

const environment = (name: string): string[] => {
  const { Properties } = resources('AWS::Lambda::Function')[`${name}Function`] as Resource;
  return Object.keys(Properties.Environment.Variables).filter((key) => key !== 'LOG_LEVEL' && key !== 'METRICS_NAMESPACE').sort();
};

const consume = ['sqs:ChangeMessageVisibility', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'];

const executions = 'arn:AWS::Partition:states:AWS::Region:AWS::AccountId:execution:goal-activity:*';

test('api claims, lists and writes goals, writes execution rows, emits requests, cancels, reads the archive and the waiting list, and starts nothing', () => {
  assert.deepEqual(functionGrants('FunctionsApi'), {
    StorageGoals: ['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
    'StorageGoals/index/by-user': ['dynamodb:Query'],
    StorageTasks: ['dynamodb:DeleteItem', 'dynamodb:GetItem', 'dynamodb:Query'],
    StorageWorkflowExecutions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
    'StorageWorkflowExecutions/index/by-goal': ['dynamodb:Query'],
    'StorageWorkflowExecutions/index/by-user': ['dynamodb:Query', 'dynamodb:Scan'],
    'StorageWorkflowExecutions/index/waiting': ['dynamodb:Query'],
    'ArchiveBucket/executions/*': ['s3:GetObject'],
    MessagingBus: ['events:PutEvents'],
    [executions]: ['states:StopExecution'],
  });
  assert.deepEqual(environment('FunctionsApi'),
    ['ACTIONS_PER_USER_AND_DAY', 'ARCHIVE_BUCKET', 'CONCURRENT_BATCHES', 'EVENT_BUS', 'EXECUTIONS_TABLE', 'GOALS_ARE_OWN', 'GOALS_TABLE', 'GOALS_USER_INDEX',
      'STATE_MACHINE_ARN', 'TASKS_TABLE']);
});

test('launch claims goals like api, sees who waits, starts the execution, and stops one that was cancelled at that moment', () => {
  assert.deepEqual(functionGrants('FunctionsLaunch'), {
    StorageGoals: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
    StorageTasks: ['dynamodb:GetItem', 'dynamodb:Query'],
    StorageWorkflowExecutions: ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
    'StorageWorkflowExecutions/index/waiting': ['dynamodb:Query'],
    MessagingBus: ['events:PutEvents'],
    [executions]: ['states:StopExecution'],
    WorkflowStateMachine: ['states:StartExecution'],
    MessagingLaunchQueue: consume,
  });
  assert.deepEqual(environment('FunctionsLaunch'),
    ['ACTIONS_PER_USER_AND_DAY', 'CONCURRENT_BATCHES', 'EVENT_BUS', 'EXECUTIONS_TABLE', 'GOALS_TABLE', 'PAUSE_ON_AI_FAILURE', 'QUEUE_URL', 'STATE_MACHINE_ARN',
      'TASKS_TABLE']);
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

/** Ending, publishing, notifying and archiving a workflow. */
const conclude = {
  StorageGoals: ['dynamodb:Query', 'dynamodb:UpdateItem'],
  StorageTasks: ['dynamodb:DeleteItem', 'dynamodb:Query'],
  StorageWorkflowExecutions: ['dynamodb:GetItem', 'dynamodb:Query', 'dynamodb:UpdateItem'],
  'ArchiveBucket/executions/*': ['s3:PutObject'],
  MessagingBus: ['events:PutEvents'],
  AlertsTopic: ['sns:Publish'],
  AlertsKey: ['kms:Decrypt', 'kms:GenerateDataKey'],
};
const toConclude = [
  'ALERT_TOPIC_ARN', 'ARCHIVE_BUCKET', 'EVENT_BUS', 'EXECUTIONS_TABLE', 'GOALS_TABLE', 'OPERATIONS_GUIDE', 'TASKS_TABLE',
];

test('projector keeps the read model, ends workflows, tells everybody and archives', () => {
  assert.deepEqual(functionGrants('FunctionsProjector'), { ...conclude, MessagingProjectionQueue: consume });
  assert.deepEqual(environment('FunctionsProjector'), [...toConclude, 'QUEUE_URL'].sort());
});

test('reconcile may do what projector may, list what is open and what waits, and look at and stop executions', () => {
  assert.deepEqual(functionGrants('FunctionsReconcile'), {
    ...conclude,
    'StorageWorkflowExecutions/index/open': ['dynamodb:Query'],
    'StorageWorkflowExecutions/index/waiting': ['dynamodb:Query'],
    [executions]: ['states:DescribeExecution', 'states:StopExecution'],
    MessagingTicks: ['sqs:DeleteMessage', 'sqs:GetQueueAttributes', 'sqs:ReceiveMessage'],
  });
  assert.deepEqual(environment('FunctionsReconcile'), ['CONCURRENT_BATCHES', 'PAUSE_ON_AI_FAILURE', 'STATE_MACHINE_ARN', ...toConclude].sort());
});

test('the state machine may fill the batch queue and invoke finalize; only logs and traces are without a resource', () => {
  const { '*': unnamed, ...named } = grants('WorkflowRole');
  assert.deepEqual(named, {
    MessagingBatchQueue: ['sqs:SendMessage'],
    WorkflowFinalizeFunction: ['lambda:InvokeFunction'],
  });
  assert.deepEqual([...new Set(unnamed?.map((action) => action.split(':')[0]))], ['logs', 'xray']);
});

test('whoever may put events, only the functions that publish may do so under the pipeline\'s own source', () => {
  const { EventBusName, Statement } = one('AWS::Events::EventBusPolicy');
  const { Effect, Principal, Action, Resource, Condition } = Statement;
  assert.deepEqual([target(EventBusName), Effect, Principal, Action, target(Resource)],
    ['MessagingBus', 'Deny', { AWS: '*' }, 'events:PutEvents', 'MessagingBus']);
  // A call with events of several sources is refused because of one with the pipeline's source.
  assert.deepEqual(Condition['ForAnyValue:StringEquals'], { 'events:source': 'goal-activity' });
  const { 'aws:PrincipalArn': exempt, ...others } = Condition.ArnNotEquals;
  assert.deepEqual(others, {});
  const publishers = Object.keys(resources('AWS::IAM::Role'))
    .filter((role) => Object.entries(grants(role)).some(([, actions]) => actions.includes('events:PutEvents')));
  assert.deepEqual(exempt.map(target).sort(), publishers.sort());
  assert.deepEqual(publishers, ['Api', 'Launch', 'Projector', 'Reconcile', 'Worker'].map((name) => `Functions${name}Role`));
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
    assert.match(JSON.stringify(SourceArn), /\/\*\/\*\/api\/(goals\b|workflows\b|openapi\.json)/);
  }
});
