import { expect, test } from 'vitest';

import { sample } from '../../fake/scenarios';
import { blocksOf } from './cells';
import { drawChart, wrap } from './drawing';
import { toSvg } from './svg';

test('Japanese is broken anywhere, English between words', () => {
  expect(wrap('半年で10kmマラソンを完走する', 8, 4)).toEqual(['半年で10kmマラ', 'ソンを完走する']);
  expect(wrap('Open a small bakery', 6, 4)).toEqual(['Open a', 'small', 'bakery']);
  expect(wrap('Donaudampfschifffahrt', 6, 4).length).toBeGreaterThan(1);
});

test('a text that is too long ends with an ellipsis', () => {
  const lines = wrap('あ'.repeat(40), 10, 2);
  expect(lines).toEqual(['あ'.repeat(10), `${'あ'.repeat(9)}…`]);
});

test('a picture has all 81 cells, and escapes texts', () => {
  const chart = sample('ja');
  chart.title = 'a < b & "c"';
  const svg = toSvg(drawChart(blocksOf(chart), count => `${count}`));
  expect(svg.match(/<rect /g)).toHaveLength(1 + 2 * 81);
  const document = new DOMParser().parseFromString(svg, 'image/svg+xml');
  expect(document.querySelector('parsererror')).toBeNull();
  expect(document.documentElement.textContent).toContain('a < b & "c"');
});

test('what is one character for people is not broken', () => {
  const [family, ga, e] = ['👨‍👩‍👧', 'が', 'é'];
  expect(wrap(family.repeat(6), 2, 9)).toEqual(Array(3).fill(family.repeat(2)));
  expect(wrap(ga.repeat(6), 3, 2)).toEqual([ga.repeat(3), ga.repeat(3)]);
  expect(wrap(ga.repeat(9), 3, 2)).toEqual([ga.repeat(3), `${ga.repeat(2)}…`]);
  expect(wrap(`pur${e}es`, 9, 2)).toEqual([`pur${e}es`]);
});

test.each(['\u0001', '\u001b', '\ufffe', '\ud800', '</svg><script>', '\u202e', ']]>', '&#0;'])(
  'a title with %j is still a picture',
  text => {
    const svg = toSvg(drawChart(blocksOf({ title: `a${text}b`, subGoals: [] }), count => `${count}`));
    // Not left to the parser: jsdom's takes more than browsers do.
    expect(svg.replace(/[\t\n]/g, '')).not.toMatch(/[\p{Cc}\p{Cs}\ufffe\uffff]/u);
    const document = new DOMParser().parseFromString(svg, 'image/svg+xml');
    expect(document.querySelector('parsererror, script')).toBeNull();
  },
);
