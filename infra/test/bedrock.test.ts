import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generator, rejected, worker } from './generators';

const model = 'amazon.nova-lite-v1:0';
const by = { actions: 'bedrock:InvokeModel' };
const arn = (form: string, region = 'us-east-1') => `arn:aws:bedrock:${region}:111122223333:${form}`;
const modelIn = (region: string, name = model) => `arn:AWS::Partition:bedrock:${region}::foundation-model/${name}`;
const bedrock = (bedrockModel: string, more = {}) => worker({ generator: 'bedrock', bedrockModel, ...more });

test('the ARN of a model is granted itself, and called where it is', () => {
  const foundation = `arn:aws:bedrock:eu-west-1::foundation-model/${model}`;
  const { variables, granted } = bedrock(foundation);
  assert.deepEqual(granted, [{ ...by, resource: foundation }]);
  assert.deepEqual(variables, {
    GENERATOR: 'bedrock', BEDROCK_MODEL: foundation, BEDROCK_REGION: 'eu-west-1', AI_INPUT_PRICE: '0.06', AI_OUTPUT_PRICE: '0.24',
  });
});

test("the ARN of Bedrock's own profile is granted like its id, in its account and region", () => {
  const profile = arn(`inference-profile/us.${model}`);
  const through = { 'bedrock:InferenceProfileArn': profile };
  const { variables, granted } = bedrock(profile, { bedrockProfileRegions: 'us-east-1,us-west-2' });
  assert.deepEqual(granted, [
    { ...by, resource: profile },
    ...['us-east-1', 'us-west-2'].map((region) => ({ ...by, resource: modelIn(region), when: through })),
  ]);
  assert.deepEqual([variables.BEDROCK_MODEL, variables.BEDROCK_REGION, variables.AI_INPUT_PRICE], [profile, 'us-east-1', '0.06']);

  const global = arn(`inference-profile/global.${model}`);
  assert.deepEqual(bedrock(global).granted.map(({ resource }) => resource), [global, modelIn('us-east-1'), modelIn('')]);
  // A prefix that is not known by itself.
  assert.equal(bedrock(arn(`inference-profile/sa.${model}`, 'sa-east-1'), { bedrockProfileRegions: 'sa-east-1' }).granted.length, 2);
});

test('a provisioned or an imported model and a deployment are granted themselves, and have no example price', () => {
  for (const form of ['provisioned-model', 'imported-model', 'custom-model-deployment']) {
    const own = arn(`${form}/a1b2c3d4e5f6`, 'eu-west-1');
    assert.deepEqual(bedrock(own), {
      variables: { GENERATOR: 'bedrock', BEDROCK_MODEL: own, BEDROCK_REGION: 'eu-west-1' },
      granted: [{ ...by, resource: own }],
    });
  }
});

test('a prompt router is granted itself, and what it routes to only through it', () => {
  const router = arn('default-prompt-router/anthropic.claude:1');
  const when = { 'bedrock:PromptRouterArn': router };
  const own = { actions: 'bedrock:GetPromptRouter,bedrock:InvokeModel', resource: router };
  const sources = 'us.anthropic.claude-a,anthropic.claude-b';
  const { granted, variables } = bedrock(router, { bedrockProfileSource: sources, bedrockProfileRegions: 'us-east-1,us-west-2' });
  const profile = 'arn:AWS::Partition:bedrock:us-east-1:AWS::AccountId:inference-profile/us.anthropic.claude-a';
  const resources = [
    profile, ...['us-east-1', 'us-west-2'].map((region) => modelIn(region, 'anthropic.claude-a')), modelIn('us-east-1', 'anthropic.claude-b'),
  ];
  const sorted = (all: object[]) => all.map((each) => JSON.stringify(each)).sort();
  assert.deepEqual(sorted(granted), sorted([own, ...resources.map((resource) => ({ ...by, resource, when }))]));
  assert.deepEqual(variables, { GENERATOR: 'bedrock', BEDROCK_MODEL: router, BEDROCK_REGION: 'us-east-1' });

  const made = arn('prompt-router/a1b2c3d4e5f6');
  assert.deepEqual(bedrock(made, { bedrockProfileSource: `arn:aws:bedrock:us-east-1::foundation-model/${model}` }).granted, [
    { ...own, resource: made },
    { ...by, resource: modelIn('us-east-1'), when: { 'bedrock:PromptRouterArn': made } },
  ]);
});

