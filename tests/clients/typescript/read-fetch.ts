// Reads every answer with openapi-generator's typescript-fetch client.
import assert from 'node:assert/strict';
import * as client from '../generated/openapi-generator/typescript-fetch';
import { answer, kept, models } from './recorded';

const functions = client as unknown as Record<string, (json: unknown) => unknown>;
for (const [name, model] of Object.entries(models)) {
  const recorded = answer<unknown>(name);
  const read = functions[`${model}FromJSON`]!(recorded);
  kept(functions[`${model}ToJSON`]!(read), recorded, name);
}

const timeline = client.TimelineFromJSON(answer('timeline-ended'));
const ended = timeline.items.at(-1)!;
assert.equal(ended.what, 'ENDED');
if (ended.what === 'ENDED') assert.equal(ended.status, client.FinalStatus.PartiallySucceeded);
assert.ok(timeline.items.every(({ id, at }) => id.length > 0 && at instanceof Date));
assert.equal(client.WorkflowStatusFromJSON(answer('status-newer')).failedActions[0]!.code, 'AI_TIRED');
assert.equal(client.ProblemFromJSON(answer('problem-newer')).code, 'GOAL_TIRED');
assert.equal(client.WorkflowStatusFromJSON(answer('status-waiting')).stopDate, undefined);
console.log(`openapi-generator, typescript-fetch: ${Object.keys(models).length} answers`);
