import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { chartWords } from './chartProblems';

const CASES = '../chart/cases';

/** What an error says, a line for each problem, without the places. */
const problems = (error = '') =>
  error
    .split('\n')
    .filter(line => line !== '' && !/^and \d+ more$/.test(line))
    .map(line => line.replace(/^.*?: /, ''));

/** What is said of the charts in `chart/cases`, without the places of errors. */
const sentences = readdirSync(CASES)
  .filter(name => name.endsWith('.expected.json'))
  .map(name => JSON.parse(readFileSync(join(CASES, name), 'utf8')) as { error?: string; leftOut?: string[] })
  .flatMap(({ error, leftOut = [] }) => [...problems(error), ...leftOut]);

// No case of the Rust package, which has no limit.
sentences.push('it is too large for a chart: more than 512 KiB');

test.each(sentences)('"%s" has words in Japanese', sentence => {
  expect(chartWords('ja', sentence)).toMatch(/[\u3040-\u30ff]/);
  expect(chartWords('ja', sentence)).not.toMatch(/[a-z]+ [a-z]+ [a-z]+/);
  expect(chartWords('en', sentence)).toBe(sentence);
});

test('places and numbers stay', () => {
  const sentence = 'the sub-goal has another text than at row 4, column 4 (D4)';
  expect(chartWords('ja', sentence)).toBe('中目標の文が、もう一つの場所(D4)と違います。');
  expect(chartWords('ja', 'place 2 is taken by an entry before it')).toBe('場所2は、前の項目がすでに使っています。');
});

test('a sentence that is not known stays as it is', () => {
  expect(chartWords('ja', 'something else')).toBe('something else');
});
