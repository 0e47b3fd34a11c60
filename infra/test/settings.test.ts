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
    given: { context: {} },
    stackName: 'goal-activity',
    local: false,
    architecture: 'arm64',
    functionsDir: path.resolve(infraDir, '../target/lambda/arm64'),
    goalsTable: undefined,
    goalsUserIndex: undefined,
    tasksTable: undefined,
    executionsTable: undefined,
    archiveBucket: undefined,
    oidc: undefined,
    userPool: { domain: undefined, plan: 'essentials', callbackUrls: [] },
    corsOrigins: undefined,
    web: undefined,
    corsHeaders: [],
    corsCredentials: false,
    generator: { kind: 'offline' },
    fallback: undefined,
    starts: { rateLimit: 10, burstLimit: 20 },
    requests: { rateLimit: 50, burstLimit: 100 },
    apiConcurrency: undefined,
    projectorConcurrency: undefined,
    launchConcurrency: undefined,
    logRetentionDays: 30,
    removalPolicy: undefined,
    kmsKey: undefined,
    terminationProtection: false,
    deployment: 'in-place',
    tags: {},
    backup: false,
    alertEmail: undefined,
    monthlyBudget: undefined,
    dailyAiCost: undefined,
    aiRequestsPerMinute: undefined,
    aiTokensPerMinute: undefined,
    pauseOnAiFailure: true,
    vpc: undefined,
    consumerAccounts: [],
    logLevel: 'info',
    concurrentBatches: 64,
    batchPollers: undefined,
    workerBatchSize: 4,
    workerBatchWindowSeconds: 0,
    actionsPerUserAndDay: undefined,
    operationsGuide: 'docs/OPERATIONS.md',
    xray: true,
    tracing: 'off',
    tracingPercentage: undefined,
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

test('a daily limit leaves room for a whole chart, or there is none', () => {
  for (const given of ['0', '64', 1000]) assert.equal(readSettings({ actionsPerUserAndDay: given }).actionsPerUserAndDay, Number(given));
  for (const actionsPerUserAndDay of ['63', '-1', '1.5', 'many', ' ']) {
    rejected({ actionsPerUserAndDay }, /actionsPerUserAndDay=".*": expected 0 for no limit, or 64 to/);
  }
});

test('log levels can differ by module', () => {
  const logLevel = 'info,goal_activity_functions=debug';
  assert.equal(readSettings({ logLevel }).logLevel, logLevel);
});

test('an issuer of our own choice comes with its audiences', () => {
  const { oidc } = readSettings({ oidcIssuer: 'https://issuer.example', oidcAudience: 'app, cli' });
  assert.deepEqual(oidc, { issuer: 'https://issuer.example', audience: ['app', 'cli'] });
  rejected({ oidcIssuer: 'https://issuer.example' }, /oidcIssuer and oidcAudience belong together/);
  rejected({ oidcIssuer: 'https://issuer.example', oidcAudience: ' , ' }, /oidcAudience=.*expected a comma-separated list/);
  rejected({ oidcAudience: 'app' }, /belong together/);
  const all = { oidcIssuer: 'https://issuer.example', oidcAudience: 'app', oidcScopes: 'a, b', oidcClientId: 'cli' };
  assert.deepEqual(readSettings(all).oidc,
    { issuer: 'https://issuer.example', audience: ['app'], scopes: ['a', 'b'], clientId: 'cli' });
  rejected({ oidcScopes: 'a' }, /only with oidcIssuer/);
  rejected({ ...all, oidcScopes: ', a' }, /oidcScopes=.*expected a comma-separated list/);
  for (const oidcScopes of ['a b', 'a,,b']) rejected({ ...all, oidcScopes }, /oidcScopes=/);
  rejected({ ...all, userPoolPlan: 'plus' }, /userPoolPlan: only without oidcIssuer/);
});

test('the domain of the user pool is one that Cognito accepts', () => {
  assert.equal(readSettings({ userPoolDomain: 'my-goals' }).userPool.domain, 'my-goals');
  for (const userPoolDomain of ['My', '-a', 'a-', 'a.b', 'x'.repeat(64)]) rejected({ userPoolDomain }, /userPoolDomain=.*expected/);
  rejected({ userPoolDomain: 'my-aws-goals' }, /userPoolDomain: .*must not contain aws/);
  rejected({ stackName: 'amazon-goals' }, /stackName: .*must not contain amazon; set another userPoolDomain/);
  assert.equal(readSettings({ stackName: 'amazon-goals', userPoolDomain: 'goals' }).userPool.domain, 'goals');
});

