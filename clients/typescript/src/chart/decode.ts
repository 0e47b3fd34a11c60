import { ChartError, WHOLE } from './place.js';

/** The encodings by their byte order marks. */
const MARKS: [string, number[]][] = [['utf-8', [0xef, 0xbb, 0xbf]], ['utf-16le', [0xff, 0xfe]], ['utf-16be', [0xfe, 0xff]]];

/**
 * The text of a file: UTF-8, UTF-16 with a byte order mark, or Shift JIS, in which spreadsheets in Japanese store CSV. Line ends
 * become `\n`.
 */
export function decode(content: string | Uint8Array | ArrayBuffer): string {
  const text = typeof content === 'string' ? content.replace(/^\ufeff/, '') : decoded(new Uint8Array(content));
  if (text === undefined || text.includes('\0')) {
    throw new ChartError(WHOLE, 'it is not text: UTF-8, UTF-16 with a byte order mark, and Shift JIS can be read');
  }
  return text.replace(/\r\n?/g, '\n');
}

function decoded(content: Uint8Array): string | undefined {
  const marked = MARKS.find(([, mark]) => mark.every((byte, at) => content[at] === byte));
  if (marked) return decodedAs(marked[0], content.subarray(marked[1].length));
  return decodedAs('utf-8', content) ?? decodedAs('shift_jis', content);
}

function decodedAs(encoding: string, content: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(content);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

/** A cell's text without the spaces around it and around its lines, the full-width ones included. */
export function cell(text: string): string {
  return trimmed(text).split('\n').map(trimmed).join('\n');
}

const INVISIBLE = '[\\s\\u0085\\u200b]+';
const AROUND = new RegExp(`^${INVISIBLE}|(?<!${INVISIBLE.slice(0, -1)})${INVISIBLE}$`, 'g');
const trimmed = (text: string) => text.replace(AROUND, '');
