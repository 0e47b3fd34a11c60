/** The tokens of JSON (RFC 8259), each as far as it is right. Unpaired surrogates are no text. */
const TOKENS = {
  space: /[ \t\n]*/y,
  text: /"(?:[^"\\\u0000-\u001f]|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*/y,
  number: /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y,
  word: /true|false|null/y,
};
/** How deep lists and objects may be in each other. */
const DEEPEST = 127;

/**
 * Where a text stops being JSON: a line, and a column in bytes, both from 1; `undefined` if all of it is. The errors of `JSON.parse`
 * differ between engines, and some of them repeat the text.
 */
export function firstError(text: string): { line: number; column: number } | undefined {
  const at = errorOffset(text);
  if (at === undefined) return undefined;
  const before = text.slice(0, at + 1);
  const line = before.slice(before.lastIndexOf('\n') + 1);
  return { line: before.split('\n').length, column: new TextEncoder().encode(line).length };
}

/** The place of the first character that is wrong; the text's length if something is missing at its end. */
function errorOffset(text: string): number | undefined {
  let at = 0;
  const open: string[] = [];
  const take = (token: RegExp) => {
    token.lastIndex = at;
    const found = token.exec(text)?.[0] ?? '';
    at += found.length;
    return found;
  };
  const isText = () => take(TOKENS.text) !== '' && text[at++] === '"';
  const isNext = (character: string) => text[at] === character && ++at > 0;

  for (let expected: 'value' | 'name' | 'end' = 'value', isFirst = false;;) {
    take(TOKENS.space);
    const closing = open.at(-1);
    if (expected === 'end' && closing === undefined) return at < text.length ? at : undefined;
    if ((expected === 'end' || isFirst) && closing !== undefined && isNext(closing)) {
      open.pop();
      [expected, isFirst] = ['end', false];
      continue;
    }
    if (expected === 'end') {
      if (!isNext(',')) return at;
      expected = closing === '}' ? 'name' : 'value';
      isFirst = false;
      continue;
    }
    isFirst = false;
    if (expected === 'name') {
      if (text[at] !== '"') return at;
      if (!isText()) return at - 1;
      take(TOKENS.space);
      if (!isNext(':')) return at;
      expected = 'value';
      continue;
    }
    const character = text[at];
    if (character === '{' || character === '[') {
      if (open.length === DEEPEST) return at;
      at += 1;
      open.push(character === '{' ? '}' : ']');
      [expected, isFirst] = [character === '{' ? 'name' : 'value', true];
      continue;
    }
    if (character === '"') {
      if (!isText()) return at - 1;
    } else if (take(TOKENS.number) === '' && take(TOKENS.word) === '') {
      return at;
    }
    expected = 'end';
  }
}
