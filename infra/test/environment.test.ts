import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { test } from 'node:test';
import { commandLineOnly, readEnvironment, schema } from '../lib/environment';
import { infraDir, keys, readSettings, SettingsError } from '../lib/settings';

/** A folder of environments with this file in it. */
function folder(text: string, name = 'test.json'): string {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'environments-'));
  fs.writeFileSync(path.join(made, name), text);
  return made;
}

const rejected = (text: string, message: RegExp) => assert.throws(
  () => readEnvironment({ environment: 'test' }, folder(text)),
  (error: Error) => error instanceof SettingsError && message.test(error.message) || assert.fail(error.message));

test('the schema has every key, and no other', () => {
  const known = Object.keys(keys).filter((key) => !/^fallback[A-Z]/.test(key));
  assert.deepEqual(Object.keys(schema.properties).filter((key) => key !== 'environment').sort(), known.sort());
});

const inFile = (context: Record<string, unknown>, text: string) => readSettings({ environment: 'test', ...context }, folder(text));

test('a file gives what the command line does not', () => {
  const { logLevel, given } = inFile({ logLevel: 'warn', tags: '{ "b": "1", "a": "2" }' }, `\uFEFF{
    "stackName": "second", "logLevel": "debug", "concurrentBatches": 8,
    "corsOrigins": ["https://a.example", "https://b.example"], "aiPreset": "groq", "openaiModel": "m", "openaiKeySecret": "arn:aws:secretsmanager:eu-west-1:111122223333:secret:ai-AbCdEf",
    "openaiExtraBody": { "seed": 7 }, "fallback": "lambda", "fallbackGeneratorFunction": "f" }`);
  assert.equal(logLevel, 'warn');
  assert.deepEqual(given, {
    environment: 'test',
    context: {
      stackName: 'second', logLevel: 'warn', concurrentBatches: '8', corsOrigins: 'https://a.example,https://b.example',
      aiPreset: 'groq', openaiModel: 'm', openaiKeySecret: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:ai-AbCdEf', openaiExtraBody: '{"seed":7}',
      fallback: 'lambda', fallbackGeneratorFunction: 'f', tags: '{"a":"2","b":"1"}',
    },
  });
  assert.deepEqual(readSettings({ local: true, '@aws-cdk/core:checkSecretUsage': true }).given, { context: { local: 'true' } });
});

test('an empty value is none, wherever it stands, and takes away that of a file', () => {
  for (const key of Object.keys(schema.properties)) {
    if (key === 'environment') continue;
    if (['local', 'stackName'].includes(key)) {
      assert.throws(() => readSettings({ [key]: '' }), new RegExp(`context ${key}="": expected`));
      continue;
    }
    const { given, ...settings } = readSettings({ [key]: '' });
    assert.deepEqual({ given, ...settings }, readSettings({}), key);
  }
  const lists = '{ "corsOrigins": [], "callbackUrls": [], "consumerAccounts": [], "subnets": [], "oidcScopes": [],'
    + ' "bedrockProfileRegions": [], "kmsKey": "", "vpcId": "", "archiveBucket": "", "goalsTable": "" }';
  assert.deepEqual(inFile({}, lists).given, { environment: 'test', context: {} });
  assert.equal(inFile({ corsOrigins: '', logLevel: '' }, '{ "corsOrigins": ["https://a.example"], "logLevel": "warn" }').corsOrigins, undefined);
});

test('a value of a file that cannot be is named with the file, and one of the command line without it', () => {
  const wrong = (context: Record<string, unknown>, text: string, message: RegExp) => assert.throws(
    () => inFile(context, text), (error: Error) => error instanceof SettingsError && message.test(error.message) || assert.fail(error.message));
  wrong({}, '{ "corsOrigins": ["app.example"] }', /^context corsOrigins=.* \(environments\/test\.json has corsOrigins\)$/);
  wrong({}, '{ "subnets": ["subnet-0123abcd"], "logLevel": "warn" }', /belong together.* \(environments\/test\.json has subnets\)$/);
  wrong({}, '{ "fallbackConstructor": "x" }', /unknown context fallbackConstructor: .*\(environments\/test\.json has fallbackConstructor\)$/);
  wrong({ logLevel: 'loud' }, '{ "logLevel": "warn" }', /^context logLevel="loud": expected a level or a filter[^(]*$/);
});

test('what a file says wrongly is named', () => {
  rejected('{ "stackname": "second" }', /environments\/test\.json: unknown key stackname/);
  rejected('{ "concurrentBatches": "8" }', /concurrentBatches must be integer/);
  rejected('{ "concurrentBatches": 1 }', /concurrentBatches must be >= 2/);
  rejected('{ "tracing": "on" }', /tracing must be equal to one of the allowed values: off, print, otlp/);
  rejected('{ "constructor": "x" }', /unknown key constructor/);
  rejected('{ "__proto__": "x" }', /unknown key __proto__/);
  for (const key of commandLineOnly) rejected(`{ "${key}": "x" }`, new RegExp(`test\\.json: ${key} is for the command line only`));
  rejected('{ "actionsPerUserAndDay": 5 }', /environments\/test\.json: actionsPerUserAndDay does not fit: .*from 64 up.*0 for no limit$/);
  rejected('{ "actionsPerUserAndDay": "64" }', /actionsPerUserAndDay must be integer/);
  rejected('[]', /the file must be object/);
  rejected('{', /environments\/test\.json: not JSON/);
});

test('an environment that is not there is an error that lists those that are', () => {
  assert.throws(() => readEnvironment({ environment: 'other' }, folder('{}')), /there is no environments\/other\.json: there is test\.json/);
  for (const environment of [null, '', '../secrets', 'a/b', 7]) {
    assert.throws(() => readEnvironment({ environment }), /expected the name of a file in environments/);
  }
});

test('the committed environments can be deployed', () => {
  const files = fs.readdirSync(path.join(infraDir, 'environments')).filter((name) => name.endsWith('.json'));
  assert.ok(files.length > 0);
  for (const file of files) readSettings({ environment: path.basename(file, '.json') });
});

test('the table of the README is that of the schema', () => {
  const file = path.join(infraDir, 'README.md');
  const cell = (text: string) => text.replaceAll('|', '\\|');
  const rows = Object.entries(schema.properties).map(([key, { description, $comment }]) => `| \`${key}\` | ${cell($comment)} | ${cell(description)} |`);
  const table = ['| Key | Default | Meaning |', '|---|---|---|', ...rows].join('\n');
  const updated = fs.readFileSync(file, 'utf8')
    .replace(/<!-- settings -->.*<!-- \/settings -->/s, () => `<!-- settings -->\n${table}\n<!-- /settings -->`);
  if (process.env.UPDATE_SETTINGS) fs.writeFileSync(file, updated);
  assert.ok(fs.readFileSync(file, 'utf8') === updated, 'run npm run settings:update');
});
