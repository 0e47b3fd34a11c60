import assert from 'node:assert/strict';
import { test } from 'node:test';
import { account, generator, key, rejected, secret, worker } from './generators';

test('offline needs nothing and is granted nothing', () => {
  assert.deepEqual(generator({}), { kind: 'offline' });
  assert.deepEqual(worker({ generator: 'offline' }), { variables: { GENERATOR: 'offline' }, granted: [] });
});

test('a model on Bedrock may be invoked, and no other, in the region where it is called', () => {
  const model = { generator: 'bedrock', bedrockModel: 'amazon.nova-lite-v1:0' };
  assert.deepEqual(worker(model), {
    variables: {
      GENERATOR: 'bedrock', BEDROCK_MODEL: 'amazon.nova-lite-v1:0', AI_INPUT_PRICE: '0.06', AI_OUTPUT_PRICE: '0.24',
    },
    granted: [{
      actions: 'bedrock:InvokeModel',
      resource: 'arn:AWS::Partition:bedrock:AWS::Region::foundation-model/amazon.nova-lite-v1:0',
    }],
  });
  const elsewhere = worker({ ...model, bedrockRegion: 'eu-north-1', aiTemperature: '0.3', aiMaxTokens: 2000, aiPrices: '10,20.5' });
  assert.deepEqual(elsewhere.variables, {
    GENERATOR: 'bedrock', BEDROCK_MODEL: 'amazon.nova-lite-v1:0', BEDROCK_REGION: 'eu-north-1',
    AI_TEMPERATURE: '0.3', AI_MAX_TOKENS: '2000', AI_INPUT_PRICE: '10', AI_OUTPUT_PRICE: '20.5',
  });
  assert.deepEqual(elsewhere.granted.map(({ resource }) => resource),
    ['arn:AWS::Partition:bedrock:eu-north-1::foundation-model/amazon.nova-lite-v1:0']);
});

test('a geographic inference profile may be used, and its model in its regions only through it', () => {
  const id = 'eu.amazon.nova-lite-v1:0';
  const profile = `arn:AWS::Partition:bedrock:eu-west-1:${account}:inference-profile/${id}`;
  const { granted } = worker({
    generator: 'bedrock', bedrockModel: id, bedrockRegion: 'eu-west-1', bedrockProfileRegions: 'eu-west-1,eu-north-1',
  });
  const through = { 'bedrock:InferenceProfileArn': profile };
  assert.deepEqual(granted, [
    { actions: 'bedrock:InvokeModel', resource: profile },
    ...['eu-north-1', 'eu-west-1'].map((region) => ({
      actions: 'bedrock:InvokeModel',
      resource: `arn:AWS::Partition:bedrock:${region}::foundation-model/amazon.nova-lite-v1:0`,
      when: through,
    })),
  ]);
});

test('a global inference profile may be used, and its model without a region only through it', () => {
  const model = 'anthropic.claude-haiku-4-5-20251001-v1:0';
  const profile = `arn:AWS::Partition:bedrock:AWS::Region:${account}:inference-profile/global.${model}`;
  const { granted, variables } = worker({ generator: 'bedrock', bedrockModel: `global.${model}` });
  const through = { 'bedrock:InferenceProfileArn': profile };
  assert.deepEqual(granted, [
    { actions: 'bedrock:InvokeModel', resource: profile },
    { actions: 'bedrock:InvokeModel', resource: `arn:AWS::Partition:bedrock:AWS::Region::foundation-model/${model}`, when: through },
    {
      actions: 'bedrock:InvokeModel',
      resource: `arn:AWS::Partition:bedrock:::foundation-model/${model}`,
      when: { ...through, 'aws:RequestedRegion': 'unspecified' },
    },
  ]);
  assert.deepEqual([variables.AI_INPUT_PRICE, variables.AI_OUTPUT_PRICE], ['1', '5']);
});