test('a page that receives a sign-in is named completely', () => {
  const callbackUrls = 'https://app.example/in, http://localhost:3000/';
  assert.deepEqual(readSettings({ callbackUrls }).userPool.callbackUrls, ['https://app.example/in', 'http://localhost:3000/']);
  for (const each of ['app.example', 'http://app.example/', 'http://localhost.example/', 'https://app.example/#in', 'https://*.example']) {
    rejected({ callbackUrls: each }, /callbackUrls=.*expected complete URLs/);
  }
});

test('a misspelt key is an error that names the known ones', () => {
  rejected({ locale: 'true' }, /unknown context locale: known are stackName, local,/);
  rejected({ locale: '' }, /unknown context locale/);
  for (const key of ['constructor', 'toString', 'hasOwnProperty', '__proto__']) {
    rejected(Object.fromEntries([[key, 'x']]), new RegExp(`unknown context ${key}`));
  }
});

test("CDK's own keys are not ours to judge", () => {
  assert.equal(readSettings({ 'aws:cdk:bundling-stacks': ['**'], '@aws-cdk/core:checkSecretUsage': true }).local, false);
});

test('a value that cannot be is an error that says what is expected', () => {
  rejected({ local: 'yes' }, /local="yes": expected true or false/);
  rejected({ logLevel: 'loud' }, /logLevel="loud": expected a level or a filter/);
  for (const logLevel of ['info,x=loud', 'info,', ' ']) rejected({ logLevel }, /logLevel=/);
  rejected({ tracingPercentage: '10' }, /only with tracing=print or otlp/);
  for (const tracingPercentage of ['0', '101', '0.5', 'all']) rejected({ tracing: 'print', tracingPercentage }, /tracingPercentage=.*1 to 100/);
  rejected({ xray: 'off' }, /xray="off": expected true or false/);
  rejected({ tracing: 'on' }, /tracing="on": expected one of off, print, otlp/);
  rejected({ tracing: 'otlp', tracingEndpoint: 'https://collector' }, /tracingEndpoint=.*expected http/);
  rejected({ tracing: 'otlp', tracingLayer: 'adot' }, /tracingLayer="adot": expected the ARN/);
  rejected({ tracing: 'print', tracingEndpoint: 'http://localhost:4318' }, /only with tracing=otlp/);
  rejected({ stackName: 'goal activity' }, /stackName="goal activity": expected at most 40 lower-case letters/);
  rejected({ goalsUserIndex: 'by-owner' }, /goalsUserIndex: only with goalsTable/);
  rejected({ goalsTable: ' ' }, /goalsTable=" ": expected a DynamoDB table name/);
  rejected({ tasksTable: 'a/b' }, /tasksTable="a\/b"/);
  rejected({ oidcIssuer: 'issuer.example', oidcAudience: 'app' }, /oidcIssuer="issuer.example": expected the https URL/);
  for (const operationsGuide of ['a b', 'guide.html#top', 'x'.repeat(301)]) {
    rejected({ operationsGuide }, /operationsGuide=".*": expected an address/);
  }
  rejected({ userPoolPlan: 'free' }, /userPoolPlan="free": expected one of lite, essentials, plus/);
  for (const concurrentBatches of ['1', '20001', '2.5', 'many', ' ']) {
    rejected({ concurrentBatches, batchPollers: '2-2000' }, /concurrentBatches=".*": expected 2 to 20000/);
  }
  rejected({ concurrentBatches: '1001' }, /concurrentBatches=1001: over 1000 only with batchPollers/);
  for (const batchPollers of ['20', '1-20', '201-300', '20-10', '20-2001', 'a-b', ' ']) {
    rejected({ batchPollers }, /batchPollers=".*": expected the least and the most pollers, such as 20-200/);
  }
  rejected({ concurrentBatches: '2001', batchPollers: '2-200' }, /200 pollers process 2000 batches at once, less than concurrentBatches=2001/);
  rejected({ local: 'true', batchPollers: '20-200' }, /batchPollers: not with local=true/);
  assert.deepEqual(readSettings({ concurrentBatches: '10000', batchPollers: '200-1000' }).batchPollers, { minimumPollers: 200, maximumPollers: 1000 });
});

