import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { registryDir } from '../lib/event-schemas';
import { synth, target } from './synth';

test('the schema registry holds every event as it is committed', () => {
  const aws = synth();
  assert.equal(aws.one('AWS::EventSchemas::Registry').RegistryName, 'goal-activity');
  const entries = aws.all('AWS::EventSchemas::Schema').map(({ SchemaName, RegistryName, Type, Content }) => {
    assert.deepEqual([target(RegistryName), Type], ['EventSchemasRegistry', 'OpenApi3']);
    const file = `${SchemaName.replace('goal-activity@', '')}.v1.json`;
    assert.deepEqual(JSON.parse(Content), JSON.parse(fs.readFileSync(path.join(registryDir, file), 'utf8')));
    return file;
  });
  assert.deepEqual(entries.sort(), fs.readdirSync(registryDir).sort());
});

test('the emulator, which knows no schema registry, is spared it', () => {
  assert.deepEqual(synth({ local: 'true' }).all('AWS::EventSchemas::Schema'), []);
});
