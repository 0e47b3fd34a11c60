import * as fs from 'node:fs';
import * as path from 'node:path';
import { build } from 'esbuild';
import { schemas } from '../src/schemas.js';
import { packageDir } from './generated.js';
import { validatorsCode } from './validators.js';

const out = path.join(packageDir, 'build', 'src');

fs.writeFileSync(path.join(out, 'validators.js'), validatorsCode(schemas));
await build({
  entryPoints: [path.join(out, 'index.js')], outfile: path.join(out, 'index.cjs'),
  bundle: true, format: 'cjs', platform: 'neutral', target: 'es2022', charset: 'utf8',
});
// Of these nothing is part of the interface.
for (const internal of ['json', 'reason']) fs.rmSync(path.join(out, `${internal}.d.ts`));
// The same types for `require`, which looks for them under another name.
for (const file of fs.readdirSync(out).filter((name) => name.endsWith('.d.ts'))) {
  const types = fs.readFileSync(path.join(out, file), 'utf8').replace(/(from '\.\/\w+)\.js'/g, "$1.cjs'");
  fs.writeFileSync(path.join(out, file.replace('.d.ts', '.d.cts')), types);
}
// npm packs it from this folder only.
fs.copyFileSync(path.join(packageDir, '..', '..', 'LICENSE'), path.join(packageDir, 'LICENSE'));
