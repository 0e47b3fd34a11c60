/** Where something is in what was given: all of it, a line (from 1), a cell of a table (both from 1), or a field of JSON. */
export type Place =
  | { kind: 'whole' }
  | { kind: 'line'; line: number }
  | { kind: 'cell'; row: number; column: number }
  | { kind: 'field'; field: string };

export const WHOLE: Place = { kind: 'whole' };
export const atLine = (line: number): Place => ({ kind: 'line', line });

export function inWords(place: Place): string {
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

/** Why a chart cannot be read: a problem, and what else was found to correct. Its message has one line for each, which names the place. */
export class ChartError extends Error {
  override readonly name = 'ChartError';

  constructor(
    /** Where. */
    readonly place: Place,
    /** What is wrong there, without the text that is there. */
    readonly problem: string,
    /** The problems after it, which have no others themselves: nine at most. */
    readonly others: readonly ChartError[] = [],
    /** How many there are after these. */
    readonly more = 0,
  ) {
    const rest = others.map(({ message }) => `\n${message}`).join('') + (more > 0 ? `\nand ${more} more` : '');
    super(`${inWords(place)}: ${problem}${rest}`);
  }
}

/** How many problems are told at once. */
const TOLD = 10;

/** The problems of a chart in the order in which they are found, so that they can be corrected at once. */
export class Problems {
  private readonly told: ChartError[] = [];
  private more = 0;

  note(place: Place, problem: string): void {
    if (this.told.length < TOLD) this.told.push(new ChartError(place, problem));
    else this.more += 1;
  }

  /** Notes a problem of a field of JSON, or of all of it. */
  wrong(path: string, problem: string): void {
    this.note(path === '' ? WHOLE : { kind: 'field', field: path }, problem);
  }

  /** Throws if there are any. */
  refuse(): void {
    const [first, ...others] = this.told;
    if (first) throw new ChartError(first.place, first.problem, others, this.more);
  }
}

/** How much of what was left out an error says. */
const SHOWN = 3;

/** What is said of something that is missing: it may be in what was left out. */
export function missing(problem: string, leftOut: string[]): string {
  const shown = leftOut.slice(0, SHOWN).join('; ');
  const more = leftOut.length > SHOWN ? '; and more' : '';
  return shown === '' ? problem : `${problem}. Left out: ${shown}${more}`;
}
