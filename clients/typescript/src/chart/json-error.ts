/** A text of JSON (RFC 8259) as far as it is right. Unpaired surrogates are no text. */
const TEXT = /"(?:[^"\\\u0000-\u001f]|\\["\\/bfnrt]|\\u(?!d[89a-f])[\da-f]{4}|\\ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2})*/iy;
/** The first half of a character beyond U+FFFF. */
const HALF = /\\ud[89ab][\da-f]{2}/iy;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?/iy;
const WORDS = ['true', 'false', 'null'];
/** One of them as far as it is right. */
const WORD = /t(?:r(?:ue?)?)?|f(?:a(?:l(?:se?)?)?)?|n(?:u(?:ll?)?)?/y;
/** How deep lists and objects may be in each other. */
const DEEPEST = 127;

/**
 * Where a text stops being JSON: a line, and a column in bytes, both from 1; `undefined` if all of it is. The errors of `JSON.parse`
 * differ between engines, and some of them repeat the text.
 */
export function firstError(text: string): { line: number; column: number } | undefined {
  const scanner = new Scanner(text);
  if (scanner.all()) return undefined;
  const before = text.slice(0, scanner.at);
  const line = before.slice(before.lastIndexOf('\n') + 1);
  const bytes = new TextEncoder().encode(line).length;
  return { line: before.split('\n').length, column: scanner.at < text.length ? bytes + 1 : bytes };
}

/** Each method returns `false` where something is wrong; then `at` is the place. */
class Scanner {
  at = 0;

  constructor(private readonly text: string) {}

  all(): boolean {
    return this.value(0) && !this.hasMore();
  }

  private value(depth: number): boolean {
    if (!this.hasMore()) return false;
    const first = this.text[this.at];
    if ((first === '{' || first === '[') && depth === DEEPEST) return false;
    if (first === '{') return this.list('}', () => this.string() && this.next(':') && this.value(depth + 1));
    if (first === '[') return this.list(']', () => this.value(depth + 1));
    if (first === '"') return this.string();
    return this.take(NUMBER) !== '' || WORDS.includes(this.take(WORD));
  }

  private list(end: string, item: () => boolean): boolean {
    this.at += 1;
    if (this.next(end)) return true;
    do if (!item()) return false; while (this.next(','));
    return this.next(end);
  }

  private string(): boolean {
    if (!this.hasMore() || this.text[this.at] !== '"') return false;
    this.take(TEXT);
    if (this.text[this.at] === '"') {
      this.at += 1;
      return true;
    }
    // The place is that of what should be the other half of a character, the letter that may not be escaped, or the end of a number.
    if (this.take(HALF) === '' && this.text[this.at] === '\\') this.at += this.text[this.at + 1] === 'u' ? 5 : 1;
    return false;
  }

  private hasMore(): boolean {
    this.take(/[ \t\n]*/y);
    return this.at < this.text.length;
  }

  private next(character: string): boolean {
    const isNext = this.hasMore() && this.text[this.at] === character;
    if (isNext) this.at += 1;
    return isNext;
  }

  private take(token: RegExp): string {
    token.lastIndex = this.at;
    const found = token.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }
}
