import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { generated, packageDir, schemasDir } from '../scripts/generated.js';
import {
  asDetail, ContractError, type EventName, type FailureCode, type GoalActivityRequested, isDetail, readEvent, schemas, toEntry,
  type WorkflowCompleted,
} from 'goal-activity-events';

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
    ['no event', () => ({ secret: 1 }), /^not an EventBridge event: id: is missing$/],
    ['another event', (e) => ({ ...e, 'detail-type': 'secret' }), /^expected a WorkflowCompleted event/],
    ['no goal', (e) => { delete e.detail.goalId; return e; }, /: goalId: is missing$/],
    ['a bad goal id', (e) => { e.detail.goalId = 'secret#'; return e; }, /: goalId: not a valid goal id: 1 to 64 letters/],
    ['a bad action', (e) => { e.detail.failedActions[0].actionId = 'secret#'; return e; },
      /: failedActions\[0\]\.actionId: not a valid action id: 1 to 64 letters/],
    ['a bad moment', (e) => { e.detail.stopDate = 'secret'; return e; }, /: stopDate: not a valid RFC 3339 timestamp/],
    ['a bad number', (e) => { e.detail.failedActions[0].attempts = -1; return e; }, /: failedActions\[0\]\.attempts: must be >= 0$/],
    ['a number as text', (e) => { e.detail.durationMs = 'secret'; return e; }, /: durationMs: must be integer$/],
    ['a new status', (e) => { e.detail.status = 'SECRET'; return e; },
      /: status: must be SUCCEEDED, PARTIALLY_SUCCEEDED, FAILED, TIMED_OUT or ABORTED$/],
    ['another version', (e) => { e.detail.version = 'secret'; return e; }, /: version: must be 1$/],
    ['a field twice', (e) => JSON.stringify(e).replace('"goalId"', '"goalId":"secret","goalId"'), /^goalId: is there twice$/],
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

test('what is checked is what is sent', () => {
  const entry = (detail: unknown) => toEntry('bus', 'planner', 'GoalActivityRequested', detail as GoalActivityRequested);
  const fields = { version: '1', eventId: 'plan-17', occurredAt: new Date(0), goalId: 'learn-piano', userId: 'user-1' };
  assert.match(entry(fields).Detail, /"occurredAt":"1970-01-01T00:00:00.000Z"/, 'a Date is sent as its text');
  assert.throws(() => entry(Object.create(fields)), /: version: is missing$/, 'what is inherited is not sent');
  for (const nothing of [undefined, () => fields]) assert.throws(() => entry(nothing), ContractError);
  assert.throws(() => entry({ ...fields, note: 'あ'.repeat(90_000) }), /has 270\d{3} bytes, more than 262144$/);
  assert.throws(() => toEntry('bus', 'planner', 'constructor' as EventName, {} as never), /no event of this name/);
});