test('a form that cannot be called says which can', () => {
  const wrong = (bedrockModel: string, message: RegExp, more = {}) => rejected({ generator: 'bedrock', bedrockModel, ...more }, message);
  wrong(arn('custom-model/amazon.nova-lite-v1:0/a1b2c3d4e5f6'), /expected the ARN of its deployment \(custom-model-deployment/);
  wrong(arn('provisioned-model/short'), /expected the id of a model or an inference profile, or the ARN/);
  wrong(arn('guardrail/a1b2c3d4e5f6'), /or the ARN that the Bedrock console shows/);
  wrong(`arn:aws:bedrock:us-east-1:111122223333:foundation-model/${model}`, /or the ARN/);
  wrong(`arn:aws:bedrock:us-east-1::inference-profile/us.${model}`, /or the ARN/);
  wrong(arn('prompt-router/a1'), /bedrockProfileSource is missing: this prompt router needs it, .*get-prompt-router/);
  wrong(arn('imported-model/a1b2c3d4e5f6'), /bedrockProfileSource has no meaning with this imported model/, { bedrockProfileSource: model });
  wrong(arn('prompt-router/a1'), /several comma-separated/, { bedrockProfileSource: `${model},` });
  wrong(arn('application-inference-profile/a1'), /expected the id of a model or of one/, { bedrockProfileSource: `${model},amazon.nova-pro-v1:0` });
  wrong(arn(`inference-profile/us.${model}`), /bedrockProfileRegions is missing: us\.amazon/);
  wrong(arn('imported-model/a1b2c3d4e5f6'), /this imported model is in us-east-1; leave the region out/, { bedrockRegion: 'eu-west-1' });
});

test('the regions of a profile are those of its geography, with the one where it is called', () => {
  const eu = (bedrockProfileRegions: string, more = {}) => ({ generator: 'bedrock', bedrockModel: `eu.${model}`, bedrockProfileRegions, ...more });
  assert.deepEqual(bedrock(`eu.${model}`, { bedrockProfileRegions: 'eu-west-1, eu-north-1 ' }).granted,
    bedrock(`eu.${model}`, { bedrockProfileRegions: 'eu-west-1,eu-north-1' }).granted);
  rejected(eu('eu-west-1,us-east-1'), /expected the regions of eu\.amazon\.nova-lite-v1:0, which does not route to us-east-1/);
  rejected(eu('eu-west-1,,eu-north-1'), /expected regions, comma-separated/);
  rejected(eu('eu-north-1', { bedrockRegion: 'eu-west-1' }), /expected also eu-west-1, where eu\.amazon\.nova-lite-v1:0 is called/);
  rejected({ ...eu('eu-north-1'), bedrockModel: arn(`inference-profile/eu.${model}`, 'eu-west-1') }, /expected also eu-west-1/);
  assert.equal(bedrock(`apac.${model}`, { bedrockProfileRegions: 'ap-northeast-1,me-central-1' }).granted.length, 3);
  const router = { generator: 'bedrock', bedrockModel: arn('prompt-router/a1'), bedrockProfileSource: `us.${model}, ${model}` };
  rejected({ ...router, bedrockProfileRegions: 'us-east-1,eu-west-1' }, /the regions of us\.amazon.*, which does not route to eu-west-1/);
  assert.ok(generator({ ...router, bedrockProfileRegions: 'us-east-1' }));
});

test('a profile of a geography that is not known is refused, and a model of any provider is not', () => {
  const known = /expected an id whose profile begins with one of us\., us-gov\., eu\., .* global\.; any other profile by its ARN/;
  for (const prefix of ['sa', 'apc', 'europe']) rejected({ generator: 'bedrock', bedrockModel: `${prefix}.${model}` }, known);
  rejected({ generator: 'bedrock', bedrockModel: arn('application-inference-profile/a1'), bedrockProfileSource: `sa.${model}` }, known);
  for (const id of ['zai.glm-4.7', 'qwen.qwen3-32b-v1:0', 'deepseek.v3.1', 'mistral.mistral-large-2402-v1:0', 'newone.model', 'ai21.jamba-1-5.x']) {
    assert.equal(bedrock(id).granted.length, 1, id);
  }
});

test('the choice of the tool is a setting, for models that know only some', () => {
  for (const bedrockToolChoice of ['tool', 'any', 'auto', 'none']) {
    assert.equal(bedrock(model, { bedrockToolChoice }).variables.BEDROCK_TOOL_CHOICE, bedrockToolChoice);
  }
  assert.equal(bedrock(model).variables.BEDROCK_TOOL_CHOICE, undefined);
  rejected({ generator: 'bedrock', bedrockModel: model, bedrockToolChoice: 'required' }, /expected one of tool, any, auto, none/);
});

test('a little too long is a setting of every generator that asks an AI', () => {
  assert.equal(bedrock(model, { aiOverlength: 0 }).variables.AI_OVERLENGTH, '0');
  assert.equal(worker({ generator: 'lambda', generatorFunction: 'f', aiOverlength: '50' }).variables.AI_OVERLENGTH, '50');
  for (const aiOverlength of ['-1', '101', '2.5', 'little', ' ']) {
    rejected({ generator: 'bedrock', bedrockModel: model, aiOverlength }, /a whole number of percent, 0 to 100/);
  }
  rejected({ aiOverlength: '20' }, /aiOverlength has no meaning with generator=offline: it belongs to generator=bedrock or/);
  assert.equal(generator({ generator: 'bedrock', bedrockModel: model }).kind, 'bedrock');
});