test('a setting of operations that cannot be is an error that says what is expected', () => {
  for (const [key, value, message] of [
    ['startRate', '0', /expected 1 to 100000/], ['requestBurst', ' ', /expected 1 to/], ['apiConcurrency', '1.5', /expected 1 to/],
    ['launchConcurrency', '1', /expected 2 to 1000/], ['workerBatchSize', '11', /expected 1 to 10/], ['workerBatchWindowSeconds', '31', /expected 0 to 30/], ['logRetentionDays', '31', /expected one of 1, 3, 5/],
    ['removalPolicy', 'snapshot', /expected retain or destroy/], ['kmsKey', 'alias/mine', /expected the ARN of a KMS key/],
    ['deployment', 'canary', /expected one of in-place, all-at-once, canary10percent5minutes/],
    ['terminationProtection', 'on', /expected true or false/], ['backup', 'daily', /expected true or false/],
    ['tags', 'team=goals', /expected a JSON object/], ['tags', '{"aws:team":"goals"}', /expected a JSON object/],
    ['tags', '{"team":1}', /expected a JSON object/], ['alertEmail', 'ops', /expected an e-mail address/],
    ['monthlyBudget', '0', /expected an amount/], ['dailyAiCost', 'much', /expected an amount/], ['dailyAiCost', '0.001', /expected an amount .* 0.01 to 999999/], ['dailyAiCost', '1000000', /expected an amount/],
    ['aiRequestsPerMinute', '0', /expected 1 to/], ['aiRequestsPerMinute', '1.5', /expected 1 to/], ['aiTokensPerMinute', '999', /expected 1000 to/],
    ['vpcId', 'default', /expected the id of a VPC/], ['subnets', 'a,b', /expected ids of subnets/],
    ['consumerAccounts', '111122223333', /expected <account>=<source>/],
    ['consumerAccounts', '111122223333=goal-activity', /not goal-activity/], ['consumerAccounts', '111122223333=aws.s3', /not aws\.s3/],
    ['consumerAccounts', '111122223333=a,111122223333=a', /each entry once/],
    ['archiveBucket', 'Bucket', /expected the name of an S3 bucket/], ['executionsTable', ' ', /expected a DynamoDB table name/],
  ] as const) rejected({ [key]: value }, message);
  rejected({ vpcId: 'vpc-0123abcd', subnets: 'subnet-0123abcd' }, /vpcId, subnets and securityGroups belong together/);
  for (const key of ['backup', 'monthlyBudget', 'consumerAccounts']) {
    rejected({ local: 'true', [key]: { backup: 'true', monthlyBudget: '5', consumerAccounts: '111122223333=a' }[key] }, /not with local=true/);
  }
});

test('an address is parsed: what AWS would refuse in the middle of a deployment is refused before', () => {
  const oidcAudience = 'app';
  for (const oidcIssuer of ['https://i', 'https://issuer.example/realms/goals', 'https://issuer.example:8443/']) {
    assert.equal(readSettings({ oidcIssuer, oidcAudience }).oidc?.issuer, oidcIssuer);
  }
  for (const oidcIssuer of [
    'http://issuer.example', 'https://i?x#y', 'https://i?', 'https://i#', 'https://user@i', 'https://@i', 'https://i:99999', 'https://', 'https:///i',
    'https://a b', 'https:\\\\i', 'https://ü.example', 'ftp://i', 'issuer.example',
  ]) rejected({ oidcIssuer, oidcAudience }, /oidcIssuer=.*expected the https URL/);
  assert.equal(readSettings({ local: 'true', oidcIssuer: 'http://localhost:9000', oidcAudience }).oidc?.issuer, 'http://localhost:9000');

  for (const callbackUrls of [
    'http://localhost:x@evil.example/', 'http://localhost@evil.example/', 'https://u:p@app.example/', 'http://localhost.evil.example/', 'https://app.example:99999/',
    'https://app.example/#', `https://app.example/${'x'.repeat(1024)}`, 'https://app.example/*', 'http://127.0.0.1/', 'https://a/,https://a/', 'https://a/,,https://b/',
  ]) rejected({ callbackUrls }, /callbackUrls=.*expected (complete URLs|each entry once)/);
  assert.deepEqual(readSettings({ callbackUrls: 'https://app.example/in?a=b' }).userPool.callbackUrls, ['https://app.example/in?a=b']);

  for (const corsOrigins of [
    'https://user@a', 'https://a.example:99999', 'https://a.example/', 'https://A.example', 'https://a.example:443', 'https://*.a', '*', 'https://a,https://a', 'ws://a',
  ]) rejected({ corsOrigins }, /corsOrigins=.*expected (origins|each entry once)/);
  for (const origin of ['https://a.example', 'https://a.example:8443', 'http://localhost:3000', 'http://[::1]:8080']) {
    assert.deepEqual(readSettings({ corsOrigins: origin }).corsOrigins, [origin]);
  }
  for (const tracingEndpoint of ['http://u@host:4318', 'http://host:99999', 'http://host/', 'http://host?x', 'http://']) {
    rejected({ tracing: 'otlp', tracingEndpoint }, /tracingEndpoint=.*expected http/);
  }
});

