import { ContractError } from './error.js';
import type { Fields, Known } from './validators.js';

/** An object or a list that is open at some place of the text. */
interface Open {
  /** The known fields of the object; `undefined` if all that is in it is ignored. */
  readonly known: Known | undefined;
  /** The fields that were there so far; `undefined` for a list. */
  readonly seen: Set<string> | undefined;
  /** What is known of the value that comes next. */
  next: Known | undefined;
}

/** Parses JSON, but refuses a known field that occurs twice: it is ambiguous, and `JSON.parse` would take the last. */
export function parse(text: string, known: Fields): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The parser's own message would repeat the text.
    throw new ContractError('not JSON');
  }
  const open: Open[] = [];
  // From here on the text is known to be JSON: a text before a colon is the name of a field.
  for (const [token, name, colon] of text.matchAll(/("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g)) {
    const inner = open.at(-1);
    if (name !== undefined && colon !== undefined) {
      const field = JSON.parse(name) as string;
      if (typeof inner?.known === 'object' && Object.hasOwn(inner.known, field)) {
        if (inner.seen?.has(field)) throw new ContractError(`${field}: is there twice`);
        inner.seen?.add(field);
        inner.next = inner.known[field];
      } else if (inner) {
        inner.next = undefined;
      }
    } else if (token === '{') {
      open.push({ known: inner ? inner.next : known, seen: new Set(), next: undefined });
    } else if (token === '[') {
      open.push({ known: undefined, seen: undefined, next: inner?.next });
    } else if (token === '}' || token === ']') {
      open.pop();
    }
  }
  return value;
}
