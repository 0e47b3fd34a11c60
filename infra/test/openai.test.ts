import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import { isInternal, readAddress } from '../lib/generator/address';
import { presetNames, presets } from '../lib/generator/presets';
import { readSettings, SettingsError } from '../lib/settings';
import { rejected, secret, worker } from './generators';
import { synth } from './synth';

const openai = { generator: 'openai', openaiBaseUrl: 'https://ai.example/v1', openaiModel: 'm' };
const variables = (more: Record<string, unknown>) => worker({ ...openai, ...more }).variables;

test('an address is understood as people paste it', () => {
  for (const [pasted, baseUrl, apiVersion] of [
    ['https://ai.example/v1', 'https://ai.example/v1'],
    ['https://ai.example/v1/', 'https://ai.example/v1'],
    ['https://ai.example/v1/chat/completions', 'https://ai.example/v1'],
    ['https://ai.example/v1/chat/completions/', 'https://ai.example/v1'],
    ['https://api.deepseek.com/chat/completions', 'https://api.deepseek.com'],
    ['http://10.0.0.7:8000/v1', 'http://10.0.0.7:8000/v1'],
    ['https://x.openai.azure.com/openai/v1/', 'https://x.openai.azure.com/openai/v1'],
    ['https://x.openai.azure.com/openai/v1?api-version=preview', 'https://x.openai.azure.com/openai/v1', 'preview'],
    ['http://host:3000/api/chat/completions', 'http://host:3000/api'],
    ['https://x.services.ai.azure.com/api/projects/p/openai/v1', 'https://x.services.ai.azure.com/api/projects/p/openai/v1'],
    ['https://x.openai.azure.com/openai/deployments/d/chat/completions?api-version=2024-10-21',
      'https://x.openai.azure.com/openai/deployments/d', '2024-10-21'],
    ['https://x.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview',
      'https://x.services.ai.azure.com/models', '2024-05-01-preview'],
  ] as [string, string, string?][]) {
    assert.deepEqual(readAddress(pasted), { baseUrl, apiVersion }, pasted);
  }
});

test('an address that cannot work is refused with the right one', () => {
  const wrong = (openaiBaseUrl: string, message: RegExp, more = {}) => rejected({ ...openai, openaiBaseUrl, ...more }, message);
  wrong('http://host:11434', /use http:\/\/host:11434\/v1; for a server whose route is not below \/v1, the whole address up to \/chat\/completions$/);
  wrong('https://api.openai.com/', /use https:\/\/api\.openai\.com\/v1;/);
  wrong('https://generativelanguage.googleapis.com', /use https:\/\/generativelanguage\.googleapis\.com\/v1beta\/openai;/);
  wrong('https://api.groq.com', /use https:\/\/api\.groq\.com\/openai\/v1;/);
  wrong('https://openrouter.ai', /use https:\/\/openrouter\.ai\/api\/v1;/);
  wrong('https://x.openai.azure.com/', /use https:\/\/x\.openai\.azure\.com\/openai\/v1$/);
  wrong('https://x.openai.azure.com/openai', /use https:\/\/x\.openai\.azure\.com\/openai\/v1$/);
  wrong('https://ai.example/v1?k=v', /without a query: use https:\/\/ai\.example\/v1\. Only \?api-version/);
  wrong('https://ai.example/v1?api-version=1&k=v', /without a query/);
  for (const [pasted, right] of [
    ['http://host:11434/api', 'http://host:11434/v1'],
    ['http://host:11434/api/chat', 'http://host:11434/v1'],
    ['http://host:11434/api/generate/', 'http://host:11434/v1'],
    ['https://ai.example/v1/models', 'https://ai.example/v1'],
    ['https://ai.example/v1/responses', 'https://ai.example/v1'],
    ['https://ai.example/v1/completions', 'https://ai.example/v1'],
    ['https://ai.example/openai/v1/embeddings', 'https://ai.example/openai/v1'],
    ['https://ai.example/models', 'https://ai.example/v1'],
    ['https://openrouter.ai/api', 'https://openrouter.ai/api/v1'],
    ['https://x.services.ai.azure.com/api/projects/p', 'https://x.services.ai.azure.com/openai/v1'],
    ['https://x.openai.azure.com/openai/responses?api-version=2025-04-01-preview', 'https://x.openai.azure.com/openai/v1'],
  ] as const) {
    wrong(pasted, new RegExp(`expected an address that /chat/completions is added to: use ${right.replaceAll('.', '\\.')}$`));
  }
  wrong('https://x.openai.azure.com/openai/v1', /openaiApiVersion has no meaning with .*: leave 2024-10-21 out/, { openaiApiVersion: '2024-10-21' });
  wrong('https://x.openai.azure.com/openai/v1?api-version=2024-10-21', /openaiApiVersion has no meaning with/);
  wrong('https://ai.exämple/v1', /expected an http or https address/);
  const deployment = 'https://x.openai.azure.com/openai/deployments/d';
  wrong(deployment, /needs an openaiApiVersion such as 2024-10-21; or use https:\/\/x\.openai\.azure\.com\/openai\/v1, which needs none/);
  wrong(`${deployment}?api-version=1`, /two versions, 2 and 1; give one/, { openaiApiVersion: '2' });
});

