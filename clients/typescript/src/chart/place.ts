/** Where something is in what was given: all of it, a line (from 1), a cell of a table (both from 1), or a field of JSON. */
export type Place =
  | { kind: 'whole' }
  | { kind: 'line'; line: number }
  | { kind: 'cell'; row: number; column: number }
  | { kind: 'field'; field: string };

export const WHOLE: Place = { kind: 'whole' };
export const atLine = (line: number): Place => ({ kind: 'line', line });

function inWords(place: Place): string {
  switch (place.kind) {
    case 'whole': return 'the chart';
    case 'line': return `line ${place.line}`;
    case 'field': return place.field;
    case 'cell': {
      const { row, column } = place;
      // As spreadsheets name it.
      const name = column <= 26 ? ` (${String.fromCharCode(64 + column)}${row})` : '';
      return `row ${row}, column ${column}${name}`;
    }
  }
}

/** Why a chart cannot be read. Its message names the place. */
export class ChartError extends Error {
  override readonly name = 'ChartError';

  constructor(
    /** Where. */
    readonly place: Place,
    /** What is wrong there, without the text that is there. */
    readonly problem: string,
  ) {
    super(`${inWords(place)}: ${problem}`);
  }
}

/** How much of what was left out an error says. */
const SHOWN = 3;

/** Returns the error for something that is missing: it may be in what was left out. */
export function missing(place: Place, problem: string, leftOut: string[]): ChartError {
  const shown = leftOut.slice(0, SHOWN).join('; ');
  const more = leftOut.length > SHOWN ? '; and more' : '';
  return new ChartError(place, shown === '' ? problem : `${problem}. Left out: ${shown}${more}`);
}
