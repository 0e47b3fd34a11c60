import type { Chart } from '../api/types';
import type { Text } from '../text/en';

export type Form = 'csv' | 'tsv' | 'json' | 'md' | 'opml';

/** What was read, or why it cannot be: the first problems, and how many there are after them. */
export type Reading = { chart: Chart; leftOut: string[] } | { unreadable: Unreadable[]; more: number };

export interface Unreadable {
  place: Place;
  problem: string;
}

type Place =
  | { kind: 'whole' }
  | { kind: 'line'; line: number }
  | { kind: 'cell'; row: number; column: number }
  | { kind: 'field'; field: string };

// The readers are loaded when a chart is brought or taken: most visits only look at one.
const load = () => import('goal-activity-client/chart');

/** Reads a chart from a text or a file. Without a file's name, the content says which form it has. */
export async function readChart(content: string | Uint8Array, file?: string): Promise<Reading> {
  const { read, formOfFile, ChartError } = await load();
  try {
    return read(content, file === undefined ? undefined : formOfFile(file));
  } catch (error) {
    if (error instanceof ChartError) {
      const unreadable = [error, ...error.others].map(({ place, problem }) => ({ place, problem }));
      return { unreadable, more: error.more };
    }
    throw error;
  }
}

/** Writes a chart. Only JSON holds everything. */
export async function writeChart(chart: Chart, form: Form): Promise<string> {
  const { write } = await load();
  return write(placed(chart), form);
}

/** A chart as a text to be edited: as Markdown where that holds everything, or else as JSON. */
export async function editable(chart: Chart): Promise<string> {
  const { read, write, ChartError } = await load();
  const whole = placed(chart);
  const [markdown, json] = [write(whole, 'md'), write(whole, 'json')];
  try {
    return write(read(markdown, 'md').chart, 'json') === json ? markdown : json;
  } catch (error) {
    if (error instanceof ChartError) return json;
    throw error;
  }
}

/** The chart with the place of each part. */
function placed(chart: Chart) {
  return {
    ...chart,
    subGoals: chart.subGoals.map((subGoal, index) => ({
      ...subGoal,
      position: subGoal.position ?? index + 1,
      actions: subGoal.actions.map((action, number) => ({ ...action, position: action.position ?? number + 1 })),
    })),
  };
}

/** A, B, …, Z, AA, AB, … */
const columnName = (column: number): string =>
  column === 0 ? '' : `${columnName(Math.floor((column - 1) / 26))}${String.fromCharCode(65 + ((column - 1) % 26))}`;

/** Where something cannot be read, as spreadsheets and editors name it. */
export function placeWords(text: Text, place: Place): string {
  switch (place.kind) {
    case 'whole':
      return text.at.whole;
    case 'line':
      return text.at.line(place.line);
    case 'cell':
      return text.at.cell(`${columnName(place.column)}${place.row}`);
    case 'field':
      return place.field;
  }
}