test("Azure's version and key travel as it expects", () => {
  const deployment = { openaiBaseUrl: 'https://x.openai.azure.com/openai/deployments/d?api-version=2024-10-21', openaiKeySecret: secret };
  const { OPENAI_BASE_URL, OPENAI_API_VERSION, OPENAI_KEY_HEADER } = variables({ ...deployment, aiPreset: 'azure' });
  assert.deepEqual([OPENAI_BASE_URL, OPENAI_API_VERSION, OPENAI_KEY_HEADER],
    ['https://x.openai.azure.com/openai/deployments/d', '2024-10-21', 'api-key']);
  assert.equal(variables({ openaiApiVersion: 'preview' }).OPENAI_API_VERSION, 'preview');
  const { stack } = synth({ ...openai, ...deployment });
  Annotations.fromStack(stack).hasInfo('*', Match.stringLikeRegexp('openaiBaseUrl=.*/openai/v1 takes the same requests.* deployment, d, is openaiModel'));
  const second = Object.fromEntries(Object.entries({ ...openai, ...deployment, generator: undefined })
    .map(([key, value]) => [`fallback${key[0]!.toUpperCase()}${key.slice(1)}`, value]).filter(([, value]) => value !== undefined));
  Annotations.fromStack(synth({ fallback: 'openai', ...second }).stack)
    .hasInfo('*', Match.stringLikeRegexp('fallbackOpenaiBaseUrl=.* deployment, d, is fallbackOpenaiModel'));
  // Without a key there is no header for it.
  assert.equal(variables({ aiPreset: 'azure' }).OPENAI_KEY_HEADER, undefined);
});

test('what a server supports is said by settings', () => {
  assert.deepEqual(variables({
    openaiTokenLimit: 'none', openaiResponseFormat: 'json_schema', openaiSchemaLimits: true, openaiInstructions: 'user',
    openaiKeySecret: secret, openaiKeyHeader: 'X-API-Key',
    openaiExtraBody: '{"top_p": 0.9}', openaiExtraHeaders: { 'x-title': 'Goals' },
  }), {
    GENERATOR: 'openai', OPENAI_BASE_URL: 'https://ai.example/v1', OPENAI_MODEL: 'm', OPENAI_TOKEN_LIMIT: 'none',
    OPENAI_RESPONSE_FORMAT: 'json_schema', OPENAI_SCHEMA_LIMITS: 'true', OPENAI_INSTRUCTIONS: 'user',
    OPENAI_KEY_SECRET: secret, OPENAI_KEY_HEADER: 'x-api-key',
    OPENAI_EXTRA_BODY: '{"top_p":0.9}', OPENAI_EXTRA_HEADERS: '{"x-title":"Goals"}',
  });
  rejected({ ...openai, openaiResponseFormat: 'json' }, /expected one of json_schema, json_object, none/);
  rejected({ ...openai, openaiInstructions: 'assistant' }, /expected one of system, developer, user/);
  rejected({ ...openai, openaiSchemaLimits: 'yes' }, /expected true or false/);
  rejected({ ...openai, openaiSchemaLimits: 'true', openaiResponseFormat: 'none' }, /no meaning with openaiResponseFormat=none/);
  rejected({ ...openai, aiMaxTokens: '900', openaiTokenLimit: 'none' }, /aiMaxTokens has no meaning with openaiTokenLimit=none/);
  rejected({ ...openai, openaiApiVersion: 'a b' }, /expected a version such as/);
});

