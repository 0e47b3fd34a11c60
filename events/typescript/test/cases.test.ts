import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { schemasDir } from '../scripts/generated.js';
import { ContractError, type EventName, isDetail, readEvent, SOURCE, toEntry } from 'goal-activity-events';

/** See `events/src/cases.rs`, which describes the fields. */
interface Case {
  readonly name: string;
  readonly example: string;
  readonly set?: Readonly<Record<string, unknown>>;
  readonly raw?: Readonly<Record<string, string>>;
  readonly remove?: readonly string[];
  readonly read: boolean;
  readonly schema?: boolean | 'depends';
  readonly why: string;
}

const read = (file: string): any => JSON.parse(fs.readFileSync(path.join(schemasDir, file), 'utf8'));
const cases: Case[] = read('cases/events.json');
const typeOf = ({ example }: Case) => example.split('.')[0] as EventName;

function textOf({ example, set = {}, raw = {}, remove = [] }: Case): string {
  const event = read(`examples/${example}`);
  const parent = (place: string) => place.split('/').slice(1, -1).reduce((value, step) => value[step], event);
  const name = (place: string) => place.split('/').at(-1) as string;
  for (const [place, value] of Object.entries(set)) parent(place)[name(place)] = value;
  for (const place of remove) delete parent(place)[name(place)];
  for (const place of Object.keys(raw).filter(Boolean)) parent(place)[name(place)] = `@${place}@`;
  const replaced = (text: string, [place, by]: [string, string]) => (place ? text.replace(`"@${place}@"`, () => by) : by);
  return Object.entries(raw).reduce(replaced, JSON.stringify(event));
}

/** Returns `true` if a call succeeds, `false` if it throws a `ContractError`. */
function accepts(call: () => unknown): boolean {
  try {
    call();
    return true;
  } catch (error) {
    if (error instanceof ContractError) return false;
    throw error;
  }
}

test('an event is read, or refused, as the pipeline does', () => {
  assert.ok(cases.length > 200);
  for (const each of cases) {
    assert.equal(accepts(() => readEvent(typeOf(each), textOf(each))), each.read, `${each.name}: ${each.why}`);
  }
});

test('what was read is of its type, and reading it again changes nothing', () => {
  for (const each of cases.filter((c) => c.read)) {
    const event = readEvent(typeOf(each), textOf(each));
    assert.ok(isDetail(typeOf(each), event.detail), each.name);
    assert.equal(readEvent(typeOf(each), event).detail, event.detail, each.name);
  }
});

test('an entry is made of what the pipeline reads, and of nothing else', () => {
  // What is only a matter of the envelope, or of a text, does not get so far.
  const ofDetail = cases.filter(({ set = {}, raw, remove = [] }) =>
    !raw && [...Object.keys(set), ...remove].every((place) => /^\/detail(\/|$)/.test(place)));
  assert.ok(ofDetail.length > 140);
  for (const each of ofDetail) {
    const { detail } = JSON.parse(textOf(each));
    assert.equal(accepts(() => toEntry('bus', 'com.example.planner', typeOf(each), detail)), each.read, `${each.name}: ${each.why}`);
  }
});

test('an entry has a source that the pipeline accepts', () => {
  const { detail } = read('examples/GoalActivityRequested.v1.json');
  for (const { source, accepted, why } of read('cases/sources.json')) {
    const found = accepts(() => toEntry('bus', source, 'GoalActivityRequested', detail));
    assert.equal(found, accepted, `${JSON.stringify(source)}: ${why}`);
  }
  assert.ok(!accepts(() => toEntry('bus', SOURCE, 'GoalActivityRequested', detail)), "the pipeline's own is for its functions");
});
