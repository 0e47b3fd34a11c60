import assert from 'node:assert/strict';
import { test } from 'node:test';
import { full } from './full';
import { list, synth, target } from './synth';

const aws = synth();
const all = synth(full);
const key = full.kmsKey!;

/** The statements of a role's policies. */
const statements = (of: typeof aws, role: string): any[] => of.all('AWS::IAM::Policy')
  .filter(({ Roles }) => Roles.some((each: any) => target(each) === role))
  .flatMap(({ PolicyDocument }) => PolicyDocument.Statement);

test('concurrency is reserved, and limited at the event source, only by setting', () => {
  const reserved = (of: typeof aws) => Object.fromEntries(of.all('AWS::Lambda::Function')
    .filter(({ ReservedConcurrentExecutions }) => ReservedConcurrentExecutions !== undefined)
    .map(({ name, ReservedConcurrentExecutions }) => [name, ReservedConcurrentExecutions]));
  assert.deepEqual(reserved(aws), {});
  assert.deepEqual(reserved(all), { FunctionsApiFunction: 50, FunctionsProjectorFunction: 20 });
  const launch = all.all('AWS::Lambda::EventSourceMapping').find(({ FunctionName }) => JSON.stringify(FunctionName).includes('FunctionsLaunchAlias'));
  assert.deepEqual(launch?.ScalingConfig, { MaximumConcurrency: 10 });
});

test('every log group keeps its lines for as long as is set', () => {
  assert.deepEqual([...new Set(all.all('AWS::Logs::LogGroup').map(({ RetentionInDays }) => RetentionInDays))], [90]);
});

test('Lambda does not repeat a tick that failed', () => {
  const { FunctionName, MaximumRetryAttempts, MaximumEventAgeInSeconds } = aws.one('AWS::Lambda::EventInvokeConfig');
  assert.deepEqual([target(FunctionName), MaximumRetryAttempts, MaximumEventAgeInSeconds], ['FunctionsReconcileFunction', 0, 60]);
});

test("tables, queues, bucket, logs and backups are under the operator's key, and nothing else of the stack is", () => {
  for (const { name, SSESpecification } of all.all('AWS::DynamoDB::Table')) {
    assert.deepEqual(SSESpecification, { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: key }, name);
  }
  for (const { name, KmsMasterKeyId } of all.all('AWS::SQS::Queue')) assert.equal(KmsMasterKeyId, key, name);
  for (const { name, KmsKeyId } of all.all('AWS::Logs::LogGroup')) assert.equal(KmsKeyId, key, name);
  const [rule] = all.resources('AWS::S3::Bucket').ArchiveBucket!.Properties.BucketEncryption.ServerSideEncryptionConfiguration;
  assert.deepEqual(rule, { BucketKeyEnabled: true, ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: key } });
  assert.equal(all.one('AWS::Backup::BackupVault').EncryptionKeyArn, key);
  assert.ok(!JSON.stringify(aws.template.toJSON()).includes('kms:ViaService'));
});