test('a name that AWS would refuse, and an entry that is there twice, is refused before', () => {
  for (const archiveBucket of ['a..b', '10.0.0.1', 'xn--bucket', 'ab', 'bucket-', 'a_b', 'bucket-s3alias', 'x'.repeat(64)]) {
    rejected({ archiveBucket }, /archiveBucket=.*expected the name of an S3 bucket/);
  }
  for (const archiveBucket of ['a.b', 'goals-archive', 'x'.repeat(63)]) assert.equal(readSettings({ archiveBucket }).archiveBucket, archiveBucket);
  for (const alertEmail of ['a@b', 'a b@c.example', 'a@b@c.example', '@c.example', 'a@c..example', 'a,b@c.example']) {
    rejected({ alertEmail }, /alertEmail=.*expected an e-mail address/);
  }
  assert.equal(readSettings({ alertEmail: 'ops+goals@example.co.jp' }).alertEmail, 'ops+goals@example.co.jp');
  const vpc = { vpcId: 'vpc-0123abcd', subnets: 'subnet-0123abcd', securityGroups: 'sg-0123abcd' };
  for (const [key, value] of [
    ['subnets', 'subnet-0123abcd,subnet-0123abcd'], ['securityGroups', 'sg-0123abcd, sg-0123abcd'],
  ] as const) rejected({ ...vpc, [key]: value }, new RegExp(`${key}=.*expected each entry once`));
  const oidc = { oidcIssuer: 'https://issuer.example', oidcAudience: 'app', oidcScopes: 'a' };
  for (const key of ['oidcAudience', 'oidcScopes']) rejected({ ...oidc, [key]: 'a,a' }, new RegExp(`${key}=.*expected each entry once`));
  rejected({ generator: 'bedrock', bedrockModel: 'eu.amazon.nova-lite-v1:0', bedrockProfileRegions: 'eu-west-1,eu-west-1' }, /each entry once/);
});

test('the web page has the settings that it needs, and no others', () => {
  assert.deepEqual(readSettings({ web: 'true' }).web,
    { dir: path.resolve(infraDir, '../web/dist'), domain: undefined, clientId: undefined, connectSources: [] });
  const certificate = 'arn:aws:acm:us-east-1:111122223333:certificate/0a1b-2c3d';
  const domain = { webDomain: 'goals.example.com', webCertificateArn: certificate };
  assert.deepEqual(readSettings({ web: true, ...domain }).web?.domain, { name: 'goals.example.com', certificateArn: certificate });
  rejected({ web: 'yes' }, /web="yes": expected true or false/);
  rejected({ web: 'true', local: 'true' }, /web: not with local=true/);
  rejected(domain, /webDomain, webCertificateArn: only with web=true/);
  for (const key of ['webDomain', 'webCertificateArn'] as const) {
    rejected({ web: 'true', [key]: domain[key] }, /webDomain and webCertificateArn belong together/);
  }
  for (const webDomain of ['https://goals.example.com', 'goals', 'Goals.example.com', '*.example.com', 'goals.example.com/', '10.0.0.1', 'a..b']) {
    rejected({ web: 'true', ...domain, webDomain }, /webDomain=.*expected the name of a host/);
  }
  for (const webCertificateArn of [certificate.replace('us-east-1', 'eu-west-1'), certificate.replace(':acm:', ':iam:'), '0a1b-2c3d']) {
    rejected({ web: 'true', ...domain, webCertificateArn }, /webCertificateArn=.*expected the ARN of a certificate in us-east-1/);
  }
});

test('with another issuer the page has a client there', () => {
  const oidc = { web: 'true', oidcIssuer: 'https://issuer.example', oidcAudience: 'app' };
  rejected(oidc, /webClientId is missing: with web=true and oidcIssuer it is the id of a public client at that issuer/);
  const { web } = readSettings({ ...oidc, webClientId: 'page', webConnectSources: 'https://login.example, https://a.example:8443' });
  assert.deepEqual([web?.clientId, web?.connectSources], ['page', ['https://login.example', 'https://a.example:8443']]);
  for (const webConnectSources of ['http://login.example', 'https://login.example/', '*', 'https://*.example', "'self'", 'https://a.example; img-src *']) {
    rejected({ ...oidc, webClientId: 'page', webConnectSources }, /webConnectSources=.*expected origins/);
  }
  const asked = readSettings({ ...oidc, webClientId: 'page', webAudience: 'https://goals.example/', webResource: 'urn:goals' }).web;
  assert.deepEqual([asked?.audience, asked?.resource], ['https://goals.example/', 'urn:goals']);
  for (const webResource of ['goals', 'https://goals.example/#api', 'urn: goals']) {
    rejected({ ...oidc, webClientId: 'page', webResource }, /webResource=.*expected an absolute URI without a fragment/);
  }
  for (const key of ['webClientId', 'webConnectSources', 'webAudience', 'webResource']) {
    rejected({ web: 'true', [key]: 'https://login.example' }, new RegExp(`${key}: only with oidcIssuer`));
    rejected({ [key]: 'https://login.example' }, new RegExp(`${key}: only with web=true`));
  }
});
