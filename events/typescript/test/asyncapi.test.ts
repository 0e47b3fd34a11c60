import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import $RefParser from '@apidevtools/json-schema-ref-parser';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { packageDir, schemasDir } from '../scripts/generated.js';
import { schemas } from 'goal-activity-events';

const file = path.resolve(schemasDir, '..', 'asyncapi.json');
const read = (name: string): Record<string, any> => JSON.parse(fs.readFileSync(name, 'utf8'));
const rules = path.join(packageDir, 'node_modules', '@asyncapi', 'specs', 'schemas', '3.0.0.json');

test('the AsyncAPI document keeps the rules of AsyncAPI 3', () => {
  // The schema brings JSON Schema's own with it.
  const ajv = new Ajv({ strict: false, validateFormats: false, meta: false, validateSchema: false });
  const validate = ajv.compile(read(rules));
  assert.ok(validate(read(file)), JSON.stringify(validate.errors?.slice(0, 5)));
});

test('everything that it refers to is there, and its examples are valid', async () => {
  const document: any = await $RefParser.dereference(file);
  const messages: Record<string, any> = document.components.messages;
  assert.deepEqual(Object.keys(messages).sort(), Object.keys(schemas).sort());
  assert.deepEqual(document.channels.bus.messages, messages);
  for (const [name, { payload, examples }] of Object.entries(messages)) {
    assert.equal(payload.properties.detail.title, name);
    const ajv = new Ajv({ strict: false });
    addFormats.default(ajv);
    const validate = ajv.compile(payload);
    for (const example of examples) assert.ok(validate(example.payload), `${name}: ${JSON.stringify(validate.errors)}`);
  }
});

test('the pipeline receives requests and sends the rest', async () => {
  const document: any = await $RefParser.dereference(file);
  const actions = Object.values<any>(document.operations).map(({ action, channel, messages: [message] }) => {
    assert.equal(channel.address, 'goal-activity');
    return `${action} ${message.name}`;
  });
  assert.deepEqual(actions.sort(), [
    'receive GoalActivityCancelRequested', 'receive GoalActivityRequested', 'receive GoalActivityRetryRequested', 'send BatchProgressed', 'send GoalActivityAccepted', 'send GoalActivityRejected', 'send WorkflowCompleted',
  ]);
});
