import * as fs from 'node:fs';
import * as path from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile, type JSONSchema } from 'json-schema-to-typescript';

/** This package's folder; the compiled code lives in `build/scripts`. */
export const packageDir = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
export const schemasDir = path.resolve(packageDir, '..', 'schemas');

const banner = '// Made from ../../schemas by `cargo xtask schemas`. Do not edit.\n';

/** The files that are generated from the schemas of version 1, with their contents. */
export async function generated(): Promise<Record<string, string>> {
  const schemas = Object.fromEntries(fs.readdirSync(schemasDir).filter((file) => file.endsWith('.v1.json')).sort()
    .map((file) => [file.replace('.v1.json', ''), JSON.parse(fs.readFileSync(path.join(schemasDir, file), 'utf8'))]));
  return {
    'src/schemas.ts': `${banner}\nexport const schemas = ${JSON.stringify(schemas, null, 2)} as const;\n`,
    'src/types.ts': await types(schemas),
  };
}

/** One file for all events, so that their common definitions are one type. */
async function types(schemas: Record<string, any>): Promise<string> {
  const definitions: Record<string, JSONSchema> = {};
  for (const [name, { definitions: shared, $schema: _, ...schema }] of Object.entries(schemas)) {
    for (const [id, definition] of Object.entries({ ...shared, [name]: schema }) as [string, JSONSchema][]) {
      if (definitions[id] && JSON.stringify(definitions[id]) !== JSON.stringify(definition)) {
        throw new Error(`two events disagree on ${id}`);
      }
      definitions[id] = definition;
    }
  }
  const details = Object.fromEntries(Object.keys(schemas).map((name) => [name, { $ref: `#/definitions/${name}` }]));
  const root: JSONSchema = {
    title: 'Details',
    description: "The details by their event's `detail-type`.",
    type: 'object',
    properties: details,
    required: Object.keys(details),
    additionalProperties: false,
    definitions,
  };
  return compile(knownNames(root), 'Details', {
    bannerComment: banner,
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    style: { singleQuote: true, printWidth: 120 },
  });
}

/** An open vocabulary as a union of its names with any other text: a plain text would make editors forget the names. */
function knownNames<T>(value: T): T {
  if (Array.isArray(value)) return value.map(knownNames) as T;
  if (typeof value !== 'object' || value === null) return value;
  const object = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, knownNames(each)]));
  const names: string[] | undefined = object['x-extensible-enum'];
  if (names) object.tsType = [...names.map((name) => `'${name}'`), '(string & {})'].join(' | ');
  return object as T;
}
