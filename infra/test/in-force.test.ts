import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readArguments } from '../lib/deploy-arguments';
import { changes, inForce, METADATA } from '../lib/in-force';
import { readSettings } from '../lib/settings';
import { synth } from './synth';

const of = (context: Record<string, unknown>) => inForce(readSettings(context));
const keysOf = (before: Record<string, unknown>, after: Record<string, unknown>) =>
  changes(of(before), of(after)).map(({ key }) => key);

test('the template keeps the settings in force, and nothing of the machine that made it', () => {
  const { Metadata } = synth({ logLevel: 'debug' }).template.toJSON();
  assert.equal(Metadata[METADATA].logLevel, 'debug');
  assert.equal(Metadata[METADATA].concurrentBatches, 64);
  assert.deepEqual(Object.keys(Metadata[METADATA]).filter((key) => ['functionsDir', 'local'].includes(key)), []);
});

test('a setting that is forgotten at the next deployment is a change', () => {
  const before = { generator: 'bedrock', bedrockModel: 'amazon.nova-lite-v1:0', logLevel: 'warn', corsOrigins: 'https://app.example' };
  assert.deepEqual(keysOf(before, before), []);
  assert.deepEqual(keysOf(before, { ...before, bedrockModel: 'amazon.nova-pro-v1:0' }), ['generator']);
  assert.deepEqual(keysOf(before, {}), ['corsOrigins', 'generator', 'logLevel']);
  assert.deepEqual(keysOf({}, before), ['corsOrigins', 'generator', 'logLevel']);
  assert.deepEqual(changes(of({}), of({ concurrentBatches: 8 })), [{ key: 'concurrentBatches', from: 64, to: 8 }]);
});

test('a setting that the deployed version did not know is no change, unless it is given', () => {
  const { logLevel, ...older } = of({});
  assert.equal(logLevel, 'info');
  assert.deepEqual(changes(older, of({})), []);
  assert.deepEqual(changes(older, of({ goalsTable: 'goals' })).map(({ key }) => key), ['goalsTable']);
});

test('the order of what is in a setting does not matter', () => {
  assert.deepEqual(changes({ a: { x: 1, y: [1, 2] } }, { a: { y: [1, 2], x: 1 } }), []);
  assert.equal(changes({ a: [1, 2] }, { a: [2, 1] }).length, 1);
});

test('the command line is read, and passed on', () => {
  const now = new Date('2026-11-24T09:30:00Z');
  const read = readArguments(['-c', 'environment=test', '--context=logLevel=a=b', '--change', 'logLevel,generator', '--profile', 'p', '--hotswap'], now);
  assert.deepEqual(read, {
    context: { environment: 'test', logLevel: 'a=b' }, change: ['logLevel', 'generator'], profile: 'p',
    cdk: ['-c', 'environment=test', '-c', 'logLevel=a=b', '--profile', 'p', '--hotswap'],
  });
  assert.deepEqual(readArguments(['--repair'], now).cdk, ['-c', 'repair=2026-11-24T09:30:00.000Z']);
  assert.throws(() => readArguments(['-c']), /-c needs a value/);
  assert.throws(() => readArguments(['-c', 'logLevel']), /expected key=value/);
});

test('a repair writes the configuration of every function again', () => {
  const variables = (context: Record<string, unknown>) => synth(context).all('AWS::Lambda::Function').map(({ Environment }) => Environment.Variables);
  const [before, after] = [variables({}), variables({ repair: '2026-11-24T09:30:00.000Z' })];
  assert.equal(after.length, 6);
  after.forEach(({ REPAIRED, ...rest }, i) => assert.deepEqual([REPAIRED, rest], ['2026-11-24T09:30:00.000Z', before[i]]));
  assert.deepEqual(keysOf({}, { repair: '2026-11-24T09:30:00.000Z' }), []);
});
