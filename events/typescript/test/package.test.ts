import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as os from 'node:os';
import * as path from 'node:path';
import { after, before, test } from 'node:test';
import * as vm from 'node:vm';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { packageDir, schemasDir } from '../scripts/generated.js';

const example = fs.readFileSync(path.join(schemasDir, 'examples', 'WorkflowCompleted.v1.json'), 'utf8');
/** Evaluates to the status of the example, by the package as `events`. */
const reading = `events.readEvent('WorkflowCompleted', ${JSON.stringify(example)}).detail.status`;

/** A project of another team, with nothing but the packed package. */
let project: string;
let tarball: string;

const run = (command: string, args: string[], cwd = project) => execFileSync(command, args, { cwd, encoding: 'utf8', stdio: 'pipe' });
const tool = (name: string, args: string[]) => run(path.join(packageDir, 'node_modules', '.bin', name), args, packageDir);
const inProject = (file: string, text: string) => {
  fs.writeFileSync(path.join(project, file), text);
  return path.join(project, file);
};

before(() => {
  project = fs.mkdtempSync(path.join(os.tmpdir(), 'goal-activity-events-'));
  // Without the scripts: it is built, and building it again would remove this test.
  const [packed] = JSON.parse(run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], packageDir));
  tarball = path.join(project, packed.filename);
  inProject('package.json', '{ "private": true }');
  run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts', tarball]);
});

after(() => fs.rmSync(project, { recursive: true }));

test('the package brings nothing with it', () => {
  assert.deepEqual(fs.readdirSync(path.join(project, 'node_modules')).filter((name) => !name.startsWith('.')), ['goal-activity-events']);
  const files = fs.readdirSync(path.join(project, 'node_modules', 'goal-activity-events'), { recursive: true }).map(String);
  for (const file of ['LICENSE', 'README.md', 'build/src/index.js', 'build/src/index.cjs', 'build/src/index.d.ts', 'build/src/index.d.cts']) {
    assert.ok(files.includes(path.normalize(file)), file);
  }
});

test('publint and attw find nothing', () => {
  tool('publint', ['run', '--strict', tarball]);
  tool('attw', [tarball]);
});

test('it is imported and required, with the same types', () => {
  const esm = inProject('esm.mjs', `import * as events from 'goal-activity-events'; console.log(${reading});`);
  const cjs = inProject('cjs.cjs', `const events = require('goal-activity-events'); console.log(${reading});`);
  for (const file of [esm, cjs]) assert.equal(run(process.execPath, [file]), 'PARTIALLY_SUCCEEDED\n', file);
  const use = (importing: string) => `${importing}
    const { detail } = events.readEvent('WorkflowCompleted', '');
    export const status: 'SUCCEEDED' | 'PARTIALLY_SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' = detail.status;
    // @ts-expect-error: no such field
    detail.nothing;
    export type Request = events.GoalActivityRequested;`;
  inProject('a.mts', use("import * as events from 'goal-activity-events';"));
  inProject('b.cts', use("import events = require('goal-activity-events');"));
  // With skipLibCheck off: the package's own types are checked, too.
  const options = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--types', '', '--target', 'es2022', '--module', 'node20'];
  run(path.join(packageDir, 'node_modules', '.bin', 'tsc'), [...options, 'a.mts', 'b.cts']);
});

test('the guide\'s program emits what it says', () => {
  const guide = fs.readFileSync(path.join(packageDir, '..', '..', 'docs', 'EVENTS.md'), 'utf8');
  const [, program = ''] = /```ts\n([^`]*toEntry[^`]*)```/.exec(guide) ?? [];
  // In place of AWS's package.
  const stub = path.join(project, 'node_modules', '@aws-sdk', 'client-eventbridge');
  fs.mkdirSync(stub, { recursive: true });
  fs.writeFileSync(path.join(stub, 'index.mjs'), `export class PutEventsCommand { constructor(input) { this.input = input; } }
    export class EventBridgeClient { async send({ input }) { console.log(JSON.stringify(input)); return { FailedEntryCount: 0 }; } }`);
  fs.writeFileSync(path.join(stub, 'package.json'), '{ "exports": "./index.mjs" }');
  const { Entries: [entry] } = JSON.parse(run(process.execPath, [inProject('guide.mjs', program)]));
  assert.deepEqual([entry.EventBusName, entry.Source, entry.DetailType], ['goal-activity', 'com.example.planner', 'GoalActivityRequested']);
});

