import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readArguments, readCompareArguments } from '../lib/deploy-arguments';
import { settingsOf } from '../lib/deployed';
import { schema } from '../lib/environment';
import { given } from '../lib/given';
import { judge } from '../lib/guard';
import { changes, changesOfFormer, METADATA, noted, readNoted } from '../lib/in-force';
import { keys, readSettings, SettingsError } from '../lib/settings';
import { full } from './full';
import { synth } from './synth';

/** As the template of these settings says them. */
const of = (context: Record<string, unknown>) => {
  const read = readNoted(JSON.parse(JSON.stringify(noted(readSettings(context)))));
  assert.ok(read && 'context' in read);
  return read;
};
const here = { account: '111122223333', region: 'eu-west-1' };
const assembly = (context: Record<string, unknown>) => ({ stackName: 'goal-activity', given: of(context) });

test('the template keeps what was given, and a resource too, without which CloudFormation would not keep a change', () => {
  const { template } = synth({ environment: 'test', repair: 'now', concurrentBatches: 8, kmsKey: '' });
  const expected = {
    environment: 'test',
    context: { concurrentBatches: '8', logLevel: 'info,goal_activity_functions=debug', removalPolicy: 'destroy', stackName: 'goal-activity-test' },
  };
  assert.deepEqual(template.toJSON().Metadata[METADATA], expected);
  const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
  assert.deepEqual(dashboard?.Metadata[METADATA], expected);
  assert.deepEqual(synth().template.toJSON().Metadata[METADATA], { context: {} });
});

test('every key of the schema is a change when it is newly given, is given otherwise, and is no longer given', () => {
  const all = [...Object.keys(schema.properties).filter((key) => key !== 'environment'), ...Object.keys(keys)];
  const compared = [...new Set(all)].filter((key) => !['stackName', 'functionsDir', 'repair'].includes(key));
  assert.ok(compared.length > 80);
  for (const key of compared) {
    const [a, b] = [{ [key]: 'a' }, { [key]: 'b' }];
    const found = (before: object, after: object) => changes(given({ ...before }, undefined), given({ ...after }, undefined));
    assert.deepEqual(found({}, a), [{ key, from: undefined, to: 'a' }]);
    assert.deepEqual(found(a, b), [{ key, from: 'a', to: 'b' }]);
    assert.deepEqual(found(a, {}), [{ key, from: 'a', to: undefined }]);
    assert.deepEqual(found(a, a), []);
  }
});

test('what is dangerous is a change of its own, by its name', () => {
  const dangerous = {
    ...full, removalPolicy: 'destroy', executionsTable: 'executions', archiveBucket: 'bucket', actionsPerUserAndDay: '0',
    oidcIssuer: 'https://issuer.example', oidcAudience: 'app', webClientId: 'page', generator: 'bedrock', bedrockModel: 'amazon.nova-lite-v1:0',
  };
  const found = changes(of({}), of(dangerous));
  assert.deepEqual(found.map(({ key }) => key), Object.keys(dangerous).sort());
  assert.ok(found.every(({ from }) => from === undefined));
  assert.deepEqual(changes(of(dangerous), of({})).map(({ key }) => key), Object.keys(dangerous).sort());
  const verdict = judge(assembly(dangerous), here, of({}), []);
  assert.equal(verdict.allowed, false);
  for (const key of Object.keys(dangerous)) assert.match(verdict.lines.join('\n'), new RegExp(`^  ${key}: not set -> .*--change ${key}\\b`, 'ms'));
});

test('the environment is a setting: a deployment that forgets it is none of another', () => {
  const before = of({ environment: 'production', logLevel: 'warn' });
  assert.deepEqual(changes(before, of({ logLevel: 'warn' })), [{ key: 'environment', from: 'production', to: undefined }]);
  assert.deepEqual(changes(of({}), of({ environment: 'production' })), [{ key: 'environment', from: undefined, to: 'production' }]);
});