test('a body and headers are added, except what is the worker\'s own and a key', () => {
  for (const openaiExtraBody of ['top_p', '[1]', 'null', ' ']) rejected({ ...openai, openaiExtraBody }, /expected a JSON object/);
  rejected({ ...openai, openaiExtraBody: '{"messages": []}' }, /messages is set by the worker; leave it out/);
  rejected({ ...openai, openaiExtraBody: { stream: true } }, /stream is set by the worker; leave it out/);
  rejected({ ...openai, openaiExtraBody: { text: 'あ'.repeat(400) } }, /more than 1000 bytes/);
  const headers = (openaiExtraHeaders: unknown, message: RegExp, more = {}) => rejected({ ...openai, openaiExtraHeaders, ...more }, message);
  headers('{"a b": "c"}', /expected a JSON object of strings/);
  headers('{"a": 1}', /expected a JSON object of strings/);
  headers({ a: 'b\r\nc' }, /expected a JSON object of strings/);
  for (const name of [
    'Authorization', 'api-key', 'x-api-key', 'x-goog-api-key', 'X-Auth', 'x-auth-token', 'x_access_token', 'helicone-auth',
    'x-client-secret', 'Set-Cookie', 'x-password', 'x-apikey',
  ]) {
    headers({ [name]: 'sk-1' }, /would put a key into the template; keep it in openaiKeySecret/);
  }
  headers({ 'X-Token': 'sk-1' }, /would put a key/, { openaiKeySecret: secret, openaiKeyHeader: 'x-token' });
  headers({ 'x-title': 'Bearer abc' }, /would put a key/);
  assert.equal(variables({ openaiExtraHeaders: { 'x-keyboard': 'tokens' } }).OPENAI_EXTRA_HEADERS, '{"x-keyboard":"tokens"}');
  headers({ 'content-type': 'text/plain' }, /content-type is set by the worker; leave it out/);
  rejected({ ...openai, openaiKeyHeader: 'x-token' }, /openaiKeyHeader belongs to a key/);
  rejected({ ...openai, openaiKeySecret: secret, openaiKeyHeader: 'a b' }, /the name of a header/);
  rejected({ ...openai, openaiKeySecret: secret, openaiKeyHeader: 'Authorization' }, /without it the key is in authorization, as Bearer/);
});

test('a field of the body that has a setting is refused with its name', () => {
  rejected({ ...openai, openaiExtraBody: { model: 'other' } }, /openaiExtraBody: model is set by the worker; use openaiModel/);
  for (const field of ['max_tokens', 'max_completion_tokens']) {
    rejected({ ...openai, openaiExtraBody: { [field]: 9 } }, new RegExp(`${field} is set by the worker; use aiMaxTokens`));
  }
  rejected({ fallback: 'openai', fallbackOpenaiBaseUrl: 'https://ai.example/v1', fallbackOpenaiModel: 'm', fallbackOpenaiExtraBody: { model: 'x' } },
    /use fallbackOpenaiModel/);
});

test('a body that the worker cannot read is refused', () => {
  const nested = (levels: number) => `{"a":${'['.repeat(levels - 1)}${']'.repeat(levels - 1)}}`;
  assert.equal(variables({ openaiExtraBody: nested(127) }).OPENAI_EXTRA_BODY, nested(127));
  rejected({ ...openai, openaiExtraBody: nested(128) }, /openaiExtraBody: nested deeper than 127 levels, which the worker does not read/);
  for (const openaiExtraBody of ['{"stop": "\\ud800"}', '{"\\udc00": 1}', '{"a": [{"b": "x\\ud83d"}]}']) {
    rejected({ ...openai, openaiExtraBody }, /half of a surrogate pair/);
  }
  assert.equal(variables({ openaiExtraBody: '{"stop": "\\ud83d\\ude00"}' }).OPENAI_EXTRA_BODY, '{"stop":"😀"}');
  rejected({ ...openai, openaiExtraBody: '{"seed": 1e999}' }, /a number that is too large/);
});

