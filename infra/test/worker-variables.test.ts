import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';
import { test } from 'node:test';
import { secret, worker } from './generators';

const run = (context: Record<string, unknown>) => spawnSync(
  process.execPath, [path.join(__dirname, '..', 'bin', 'worker-variables.js')],
  { encoding: 'utf8', env: { ...process.env, CDK_CONTEXT_JSON: JSON.stringify(context) } },
);

test('the variables that are printed are those of the template', () => {
  for (const context of [
    {},
    { generator: 'lambda', generatorFunction: 'generate-tasks:live', aiOverlength: '0' },
    { generator: 'bedrock', bedrockModel: 'amazon.nova-lite-v1:0', bedrockToolChoice: 'auto', fallback: 'offline' },
    {
      aiPreset: 'groq', openaiModel: 'm', openaiKeySecret: secret, openaiExtraHeaders: '{"x-title":"Goals"}',
      fallback: 'bedrock', fallbackBedrockModel: 'amazon.nova-lite-v1:0', fallbackAiTemperature: '0.3',
    },
  ]) {
    const { stdout, stderr } = run(context);
    assert.deepEqual(JSON.parse(stdout), worker(context).variables, stderr);
  }
});

test('what is wrong with the context is said in one line', () => {
  const { status, stdout, stderr } = run({ generator: 'openai', openaiModel: 'm', openaiBaseUrl: 'http://127.0.0.1:8080' });
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, /^context openaiBaseUrl="http:\/\/127\.0\.0\.1:8080": expected an address with its path: use .*\/v1.*\n$/);
});