test('the same value in another form is no change, and the name by which the stack is found is none', () => {
  assert.deepEqual(changes(of({ corsOrigins: 'https://a.example, https://b.example' }), of({ corsOrigins: ['https://a.example', 'https://b.example'] })), []);
  assert.deepEqual(changes(of({ tags: '{"a":"1","b":"2"}' }), of({ tags: { b: '2', a: '1' } })), []);
  assert.equal(changes(of({ corsOrigins: 'https://a.example,https://b.example' }), of({ corsOrigins: 'https://b.example,https://a.example' })).length, 1);
  assert.deepEqual(changes(of({}), of({ stackName: 'goal-activity' })), []);
});

test('a change is listed whether it is named or not, and only a named one is allowed', () => {
  const [before, after] = [of({ logLevel: 'warn', startRate: '10' }), { startRate: '20', startBurst: '40' }];
  const verdict = (...change: string[]) => judge(assembly(after), here, before, change);
  const listed = ['  logLevel: warn -> not set', '  startBurst: not set -> 40', '  startRate: 10 -> 20'];
  const allowed = verdict('logLevel', 'startBurst', 'startRate');
  assert.deepEqual(allowed, {
    allowed: true,
    lines: ['goal-activity in account 111122223333, region eu-west-1, no environment', 'What would change:', ...listed],
  });
  const refused = verdict('logLevel', 'startRate');
  assert.equal(refused.allowed, false);
  assert.deepEqual(refused.lines.slice(2, 5), listed);
  assert.ok(refused.lines.includes('To change it: --change startBurst. To keep it, give it as before.'));
  for (const [name, words] of [['tracing', 'it does not change'], ['loglevel', 'there is no such setting'], ['environment', 'it does not change']] as const) {
    const { lines, ...wrong } = verdict('logLevel', 'startBurst', 'startRate', name);
    assert.equal(wrong.allowed, false);
    assert.match(lines.join('\n'), new RegExp(`--change ${name}: ${words}`));
  }
  assert.deepEqual(judge(assembly({}), here, of({}), []).lines.slice(1), ['No setting changes.']);
});

test('a stack is created only where that is said', () => {
  const given = { ...assembly({ logLevel: 'debug' }), stackName: 'goal-activity-tset' };
  const { allowed, lines } = judge(given, here, 'new', []);
  assert.equal(allowed, false);
  assert.match(lines.join('\n'), /new stack[^]*new: not set -> goal-activity-tset[^]*To create it: --change new[^]*-c environment[^]*Nothing was deployed/);
  assert.equal(judge(given, here, 'new', ['new']).allowed, true);
  const there = judge(assembly({}), here, of({}), ['new']);
  assert.equal(there.allowed, false);
  assert.match(there.lines.join('\n'), /--change new: the stack is there already/);
});

test('where the CDK CLI would deploy elsewhere, nothing is deployed', () => {
  for (const other of [{ ...here, region: 'us-east-1' }, { ...here, account: '999999999999' }]) {
    const { allowed, lines } = judge({ ...assembly({}), target: other }, here, of({}), []);
    assert.equal(allowed, false);
    assert.match(lines.join('\n'), new RegExp(`would deploy to account ${other.account}, region ${other.region}`));
  }
  assert.equal(judge({ ...assembly({}), target: here }, here, of({}), []).allowed, true);
});

test('a stack of a former version is compared by its groups, and one that says nothing only by hand', () => {
  // What the former version noted of logLevel=warn, startRate=30, oidc…; a later setting with a default is not in it.
  const { given: _given, functionsDir: _dir, local: _local, repair: _repair, tracing: _tracing, ...old } = readSettings(
    { logLevel: 'warn', startRate: '30', oidcIssuer: 'https://issuer.example', oidcAudience: 'app' });
  const former = settingsOf(JSON.stringify({ Resources: { A: {} }, Metadata: { [METADATA]: old } }));
  assert.ok(typeof former === 'object' && 'former' in former);
  const found = (context: Record<string, unknown>) => changesOfFormer(former, readSettings(context)).map(({ key }) => key);
  const same = { logLevel: 'warn', startRate: '30', oidcIssuer: 'https://issuer.example', oidcAudience: 'app' };
  assert.deepEqual(found(same), []);
  assert.deepEqual(found({}), ['logLevel', 'oidc', 'starts']);
  assert.deepEqual(found({ ...same, ...full, webClientId: 'page', startRate: '30', startBurst: '20', tracing: 'print', executionsTable: 'executions', removalPolicy: 'destroy' }), [
    'aiRequestsPerMinute', 'aiTokensPerMinute', 'alertEmail', 'apiConcurrency', 'backup', 'consumerAccounts', 'dailyAiCost', 'deployment', 'executionsTable', 'kmsKey', 'launchConcurrency',
    'logRetentionDays', 'monthlyBudget', 'projectorConcurrency', 'removalPolicy', 'requests', 'tags', 'terminationProtection', 'tracing', 'vpc', 'web',
  ]);
  const [refused, allowed] = [[], ['logLevel', 'oidc', 'starts']].map((change) => judge(assembly({}), here, former, change));
  assert.deepEqual([refused?.allowed, allowed?.allowed], [false, true]);
  assert.match(refused?.lines.join('\n') ?? '', /in another form.*starts: \{"rateLimit":30,"burstLimit":20\} -> .*--change logLevel --change oidc --change starts/s);

  const unknown = settingsOf('{"Resources":{"A":{}}}');
  assert.equal(unknown, 'unknown');
  assert.equal(judge(assembly({}), here, unknown, []).allowed, false);
  assert.equal(judge(assembly({}), here, unknown, ['unknown']).allowed, true);
  assert.equal(settingsOf('{}'), 'new');
});

