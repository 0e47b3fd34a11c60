import { actionCount, type Chart, type Reading } from './chart.js';
import { decode } from './decode.js';
import { readJson, writeJson } from './json.js';
import { readMarkdown, seemsMarkdown, writeMarkdown } from './markdown.js';
import { readOpml, writeOpml } from './opml.js';
import { ChartError, WHOLE, missing } from './place.js';
import { readTable, seemsTable, writeTable } from './table.js';

export type { Chart, ChartAction, ChartSubGoal, Reading } from './chart.js';
export { ChartError, type Place } from './place.js';

/** How a chart is written down. The names are also what files end with. */
export const FORMS = ['json', 'csv', 'tsv', 'md', 'opml'] as const;

/** One of {@link FORMS}. */
export type Form = (typeof FORMS)[number];

/** The form that the ending of a file's name says, if it does. */
export function formOfFile(name: string): Form | undefined {
  const ending = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  return ending === 'markdown' ? 'md' : FORMS.find((form) => form === ending);
}

/** What no chart needs, and takes long to read: the API takes half as much. */
const LONGEST = 512 * 1024;

/** The form that a text seems to have. */
function formOf(text: string): Form {
  if (seemsTable(text)) return 'tsv';
  const start = text.trimStart();
  if (/^[{[]/.test(start)) return 'json';
  if (start.startsWith('<') && start.includes('<opml')) return 'opml';
  return seemsMarkdown(start) ? 'md' : 'csv';
}

/**
 * Reads a chart from the content of a file, or from what was pasted. Without a form, the content decides.
 *
 * @throws {ChartError} The places that cannot be read, and why: ten at most, and how many more there are.
 */
export function read(content: string | Uint8Array | ArrayBuffer, form?: Form): Reading {
  if ((typeof content === 'string' ? content.length : content.byteLength) > LONGEST) {
    throw new ChartError(WHOLE, 'it is too large for a chart: more than 512 KiB');
  }
  const text = decode(content);
  if (text.trim() === '') throw new ChartError(WHOLE, 'there is nothing in it');
  const reading = readAs(form ?? formOf(text), text);
  if (actionCount(reading.chart) === 0) throw new ChartError(WHOLE, missing('the chart has no actions', reading.leftOut));
  return reading;
}

function readAs(form: Form, text: string): Reading {
  switch (form) {
    case 'json': return readJson(text);
    case 'csv': case 'tsv': return readTable(text);
    case 'md': return readMarkdown(text);
    case 'opml': return readOpml(text);
  }
}

/** Writes a chart. Only JSON holds all of it; the other forms hold the titles in their places. */
export function write(chart: Chart, form: Form): string {
  switch (form) {
    case 'json': return writeJson(chart);
    case 'csv': return writeTable(chart, ',');
    case 'tsv': return writeTable(chart, '\t');
    case 'md': return writeMarkdown(chart);
    case 'opml': return writeOpml(chart);
  }
}
