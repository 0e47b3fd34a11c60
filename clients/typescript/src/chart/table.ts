import type { Chart, Reading } from './chart.js';
import { cell } from './decode.js';
import { SIDE, readGrid, writeGrid } from './grid.js';
import { ChartError, Problems, WHOLE } from './place.js';

/** What separates cells. In some countries spreadsheets use a semicolon, as the comma is in their numbers. */
const SEPARATORS = [['\t', 'tab'], [',', 'comma'], [';', 'semicolon']] as const;

/** What separates its cells, and its rows. */
type Table = [separator: string, rows: string[][]];

/**
 * What a spreadsheet would calculate, where `- rest` becomes an error, and a chart from somebody else can run code. An apostrophe before it
 * makes it text. In Japanese the wide characters count as well (OWASP, CSV injection).
 */
const FORMULA = "[\\s']*[=+\\-@＝＋－＠]";

/** Whether a text is a table that was copied from a spreadsheet, however its first cell begins. */
export function seemsTable(text: string): boolean {
  const [first = []] = records(text.replace(/^\n+/, ''), '\t');
  return first.length >= SIDE;
}

/** Reads a table. The separator is that by which the rows have the nine cells of a chart, or else the most. */
export function readTable(text: string): Reading {
  const width = (rows: string[][]) => rows.reduce((widest, row) => Math.max(widest, row.length), 0);
  const fit = ([, rows]: Table) => (width(rows) === SIDE ? Infinity : width(rows));
  const tables = SEPARATORS.map(([separator, name]): Table => [name, records(text, separator)]);
  const [name, best] = tables.reduce((best, table) => (fit(table) > fit(best) ? table : best));
  if (width(best) < 2) {
    const problem = 'neither a table of nine by nine, separated by tabs, commas or semicolons, nor JSON, Markdown or OPML';
    throw new ChartError(WHOLE, problem);
  }
  const apostrophe = new RegExp(`^\\s*'(?=${FORMULA})`);
  const rows = best.map((row) => row.map((text) => text.replace(apostrophe, '')));
  refuseLonger(rows, name);
  return readGrid(rows);
}

/**
 * Refuses rows that have more cells than most rows with texts: a separator in one of their texts has moved the texts after it, even if
 * the cell beyond the chart is empty. Nothing more can be said about what they say. A shorter row is none, as what is missing at its end is
 * empty, and neither is a table that is wider as a whole, as a spreadsheet exports it. One that is narrower than a chart may have lost
 * empty cells at the ends of its rows: unless all others have the same width, that says nothing.
 */
function refuseLonger(rows: string[][], separator: string): void {
  const hasText = (row: string[]) => row.some((text) => cell(text) !== '');
  const widths = rows.filter(hasText).map(({ length }) => length).sort((one, other) => one - other);
  // A width that more than half of them have is in the middle of all.
  const middle = widths[Math.floor(widths.length / 2)];
  const isUsual = widths.filter((width) => width === middle).length * 2 > widths.length;
  const isNarrow = middle !== undefined && middle < SIDE && widths[0] !== middle;
  const usual = (isUsual && !isNarrow && middle) || SIDE;
  const problems = new Problems();
  for (const [at, row] of rows.entries()) {
    if (row.length <= usual || !hasText(row)) continue;
    const problem = `the row has ${row.length} cells instead of ${usual}: put a text with a ${separator} in quotes, or give all rows the same number of cells`;
    problems.note({ kind: 'cell', row: at + 1, column: usual + 1 }, problem);
  }
  problems.refuse();
}

/**
 * All rows, empty ones as well: an empty row of the chart is a row. As RFC 4180 says, and like spreadsheets it takes whatever
 * else there is: text after a closing quote belongs to the cell, and a quote that is not closed lasts until the end.
 */
function records(text: string, separator: string): string[][] {
  const cells = new RegExp(`("[^"]*(?:""[^"]*)*(?:"|$))?([^${separator}\\n]*)([${separator}\\n]|$)`, 'y');
  const rows: string[][] = [];
  let row: string[] = [];
  while (cells.lastIndex < text.length) {
    const [, quoted, plain = '', end] = cells.exec(text) ?? [];
    row.push((quoted?.replace(/^"|"$/g, '').replaceAll('""', '"') ?? '') + plain);
    if (end === separator && cells.lastIndex < text.length) continue;
    if (end === separator) row.push('');
    rows.push(row);
    row = [];
  }
  return rows;
}

/** Writes the titles in their places, with a byte order mark where it is CSV: spreadsheets read it as another encoding otherwise. */
export function writeTable(chart: Chart, separator: ',' | '\t'): string {
  const needsQuotes = new RegExp(`["\\r\\n${separator}]`);
  const isFormula = new RegExp(`^${FORMULA}`);
  const asText = (text: string) => (isFormula.test(text) ? `'${text}` : text);
  const written = (text: string) => (needsQuotes.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const table = writeGrid(chart).map((row) => `${row.map(asText).map(written).join(separator)}\n`).join('');
  return separator === ',' ? `\ufeff${table}` : table;
}
