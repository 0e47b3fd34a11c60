import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { generatorKeys } from '../lib/generator-settings';
import { readSettings } from '../lib/settings';
import { rejected, secret, worker } from './generators';
import { synth } from './synth';

const nova = { generator: 'bedrock', bedrockModel: 'amazon.nova-lite-v1:0' };
const model = (name: string) => ({
  actions: 'bedrock:InvokeModel', resource: `arn:AWS::Partition:bedrock:AWS::Region::foundation-model/${name}`,
});

test('a second generator has its own variables, and the permissions of both are granted', () => {
  const { variables, granted } = worker({
    ...nova, fallback: 'openai', fallbackOpenaiBaseUrl: 'https://ai.example/v1/', fallbackOpenaiModel: 'm',
    fallbackOpenaiKeySecret: secret, fallbackAiMaxTokens: '900', fallbackAiPrices: '1,2', fallbackAiOverlength: '5',
  });
  assert.deepEqual(variables, {
    GENERATOR: 'bedrock', BEDROCK_MODEL: 'amazon.nova-lite-v1:0', AI_INPUT_PRICE: '0.06', AI_OUTPUT_PRICE: '0.24',
    FALLBACK_GENERATOR: 'openai', FALLBACK_OPENAI_BASE_URL: 'https://ai.example/v1', FALLBACK_OPENAI_MODEL: 'm',
    FALLBACK_OPENAI_KEY_SECRET: secret, FALLBACK_AI_MAX_TOKENS: '900', FALLBACK_AI_OVERLENGTH: '5',
    FALLBACK_AI_INPUT_PRICE: '1', FALLBACK_AI_OUTPUT_PRICE: '2',
  });
  assert.deepEqual(granted, [model('amazon.nova-lite-v1:0'), { actions: 'secretsmanager:GetSecretValue', resource: secret }]);
});

test('each generator can take over', () => {
  assert.deepEqual(worker({ ...nova, fallback: 'offline' }).variables.FALLBACK_GENERATOR, 'offline');
  const existing = worker({ ...nova, fallback: 'lambda', fallbackGeneratorFunction: 'f' });
  assert.equal(existing.variables.FALLBACK_GENERATOR_FUNCTION, 'f');
  assert.equal(existing.granted.length, 2);
  const preset = worker({ generator: 'lambda', generatorFunction: 'f', fallbackAiPreset: 'groq', fallbackOpenaiModel: 'm', fallbackOpenaiKeySecret: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:ai-AbCdEf' }).variables;
  assert.deepEqual([preset.FALLBACK_GENERATOR, preset.FALLBACK_OPENAI_BASE_URL], ['openai', 'https://api.groq.com/openai/v1']);
  assert.equal(readSettings({ fallback: 'bedrock', fallbackBedrockModel: 'a.b' }).generator.kind, 'offline');
});

test('placeholder tasks for users are a warning, except in a local stack', () => {
  const warned = (context: Record<string, unknown>) =>
    Annotations.fromStack(synth(context).stack).findWarning('*', Match.stringLikeRegexp('fallback=offline: .* placeholder tasks')).length;
  assert.deepEqual([warned({ ...nova, fallback: 'offline' }), warned({ ...nova, fallback: 'offline', local: true }), warned(nova)], [1, 0, 0]);
});

test('what both need is granted once', () => {
  const same = { fallback: 'bedrock', fallbackBedrockModel: 'amazon.nova-lite-v1:0', fallbackAiTemperature: '0' };
  assert.deepEqual(worker({ ...nova, ...same }).granted, [model('amazon.nova-lite-v1:0')]);
  const other = worker({ ...nova, fallback: 'bedrock', fallbackBedrockModel: 'amazon.nova-pro-v1:0' });
  assert.deepEqual(other.granted, [model('amazon.nova-lite-v1:0'), model('amazon.nova-pro-v1:0')]);
  assert.equal(other.variables.FALLBACK_AI_INPUT_PRICE, '0.8');
});

test('mistakes name the key with its prefix', () => {
  rejected({ ...nova, fallback: 'oracle' }, /context fallback="oracle": expected one of offline, bedrock, lambda, openai/);
  rejected({ ...nova, fallback: 'bedrock' }, /fallbackBedrockModel is missing: fallback=bedrock needs it/);
  rejected({ ...nova, fallbackBedrockModel: 'a.b' }, /fallbackBedrockModel has no meaning without fallback=…/);
  rejected({ ...nova, fallback: 'offline', fallbackAiTemperature: '1' }, /fallbackAiTemperature has no meaning with fallback=offline/);
  rejected({ ...nova, fallback: 'lambda', fallbackGeneratorFunction: 'f', fallbackOpenaiModel: 'm' }, /it belongs to fallback=openai/);
  rejected({ ...nova, fallback: 'bedrock', fallbackBedrockModel: 'a.b', fallbackAiMaxTokens: '0' }, /fallbackAiMaxTokens="0": expected a whole number/);
  rejected({ ...nova, fallbackAiPreset: 'ollama', fallbackOpenaiModel: 'm', fallbackOpenaiBaseUrl: 'http://h:11434' },
    /fallbackOpenaiBaseUrl="http:\/\/h:11434": expected an address with its path: use http:\/\/h:11434\/v1/);
  rejected({ ...nova, fallback: 'bedrock', fallbackBedrockModel: nova.bedrockModel }, /the same as the generator/);
  rejected({ fallback: 'offline' }, /the same as the generator/);
  rejected({ ...nova, fallbackGenerator: 'bedrock' }, /unknown context fallbackGenerator: known are .*such as fallbackBedrockModel/);
});

test('every key of a generator exists for the fallback too', () => {
  const all = Object.keys(generatorKeys);
  const own = all.filter((key) => !/^fallback/.test(key) && key !== 'generator');
  for (const key of own) assert.ok(all.includes(`fallback${key[0]!.toUpperCase()}${key.slice(1)}`), key);
  assert.equal(all.length, 2 * own.length + 2);
});
