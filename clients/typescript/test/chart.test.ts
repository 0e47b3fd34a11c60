import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ChartError, formOfFile, read, type Form } from '../src/chart/index.js';

const casesDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../../chart/cases');

/** What a case is expected to give: the titles in their places, what is left out, or the error. */
function readAsJson(content: Uint8Array, form?: Form): unknown {
  try {
    const { chart, leftOut } = read(content, form);
    return leftOut.length > 0 ? { chart, leftOut } : { chart };
  } catch (error) {
    if (error instanceof ChartError) return { error: error.message };
    throw error;
  }
}

test('every case of the Rust package is read as there', async (t) => {
  const files = fs.readdirSync(casesDir);
  const cases = files.filter((name) => !name.endsWith('.expected.json'));
  assert.ok(cases.length > 20, String(cases));
  assert.equal(cases.length * 2, files.length, 'each case has its expectation');
  for (const name of cases) {
    await t.test(name, () => {
      const content = fs.readFileSync(path.join(casesDir, name));
      const expected: unknown = JSON.parse(fs.readFileSync(path.join(casesDir, `${name}.expected.json`), 'utf8'));
      assert.deepEqual(readAsJson(content), expected);
      const form = formOfFile(name);
      assert.ok(form);
      assert.deepEqual(readAsJson(content, form), expected, `as ${form}`);
    });
  }
});
