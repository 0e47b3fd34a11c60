// Uses the types of openapi-typescript as a client's code does. The compiler is the test.
import assert from 'node:assert/strict';
import type { components, operations, paths } from '../generated/openapi-typescript';
import { answer } from './recorded';

type Schemas = components['schemas'];
type Timeline = paths['/api/workflows/{executionArn}/timeline']['get']['responses'][200]['content']['application/json'];

/** What an item adds to its `what`. */
function told(item: Schemas['TimelineItem']): string {
  switch (item.what) {
    case 'ACCEPTED': case 'STARTED': case 'CANCELLED': return item.at;
    case 'BATCH_FINISHED': return `${item.batchIndex}: ${item.succeeded} and ${item.failed}`;
    case 'ENDED': return item.status;
  }
}

const timeline = answer<Timeline>('timeline-ended');
assert.equal(told(timeline.items.at(-1)!), 'PARTIALLY_SUCCEEDED');

// Everything in a request is optional, and a field of an answer that may be missing is never null.
const requests: Schemas['StartRequest'][] = [{}, { actionIds: ['a-1-1'] }, { regenerate: true }];
const cancel: Schemas['CancelRequest'] = {};
const stopped: string | undefined = answer<Schemas['WorkflowStatus']>('status-waiting').stopDate;
assert.deepEqual([requests.length, cancel, stopped], [3, {}, undefined]);

// A name of an open vocabulary is any text, one of a closed vocabulary is not.
const code: Schemas['FailureCode'] = answer<Schemas['WorkflowStatus']>('status-newer').failedActions[0]!.code;
assert.equal(code, 'AI_TIRED');
// @ts-expect-error: no such status
const status: Schemas['FinalStatus'] = 'TIRED';
assert.ok(status);

// Every operation has answers for a defect and for an outage.
type Answers<Name extends keyof operations> = keyof operations[Name]['responses'];
const answers: { [Name in keyof operations]: 500 extends Answers<Name> ? 503 extends Answers<Name> ? true : never : never } = {
  listGoals: true, getGoal: true, putGoal: true, startActivity: true, listTasks: true, listWorkflows: true, listOwnWorkflows: true, getStatus: true, listActions: true, getTimeline: true, cancelWorkflow: true,
  retryWorkflow: true, getDescription: true,
};
console.log(`openapi-typescript: the types of ${Object.keys(answers).length} operations`);