test('a role may use the key only through the services that hold its data, and only to read where it only reads', () => {
  const sorted = (role: string) => {
    const found: Record<string, string[]> = {};
    for (const { Action, Resource, Condition } of statements(all, role)) {
      if (Resource !== key) continue;
      const [service = ''] = target(Condition.StringEquals['kms:ViaService']).split('.');
      found[service] = [...new Set([...(found[service] ?? []), ...list<string>(Action)])].sort();
    }
    return found;
  };
  const writes = ['kms:Decrypt', 'kms:DescribeKey', 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'];
  assert.deepEqual(sorted('FunctionsApiRole'), { dynamodb: writes, s3: ['kms:Decrypt'] });
  assert.deepEqual(sorted('FunctionsLaunchRole'), { dynamodb: writes, sqs: ['kms:Decrypt'] });
  assert.deepEqual(sorted('FunctionsWorkerRole'), { dynamodb: writes, sqs: ['kms:Decrypt'] });
  assert.deepEqual(sorted('WorkflowFinalizeRole'), { dynamodb: writes });
  assert.deepEqual(sorted('FunctionsProjectorRole'), { dynamodb: writes, s3: ['kms:Decrypt', 'kms:GenerateDataKey'], sqs: ['kms:Decrypt'] });
  assert.deepEqual(sorted('FunctionsReconcileRole'), { dynamodb: writes, s3: ['kms:Decrypt', 'kms:GenerateDataKey'], sqs: ['kms:Decrypt'] });
  assert.deepEqual(sorted('WorkflowRole'), { sqs: ['kms:Decrypt', 'kms:GenerateDataKey'] });
});

test('data outlives its stack unless it is said that it need not', () => {
  const policies = (of: typeof aws) => Object.fromEntries(
    ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::Cognito::UserPool', 'AWS::Backup::BackupVault']
      .flatMap((type) => Object.entries(of.resources(type)).map(([name, { DeletionPolicy }]) => [name, DeletionPolicy])));
  const kept = {
    StorageGoals: 'Retain', StorageTasks: 'Retain', StorageWorkflowExecutions: 'Retain', ApiUsers: 'Retain',
    ArchiveBucket: 'RetainExceptOnCreate',
  };
  assert.deepEqual(policies(aws), kept);
  assert.deepEqual(policies(all), { ...kept, BackupsVault: 'RetainExceptOnCreate', WebBucket: 'Delete' });
  const disposable = synth({ removalPolicy: 'destroy', backup: 'true' });
  assert.deepEqual([...new Set(Object.values(policies(disposable)))], ['Delete']);
  for (const { name, DeletionProtectionEnabled } of disposable.all('AWS::DynamoDB::Table')) assert.ok(!DeletionProtectionEnabled, name);
  const local = synth({ local: 'true', removalPolicy: 'retain' });
  assert.deepEqual(policies(local), kept);
});

test('what a failed creation may leave behind has a generated name, so that the next creation is not blocked', () => {
  for (const of of [aws, all]) {
    for (const { TableName } of of.all('AWS::DynamoDB::Table')) assert.equal(TableName, undefined);
    for (const { UserPoolName } of of.all('AWS::Cognito::UserPool')) assert.equal(UserPoolName, undefined);
    for (const { BucketName } of of.all('AWS::S3::Bucket')) assert.equal(BucketName, undefined);
  }
  assert.match(JSON.stringify(all.one('AWS::Backup::BackupVault').BackupVaultName), /AWS::StackId/);
});

test('the stack is protected from deletion, and tagged, by setting', () => {
  assert.deepEqual([aws.stack.terminationProtection, all.stack.terminationProtection], [false, true]);
  for (const type of ['AWS::DynamoDB::Table', 'AWS::SQS::Queue', 'AWS::Lambda::Function', 'AWS::S3::Bucket', 'AWS::Logs::LogGroup']) {
    for (const { name, Tags } of all.all(type)) assert.deepEqual(Tags, [{ Key: 'team', Value: 'goals' }], name);
    for (const { name, Tags } of aws.all(type)) assert.equal(Tags, undefined, name);
  }
});

test('AWS Backup copies the tables and the bucket daily for 35 days, by setting', () => {
  assert.deepEqual(aws.all('AWS::Backup::BackupPlan'), []);
  const [rule, ...others] = all.one('AWS::Backup::BackupPlan').BackupPlan.BackupPlanRule;
  assert.equal(others.length, 0);
  assert.deepEqual([rule.ScheduleExpression, rule.Lifecycle.DeleteAfterDays], ['cron(0 3 * * ? *)', 35]);
  assert.deepEqual(all.one('AWS::Backup::BackupSelection').BackupSelection.Resources.map(target),
    ['StorageGoals', 'StorageTasks', 'StorageWorkflowExecutions', 'ArchiveBucket']);
});

test('an address is subscribed to the alerts, and a budget tells them at 80 %, at 100 % and by its forecast', () => {
  const { Protocol, Endpoint, TopicArn } = all.one('AWS::SNS::Subscription');
  assert.deepEqual([Protocol, Endpoint, target(TopicArn)], ['email', 'ops@example.com', 'AlertsTopic']);
  const { Budget, NotificationsWithSubscribers } = all.one('AWS::Budgets::Budget');
  assert.deepEqual(Budget, { BudgetName: { 'Fn::Join': ['', ['goal-activity-', { Ref: 'AWS::Region' }]] }, BudgetType: 'COST', TimeUnit: 'MONTHLY', BudgetLimit: { Amount: 500, Unit: 'USD' } });
  assert.deepEqual(NotificationsWithSubscribers.map(({ Notification, Subscribers }: any) =>
    [Notification.NotificationType, Notification.Threshold, Subscribers.map(({ Address }: any) => target(Address))]),
  [['ACTUAL', 80, ['AlertsTopic']], ['ACTUAL', 100, ['AlertsTopic']], ['FORECASTED', 100, ['AlertsTopic']]]);
  const publishers = (of: typeof aws) => of.one('AWS::SNS::TopicPolicy').PolicyDocument.Statement
    .filter(({ Effect }: any) => Effect === 'Allow').flatMap(({ Principal }: any) => Principal.Service).sort();
  assert.deepEqual([publishers(aws), publishers(all)], [['cloudwatch.amazonaws.com'], ['budgets.amazonaws.com', 'cloudwatch.amazonaws.com']]);
  const users = all.one('AWS::KMS::Key').KeyPolicy.Statement.flatMap(({ Principal }: any) => Principal.Service ?? []);
  assert.deepEqual(users.sort(), ['budgets.amazonaws.com', 'cloudwatch.amazonaws.com']);
});

test('only the worker is in the VPC, and its code cannot touch network interfaces', () => {
  const attached = (of: typeof aws) => of.all('AWS::Lambda::Function').filter(({ VpcConfig }) => VpcConfig);
  assert.deepEqual(attached(aws), []);
  const [worker, ...others] = attached(all);
  assert.ok(worker && others.length === 0);
  assert.equal(worker.name, 'FunctionsWorkerFunction');
  assert.deepEqual(worker.VpcConfig, { SubnetIds: full.subnets!.split(','), SecurityGroupIds: [full.securityGroups] });
  const ofNetworks = statements(all, 'FunctionsWorkerRole').filter(({ Action }) => list<string>(Action).some((each) => each.startsWith('ec2:')));
  const allowed = list<string>(ofNetworks.find(({ Effect }) => Effect === 'Allow').Action).filter((each) => each.startsWith('ec2:')).sort();
  assert.deepEqual(allowed, ['AssignPrivateIpAddresses', 'CreateNetworkInterface', 'DeleteNetworkInterface', 'DescribeNetworkInterfaces',
    'DescribeSubnets', 'UnassignPrivateIpAddresses'].map((each) => `ec2:${each}`));
  const denied = ofNetworks.find(({ Effect }) => Effect === 'Deny');
  assert.deepEqual(allowed.filter((each) => !denied.Action.includes(each)), []);
  assert.match(target(denied.Condition.ArnLike['lambda:SourceFunctionArn']), /:function:\*$/);
  for (const name of ['Api', 'Launch', 'Projector', 'Reconcile']) {
    assert.doesNotMatch(JSON.stringify(statements(all, `Functions${name}Role`)), /ec2:/, name);
  }
});

test('another account emits requests under its source, and makes and changes only rules of its own, for events of the pipeline', () => {
  const policies = (of: typeof aws) => of.all('AWS::Events::EventBusPolicy').map(({ Statement }) => Statement);
  assert.equal(policies(aws).length, 1);
  const ofAccount = (account: string) => policies(all).filter(({ Principal }) => JSON.stringify(Principal).includes(account));
  const [requests, created, changed, ...others] = ofAccount('111122223333');
  assert.equal(others.length, 0);
  assert.deepEqual([requests.Effect, requests.Action, target(requests.Resource)], ['Allow', 'events:PutEvents', 'MessagingBus']);
  assert.deepEqual(requests.Condition, {
    'ForAllValues:StringEquals': { 'events:source': 'com.example.planner' },
    Null: { 'events:source': 'false' },
    StringEquals: { 'events:detail-type': ['GoalActivityRequested', 'GoalActivityCancelRequested', 'GoalActivityRetryRequested'] },
  });
  for (const { Effect, Resource } of [created, changed]) {
    assert.equal(Effect, 'Allow');
    assert.match(target(Resource), /:rule\/MessagingBus\/111122223333-\*$/);
  }
  assert.equal(created.Action, 'events:PutRule');
  assert.deepEqual(created.Condition.StringEquals, { 'events:source': 'goal-activity' });
  assert.ok(!list(changed.Action).includes('events:PutRule'));
  assert.deepEqual(changed.Condition, { StringEquals: { 'events:creatorAccount': '111122223333' } });
  assert.equal(ofAccount('444455556666').length, 3);
  // The account may speak under no other source; and what is denied to all stays denied.
  assert.equal(policies(all).filter(({ Effect }) => Effect === 'Deny').length, 1);
});

test('an existing table of executions and an existing bucket are used and never created', () => {
  const adopted = synth({ executionsTable: 'left-executions', archiveBucket: 'left-archive', goalsTable: 'app-goals', tasksTable: 'app-tasks' });
  assert.deepEqual([adopted.all('AWS::DynamoDB::Table'), adopted.all('AWS::S3::Bucket')], [[], []]);
  const { EXECUTIONS_TABLE, ARCHIVE_BUCKET } = adopted.resources('AWS::Lambda::Function').FunctionsProjectorFunction!.Properties.Environment.Variables;
  assert.deepEqual([EXECUTIONS_TABLE, ARCHIVE_BUCKET], ['left-executions', 'left-archive']);
  const policy = JSON.stringify(adopted.resources('AWS::IAM::Policy').FunctionsReconcileRoleDefaultPolicy);
  assert.match(policy, /:table\/left-executions"/);
  assert.match(policy, /:table\/left-executions\/index\/waiting"/);
  assert.match(policy, /:s3:::left-archive\/executions\/\*"/);
  assert.match(JSON.stringify(adopted.all('AWS::Glue::Table')), /s3:\/\/left-archive\/executions\//);
});

/**
 * Another id means another resource: CloudFormation would create a new, empty one and leave the old one with all data. Whoever
 * has to change one moves the data first, or adopts the old one by setting.
 */
test('resources with data keep their logical ids', () => {
  const types = ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::Cognito::UserPool', 'AWS::Cognito::UserPoolClient', 'AWS::SQS::Queue', 'AWS::Events::EventBus',
    'AWS::StepFunctions::StateMachine', 'AWS::SNS::Topic', 'AWS::KMS::Key', 'AWS::ApiGatewayV2::Api', 'AWS::Backup::BackupVault'];
  const ids = (of: typeof aws) => types.flatMap((type) => Object.keys(of.template.findResources(type))).sort();
  const expected = [
    'AlertsKey9E1197AF',
    'AlertsTopicCF7C81C9',
    'ApiHttp17514DA7',
    'ApiUsers862F2BE7',
    'ApiUsersClient87CFBF06',
    'ApiUsersOperators72BFF54B',
    'ArchiveBucket49F1AC64',
    'MessagingBatchDlq6B625B18',
    'MessagingBatchQueueA00A9266',
    'MessagingBus52612CDD',
    'MessagingLaunchDlqFB2F46EF',
    'MessagingLaunchQueue3612F5CE',
    'MessagingProjectionDlq07E4A010',
    'MessagingProjectionQueueB0E6CEFA',
    'MessagingTicksFD4DB989',
    'MessagingUndeliveredDCAE3ED8',
    'StorageGoals0820685E',
    'StorageTasks7A5B7490',
    'StorageWorkflowExecutionsCC2F9D72',
    'WorkflowStateMachine8F1B1C15',
  ];
  const gone = expected.filter((id) => !ids(aws).includes(id));
  assert.deepEqual(gone, [], 'a resource with data has another logical id: CloudFormation would replace it by an empty one, and leave or '
    + 'delete the old one with what is in it. Keep the id: the construct and all above it keep their names, or overrideLogicalId()');
  assert.deepEqual(ids(aws), expected, 'a new resource with data: add its id');
  assert.deepEqual(ids(all).filter((id) => !expected.includes(id)), ['BackupsVault1F11AFCC', 'WebBucketE51352C0']);
});

for (const [partition, region, suffix] of [['aws-cn', 'cn-north-1', 'amazonaws.com.cn'], ['aws-us-gov', 'us-gov-west-1', 'amazonaws.com']] as const) {
  test(`nothing in the template belongs to another partition than ${partition}`, () => {
    const { kmsKey, ...others } = full;
    const template = JSON.stringify(synth({ ...others, kmsKey: kmsKey!.replace('arn:aws:', `arn:${partition}:`) }).template.toJSON());
    assert.doesNotMatch(template, /arn:aws[:-](?!cn:|us-gov:)/);
    const deployed = template.replaceAll('{"Ref":"AWS::Partition"}', `"${partition}"`).replaceAll('{"Ref":"AWS::Region"}', `"${region}"`)
      .replaceAll('{"Ref":"AWS::URLSuffix"}', `"${suffix}"`);
    assert.doesNotMatch(deployed, /AWS::Partition|AWS::URLSuffix/);
    // Service principals are the same in every partition.
    const hosts = [...deployed.matchAll(/([\w-]+)\.amazonaws\.com(?!\.cn)/g)].map(([, host]) => host);
    const services = ['apigateway', 'backup', 'budgets', 'cloudfront', 'cloudwatch', 'codedeploy', 'events', 'lambda', 'states'];
    if (partition === 'aws-cn') assert.deepEqual([...new Set(hosts)].sort(), services);
  });
}