test('the command line is read, and divided between synthesis and deployment', () => {
  const now = new Date('2026-11-24T09:30:00Z');
  const read = readArguments([
    '-c', 'environment=test', '--context=logLevel=a=b', '-c=tracing=print', '--change', 'logLevel,generator', '--change=tags', '--profile', 'p',
    '--region', 'eu-west-1', '--force', '--method', 'direct', '--no-validation', '-v', '-O', 'outputs.json', '--output', 'folder', '--all',
  ], now);
  assert.deepEqual(read, {
    change: ['logLevel', 'generator', 'tags'], profile: 'p', region: 'eu-west-1', output: 'folder',
    synth: ['-c', 'environment=test', '-c', 'logLevel=a=b', '-c', 'tracing=print', '--no-validation', '--verbose'],
    deploy: ['--force', '--method', 'direct', '--verbose', '--outputs-file', 'outputs.json', '--all'],
  });
  assert.deepEqual(readArguments(['--repair'], now).synth, ['-c', 'repair=2026-11-24T09:30:00.000Z']);
  assert.deepEqual(readCompareArguments(['cdk.out', '--change', 'tags']), { assembly: 'cdk.out', change: ['tags'] });
});

test('an argument that means nothing is an error', () => {
  const rejected = (args: string[], message: RegExp) => assert.throws(
    () => readArguments(args), (error: Error) => error instanceof SettingsError && message.test(error.message) || assert.fail(`${args}: ${error.message}`));
  rejected(['-c'], /argument missing/);
  rejected(['-c', 'logLevel'], /expected key=value/);
  for (const key of ['constructor', '__proto__', 'loglevel']) rejected(['-c', `${key}=x`], new RegExp(`unknown context ${key}`));
  rejected(['-clogLevel'], /expected key=value/);
  rejected(['--change', '--repair'], /--change/);
  rejected(['--change'], /--change/);
  for (const each of ['', 'a,', 'a b', 'a=b']) rejected(['--change', each], /expected names of settings/);
  for (const each of ['--repairs', '--changed=logLevel', '--app=x', '--watch', '--tags=a=b', '--plugin=x', '--hotswap', '--hotswap-fallback', 'goal-activity']) rejected([each], /./);
  rejected(['--method', 'execute-change-set'], /not compared/);
  assert.throws(() => readCompareArguments(['a', 'b']), /one folder/);
  assert.throws(() => readCompareArguments([]), /one folder/);
});

test('a repair writes the configuration of every function again', () => {
  const variables = (context: Record<string, unknown>) => synth(context).all('AWS::Lambda::Function').map(({ Environment }) => Environment.Variables);
  const [before, after] = [variables({}), variables({ repair: '2026-11-24T09:30:00.000Z' })];
  assert.equal(after.length, 6);
  after.forEach(({ REPAIRED, ...rest }, i) => assert.deepEqual([REPAIRED, rest], ['2026-11-24T09:30:00.000Z', before[i]]));
  assert.deepEqual(changes(of({}), of({ repair: '2026-11-24T09:30:00.000Z' })), []);
});
