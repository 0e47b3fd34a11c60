import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { test } from 'node:test';
import { schema, withEnvironment } from '../lib/environment';
import { infraDir, keys, readSettings, SettingsError } from '../lib/settings';

/** A folder of environments with this file in it. */
function folder(text: string, name = 'test.json'): string {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'environments-'));
  fs.writeFileSync(path.join(made, name), text);
  return made;
}

const rejected = (text: string, message: RegExp) => assert.throws(
  () => withEnvironment({ environment: 'test' }, folder(text)),
  (error: Error) => error instanceof SettingsError && message.test(error.message) || assert.fail(error.message));

test('the schema has every key, and no other', () => {
  const known = Object.keys(keys).filter((key) => !/^fallback[A-Z]/.test(key));
  assert.deepEqual(Object.keys(schema.properties).filter((key) => key !== 'environment').sort(), known.sort());
});

test('a file gives what the command line does not', () => {
  const context = withEnvironment({ environment: 'test', logLevel: 'warn' }, folder(`\uFEFF{
    "stackName": "second", "logLevel": "debug", "concurrentBatches": 8, "local": true,
    "corsOrigins": ["https://a.example", "https://b.example"], "openaiExtraBody": { "seed": 7 }, "fallbackBedrockModel": "x.y" }`));
  assert.deepEqual(context, {
    stackName: 'second', logLevel: 'warn', concurrentBatches: '8', local: 'true',
    corsOrigins: 'https://a.example,https://b.example', openaiExtraBody: '{"seed":7}', fallbackBedrockModel: 'x.y',
  });
  assert.deepEqual(withEnvironment({ local: 'true' }), { local: 'true' });
});

test('what a file says wrongly is named', () => {
  rejected('{ "stackname": "second" }', /environments\/test\.json: unknown key stackname/);
  rejected('{ "concurrentBatches": "8" }', /concurrentBatches must be integer/);
  rejected('{ "concurrentBatches": 1 }', /concurrentBatches must be >= 2/);
  rejected('{ "tracing": "on" }', /tracing must be equal to one of the allowed values: off, print, otlp/);
  rejected('{ "environment": "other" }', /unknown key environment/);
  rejected('[]', /the file must be object/);
  rejected('{', /environments\/test\.json: not JSON/);
});

test('an environment that is not there is an error that lists those that are', () => {
  assert.throws(() => withEnvironment({ environment: 'other' }, folder('{}')), /there is no environments\/other\.json: there is test\.json/);
  for (const environment of ['', '../secrets', 'a/b', 7]) {
    assert.throws(() => withEnvironment({ environment }), /expected the name of a file in environments/);
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
