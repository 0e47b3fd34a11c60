import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rollbackAlarms } from '../lib/alarms';
import { full } from './full';
import { list, synth, target } from './synth';

const inPlace = synth();
const atOnce = synth({ deployment: 'all-at-once' });
const canary = synth({ deployment: 'canary10percent30minutes' });
const linear = synth({ deployment: 'linear10percentevery2minutes' });
const everything = synth({
  ...full, architecture: 'x86_64', goalsTable: 'goals', tasksTable: 'tasks', executionsTable: 'executions', archiveBucket: 'archive',
  oidcIssuer: 'https://issuer.example', oidcAudience: 'app', oidcScopes: 'goals', webClientId: 'page', generator: 'bedrock', bedrockModel: 'amazon.nova-lite-v1:0',
  fallback: 'offline', tracing: 'otlp', tracingLayer: 'arn:aws:lambda:us-east-1:123456789012:layer:collector:1',
});
const local = synth({ local: 'true', deployment: 'all-at-once' });
const functions = ['FunctionsApi', 'FunctionsLaunch', 'FunctionsProjector', 'FunctionsReconcile', 'FunctionsWorker', 'WorkflowFinalize'];

const types = (of: typeof inPlace) => new Set(Object.values<any>(of.template.toJSON().Resources).map(({ Type }) => Type));

/** The alias whose name or ARN this is, or what else it is. */
const callee = (value: any): string => /"Ref":"(\w+Alias)[0-9A-F]{8}"/.exec(JSON.stringify(value))?.[1] ?? target(value);

/** What each invoker calls. */
function invoked(of: typeof inPlace): Record<string, string[]> {
  const names = (values: any[]) => [...new Set(values.map(callee))].sort();
  const all = (type: string) => of.all(type);
  return {
    gateway: names(all('AWS::ApiGatewayV2::Integration').map(({ IntegrationUri }) => IntegrationUri)),
    permissions: names(all('AWS::Lambda::Permission').map(({ FunctionName }) => FunctionName)),
    queues: names(all('AWS::Lambda::EventSourceMapping').map(({ FunctionName }) => FunctionName)),
    schedule: names(all('AWS::Events::Rule').filter(({ ScheduleExpression }) => ScheduleExpression)
      .flatMap(({ Targets }) => Targets).map(({ Arn }) => Arn)).filter((name) => name !== 'MessagingTicks'),
    stateMachine: names([of.one('AWS::StepFunctions::StateMachine').DefinitionSubstitutions.FinalizeFunctionArn]),
  };
}

test('without the setting nothing has a version or an alias', () => {
  const versioned = [...types(inPlace)].filter((type) => /Version|Alias|CodeDeploy/.test(type));
  assert.deepEqual(versioned, []);
  assert.deepEqual(invoked(inPlace).queues, ['Launch', 'Projector', 'Reconcile', 'Worker'].map((name) => `Functions${name}Function`));
  assert.equal(inPlace.resources('AWS::Lambda::Function').FunctionsLaunchFunction!.Properties.Environment.Variables.STATE_MACHINE_ALIAS, undefined);
});

