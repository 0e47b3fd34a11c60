import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { presetNames, presets } from '../lib/generator/presets';
import { infraDir } from '../lib/settings';
import { secret, worker } from './generators';

test("the worker's tests know what each preset makes of its variables (npm run snapshot:update to accept a change)", () => {
  const variables = Object.fromEntries(presetNames.map((aiPreset) => {
    const at = 'openaiBaseUrl' in presets[aiPreset] ? {} : { openaiBaseUrl: 'https://ai.example/v1' };
    return [aiPreset, worker({ aiPreset, ...at, openaiModel: 'm', openaiKeySecret: secret }).variables];
  }));
  const now = `${JSON.stringify(variables, null, 2)}\n`;
  const file = path.join(infraDir, '..', 'functions', 'tests', 'generators', 'dialects', 'presets', 'variables.json');
  if (process.env.UPDATE_SNAPSHOTS) fs.writeFileSync(file, now);
  assert.equal(now, fs.readFileSync(file, 'utf8'));
});
