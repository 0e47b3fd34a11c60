// The AsyncAPI parser has nothing to say about the document.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { Parser } from '@asyncapi/parser';

// More tools read 3.0 than 3.1, and the document needs nothing of 3.1.
const ACCEPTED = ['asyncapi-latest-version'];

const text = fs.readFileSync('contract/asyncapi.json', 'utf8');
assert.ok(!text.includes('"$ref": "./'), 'the document refers to other files');
const { document, diagnostics } = await new Parser().parse(text);
const found = diagnostics.filter(({ code }) => !ACCEPTED.includes(code)).map(({ code, message }) => `${code}: ${message}`);
assert.deepEqual(found, []);
assert.equal(document.messages().all().length, 7);
console.log('AsyncAPI parser: no findings');
