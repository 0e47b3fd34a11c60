import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { generated, packageDir, schemasDir } from '../scripts/generated';
import {
  asDetail, ContractError, type EventName, type FailureCode, type GoalActivityRequested, isDetail, readEvent, schemas, toEntry,
  type WorkflowCompleted,
} from '../src';

const examplesDir = path.join(schemasDir, 'examples');
const example = (file: string) => fs.readFileSync(path.join(examplesDir, file), 'utf8');
const completed = (): any => JSON.parse(example('WorkflowCompleted.v1.json'));

test('the generated files are those of the schemas (cargo xtask schemas to refresh)', async () => {
  for (const [file, content] of Object.entries(await generated())) {
    assert.equal(fs.readFileSync(path.join(packageDir, file), 'utf8'), content, file);
  }
});

test('every example can be read', () => {
  const files = fs.readdirSync(examplesDir);
  assert.deepEqual(new Set(files.map((file) => file.split('.')[0])), new Set(Object.keys(schemas)));
  for (const file of files) {
    const text = example(file);
    assert.deepEqual(readEvent(file.split('.')[0] as EventName, text), JSON.parse(text), file);
  }
});

test('a received event has the types of its contract', () => {
  const { detail } = readEvent('WorkflowCompleted', completed());
  const status: 'SUCCEEDED' | 'PARTIALLY_SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED' = detail.status;
  const codes: FailureCode[] = detail.failedActions.map(({ code }) => code);
  assert.deepEqual([status, detail.succeededActions, codes], ['PARTIALLY_SUCCEEDED', 63, ['AI_TIMEOUT']]);
  // @ts-expect-error: no such status
  const wrong: WorkflowCompleted['status'] = 'DONE';
  assert.ok(wrong);
});

test('what breaks the contract is refused, and nothing of it is repeated', () => {
  const broken: [string, (event: any) => unknown, RegExp][] = [
    ['a text', () => 'secret', /^not JSON$/],
    ['no event', () => ({ secret: 1 }), /^not an EventBridge event$/],
    ['another event', (e) => ({ ...e, 'detail-type': 'secret' }), /^expected a WorkflowCompleted event/],
    ['no goal', (e) => { delete e.detail.goalId; return e; }, /: \/ must have required property 'goalId'$/],
    ['a bad goal id', (e) => { e.detail.goalId = 'secret#'; return e; }, /: \/goalId must match pattern/],
    ['a bad moment', (e) => { e.detail.stopDate = 'secret'; return e; }, /: \/stopDate must match format "date-time"$/],
    ['a new status', (e) => { e.detail.status = 'SECRET'; return e; }, /: \/status must be equal to one of the allowed values$/],
    ['another version', (e) => { e.detail.version = 'secret'; return e; }, /: \/version must be equal to one of the allowed values$/],
  ];
  for (const [what, change, message] of broken) {
    const check = (error: unknown) =>
      error instanceof ContractError && message.test(error.message) && !error.message.includes('secret');
    assert.throws(() => readEvent('WorkflowCompleted', change(completed())), check, what);
  }
});

test('what may be added within a version is borne: fields and names of open vocabularies', () => {
  const event = completed();
  event.detail.added = { later: true };
  event.detail.failedActions[0].code = 'AI_TIRED';
  assert.equal(readEvent('WorkflowCompleted', event).detail.failedActions[0]?.code, 'AI_TIRED');
});

test('a request is checked before it is sent', () => {
  const request: GoalActivityRequested = {
    version: '1', eventId: 'plan-17', occurredAt: new Date(0).toISOString(), goalId: 'learn-piano', userId: 'user-1',
  };
  assert.deepEqual(toEntry('goal-activity', 'com.example.planner', 'GoalActivityRequested', request), {
    EventBusName: 'goal-activity',
    Source: 'com.example.planner',
    DetailType: 'GoalActivityRequested',
    Detail: JSON.stringify(request),
  });
  assert.ok(!isDetail('GoalActivityRequested', { ...request, actionIds: [] }));
  assert.throws(() => asDetail('GoalActivityRequested', { ...request, goalId: 'learn piano' }), ContractError);
});
