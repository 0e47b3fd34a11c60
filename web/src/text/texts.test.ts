import { readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import description from '../../../functions/openapi.json';
import { Problem } from '../api/Problem';
import { en } from './en';
import { ja } from './ja';
import { dollars, moment, pauseWords, problemWords } from './wording';

const { schemas } = description.components;

test.each([
  ['en', en],
  ['ja', ja],
])('every code of the API has words (%s)', (_language, text) => {
  expect(Object.keys(text.problem)).toEqual(expect.arrayContaining(schemas.ProblemCode['x-extensible-enum']));
  const failures = schemas.FailureCode['x-extensible-enum'];
  expect(Object.keys(text.failure)).toEqual(expect.arrayContaining(failures));
  expect(Object.keys(text.failureShort)).toEqual(expect.arrayContaining(failures));
  expect(Object.keys(text.workflowError)).toEqual(
    expect.arrayContaining(schemas.WorkflowErrorCode['x-extensible-enum']),
  );
});

test('both languages say the same things', () => {
  const keys = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, keys(inner)]))
      : typeof value;
  expect(keys(ja)).toEqual(keys(en));
});

test('a code that is not known is told by its status, with what the service says', () => {
  const { title, detail } = problemWords(en, new Problem('A_NEW_ONE', { status: 404, detail: 'gone' }), 'en');
  expect(title).toBe('There is nothing here');
  expect(detail).toBe('The service says: gone');
});

test('a known code needs no words of the service, unless they name the place', () => {
  const details = { status: 409, detail: 'actions with tasks must stay as they are: 1.2' };
  expect(problemWords(en, new Problem('ALREADY_RUNNING', details), 'en').detail).toBeUndefined();
  expect(problemWords(en, new Problem('TASKS_EXIST', details), 'en').detail).toContain('1.2');
});

test('the pipeline’s own pauses have words, an operator’s has its own', () => {
  const until = new Date(2026, 10, 30, 9).toISOString();
  const down = 'the AI is not available; launching goes on by itself when it is';
  const spent = 'the amount for the AI is spent for today; launching goes on by itself at ';
  const pipeline = readFileSync('../functions/core/src/pause.rs', 'utf8');
  for (const sentence of [down, spent]) expect(pipeline).toContain(sentence);
  expect(pauseWords(ja, down, 'ja')).toBe(ja.pausedWithoutAi);
  expect(pauseWords(ja, `${spent}${until}`, 'ja')).toMatch(/使い切りました。.*9:00に自動で再開します。$/);
  expect(pauseWords(en, `${spent}${until}`, 'en')).toMatch(/9:00\sAM\.$/);
  expect(pauseWords(en, 'we move house', 'en')).toBe('Paused: we move house');
});

test('a price keeps the digits that matter', () => {
  expect(dollars('en', 26_433)).toBe('$0.0264');
  expect(dollars('en', 2_500_000)).toBe('$2.50');
});

test('a time of another day has its day', () => {
  const now = new Date(2026, 10, 30, 12);
  expect(moment('en', new Date(2026, 10, 30, 9, 5), now)).toBe('9:05 AM');
  expect(moment('en', new Date(2026, 10, 29, 9, 5), now)).toContain('Nov 29');
});
