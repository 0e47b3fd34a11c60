import { XmlElement, XmlText, parseXml, type XmlNode } from '@rgrove/parse-xml';
import type { Chart, Reading } from './chart.js';
import { readOutline, writeOutline, type Entry } from './outline.js';
import { ChartError, atLine } from './place.js';

/*
 * Outlines in OPML 2.0, which outliners and mind maps exchange: `text` of an `outline` is its title, `_note` is more about it.
 * Source: https://opml.org/spec2.opml.
 */

/** Reads an outline. */
export function readOpml(text: string): Reading {
  // Nothing may precede an XML declaration.
  const start = text.search(/\S|$/);
  const line = (at: number) => text.slice(0, start + at).split('\n').length;
  const entries: Entry[] = [];
  let title = '';
  // Not by recursion, which has a limit.
  const open: [node: XmlNode, depth: number][] = [[parsed(text.slice(start), line(0)), 1]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [node, depth] = next;
    if (!(node instanceof XmlElement)) continue;
    const { name, attributes, children } = node;
    if (name === 'outline') {
      const { text: own, title: other, _note: note } = attributes;
      entries.push({ depth, title: own || other || '', description: note ?? '', line: line(node.start) });
    }
    if (name === 'title') title += children.map((child) => (child instanceof XmlText ? child.text : '')).join('');
    const below = name === 'outline' ? depth + 1 : depth;
    open.push(...children.map((child): [XmlNode, number] => [child, below]).reverse());
  }
  return readOutline(entries, title);
}

function parsed(text: string, firstLine: number): XmlNode {
  try {
    return parseXml(text, { includeOffsets: true }).root ?? new XmlElement('opml');
  } catch (error) {
    const line = error instanceof Error && 'line' in error ? Number(error.line) : 1;
    throw new ChartError(atLine(firstLine - 1 + line), 'not XML');
  }
}

const ESCAPES: Record<string, string> = { '<': '&lt;', '>': '&gt;', '&': '&amp;', "'": '&apos;', '"': '&quot;' };
/** Characters that XML does not have, such as the line break within a cell of Word. */
const NONE = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;
const escaped = (text: string) => text.replace(NONE, ' ').replace(/[<>&'"]/g, (character) => ESCAPES[character] ?? character);

/** Writes the titles. */
export function writeOpml(chart: Chart): string {
  const entries = writeOutline(chart);
  const body = entries.flatMap(({ depth, title }, index) => {
    const next = entries[index + 1]?.depth ?? 0;
    // A line end or a tab in an attribute is read as a space, unless it is written as a reference.
    const text = escaped(title).replaceAll('\n', '&#10;').replaceAll('\t', '&#9;');
    const ends = [];
    for (let open = depth - 1; open >= Math.max(next, 1); open -= 1) ends.push(`${'  '.repeat(open + 1)}</outline>`);
    return [`${'  '.repeat(depth + 1)}<outline text="${text}"${next > depth ? '>' : '/>'}`, ...ends];
  });
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<opml version="2.0">', '  <head>', `    <title>${escaped(chart.title)}</title>`,
    '  </head>', '  <body>', ...body, '  </body>', '</opml>', ''].join('\n');
}
