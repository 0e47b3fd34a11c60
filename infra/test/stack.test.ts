import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { test } from 'node:test';
import { infraDir } from '../lib/settings';
import { readable, synth, target } from './synth';

const aws = synth();
const local = synth({ local: 'true' });
const placeholders = (text: string) => [...new Set([...text.matchAll(/\$\{(\w+)\}/g)].map((match) => match[1]))].sort();

test('functions run on arm64 or on what was chosen on AWS, and on this machine locally', () => {
  const architectures = (from: typeof aws) =>
    [...new Set(from.all('AWS::Lambda::Function').flatMap((each) => each.Architectures))];
  assert.deepEqual(architectures(aws), ['arm64']);
  assert.deepEqual(architectures(synth({ architecture: 'x86_64' })), ['x86_64']);
  assert.deepEqual(architectures(local), [process.arch === 'arm64' ? 'arm64' : 'x86_64']);
  for (const { name, Runtime, Handler } of aws.all('AWS::Lambda::Function')) {
    assert.deepEqual([Runtime, Handler], ['provided.al2023', 'bootstrap'], name);
  }
});

test('a function that was not built is named, before anything is deployed', () => {
  assert.throws(() => synth({ functionsDir: 'test/none' }),
    /no .*test\/none\/finalize\/bootstrap: build the functions first/);
});

test('functions that were built for another architecture are not deployed', () => {
  const functionsDir = fs.mkdtempSync(path.join(os.tmpdir(), 'functions-'));
  // The headers of 64-bit executables, up to the machine.
  const header = (machine: number) => Buffer.from([...Buffer.from('\x7fELF\x02\x01'), ...Buffer.alloc(12), machine, 0]);
  for (const name of fs.readdirSync(path.join(infraDir, 'test', 'functions'))) {
    fs.mkdirSync(path.join(functionsDir, name));
    fs.writeFileSync(path.join(functionsDir, name, 'bootstrap'), header(62));
  }
  assert.throws(() => synth({ functionsDir }), /bootstrap is for x86_64, not for arm64: set -c architecture/);
  synth({ functionsDir, architecture: 'x86_64' });
  fs.rmSync(functionsDir, { recursive: true });
});

test('every log group forgets, and every function writes to its own', () => {
  const groups = aws.all('AWS::Logs::LogGroup');
  assert.deepEqual(groups.filter(({ RetentionInDays }) => RetentionInDays !== 30), []);
  const used = aws.all('AWS::Lambda::Function').map(({ LoggingConfig }) => target(LoggingConfig.LogGroup));
  assert.equal(new Set(used).size, 6);
  assert.ok(used.every((name) => groups.some((group) => group.name === name)));
});

test('the state machine is traced and logs everything but the data, which holds task tokens', () => {
  const machine = aws.one('AWS::StepFunctions::StateMachine');
  assert.equal(machine.TracingConfiguration.Enabled, true);
  const { Level, IncludeExecutionData, Destinations } = machine.LoggingConfiguration;
  assert.deepEqual([Level, IncludeExecutionData, Destinations.length], ['ALL', false, 1]);
});

test('X-Ray sees every function, and their own spans are off until they are asked for', () => {
  const functions = aws.all('AWS::Lambda::Function');
  assert.deepEqual([...new Set(functions.map(({ TracingConfig }) => TracingConfig.Mode))], ['Active']);
  for (const { name, Environment, Layers } of functions) {
    assert.deepEqual([Environment.Variables.TRACING, Layers], [undefined, undefined], name);
  }
});

test('X-Ray sees nothing if it is not to', () => {
  const dark = synth({ xray: 'false' });
  assert.deepEqual([...new Set(dark.all('AWS::Lambda::Function').map(({ TracingConfig }) => TracingConfig.Mode))], ['PassThrough']);
  assert.deepEqual(dark.one('AWS::StepFunctions::StateMachine').TracingConfiguration?.Enabled ?? false, false);
  assert.doesNotMatch(JSON.stringify(dark.template.toJSON()), /xray:/);
});