for (const [name, of] of Object.entries({ 'all at once': atOnce, 'as a canary': canary, linear, 'with every other setting': everything, 'on the emulator': local })) {
  test(`every function has the alias live, on a version of its own that stays: ${name}`, () => {
    const aliases = of.all('AWS::Lambda::Alias');
    assert.deepEqual(aliases.map((each) => each.name).sort(), functions.map((each) => `${each}Alias`));
    const versions = of.template.findResources('AWS::Lambda::Version');
    for (const { Name, FunctionName, FunctionVersion } of aliases) {
      assert.equal(Name, 'live');
      const version = versions[FunctionVersion['Fn::GetAtt'][0]]!;
      assert.equal(target(version.Properties.FunctionName), target(FunctionName));
      assert.deepEqual([version.DeletionPolicy, version.UpdateReplacePolicy], ['Retain', 'Retain']);
    }
  });

  test(`all that invokes a function goes through its alias: ${name}`, () => {
    const read = ['Launch', 'Projector', 'Reconcile', 'Worker'].map((each) => `Functions${each}Alias`);
    assert.deepEqual(invoked(of), {
      gateway: ['FunctionsApiAlias'],
      permissions: ['FunctionsApiAlias', 'FunctionsReconcileAlias'],
      queues: read,
      schedule: ['FunctionsReconcileAlias'],
      // By its ARN, without waiting for it.
      stateMachine: ['WorkflowFinalizeFunction:live'],
    });
    const outputs = of.template.findOutputs('*');
    for (const [output, each] of Object.entries({ ApiFunctionName: 'Api', WorkerFunctionName: 'Worker', ReconcileFunctionName: 'Reconcile' })) {
      const { Value } = outputs[output]!;
      assert.equal(callee(Value), `Functions${each}Alias`, output);
      assert.match(JSON.stringify(Value), /:live"/, output);
    }
    // Of asynchronous invocations, that is of the schedule's.
    assert.equal(callee(of.one('AWS::Lambda::EventInvokeConfig').Qualifier), 'FunctionsReconcileAlias');
  });

  test(`nothing refers to a function itself but what has to: ${name}`, () => {
    // Its versions, the state machine's permission for workflows that were started before, metrics, CodeDeploy, and what puts the page there.
    const own = ['AWS::Lambda::Function', 'AWS::Lambda::Version', 'AWS::Lambda::Alias', 'AWS::Lambda::EventInvokeConfig',
      'AWS::CloudWatch::Alarm', 'AWS::CloudWatch::Dashboard', 'AWS::IAM::Policy', 'Custom::CDKBucketDeployment'];
    const ids = Object.keys(of.template.findResources('AWS::Lambda::Function'));
    const others = Object.entries<any>(of.template.toJSON().Resources)
      .filter(([, { Type, Properties }]) => !own.includes(Type) && ids.some((id) => JSON.stringify(Properties).includes(`"${id}"`)))
      .map(([, { Type }]) => Type);
    assert.deepEqual([...new Set(others)], ['AWS::StepFunctions::StateMachine']);
  });
}

test('the gateway calls an alias only when it may', () => {
  const integration = canary.template.findResources('AWS::ApiGatewayV2::Integration');
  const permissions = Object.entries(canary.template.findResources('AWS::Lambda::Permission'))
    .filter(([, { Properties }]) => Properties.Principal === 'apigateway.amazonaws.com').map(([id]) => id);
  assert.deepEqual(Object.values(integration)[0]!.DependsOn.sort(), permissions.sort());
});

test('the state machine may invoke the alias of finalize, and the function for workflows that were started without it', () => {
  const [policy] = canary.all('AWS::IAM::Policy').filter(({ name }) => name === 'WorkflowRoleDefaultPolicy');
  const [statement] = policy!.PolicyDocument.Statement.filter(({ Action }: any) => Action === 'lambda:InvokeFunction');
  assert.deepEqual(statement.Resource.map(target), ['WorkflowFinalizeFunction', 'WorkflowFinalizeFunction:live']);
});

test('a new version is made when code or configuration change, and only then', () => {
  const versions = (context: Record<string, string>) =>
    Object.keys(synth({ deployment: 'all-at-once', ...context }).template.findResources('AWS::Lambda::Version')).sort();
  assert.deepEqual(versions({}), versions({ tags: '{"team":"goals"}', apiConcurrency: '5' }));
  const repaired = versions({ repair: '2026-11-30' });
  assert.equal(repaired.length, functions.length);
  assert.deepEqual(repaired.filter((id) => versions({}).includes(id)), []);
});

test('at once nothing is watched, so that a correction can be deployed while an alarm is raised', () => {
  assert.deepEqual([...types(atOnce)].filter((type) => type.startsWith('AWS::CodeDeploy')), []);
  for (const [name, each] of Object.entries<any>(atOnce.resources('AWS::Lambda::Alias'))) assert.equal(each.UpdatePolicy, undefined, name);
  assert.deepEqual(Object.keys(atOnce.one('AWS::StepFunctions::StateMachineAlias').DeploymentPreference).sort(), ['StateMachineVersionArn', 'Type']);
});

for (const [of, config, preference] of [
  [canary, 'CodeDeployDefault.LambdaCanary10Percent30Minutes', { Type: 'CANARY', Percentage: 10, Interval: 30 }],
  [linear, 'CodeDeployDefault.LambdaLinear10PercentEvery2Minutes', { Type: 'LINEAR', Percentage: 10, Interval: 2 }],
] as const) {
  test(`functions and state machine move as the setting says, and back at an alarm: ${config}`, () => {
    const alarms = rollbackAlarms.map((name) => `goal-activity-${name}`);
    const groups = of.all('AWS::CodeDeploy::DeploymentGroup');
    assert.deepEqual(groups.map(({ name }) => name).sort(), functions.map((each) => `${each}Deployment`));
    for (const { name, DeploymentConfigName, AlarmConfiguration, AutoRollbackConfiguration, ServiceRoleArn } of groups) {
      assert.equal(DeploymentConfigName, config, name);
      assert.deepEqual(AlarmConfiguration, { Alarms: alarms.map((Name) => ({ Name })), Enabled: true }, name);
      assert.deepEqual(AutoRollbackConfiguration,
        { Enabled: true, Events: ['DEPLOYMENT_FAILURE', 'DEPLOYMENT_STOP_ON_REQUEST', 'DEPLOYMENT_STOP_ON_ALARM'] }, name);
      assert.equal(target(ServiceRoleArn), 'DeploymentRole', name);
    }
    for (const [name, each] of Object.entries<any>(of.resources('AWS::Lambda::Alias'))) {
      const { ApplicationName, DeploymentGroupName } = each.UpdatePolicy.CodeDeployLambdaAliasUpdate;
      assert.deepEqual([target(ApplicationName), target(DeploymentGroupName)], ['DeploymentApplication', name.replace(/Alias$/, 'Deployment')]);
    }
    const { StateMachineVersionArn, ...others } = of.one('AWS::StepFunctions::StateMachineAlias').DeploymentPreference;
    assert.deepEqual([target(StateMachineVersionArn), others], ['WorkflowVersion', { ...preference, Alarms: alarms }]);
  });
}

test('the alarms that roll back exist, are not more than CodeDeploy watches, and none is of the AI', () => {
  for (const of of [canary, everything]) {
    const names = of.all('AWS::CloudWatch::Alarm').map(({ AlarmName }) => AlarmName);
    assert.deepEqual(rollbackAlarms.filter((name) => !names.includes(`goal-activity-${name}`)), []);
  }
  assert.ok(rollbackAlarms.length <= 10);
  assert.deepEqual(rollbackAlarms.filter((name) => /^Ai/.test(name)), []);
});

test('CodeDeploy may read alarms, and move the aliases of these functions', () => {
  const { AssumeRolePolicyDocument, ManagedPolicyArns } = canary.resources('AWS::IAM::Role').DeploymentRole!.Properties;
  assert.deepEqual([AssumeRolePolicyDocument.Statement[0].Principal, ManagedPolicyArns], [{ Service: 'codedeploy.amazonaws.com' }, undefined]);
  const { Statement } = canary.resources('AWS::IAM::Policy').DeploymentRoleDefaultPolicy!.Properties.PolicyDocument;
  const found = Statement.map(({ Action, Resource }: any) => [list(Action), list(Resource).map(target).sort()]);
  assert.deepEqual(found, [
    [['cloudwatch:DescribeAlarms'], ['arn:AWS::Partition:cloudwatch:AWS::Region:AWS::AccountId:alarm:*']],
    [['lambda:GetAlias', 'lambda:GetProvisionedConcurrencyConfig', 'lambda:UpdateAlias'],
      functions.flatMap((each) => [`${each}Function`, `${each}Function:live`]).sort()],
  ]);
});

test('executions start through the alias of the state machine, whose versions stay; the emulator has none', () => {
  const variable = (of: typeof inPlace) =>
    of.resources('AWS::Lambda::Function').FunctionsLaunchFunction!.Properties.Environment.Variables.STATE_MACHINE_ALIAS;
  for (const of of [atOnce, canary]) {
    assert.equal(of.one('AWS::StepFunctions::StateMachineAlias').Name, 'live');
    assert.equal(variable(of), 'live');
    const version: any = of.resources('AWS::StepFunctions::StateMachineVersion').WorkflowVersion;
    assert.deepEqual(version.Properties.StateMachineRevisionId, { 'Fn::GetAtt': [version.Properties.StateMachineArn.Ref, 'StateMachineRevisionId'] });
    assert.deepEqual([version.DeletionPolicy, version.UpdateReplacePolicy], ['Retain', 'Retain']);
    // IAM knows the state machine only.
    const launch = of.all('AWS::IAM::Policy').find(({ name }) => name === 'FunctionsLaunchRoleDefaultPolicy')!;
    const [start] = launch.PolicyDocument.Statement.filter(({ Action }: any) => Action === 'states:StartExecution');
    assert.equal(target(start.Resource), 'WorkflowStateMachine');
  }
  assert.equal(variable(local), undefined);
  assert.deepEqual([...types(local)].filter((type) => /^AWS::StepFunctions::StateMachine./.test(type)), []);
});

test('events of executions are matched in either form of their state machine\'s ARN', () => {
  const arns = (of: typeof inPlace) => of.resources('AWS::Events::Rule').MessagingExecutionStatusChanged!.Properties.EventPattern.detail.stateMachineArn;
  assert.deepEqual(arns(inPlace).map(target), ['WorkflowStateMachine']);
  const [exact, { prefix }] = arns(canary);
  assert.deepEqual([target(exact), target(prefix)], ['WorkflowStateMachine', 'WorkflowStateMachine:']);
});

test('the emulator refuses what only CodeDeploy can do', () => {
  assert.throws(() => synth({ local: 'true', deployment: 'canary10percent5minutes' }), /not with local=true, as the emulator has no CodeDeploy/);
});