test('a key in the place of its name is refused and not repeated', () => {
  const refused = (context: Record<string, string>, key: string) => assert.throws(() => readSettings({ ...openai, ...context }), (error: Error) => {
    assert.ok(error.message.includes(key) && !error.message.includes(context[key]!), error.message);
    return true;
  });
  for (const pasted of ['sk-proj-1', 'gsk_abc', 'AIzaSyA', '0123456789abcdef0123456789abcdef0', 'Bearer abc']) {
    refused({ openaiKeySecret: pasted }, 'openaiKeySecret');
  }
  refused({ openaiKeySecret: secret, openaiKeyHeader: 'sk-proj-1' }, 'openaiKeyHeader');
  for (const name of ['openaiKey', 'openaiApiKey', 'fallbackOpenaiKey']) {
    rejected({ ...openai, [name]: 'sk-1' }, /unknown context .*a key is never in the context; .*penaiKeySecret /);
  }
});

test('the header for a key is none that the worker sets, and authorization is the default', () => {
  for (const openaiKeyHeader of ['Content-Length', 'content-type', 'host', 'user-agent', 'transfer-encoding']) {
    rejected({ ...openai, openaiKeySecret: secret, openaiKeyHeader }, /expected a header such as api-key: .* is set by the worker/);
  }
  const { OPENAI_KEY_HEADER, OPENAI_KEY_SECRET } = variables({ aiPreset: 'azure', openaiKeySecret: secret, openaiKeyHeader: 'Authorization' });
  assert.deepEqual([OPENAI_KEY_HEADER, OPENAI_KEY_SECRET], [undefined, secret]);
});

const warnings = (context: Record<string, unknown>) =>
  Annotations.fromStack(synth(context).stack).findWarning('*', Match.anyValue()).map(({ entry }) => String(entry.data));

test('an address that the worker does not reach is a warning, except in a local stack', () => {
  const at = (host: string) => ({ ...openai, openaiBaseUrl: `http://${host}/v1` });
  assert.match(warnings(at('10.0.0.7:8000')).join(), /openaiBaseUrl=http:\/\/10\.0\.0\.7:8000\/v1: the worker is in no VPC/);
  assert.deepEqual(warnings({ ...at('10.0.0.7:8000'), local: 'true' }), []);
  const vpc = { vpcId: 'vpc-0123abcd', subnets: 'subnet-0123abcd', securityGroups: 'sg-0123abcd' };
  assert.deepEqual(warnings({ ...at('10.0.0.7:8000'), ...vpc }), []);
  assert.match(warnings({ ...at('127.0.0.1:8000'), ...vpc }).join(), /the worker reaches only itself/);
  const second = { fallback: 'openai', fallbackOpenaiBaseUrl: 'http://localhost:11434/v1', fallbackOpenaiModel: 'm' };
  assert.match(warnings(second).join(), /fallbackOpenaiBaseUrl=http:\/\/localhost/);
  for (const host of [
    '10.1.2.3', '172.16.0.1', '172.31.9.9', '192.168.1.5', '127.0.0.1', '169.254.1.1', 'localhost', '[::1]', '[fd00::1]',
    'ai.internal', 'AI.local', 'gpu:8000',
  ]) assert.equal(isInternal(`http://${host}/v1`), true, host);
  for (const host of ['172.32.0.1', '192.169.0.1', '11.0.0.1', 'api.openai.com', 'internal.example', '[2001:db8::1]', '10.example.com']) {
    assert.equal(isInternal(`https://${host}/v1`), false, host);
  }
});

