import type { Block, Cell } from './cells';

/** What a picture of a chart is made of, in its own units. */
export type Stroke =
  | { kind: 'area'; x: number; y: number; width: number; height: number; colour: string }
  | { kind: 'text'; x: number; y: number; size: number; bold: boolean; middle: boolean; colour: string; text: string };

export interface Drawing {
  width: number;
  height: number;
  strokes: Stroke[];
}

const CELL = { width: 150, height: 100 };
const GAP = 16;
const MARGIN = 32;
const PADDING = 10;
const COLOURS = {
  paper: '#ffffff',
  ink: '#1c1f1e',
  muted: '#5d6562',
  line: '#d5dad7',
  tint: '#e9f1ee',
  accent: '#2c5c50',
};

export const FONT = '"Hiragino Sans", "Yu Gothic", "Noto Sans JP", "Noto Sans CJK JP", sans-serif';

/** Draws a chart for a wall, an e-mail or a document: black on white, whatever the page looks like. */
export function drawChart(blocks: readonly Block[], tasksCount: (count: number) => string): Drawing {
  const width = 2 * MARGIN + 9 * CELL.width + 2 * GAP;
  const height = 2 * MARGIN + 9 * CELL.height + 2 * GAP;
  const strokes: Stroke[] = [{ kind: 'area', x: 0, y: 0, width, height, colour: COLOURS.paper }];
  for (const { cells } of blocks) for (const cell of cells) strokes.push(...drawCell(cell, tasksCount));
  return { width, height, strokes };
}

function drawCell(cell: Cell, tasksCount: (count: number) => string): Stroke[] {
  const x = MARGIN + cell.column * CELL.width + Math.floor(cell.column / 3) * GAP;
  const y = MARGIN + cell.row * CELL.height + Math.floor(cell.row / 3) * GAP;
  const isGoal = cell.kind === 'goal';
  const tinted = cell.kind === 'action' && cell.tasks > 0;
  const colour = isGoal ? COLOURS.accent : tinted ? COLOURS.tint : COLOURS.paper;
  const strokes: Stroke[] = [
    { kind: 'area', x, y, ...CELL, colour: COLOURS.line },
    { kind: 'area', x: x + 0.5, y: y + 0.5, width: CELL.width - 1, height: CELL.height - 1, colour },
  ];
  const middle = cell.kind !== 'action';
  const size = isGoal ? 15 : 13;
  const lines = wrap(cell.title, (CELL.width - 2 * PADDING) / size, middle ? 5 : 4);
  const top = middle ? y + CELL.height / 2 - (lines.length * size * 1.35) / 2 : y + PADDING;
  lines.forEach((text, index) => {
    const at = { x: middle ? x + CELL.width / 2 : x + PADDING, y: top + (index + 0.8) * size * 1.35 };
    const colour = isGoal ? COLOURS.paper : COLOURS.ink;
    strokes.push({ kind: 'text', ...at, size, bold: middle, middle, colour, text });
  });
  if (tinted) {
    const at = { x: x + PADDING, y: y + CELL.height - PADDING };
    strokes.push({
      kind: 'text',
      ...at,
      size: 10,
      bold: false,
      middle: false,
      colour: COLOURS.muted,
      text: tasksCount(cell.tasks),
    });
  }
  return strokes;
}

/** What people see as characters: a family of emoji and a letter with its accent are one, where the browser knows of it. */
export function characters(text: string): string[] {
  if (!('Segmenter' in Intl)) return Array.from(text);
  return Array.from(new Intl.Segmenter().segment(text), ({ segment }) => segment);
}

/** Letters of a word, which is broken only where it is wider than a line. */
const NARROW = /^[\u0021-\u024f]/;

/** The words of a text, and between them each character of its own. */
function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  let inWord = false;
  for (const character of characters(text.replace(/\s+/g, ' '))) {
    const narrow = NARROW.test(character);
    if (narrow && inWord) pieces.push(`${pieces.pop() ?? ''}${character}`);
    else pieces.push(character);
    inWord = narrow;
  }
  return pieces;
}

/** Breaks a text into lines that are at most so many ems wide: between words, or within Japanese and long words anywhere. */
export function wrap(text: string, ems: number, most: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const piece of piecesOf(text)) {
    if (widthOf(line + piece) <= ems) line += piece;
    else if (widthOf(piece) > ems) {
      for (const character of characters(piece)) {
        if (widthOf(line + character) > ems) {
          lines.push(line.trim());
          line = '';
        }
        line += character;
      }
    } else {
      lines.push(line.trim());
      line = piece.trimStart();
    }
  }
  lines.push(line.trim());
  const full = lines.filter(Boolean);
  return full.length <= most
    ? full
    : [
        ...full.slice(0, most - 1),
        `${characters(full[most - 1] ?? '')
          .slice(0, -1)
          .join('')}…`,
      ];
}

/** About how wide a text is, in ems: full-width characters are one, others a little more than half of it. */
const widthOf = (text: string): number =>
  characters(text).reduce((width, character) => width + ((character.codePointAt(0) ?? 0) > 0x2e7f ? 1 : 0.56), 0);
