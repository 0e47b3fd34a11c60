import { parse, postprocess, preprocess } from 'micromark';
import { gfmTable } from 'micromark-extension-gfm-table';
import { gfmTaskListItem } from 'micromark-extension-gfm-task-list-item';
import { decodeNamedCharacterReference } from 'decode-named-character-reference';
import { decodeNumericCharacterReference } from 'micromark-util-decode-numeric-character-reference';
import type { Event } from 'micromark-util-types';
import type { Chart, Reading } from './chart.js';
import { readGrid } from './grid.js';
import { readOutline, writeOutline, type Entry } from './outline.js';

/** Tables narrower than this are notes, not the chart. */
const LEAST_COLUMNS = 7;

/** Returns `true` if a text has headings, lists or a table of Markdown, rather than cells. */
export function seemsMarkdown(text: string): boolean {
  const isMark = (line: string) => /^\s*(?:\d+[.)] |#+ |[-*+] |\||---$)/.test(line);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return isMark(lines[0] ?? '') || lines.filter(isMark).length * 2 > lines.length;
}

/** Reads an outline of headings and lists, or the first table that is wide enough. */
export function readMarkdown(text: string): Reading {
  const document = new Document();
  for (const event of postprocess(parse({ extensions: [gfmTable(), gfmTaskListItem()] }).document().write(preprocess()(withoutFrontMatter(text), undefined, true)))) {
    document.take(event);
    if (document.chart) return readGrid(document.chart);
  }
  return readOutline(document.entries);
}

/** Front matter (YAML between lines of `---`) is none of the chart. Its lines stay, so that the others keep their numbers. */
function withoutFrontMatter(text: string): string {
  return text.replace(/^---[ \t]*\n(?![ \t]*\n)(?:.*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|$)/, (matter) => matter.replace(/.+/g, ''));
}

/** Whose text is none of the chart's. */
const IGNORED = new Set(['htmlFlow', 'definition', 'codeFencedFence', 'resource', 'reference', 'tableDelimiterRow', 'taskListCheck']);

/** What is read so far of a document. Tokens are micromark's. */
class Document {
  readonly entries: Entry[] = [];
  /** The table that is the chart. */
  chart: string[][] | undefined;
  private table: string[][] = [];
  /** The level of the heading that applies. */
  private heading = 0;
  /** How many lists are open. */
  private lists = 0;
  /** Which part takes the text. */
  private into: 'nothing' | 'title' | 'description' | 'cell' = 'nothing';
  /** Whether a line end is one, and no space. */
  private inCode = false;
  /** How many tokens are open whose text is ignored. */
  private ignored = 0;

  take([kind, token, context]: Event): void {
    if (IGNORED.has(token.type)) this.ignored += kind === 'enter' ? 1 : -1;
    if (this.ignored > 0) return;
    const text = () => context.sliceSerialize(token);
    if (kind === 'enter') this.enter(token.type, token.start.line, text);
    else this.exit(token.type, text);
  }

  private enter(type: string, line: number, text: () => string): void {
    switch (type) {
      case 'atxHeading': case 'setextHeading':
        return this.begin(0, line);
      case 'atxHeadingSequence':
        // The closing one says nothing.
        return this.setHeading(text().length);
      case 'listOrdered': case 'listUnordered':
        this.lists += 1;
        this.into = 'nothing';
        return;
      case 'listItemPrefix':
        return this.begin(this.heading + this.lists, line);
      case 'paragraph':
        // A document may begin with the goal as plain text.
        if (this.entries.length === 0) return this.begin(0, line);
        if (this.into === 'nothing') this.describe();
        return;
      case 'codeFenced': case 'codeIndented':
        // More about the entry above it, unless that has no title yet: then it is the title.
        this.inCode = true;
        if (this.entries.at(-1)?.title) this.describe();
        return;
      case 'table':
        this.table = [];
        return;
      case 'tableRow':
        this.table.push([]);
        return;
      case 'tableHeader': case 'tableData':
        this.table.at(-1)?.push('');
        this.into = 'cell';
        return;
    }
  }

  private exit(type: string, text: () => string): void {
    switch (type) {
      case 'data': case 'codeFlowValue': case 'characterEscapeValue': case 'autolinkProtocol': case 'autolinkEmail':
        return this.push(text());
      case 'codeTextData':
        return this.push(this.into === 'cell' ? text().replaceAll('\\|', '|') : text());
      case 'characterReference':
        return this.push(referred(text()));
      case 'htmlText':
        return this.push(/^<\s*br\s*\/*>$/i.test(text()) ? '\n' : text());
      case 'lineEnding':
        return this.push(this.inCode ? '\n' : ' ');
      case 'codeFenced': case 'codeIndented':
        this.inCode = false;
        this.into = 'nothing';
        return;
      case 'hardBreakEscape': case 'hardBreakTrailing':
        return this.push('\n');
      case 'setextHeadingLineSequence':
        return this.setHeading(text().startsWith('=') ? 1 : 2);
      case 'atxHeading': case 'setextHeading': case 'paragraph': case 'tableHeader': case 'tableData':
        this.into = 'nothing';
        return;
      case 'listOrdered': case 'listUnordered':
        this.lists -= 1;
        this.into = 'nothing';
        return;
      case 'table':
        // What a row has beyond the columns of the first one is no part of the table.
        if (columns(this.table) >= LEAST_COLUMNS) this.chart = this.table.map((row) => row.slice(0, columns(this.table)));
        return;
    }
  }

  /** What follows is more about the last entry. */
  private describe(): void {
    this.into = 'description';
    if (this.entries.at(-1)?.description) this.push('\n');
  }

  private begin(depth: number, line: number): void {
    this.entries.push({ depth, title: '', description: '', line });
    this.into = 'title';
  }

  private setHeading(level: number): void {
    const entry = this.entries.at(-1);
    if (!entry || entry.depth !== 0) return;
    entry.depth = level;
    this.heading = level;
  }

  private push(text: string): void {
    const entry = this.entries.at(-1);
    const row = this.table.at(-1);
    if (this.into === 'cell') row?.push((row.pop() ?? '') + text);
    else if (entry && this.into !== 'nothing') entry[this.into] += text;
  }
}

const columns = (table: string[][]) => table[0]?.length ?? 0;

/** The character that `&amp;`, `&#38;` or `&#x26;` stands for. */
function referred(reference: string): string {
  const [, hexadecimal, decimal, name = ''] = /^&(?:#[xX](.+)|#(.+)|(.+));$/.exec(reference) ?? [];
  if (hexadecimal) return decodeNumericCharacterReference(hexadecimal, 16);
  if (decimal) return decodeNumericCharacterReference(decimal, 10);
  return decodeNamedCharacterReference(name) || reference;
}

/** Writes the titles: the goal and its sub-goals as headings, the actions as lists. */
export function writeMarkdown(chart: Chart): string {
  const text = writeOutline(chart).map(({ depth, title }) => {
    const written = escaped(title);
    return depth === 1 ? `# ${written}\n` : depth === 2 ? `\n## ${written}\n\n` : `- ${written}\n`;
  });
  return text.join('').replace(/[^\S\n]+$/gm, '');
}

/** Text that Markdown reads as it is. Only what would mean something has a backslash: prose stays readable. */
function escaped(text: string): string {
  const marks = /[!#&()*+\-<>[\\\]_`{|}~]/g;
  // A number with a full stop at the beginning would be a list.
  return text.replaceAll(marks, '\\$&').replaceAll('\n', '<br>').replace(/^(\d+)\./, '$1\\.');
}
