import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';

/** The folder that everything was copied to. The compiled code is in `build/typescript`. */
const root = path.resolve(__dirname, '..', '..');

const read = (...names: string[]) => JSON.parse(fs.readFileSync(path.join(root, ...names), 'utf8'));

/** A recorded answer. The caller says of which type, as a client does that trusts the contract. */
export const answer = <T>(name: string): T => read('answers', `${name}.json`);

/** The schema of every answer. */
export const models: Record<string, string> = read('models.json');

/** The details of all events of a type, by file. */
export function details<T>(type: string): [string, T][] {
  const folders = [['contract', 'schemas', 'examples'], ['events']];
  const files = folders.flatMap((folder) => fs.readdirSync(path.join(root, ...folder)).map((name) => [...folder, name]));
  return files.filter((names) => names.at(-1)?.startsWith(`${type}.`)).map((names) => [names.at(-1) ?? '', read(...names).detail]);
}

/** Fails unless what was read, written as JSON again, is what was recorded. */
export function kept(value: unknown, recorded: unknown, where: string) {
  // A client may drop what a newer version has added.
  const plain = (json: unknown) => JSON.parse(JSON.stringify(json, (key, each) => (key === 'addedLater' ? undefined : each)));
  assert.deepEqual(plain(value), plain(recorded), where);
}