test('spans of some workflows only are asked for by the standard variables', () => {
  for (const { name, Environment } of synth({ tracing: 'print', tracingPercentage: '5' }).all('AWS::Lambda::Function')) {
    const { OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG } = Environment.Variables;
    assert.deepEqual([OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG], ['parentbased_traceidratio', '0.05'], name);
  }
});

test('spans go to a collector in a layer, or are printed', () => {
  const layer = 'arn:aws:lambda:eu-west-1:901920570463:layer:aws-otel-collector-arm64-ver-0-117-0:1';
  for (const { name, Environment, Layers } of synth({ tracing: 'otlp', tracingLayer: layer }).all('AWS::Lambda::Function')) {
    const { TRACING, OTEL_EXPORTER_OTLP_ENDPOINT } = Environment.Variables;
    assert.deepEqual([TRACING, OTEL_EXPORTER_OTLP_ENDPOINT, Layers], ['otlp', 'http://localhost:4318', [layer]], name);
  }
  for (const { name, Environment } of synth({ tracing: 'print' }).all('AWS::Lambda::Function')) {
    assert.deepEqual([Environment.Variables.TRACING, Environment.Variables.OTEL_EXPORTER_OTLP_ENDPOINT], ['print', undefined], name);
  }
});

test('the definition gets exactly the substitutions it names', () => {
  const definition = fs.readFileSync(path.join(infraDir, '../statemachine/goal-activity.asl.json'), 'utf8');
  const { DefinitionSubstitutions } = aws.one('AWS::StepFunctions::StateMachine');
  assert.deepEqual(Object.keys(DefinitionSubstitutions).sort(), placeholders(definition));
  assert.deepEqual(Object.values(DefinitionSubstitutions).map(target), ['AWS::Partition', 'MessagingBatchQueue', 'WorkflowFinalizeFunction']);
});

test('the local deployment leaves out the schema registry, the policy of the bus, the composite alarm and the style of the sign-in pages', () => {
  const ids = (from: typeof aws) => Object.keys(from.template.toJSON().Resources).map(readable).sort();
  const { name: policy } = aws.one('AWS::Events::EventBusPolicy');
  assert.deepEqual(ids(local), ids(aws).filter((id) =>
    !id.startsWith('EventSchemas') && id !== policy && id !== 'ApiUsersBranding' && id !== 'AlarmsUsersAffected'));
});

test('the local deployment can be thrown away', () => {
  const kept = Object.entries<any>(local.template.toJSON().Resources).filter(([, each]) => each.DeletionPolicy === 'Retain');
  assert.deepEqual(kept, []);
  for (const table of local.all('AWS::DynamoDB::Table')) assert.ok(!table.DeletionProtectionEnabled, table.name);
});

test('the outputs are those that people and tools rely on', () => {
  assert.deepEqual(Object.keys(aws.template.findOutputs('*')).sort(), [
    'AlertKeyArn', 'AlertTopicArn', 'ApiFunctionName', 'ApiId', 'ApiUrl', 'ArchiveBucketName', 'ArchiveTable', 'BatchDlqUrl', 'BatchProgressedRuleArn',
    'BatchQueueUrl', 'EventBusName', 'ExecutionStatusChangedRuleArn', 'ExecutionsTableName', 'GoalActivityRequestedRuleArn',
    'GoalsTableName', 'Issuer', 'LaunchDlqUrl', 'LaunchMappingId', 'LaunchQueueUrl', 'LoginClientId', 'LoginScopes', 'LoginUrl',
    'OperatorClientId', 'ProjectionDlqUrl', 'ProjectionQueueUrl', 'ProjectorMappingId',
    'ReconcileFunctionName', 'ReconcileRuleArn', 'StackName', 'StateMachineArn', 'TasksTableName', 'UndeliveredDlqUrl', 'UserPoolClientId',
    'UserPoolId', 'WorkerFunctionName', 'WorkerMappingId', 'WorkflowCompletedRuleArn',
  ]);
  for (const [name, { Description }] of Object.entries(aws.template.findOutputs('*'))) assert.ok(Description, name);
});