test('an application inference profile may be used where it is, and the model that it was made from only through it', () => {
  const profile = 'arn:aws:bedrock:eu-west-1:111122223333:application-inference-profile/a1b2c3d4e5f6';
  const through = { 'bedrock:InferenceProfileArn': profile };
  const model = 'amazon.nova-lite-v1:0';
  const modelIn = (region: string) => `arn:AWS::Partition:bedrock:${region}::foundation-model/${model}`;
  const by = { actions: 'bedrock:InvokeModel' };
  const made = (source: string, more = {}) =>
    worker({ generator: 'bedrock', bedrockModel: profile, bedrockProfileSource: source, ...more });

  const { granted, variables } = made(model);
  assert.deepEqual(granted, [
    { ...by, resource: profile },
    { ...by, resource: modelIn('eu-west-1'), when: through },
  ]);
  assert.deepEqual(variables, {
    GENERATOR: 'bedrock', BEDROCK_MODEL: profile, BEDROCK_REGION: 'eu-west-1', AI_INPUT_PRICE: '0.06', AI_OUTPUT_PRICE: '0.24',
  });
  assert.deepEqual(made(`eu.${model}`, { bedrockProfileRegions: 'eu-west-1,eu-north-1' }).granted, [
    { ...by, resource: profile },
    ...['eu-north-1', 'eu-west-1'].map((region) => ({ ...by, resource: modelIn(region), when: through })),
  ]);
  assert.deepEqual(made(`global.${model}`, { bedrockRegion: 'eu-west-1' }).granted, [
    { ...by, resource: profile },
    { ...by, resource: modelIn('eu-west-1'), when: through },
    { ...by, resource: modelIn(''), when: { ...through, 'aws:RequestedRegion': 'unspecified' } },
  ]);
});

test('an application inference profile fits together with what is said of it', () => {
  const own = { generator: 'bedrock', bedrockModel: 'arn:aws:bedrock:eu-west-1:111122223333:application-inference-profile/a1' };
  rejected(own, /bedrockProfileSource is missing: this application inference profile needs it, .*get-inference-profile.* such as eu\.amazon/);
  rejected({ generator: 'bedrock', bedrockModel: 'a.b', bedrockProfileSource: 'a.b' }, /has no meaning with this foundation model: it belongs to/);
  rejected({ ...own, bedrockProfileSource: own.bedrockModel }, /bedrockProfileSource=.*expected the id of a model/);
  rejected({ ...own, bedrockProfileSource: 'eu.a.b' }, /bedrockProfileRegions is missing: eu\.a\.b needs it/);
  rejected({ ...own, bedrockProfileSource: 'a.b', bedrockProfileRegions: 'eu-west-1' }, /bedrockProfileRegions has no meaning with/);
  rejected({ ...own, bedrockProfileSource: 'a.b', bedrockRegion: 'us-east-1' }, /this application inference profile is in eu-west-1/);
});

test('an existing function may be invoked, and no other', () => {
  const arn = `arn:AWS::Partition:lambda:AWS::Region:${account}:function:generate-tasks`;
  for (const [name, resource] of [
    ['generate-tasks', arn],
    ['generate-tasks:live', `${arn}:live`],
    ['arn:aws:lambda:eu-west-1:111122223333:function:other', 'arn:aws:lambda:eu-west-1:111122223333:function:other'],
  ] as const) {
    assert.deepEqual(worker({ generator: 'lambda', generatorFunction: name }), {
      variables: { GENERATOR: 'lambda', GENERATOR_FUNCTION: name },
      granted: [{ actions: 'lambda:InvokeFunction', resource }],
    });
  }
});

const openai = { generator: 'openai', openaiBaseUrl: 'https://api.openai.com/v1', openaiModel: 'gpt-4.1-mini' };

test('the key of an AI is named in the template, never told, and may be read by the worker', () => {
  const variables = {
    GENERATOR: 'openai', OPENAI_BASE_URL: 'https://api.openai.com/v1', OPENAI_MODEL: 'gpt-4.1-mini',
    AI_INPUT_PRICE: '0.4', AI_OUTPUT_PRICE: '1.6',
  };
  assert.deepEqual(worker(openai), { variables, granted: [] });
  assert.deepEqual(worker({ ...openai, openaiKeySecret: secret }), {
    variables: { ...variables, OPENAI_KEY_SECRET: secret },
    granted: [{ actions: 'secretsmanager:GetSecretValue', resource: secret }],
  });
  assert.deepEqual(worker({ ...openai, openaiKeySecret: secret, openaiKeyKmsKey: key, openaiTokenLimit: 'max_tokens' }), {
    variables: { ...variables, OPENAI_KEY_SECRET: secret, OPENAI_TOKEN_LIMIT: 'max_tokens' },
    granted: [
      { actions: 'secretsmanager:GetSecretValue', resource: secret },
      { actions: 'kms:Decrypt', resource: key, when: { 'kms:ViaService': 'secretsmanager.eu-west-1.AWS::URLSuffix' } },
    ],
  });
});

test('a model without a known price has none', () => {
  const { variables } = worker({ ...openai, openaiModel: 'my-own' });
  assert.deepEqual(Object.keys(variables).sort(), ['GENERATOR', 'OPENAI_BASE_URL', 'OPENAI_MODEL']);
  assert.equal(worker({ ...openai, openaiModel: 'my-own', aiPrices: '0,0' }).variables.AI_INPUT_PRICE, '0');
});

