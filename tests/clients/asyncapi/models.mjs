// Makes modelina's models of the events, and checks that each has a name of the contract.
import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import { JavaFileGenerator, PythonFileGenerator, TypeScriptFileGenerator } from '@asyncapi/modelina';

const document = JSON.parse(fs.readFileSync('contract/asyncapi.json', 'utf8'));
const java = { packageName: 'models' };
const generators = {
  // Types, because classes only accept their own constructors' arguments.
  typescript: [new TypeScriptFileGenerator({ modelType: 'interface', moduleSystem: 'ESM' }), { exportType: 'named' }],
  java: [new JavaFileGenerator(), java],
  python: [new PythonFileGenerator(), {}],
};
const known = Object.keys(document.components.schemas);
for (const [language, [generator, options]] of Object.entries(generators)) {
  const folder = `generated/modelina/${language}`;
  const models = await generator.generateToFiles(structuredClone(document), folder, options);
  const names = models.map(({ modelName }) => modelName).filter((name) => name !== '');
  assert.deepEqual(names.filter((name) => !known.includes(name)), [], `${language}: names that nobody gave`);
  for (const event of Object.keys(document.components.messages)) assert.ok(names.includes(event), `${language}: ${event}`);
  console.log(`modelina, ${language}: ${names.length} models`);
}