test('an error of the one form is an error of the other', () => {
  const both = inProject('both.mjs', `import { createRequire } from 'node:module'; import * as esm from 'goal-activity-events';
    const cjs = createRequire(import.meta.url)('goal-activity-events');
    const thrown = (events) => { try { events.readEvent('WorkflowCompleted', ''); } catch (error) { return error; } };
    console.log(thrown(cjs) instanceof esm.ContractError, thrown(esm) instanceof cjs.ContractError, new Error('') instanceof esm.ContractError);`);
  assert.equal(run(process.execPath, [both]), 'true true false\n');
});

test('no code is made from a text: it runs under a strict content security policy', async () => {
  const strict = '--disallow-code-generation-from-strings';
  const esm = inProject('strict.mjs', `import * as events from 'goal-activity-events'; console.log(${reading});
    try { new Function(''); } catch { console.log('strict'); }`);
  const cjs = inProject('strict.cjs', fs.readFileSync(esm, 'utf8').replace('import * as events from', 'const events = require(').replace("';", "');"));
  for (const file of [esm, cjs]) assert.equal(run(process.execPath, [strict, file]), 'PARTIALLY_SUCCEEDED\nstrict\n', file);

  // As in a page: without anything of Node.js, and with `script-src 'self'` in effect for the whole context.
  const context = vm.createContext({}, { codeGeneration: { strings: false, wasm: false } });
  assert.throws(() => vm.runInContext('new Function("")', context), /Code generation from strings disallowed/);
  assert.equal(vm.runInContext(`${await bundled('* as events', 'globalThis.events = events;')} ${reading}`, context), 'PARTIALLY_SUCCEEDED');
});

/** The minified bundle of a script that imports this. */
async function bundled(names: string, use: string): Promise<string> {
  const contents = `import ${names} from 'goal-activity-events'; ${use}`;
  const stdin = { contents, resolveDir: project };
  const { outputFiles } = await build({ stdin, bundle: true, minify: true, write: false, format: 'esm', platform: 'neutral' });
  return outputFiles[0]?.text ?? '';
}

test('a bundle contains only what is used', async () => {
  assert.equal(await bundled('{ SOURCE }', 'globalThis.used = SOURCE;'), 'var o="goal-activity";globalThis.used=o;\n');
  assert.equal(await bundled('* as events', ''), '');
  const size = async (name: string) => gzipSync(await bundled(`{ ${name} }`, `globalThis.used = ${name};`), { level: 9 }).length;
  const sizes = Object.fromEntries(await Promise.all(
    ['ContractError', 'schemas', 'readEvent', 'toEntry'].map(async (name) => [name, await size(name)] as const)));
  const limits = { ContractError: 200, schemas: 6_000, readEvent: 10_000, toEntry: 10_000 };
  for (const [name, limit] of Object.entries(limits)) assert.ok((sizes[name] ?? Infinity) < limit, JSON.stringify(sizes));
});

test('nothing of it depends on Node.js', () => {
  const main = createRequire(path.join(project, 'x.cjs')).resolve('goal-activity-events');
  for (const file of fs.readdirSync(path.dirname(main)).filter((name) => /\.c?js$/.test(name))) {
    const text = fs.readFileSync(path.join(path.dirname(main), file), 'utf8');
    assert.doesNotMatch(text, /\b(from|require\()\s*["'](?!\.)|\bprocess\.|\bBuffer\b|\bnew Function\b|\beval\(/, file);
  }
});
