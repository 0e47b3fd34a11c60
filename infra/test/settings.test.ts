import assert from 'node:assert/strict';
import * as path from 'node:path';
import { test } from 'node:test';
import { infraDir, readSettings, SettingsError } from '../lib/settings';

const rejected = (context: Record<string, unknown>, message: RegExp) =>
  assert.throws(() => readSettings(context), (error: Error) => {
    assert.ok(error instanceof SettingsError);
    assert.match(error.message, message);
    return true;
  });

test('without context the settings are those of a deployment to AWS', () => {
  assert.deepEqual(readSettings({}), {
    stackName: 'goal-activity',
    local: false,
    architecture: 'arm64',
    functionsDir: path.resolve(infraDir, '../target/lambda/arm64'),
    goalsTable: undefined,
    tasksTable: undefined,
    oidc: undefined,
    corsOrigins: undefined,
    generator: { kind: 'offline' },
    fallback: undefined,
    logLevel: 'info',
    concurrentBatches: 64,
    operationsGuide: 'docs/OPERATIONS.md',
    tracing: 'off',
    tracingLayer: undefined,
    tracingEndpoint: 'http://localhost:4318',
    repair: undefined,
  });
});

test('values arrive as text from the command line and as themselves from cdk.json', () => {
  for (const context of [{ local: 'true', concurrentBatches: '20' }, { local: true, concurrentBatches: 20 }]) {
    const { local, concurrentBatches } = readSettings(context);
    assert.deepEqual({ local, concurrentBatches }, { local: true, concurrentBatches: 20 });
  }
});

test('the functions are where the build for their architecture puts them', () => {
  const { architecture, functionsDir } = readSettings({ architecture: 'x86_64' });
  assert.deepEqual([architecture, functionsDir], ['x86_64', path.resolve(infraDir, '../target/lambda/x86_64')]);
  assert.equal(readSettings({ architecture: 'x86_64', functionsDir: '/built' }).functionsDir, '/built');
  rejected({ architecture: 'aarch64' }, /architecture="aarch64": expected one of arm64, x86_64/);
  rejected({ architecture: 'x86_64', local: 'true' }, /architecture: not with local=true/);
});

test('log levels can differ by module', () => {
  const logLevel = 'info,goal_activity_functions=debug';
  assert.equal(readSettings({ logLevel }).logLevel, logLevel);
});

test('an issuer of our own choice comes with its audiences', () => {
  const { oidc } = readSettings({ oidcIssuer: 'https://issuer.example', oidcAudience: 'app, cli' });
  assert.deepEqual(oidc, { issuer: 'https://issuer.example', audience: ['app', 'cli'] });
  rejected({ oidcIssuer: 'https://issuer.example' }, /oidcIssuer and oidcAudience belong together/);
  rejected({ oidcIssuer: 'https://issuer.example', oidcAudience: ' , ' }, /belong together/);
  rejected({ oidcAudience: 'app' }, /belong together/);
});

test('a misspelt key is an error that names the known ones', () => {
  rejected({ locale: 'true' }, /unknown context locale: known are stackName, local,/);
});

test("CDK's own keys are not ours to judge", () => {
  assert.equal(readSettings({ 'aws:cdk:bundling-stacks': ['**'], '@aws-cdk/core:checkSecretUsage': true }).local, false);
});

test('a value that cannot be is an error that says what is expected', () => {
  rejected({ local: 'yes' }, /local="yes": expected true or false/);
  rejected({ logLevel: 'loud' }, /logLevel="loud": expected a level or a filter/);
  for (const logLevel of ['info,x=loud', 'info,', '']) rejected({ logLevel }, /logLevel=/);
  rejected({ tracing: 'on' }, /tracing="on": expected one of off, print, otlp/);
  rejected({ tracing: 'otlp', tracingEndpoint: 'https://collector' }, /tracingEndpoint=.*expected http/);
  rejected({ tracing: 'otlp', tracingLayer: 'adot' }, /tracingLayer="adot": expected the ARN/);
  rejected({ tracing: 'print', tracingEndpoint: 'http://localhost:4318' }, /only with tracing=otlp/);
  rejected({ stackName: 'goal activity' }, /stackName="goal activity": expected at most 40 lower-case letters/);
  rejected({ goalsTable: '' }, /goalsTable="": expected a DynamoDB table name/);
  rejected({ tasksTable: 'a/b' }, /tasksTable="a\/b"/);
  rejected({ oidcIssuer: 'issuer.example', oidcAudience: 'app' }, /oidcIssuer="issuer.example": expected the URL/);
  for (const operationsGuide of ['', 'a b', 'guide.html#top', 'x'.repeat(301)]) {
    rejected({ operationsGuide }, /operationsGuide=".*": expected an address/);
  }
  for (const concurrentBatches of ['1', '1001', '2.5', 'many', '']) {
    rejected({ concurrentBatches }, /concurrentBatches=".*": expected 2 to 1000/);
  }
});