test('the variables of both generators have to fit into a function', () => {
  const long = { generator: 'openai', openaiBaseUrl: 'https://ai.example/v1', openaiModel: 'm' };
  const text = (bytes: number) => JSON.stringify({ user: 'x'.repeat(bytes) });
  const both = {
    ...long, openaiExtraBody: text(900), openaiExtraHeaders: text(900),
    fallback: 'openai', fallbackOpenaiBaseUrl: 'https://ai.example/v1', fallbackOpenaiModel: 'n', fallbackOpenaiExtraBody: text(900),
  };
  assert.throws(() => synth({ ...both, fallbackOpenaiExtraHeaders: text(300) }), (error: Error) => {
    assert.ok(error instanceof SettingsError);
    assert.match(error.message, /have 3\d\d\d bytes, more than the 3000 .* the largest, FALLBACK_OPENAI_EXTRA_BODY 9\d\d,/);
    return true;
  });
  assert.equal(worker(both).variables.FALLBACK_OPENAI_EXTRA_BODY, text(900));
});

const own = { openaiModel: 'm', openaiBaseUrl: 'https://ai.example/v1' };

for (const aiPreset of presetNames) {
  test(`preset ${aiPreset} is a generator of its own settings`, () => {
    const row = presets[aiPreset] as Record<string, unknown>;
    const { variables, granted } = worker({ aiPreset, openaiKeySecret: secret, ...own, ...row });
    assert.deepEqual(worker({ aiPreset, openaiKeySecret: secret, ...own, ...('openaiBaseUrl' in row && { openaiBaseUrl: undefined }) }).variables, variables);
    assert.deepEqual([variables.GENERATOR, granted.length], ['openai', 1]);
    assert.deepEqual(worker({ generator: 'openai', openaiKeySecret: secret, ...own, ...row }).variables, variables);
  });
}

test('a setting of the context wins over a preset', () => {
  const chosen = worker({
    aiPreset: 'deepseek', ...own, openaiResponseFormat: 'none', openaiTokenLimit: 'max_completion_tokens',
  }).variables;
  assert.deepEqual([chosen.OPENAI_BASE_URL, chosen.OPENAI_RESPONSE_FORMAT, chosen.OPENAI_TOKEN_LIMIT],
    ['https://ai.example/v1', 'none', 'max_completion_tokens']);
  // The preset's limits do not stand in the way of another format.
  assert.equal(worker({ aiPreset: 'llamacpp', ...own, openaiResponseFormat: 'json_object' }).variables.OPENAI_SCHEMA_LIMITS, undefined);
  assert.equal(readSettings({ aiPreset: 'openai', openaiModel: 'm', openaiKeySecret: secret }).generator.kind, 'openai');
  rejected({ aiPreset: 'chatgpt', ...own }, /aiPreset="chatgpt": expected one of openai, azure,/);
  rejected({ aiPreset: 'toString', ...own }, /expected one of/);
  rejected({ aiPreset: 'openai', generator: 'bedrock', bedrockModel: 'a.b' }, /aiPreset has no meaning with generator=bedrock/);
});

test('a preset of a provider needs a key, and one without an address says its form', () => {
  for (const aiPreset of presetNames.filter((each) => 'openaiBaseUrl' in presets[each])) {
    rejected({ aiPreset, openaiModel: 'm' }, new RegExp(`aiPreset=${aiPreset} needs a key: give openaiKeySecret,`));
    // A gateway in front of it may need none.
    assert.equal(readSettings({ aiPreset, ...own }).generator.kind, 'openai');
  }
  const azure = 'https://x.openai.azure.com/openai/v1';
  rejected({ aiPreset: 'azure', openaiModel: 'm', openaiBaseUrl: azure }, /aiPreset=azure needs a key/);
  rejected({ fallbackAiPreset: 'groq', fallbackOpenaiModel: 'm' }, /fallbackAiPreset=groq needs a key: give fallbackOpenaiKeySecret/);
  for (const [aiPreset, address] of [['ollama', 'http://<host>:11434/v1'], ['vllm', 'http://<host>:8000/v1'], ['azure', 'https://<resource>']] as const) {
    rejected({ aiPreset, openaiModel: 'm' }, new RegExp(`openaiBaseUrl is missing: aiPreset=${aiPreset} needs it, such as ${address}`));
  }
});

test('the name of a preset as a generator says how it is selected', () => {
  rejected({ generator: 'ollama', ...own }, /generator="ollama": it is a preset, use aiPreset=ollama instead/);
  rejected({ fallback: 'deepseek' }, /fallback="deepseek": it is a preset, use fallbackAiPreset=deepseek instead/);
});
