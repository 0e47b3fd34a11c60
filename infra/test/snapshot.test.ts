import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { infraDir } from '../lib/settings';
import { synth } from './synth';

/**
 * Without values unrelated to the infrastructure: the contents of assets and of schemas, and the machine of the test.
 */
function stable(template: object): string {
  return `${JSON.stringify(template, null, 2)}\n`
    .replace(/"Content": "\{.*\}"/g, '"Content": "<schema>"')
    .replace(/\b[0-9a-f]{64}\b/g, '<asset>')
    .replace(/("Architectures": \[\s+)"(x86_64|arm64)"/g, '$1"<architecture>"');
}

for (const [name, context] of Object.entries({ aws: {}, local: { local: 'true' } })) {
  test(`the ${name} template is the one that was reviewed (npm run snapshot:update to accept a change)`, () => {
    const file = path.join(infraDir, 'test', 'snapshots', `${name}.json`);
    const now = stable(synth(context).template.toJSON());
    if (process.env.UPDATE_SNAPSHOTS) fs.writeFileSync(file, now);
    assert.equal(now, fs.readFileSync(file, 'utf8'));
  });
}
