import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { ChartError, FORMS, formOfFile, read, write, type Chart, type Form } from '../src/chart/index.js';

const casesDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../../chart/cases');

/** What a case is expected to give: the titles in their places, what is left out, or the error. */
function readAsJson(content: Uint8Array, form?: Form): unknown {
  try {
    const { chart, leftOut } = read(content, form);
    return leftOut.length > 0 ? { chart, leftOut } : { chart };
  } catch (error) {
    if (error instanceof ChartError) return { error: error.message };
    throw error;
  }
}

test('every case of the Rust package is read as there', async (t) => {
  const files = fs.readdirSync(casesDir);
  const cases = files.filter((name) => !name.endsWith('.expected.json'));
  assert.ok(cases.length > 20, String(cases));
  assert.equal(cases.length * 2, files.length, 'each case has its expectation');
  for (const name of cases) {
    await t.test(name, () => {
      const content = fs.readFileSync(path.join(casesDir, name));
      const expected: unknown = JSON.parse(fs.readFileSync(path.join(casesDir, `${name}.expected.json`), 'utf8'));
      assert.deepEqual(readAsJson(content), expected);
      const form = formOfFile(name);
      assert.ok(form);
      assert.deepEqual(readAsJson(content, form), expected, `as ${form}`);
    });
  }
});

const title = (max: number) => fc.string({ unit: fc.constantFrom(...'abcXYZ019 あん漢字#*_<>&|`"\'\\~!.,;:()[]\n\t+=-{}$%^@/?＝\u202e👨‍👩‍👧が'), maxLength: max })
  .map((text) => text.split('\n').map((line) => line.trim()).join('\n').trim());
const SIDES = [1, 2, 3, 4, 5, 6, 7, 8];
const charts: fc.Arbitrary<Chart> = fc.record({
  goal: title(12).map((text) => text.replaceAll('\n', '') || 'goal'),
  cells: fc.array(fc.tuple(title(20), fc.array(fc.oneof(title(20), fc.constant('')), { minLength: 8, maxLength: 8 })), { minLength: 8, maxLength: 8 }),
}).map(({ goal, cells }) => ({
  title: goal,
  subGoals: SIDES.map((position) => {
    const [name = '', titles = []] = cells[position - 1] ?? [];
    const actions = SIDES.map((place) => ({ position: place, title: titles[place - 1] ?? '', type: 'execution' as const }));
    return { position, title: name, actions: actions.filter((action) => action.title !== '') };
  }).filter((subGoal) => subGoal.title !== '' || subGoal.actions.length > 0),
})).filter((chart) => chart.subGoals.some(({ actions }) => actions.length > 0));

test('what is written is read as it was, in every form', () => {
  fc.assert(fc.property(charts, fc.constantFrom(...FORMS), (chart, form) => {
    assert.deepEqual(read(write(chart, form), form), { chart, leftOut: [] });
  }), { numRuns: 300 });
});

test('what is written is read as it was without a word about its form', () => {
  const oneLine = charts.map((chart): Chart => JSON.parse(JSON.stringify(chart).replaceAll('\\n', ' ').replaceAll('\\t', ' ')));
  fc.assert(fc.property(oneLine, fc.constantFrom('json', 'tsv', 'md', 'opml'), (chart, form) => {
    assert.deepEqual(read(write(chart, form)).chart, read(write(chart, form), form).chart);
  }), { numRuns: 300 });
});

/** A chart all of whose cells say the same. */
const same = (title: string): Chart => ({
  title, subGoals: SIDES.map((position) => ({ position, title, actions: SIDES.map((place) => ({ position: place, title, type: 'execution' as const })) })),
});

test('a separator within the cells separates none of them', () => {
  for (const title of ['a, b', 'a; b', 'a;b;c;d;e;f;g;h;i;j', 'a\tb', ',', ',,,,;;;;\t"']) {
    for (const form of ['csv', 'tsv'] as const) assert.deepEqual(read(write(same(title), form), form).chart, same(title), `${form} ${title}`);
  }
});

test('a row of a spreadsheet is one, whatever its first cell begins with', () => {
  for (const first of ['1. Run', '- x', '# A', '[A] x', '{x', '| x', '<opml', '', '---']) {
    const { subGoals } = read(`${[first, ...'bcdefghi'].join('\t')}\n\t\n\t\n\t\n\t\t\t\tG\n`).chart;
    assert.equal(subGoals[0]?.actions[0]?.title, first || 'b');
  }
});

