import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { ARN, packageDir, recorded, root } from './support.js';

/** A project of another team, with the packed package. It finds the libraries in the folder above. */
let project: string;
let files: string[];

const run = (command: string, args: string[], cwd = project) => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
};
const tool = (name: string, args: string[], cwd = packageDir) => run(path.join(packageDir, 'node_modules', '.bin', name), args, cwd);
const inProject = (file: string, text: string) => {
  fs.writeFileSync(path.join(project, file), text);
  return path.join(project, file);
};

before(() => {
  project = fs.mkdtempSync(path.join(packageDir, 'build', 'project-'));
  const modules = path.join(project, 'node_modules');
  // Without the scripts: it is built, and building it again would remove this test.
  const [packed] = JSON.parse(run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project], packageDir));
  files = packed.files.map((file: { path: string }) => file.path);
  fs.mkdirSync(path.join(modules, 'goal-activity-client'), { recursive: true });
  run('tar', ['-xzf', packed.filename, '--strip-components=1', '-C', path.join(modules, 'goal-activity-client')]);
  inProject('package.json', '{ "private": true, "type": "module" }');
});

after(() => fs.rmSync(project, { recursive: true }));

test('the types are those of the description', () => {
  const fresh = path.join(project, 'api.ts');
  tool('openapi-typescript', [path.join(root, 'functions/openapi.json'), '--output', fresh]);
  const current = fs.readFileSync(path.join(packageDir, 'src/api.ts'), 'utf8');
  assert.ok(current === fs.readFileSync(fresh, 'utf8'), 'src/api.ts is not that of functions/openapi.json: npm run generate');
});

test('the package has what it needs, and no more', () => {
  for (const file of ['LICENSE', 'README.md', 'package.json', 'build/src/index.js', 'build/src/react/index.d.ts', 'build/src/compat/index.js', 'build/src/chart/index.js']) {
    assert.ok(files.includes(file), file);
  }
  assert.deepEqual(files.filter((file) => !/^(LICENSE|README\.md|package\.json|build\/src\/.*\.(js|d\.ts))$/.test(file)), []);
  const { version } = JSON.parse(fs.readFileSync(path.join(packageDir, 'package.json'), 'utf8'));
  assert.equal(version, JSON.parse(fs.readFileSync(path.join(root, 'events/typescript/package.json'), 'utf8')).version);
});

/** The programs of the README. */
const [api = '', elsewhere = '', react = '', chart = ''] = Array.from(fs.readFileSync(path.join(packageDir, 'README.md'), 'utf8').matchAll(/```tsx?\n([^`]*)```/g), ([, program]) => program);

test('the programs of the README compile, with libraries checked', () => {
  inProject('api.ts', `declare const session: { accessToken: string };\n${api}`);
  inProject('elsewhere.ts', `declare const session: { accessToken: string; csrfToken: string };\n${elsewhere}\nvoid client;`);
  inProject('react.tsx', `declare const client: import('goal-activity-client').GoalActivityClient;\n${react}`);
  inProject('chart.ts', chart);
  const compilerOptions = {
    noEmit: true, strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, types: [], target: 'es2022', module: 'nodenext',
    jsx: 'react-jsx', lib: ['es2023', 'dom', 'dom.iterable'],
  };
  inProject('tsconfig.json', JSON.stringify({ compilerOptions, files: ['api.ts', 'elsewhere.ts', 'react.tsx', 'chart.ts'] }));
  tool('tsc', [], project);
});

/** Runs a program of the README as it is, with another start. */
async function running(name: string, program: string, start: string, platform: 'browser' | 'node' = 'browser'): Promise<string> {
  const file = path.join(project, `${name}.run.mjs`);
  await build({ stdin: { contents: `${start}\n${program}`, resolveDir: project, loader: 'tsx' }, bundle: true, format: 'esm', platform, jsx: 'automatic', outfile: file, define: { 'process.env.NODE_ENV': '"production"' } });
  return run(process.execPath, [file]);
}

test('the programs of the README do what they say', async () => {
  const answers = { POST: recorded('started'), GET: recorded('status-partly-succeeded') };
  const stub = `const session = { accessToken: 'token-1' }; globalThis.fetch = async (request) => Response.json((${JSON.stringify(answers)})[request.method]);`;
  assert.equal(await running('api', api, stub), 'PARTIALLY_SUCCEEDED 100\nPARTIALLY_SUCCEEDED 1\n');
  const refused = `const session = { accessToken: 'token-1' }; globalThis.fetch = async () => Response.json(${JSON.stringify(recorded('problem-already-running'))}, { status: 409 });`;
  assert.equal(await running('refused', api, refused), `ALREADY_RUNNING ${recorded('problem-already-running').detail} false\n`);
  const answering = `const session = { accessToken: 'token-1', csrfToken: 'csrf-1' };
    globalThis.fetch = async ({ headers }, { credentials }) =>
      Response.json([headers.get('authorization'), headers.get('x-csrf-token'), credentials]);`;
  const calling = `${elsewhere}\nconsole.log((await client.GET('/api/goals')).data.join(' '));`;
  assert.equal(await running('elsewhere', calling, answering), 'Bearer token-1 csrf-1 include\n');
  // Without a page: what a server renders, before anything is known.
  const page = `import { renderToString } from 'react-dom/server.edge'; import { createGoalActivityClient } from 'goal-activity-client';
    const client = createGoalActivityClient({ baseUrl: 'https://api.example', token: () => '${ARN}' });
    setTimeout(() => console.log(renderToString(<App />)));`;
  assert.equal(await running('react', react, page), '<section><button disabled="">Start</button></section>\n');
  // A bundle for a page decodes `&amp;` by the page.
  assert.equal(await running('chart', chart, '', 'node'),
    '10 0\nrow 2, column 10 (J2): a chart is a table of nine rows and nine columns, and this cell is outside of it\n'
    + 'row 5, column 5 (E5): the middle of the table is empty: the goal belongs there cell\n');
});

/** The compressed size of a minified bundle, without React. */
async function size(contents: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: project }, bundle: true, minify: true, write: false, format: 'esm', platform: 'browser', external: ['react'],
  });
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
}

test('a bundle contains only what is used', async (t) => {
  assert.equal(await size("import * as all from 'goal-activity-client'; import * as chart from 'goal-activity-client/chart';"), await size(''));
  const sizes = Object.fromEntries(await Promise.all(Object.entries({ '': 5_500, '/react': 6_500, '/compat': 6_500, '/chart': 27_500 })
    .map(async ([entry, limit]) => {
      const bytes = await size(`import * as all from 'goal-activity-client${entry}'; globalThis.all = all;`);
      assert.ok(bytes < limit, `goal-activity-client${entry}: ${bytes} bytes`);
      return [`goal-activity-client${entry}`, bytes] as const;
    })));
  t.diagnostic(JSON.stringify(sizes));
  const readme = fs.readFileSync(path.join(packageDir, 'README.md'), 'utf8');
  for (const [entry, bytes] of Object.entries(sizes)) assert.ok(readme.includes(`\`${entry}\` ${(bytes / 1_000).toFixed(1)} kB`), `README: ${entry} ${bytes}`);
});
