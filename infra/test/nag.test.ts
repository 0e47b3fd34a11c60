import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { full } from './full';
import { synth } from './synth';

const packs = [AwsSolutionsChecks, ServerlessChecks];

const findings = (pack: AwsSolutionsChecks | ServerlessChecks, app: App): string[] =>
  pack.validateScope(app).violations.flatMap(({ ruleName, description, violatingResources }) =>
    violatingResources.map(({ constructPath }) => `${ruleName} at ${constructPath}: ${description}`));

/** Rule by reason, from the constructs that acknowledge one. */
function acknowledgements(app: App): [string, string][] {
  const entries = app.node.findAll().flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY);
  return entries.flatMap(({ data }) => Object.entries<string>(data))
    .map(([id, reason]) => [id.replace(/^annotation::/i, ''), reason]);
}

const variants: Record<string, Record<string, string>> = {
  AWS: {},
  local: { local: 'true' },
  'existing tables and another issuer': {
    goalsTable: 'app-goals', tasksTable: 'app-tasks', oidcIssuer: 'https://issuer.example', oidcAudience: 'app',
  },
  'a user pool of the plus plan': { userPoolPlan: 'plus' },
  'a user pool of the lite plan': { userPoolPlan: 'lite' },
  'a model through an inference profile': {
    generator: 'bedrock', bedrockModel: 'eu.amazon.nova-lite-v1:0', bedrockProfileRegions: 'eu-west-1,eu-north-1',
  },
  'an existing function': { generator: 'lambda', generatorFunction: 'generate-tasks' },
  'an AI with a key': {
    generator: 'openai', openaiBaseUrl: 'https://api.openai.com/v1', openaiModel: 'gpt-4.1-mini', openaiKeySecret: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:ai-AbCdEf',
  },
  'without X-Ray': { xray: 'false' },
  'every setting': full,
  'a page with a name of its own, and another issuer': {
    web: 'true', webDomain: 'goals.example.com', webCertificateArn: 'arn:aws:acm:us-east-1:111122223333:certificate/0a1b-2c3d',
    oidcIssuer: 'https://issuer.example', oidcAudience: 'app', webClientId: 'page',
  },
  'a prompt router, and a fallback': {
    generator: 'bedrock', bedrockModel: 'arn:aws:bedrock:us-east-1:111122223333:default-prompt-router/meta.llama:1',
    bedrockProfileSource: 'us.meta.llama-a,global.meta.llama-b', bedrockProfileRegions: 'us-east-1,us-west-2',
    fallback: 'lambda', fallbackGeneratorFunction: 'generate-tasks',
  },
};

for (const [name, context] of Object.entries(variants)) {
  test(`cdk-nag finds nothing that is not explained: ${name}`, () => {
    const { app } = synth(context);
    for (const Pack of packs) assert.deepEqual(findings(new Pack(), app), []);
  });
}

test('every acknowledgement explains itself and is still needed', () => {
  const { app } = synth(full);
  const found = packs.flatMap((Pack) => {
    const unforgiving = new Pack();
    Object.assign(unforgiving, { isAcknowledged: () => false });
    return findings(unforgiving, app);
  });
  const acknowledged = acknowledgements(app);
  assert.ok(acknowledged.length > 0);
  for (const [id, reason] of acknowledged) {
    assert.ok(reason.length > 60, `${id}: ${reason}`);
    assert.ok(found.some((finding) => finding.startsWith(`${id} `)), `${id} is acknowledged, but nothing finds it any more`);
  }
});