test('no cell is a formula for a spreadsheet', () => {
  for (const title of ['=cmd|/c calc', '+1', '- rest', '@home', "'=x", "''-x", '＝1', "'quoted", '"=a"', '=a,\n"b"']) {
    for (const form of ['csv', 'tsv'] as const) {
      const text = write(same(title), form);
      assert.deepEqual(read(text, form).chart, same(title), `${form} ${title}`);
      assert.doesNotMatch(text.replace('\ufeff', ''), /(?:^|[,\t\n])"?[=+\-@＝＋－＠]/);
    }
  }
});

test('what XML does not have is a space in OPML', () => {
  for (const character of ['\u0001', '\u000b', '\u001b', '\ufffe', '\ud800']) {
    assert.deepEqual(read(write(same(`a${character}b`), 'opml')).chart, same('a b'));
  }
});

test('what no chart needs is refused before it is read', () => {
  const text = `"${'x'.repeat(10_000_000)}`;
  for (const content of [text, new TextEncoder().encode(text)]) assert.throws(() => read(content), /^ChartError: the chart: it is too large for a chart/);
  assert.throws(() => read(`"${'x'.repeat(500_000)}`, 'csv'), ChartError);
});

test('nothing but a ChartError comes of what cannot be read', () => {
  const text = fc.string({ unit: fc.constantFrom(...'[]{}":,a#\n\t;|<>/= \\-*1.&![`'), maxLength: 200 });
  const nested = fc.integer({ max: 20_000 }).map((depth) => '<opml>' + '<outline text="a">'.repeat(Math.max(depth, 0)));
  const deep = fc.constantFrom('['.repeat(50_000), '{"title":'.repeat(50_000), '- '.repeat(2_000), '> '.repeat(2_000));
  fc.assert(fc.property(fc.oneof(text, fc.uint8Array({ maxLength: 200 }), nested, deep), fc.constantFrom(undefined, ...FORMS), (content, form) => {
    try {
      read(content, form);
    } catch (error) {
      assert.ok(error instanceof ChartError, String(error));
    }
  }), { numRuns: 500 });
});

test('JSON holds all of a chart, and nothing of an answer of the API beside it', () => {
  const action = { position: 3, title: 'Run', description: 'slowly', background: 'b', constraints: 'c', type: 'habit' as const };
  const chart: Chart = { title: '10 km', description: 'd', background: 'b', constraints: 'c', deadline: 'May',
    subGoals: [{ position: 2, title: '', description: 'd', actions: [action] }] };
  assert.deepEqual(read(write(chart, 'json')), { chart, leftOut: [] });
  const answer = { ...chart, goalId: 'g', subGoals: [{ ...chart.subGoals[0]!, actions: [{ ...action, actionId: 'a', tasks: 3 }] }] };
  assert.equal(write(answer, 'json'), write(chart, 'json'));
});

test('an error says where, for programs as well', () => {
  const errorOf = (text: string) => {
    try {
      return void read(text);
    } catch (error) {
      return error instanceof ChartError ? error : undefined;
    }
  };
  assert.deepEqual(errorOf(',,\n,,,,,,,,,x\n')?.place, { kind: 'cell', row: 2, column: 10 });
  assert.deepEqual(errorOf('{"title": "a", "subGoals": 1}')?.place, { kind: 'field', field: 'subGoals' });
  assert.deepEqual(errorOf('# a\n# b')?.place, { kind: 'line', line: 2 });
  for (const [text, message] of [
    ['["\\ud800"]', 'line 1: not JSON, near column 9'],
    ['["走", x]', 'line 1: not JSON, near column 9'],
    ['["\\x"]', 'line 1: not JSON, near column 4'],
    ['[t]', 'line 1: not JSON, near column 3'],
    ['[01]', 'line 1: not JSON, near column 3'],
    ['[1,]', 'line 1: not JSON, near column 4'],
    ['{"a" 1}', 'line 1: not JSON, near column 6'],
    ['{}}', 'line 1: not JSON, near column 3'],
    ['[\n', 'line 2: not JSON, near column 0'],
  ] as const) assert.equal(errorOf(text)?.message, message);
});

test('tables and outlines are read as they are meant', () => {
  const places = (text: string) => read(text).chart.subGoals.map((subGoal) => [subGoal.position, subGoal.title, ...subGoal.actions.map(({ title }) => title)]);
  // An empty line is an empty row, and text after a closing quote belongs to the cell.
  assert.deepEqual(places(',,,\n\n"A"b"c",,\n,,,S\n,,,,G\n'), [[1, 'S', 'Ab"c"']]);
  // What a row of a table has beyond its columns is no part of it.
  const table = `|${' |'.repeat(9)}\n|${'---|'.repeat(9)}\n|a \`x\\|y\`|\n|||||||||||x|\n||\n|||||G|\n`;
  assert.deepEqual(places(table), [[1, '', 'a x|y']]);
  // A section between two lines is no front matter.
  assert.deepEqual(places('# G\n## A\n- x\n\n---\n## B\n- y\n\n---\n'), [[1, 'A', 'x'], [2, 'B', 'y']]);
  assert.deepEqual(places('# G\n## A\n-     x &amp; `y` <b>\n- [ ] z\n'), [[1, 'A', 'x &amp; `y` <b>', 'z']]);
  assert.deepEqual(places('# G\n## [A](http://a "t")\n- x &amp; `y`<br/>&#65; <http://b>\n'), [[1, 'A', 'x & y\nA http://b']]);
  const outline = '\n<?xml version="1.0"?><opml><head><title>A &amp; B</title></head><body><outline text="S"><outline title="x"/></outline><outline text="T"/></body></opml>';
  assert.deepEqual(places(outline), [[1, 'S', 'x'], [2, 'T']]);
  assert.equal(read(outline).chart.title, 'A & B');
});