test('a generator that misses something says what', () => {
  rejected({ generator: 'bedrock' }, /bedrockModel is missing: generator=bedrock needs it/);
  rejected({ generator: 'lambda' }, /generatorFunction is missing/);
  rejected({ generator: 'openai' }, /openaiBaseUrl is missing/);
  rejected({ generator: 'openai', openaiBaseUrl: 'https://a.example/v1' }, /openaiModel is missing/);
  rejected({ generator: 'bedrock', bedrockModel: 'eu.amazon.nova-lite-v1:0' },
    /bedrockProfileRegions is missing: eu\.amazon\.nova-lite-v1:0 needs it, .* such as eu-west-1,eu-north-1/);
  rejected({ generator: 'bedrock', bedrockModel: 'amazon.nova-lite-v1:0', bedrockProfileRegions: 'eu-west-1' }, /geographic/);
  rejected({ ...openai, openaiKeyKmsKey: key }, /openaiKeyKmsKey belongs to a key/);
  rejected({ ...openai, openaiKeySecret: secret, openaiKeyKmsKey: key.replace('eu-west-1', 'us-east-1') }, /a key of its own region/);
});

test('a setting of another generator is a mistake', () => {
  rejected({ bedrockModel: 'amazon.nova-lite-v1:0' }, /bedrockModel has no meaning with generator=offline/);
  rejected({ generator: 'lambda', generatorFunction: 'f', aiTemperature: '1' }, /aiTemperature has no meaning with generator=lambda/);
  rejected({ ...openai, bedrockRegion: 'eu-west-1' }, /bedrockRegion has no meaning with generator=openai/);
});

test('a key never travels in the clear', () => {
  for (const openaiBaseUrl of ['http://ai.example/v1', 'http://10.0.0.7:8000/v1', 'http://localhost.example/v1']) {
    assert.equal(generator({ ...openai, openaiBaseUrl }).kind, 'openai');
    rejected({ ...openai, openaiBaseUrl, openaiKeySecret: secret }, /a key may not travel over plain http/);
  }
  for (const openaiBaseUrl of ['http://localhost:11434/v1', 'http://127.0.0.1:8080/v1', 'http://[::1]/v1', 'https://ai.example/v1']) {
    assert.equal(generator({ ...openai, openaiBaseUrl, openaiKeySecret: secret }).kind, 'openai');
  }
});

test('a value that cannot be is an error that says what is expected', () => {
  rejected({ generator: 'oracle' }, /generator="oracle": expected one of offline, bedrock, lambda, openai/);
  rejected({ generator: 'toString' }, /expected one of/);
  rejected({ generator: 'bedrock', bedrockModel: 'nova lite' }, /bedrockModel="nova lite": expected the id/);
  rejected({ generator: 'bedrock', bedrockModel: 'a.b', bedrockRegion: 'europe' }, /bedrockRegion="europe": expected a region/);
  rejected({ generator: 'lambda', generatorFunction: 'a b' }, /generatorFunction="a b"/);
  for (const openaiBaseUrl of ['ai.example', 'ftp://ai.example', 'https://user:secret@ai.example', 'https://ai.example/v1#k', 'https://ai.example:x/v1']) {
    rejected({ ...openai, openaiBaseUrl }, /openaiBaseUrl=.*expected an http or https address/);
  }
  rejected({ ...openai, openaiKeySecret: 'ai/key' }, /the whole ARN of a secret/);
  rejected({ ...openai, openaiKeySecret: 'sk-1234' }, /the whole ARN of a secret/);
  rejected({ ...openai, openaiKeySecret: secret, openaiKeyKmsKey: 'alias/k' }, /the ARN of a KMS key/);
  rejected({ ...openai, openaiTokenLimit: 'tokens' }, /expected one of max_completion_tokens, max_tokens, none/);
  for (const aiTemperature of ['hot', '-1', '2.1', ' ']) rejected({ ...openai, aiTemperature }, /a number from 0 to 2/);
  const bedrock = { generator: 'bedrock', bedrockModel: 'amazon.nova-lite-v1:0' };
  for (const aiTemperature of ['1.1', '2']) rejected({ ...bedrock, aiTemperature }, /a number from 0 to 1, as Bedrock/);
  for (const aiMaxTokens of ['0', '1.5', 'many', ' ']) rejected({ ...openai, aiMaxTokens }, /a whole number of tokens/);
  for (const aiPrices of ['3', '3;15', '-1,2', '1e3,2', '.5,1']) rejected({ ...openai, aiPrices }, /two prices in US dollars/);
});
