import { Ajv } from 'ajv';
import standaloneCode from 'ajv/dist/standalone/index.js';

/** Any of the values of a JSON document. */
type Json = any;

/** The events that any service may emit; the pipeline emits the rest. */
const FROM_OTHERS = ['GoalActivityRequested', 'GoalActivityCancelRequested', 'GoalActivityRetryRequested'];
/** Rust reads no other text: the name of a field, and every text that is read, is Unicode. */
const WELL_FORMED = { pattern: '^\\P{Surrogate}*$' };
/** Of any type, but no number that only `JSON.parse` can read, as infinity. */
const ANYTHING = { minimum: -Number.MAX_VALUE, maximum: Number.MAX_VALUE, ...WELL_FORMED };
/** RFC 3339's `date-time`, with the number of days of each month, and a leap second in any minute. */
const DATE = '(?:\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))'
  + '|(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)';
const TIME = '(?:[01]\\d|2[0-3]):[0-5]\\d:(?:[0-5]\\d|60)(?:\\.\\d+)?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)';
const DATE_TIME = `^${DATE}[Tt]${TIME}$`;
/** The largest number of the types, a `u64`. */
const MAX_INTEGER = 18446744073709551615;

/** The keywords that say something about values, beside those that are handled one by one. */
const KEPT = ['minLength', 'maxLength', 'pattern', 'minItems', 'maxItems', 'minimum', 'maximum', 'enum', 'const', 'required'];
/** The keywords that say nothing about values. */
const ANNOTATIONS = ['$schema', 'title', 'description', 'default', 'examples', 'x-extensible-enum'];

/** One document with all that readers accept: the definitions of all schemas, the events among them, and the envelope. */
export function readerSchemas(schemas: Record<string, Json>): Json {
  const definitions: Record<string, Json> = {};
  for (const [name, { definitions: shared, ...schema }] of Object.entries<Json>(schemas)) {
    for (const [id, definition] of Object.entries({ ...shared, [name]: schema })) definitions[id] = reader(definition);
  }
  definitions['Envelope'] = reader({
    type: 'object',
    properties: {
      id: { $ref: '#/definitions/EventId' },
      time: { $ref: '#/definitions/Timestamp' },
      source: { type: 'string' },
      'detail-type': { type: 'string' },
      detail: {},
    },
    required: ['id', 'detail-type', 'source', 'time', 'detail'],
  });
  return { $id: 'events', definitions };
}

/**
 * The schema of what a reader accepts. A schema describes what is written; what reads it tolerates more, as the Rust types do:
 * `null` for a field that may be missing, any `traceparent`, any name of an open vocabulary, a long message.
 */
function reader(schema: Json): Json {
  const { type, format, properties, items, allOf, anyOf, oneOf, $ref, ...rest } = schema;
  const unknown = Object.keys(rest).filter((keyword) => !KEPT.includes(keyword) && !ANNOTATIONS.includes(keyword));
  if (unknown.length > 0) throw new Error(`a schema has keywords that are not known here: ${unknown.join(', ')}`);
  if ($ref) return { $ref };
  if (allOf) return only(allOf.map(reader), 'allOf');

  const choices: Json[] = anyOf ?? oneOf ?? [];
  const names = choices.filter((choice) => 'const' in choice).map((choice) => choice.const);
  if ('x-extensible-enum' in schema || (names.length > 0 && names.length < choices.length)) return { type: 'string', ...WELL_FORMED };
  if (names.length > 0) return { enum: names };
  if (choices.length > 0) return { anyOf: choices.map(reader) };

  const result: Json = Object.fromEntries(Object.entries(rest).filter(([keyword]) => KEPT.includes(keyword)));
  if (type) result.type = type;
  if (format === 'date-time') result.pattern = DATE_TIME;
  else if (format && !['int32', 'int64'].includes(format)) throw new Error(`the format ${format} is not known here`);
  if ([type].flat().includes('integer')) result.maximum ??= MAX_INTEGER;
  if (type === 'string' && !result.pattern && !result.enum && !('const' in result)) {
    delete result.maxLength;
    Object.assign(result, WELL_FORMED);
  }
  if (items) result.items = reader(items);
  if (properties) {
    result.propertyNames = WELL_FORMED;
    result.properties = Object.fromEntries(Object.entries(properties).map(([name, property]) => {
      if (name === 'traceparent') return [name, ANYTHING];
      const read = reader(property);
      const optional = !(schema.required ?? []).includes(name);
      return [name, optional && !takesNull(property) ? { anyOf: [read, { type: 'null' }] } : read];
    }));
  }
  return result;
}

const takesNull = (schema: Json): boolean =>
  [schema.type].flat().includes('null') || (schema.anyOf ?? []).some((choice: Json) => choice.type === 'null');

function only(schemas: Json[], keyword: string): Json {
  if (schemas.length !== 1) throw new Error(`${keyword} of several schemas is not known here`);
  return schemas[0];
}

/** The known fields of an object that a schema describes, or the name of the definition of another value. */
function fieldsOf(schema: Json, definitions: Record<string, Json>, id = ''): Json {
  if (schema.$ref) {
    const name = schema.$ref.split('/').at(-1);
    return fieldsOf(definitions[name], definitions, name);
  }
  if (schema.properties) {
    const fields = Object.entries(schema.properties).map(([name, property]) => [name, fieldsOf(property, definitions)]);
    return Object.fromEntries(fields);
  }
  const [inner] = [schema.items, ...(schema.anyOf ?? [])].filter(Boolean);
  return inner ? fieldsOf(inner, definitions) : id;
}

/** In words what the definitions that are texts of a certain form ask for. */
function rulesOf(schemas: Record<string, Json>): Record<string, string> {
  const rules: Record<string, string> = {};
  for (const schema of Object.values(schemas)) {
    for (const [id, { type, pattern, format, description, ...rest }] of Object.entries<Json>(schema.definitions ?? {})) {
      if (format === 'date-time') rules[id] = 'RFC 3339 timestamp, such as 2026-11-24T09:30:00.000Z';
      else if (type === 'string' && pattern && !('x-extensible-enum' in rest)) rules[id] = description.split('\n')[0];
    }
  }
  return rules;
}

/** The code of `src/validators.js`: compiled ahead, so that nothing is compiled, or evaluated from a text, where it runs. */
export function validatorsCode(schemas: Record<string, Json>): string {
  const document = readerSchemas(schemas);
  const names = [...Object.keys(schemas), 'Envelope'];
  const ajv = new Ajv({
    strict: true, strictTypes: false, allowUnionTypes: true, inlineRefs: false, messages: false,
    // Infinity is a number, which then exceeds the maximum.
    strictNumbers: false,
    // Lengths are counted as JavaScript does: every text with a limited length has a pattern of ASCII characters.
    unicode: false, logger: false,
    code: { source: true, esm: true, lines: true }, schemas: [document],
  });
  const code = standaloneCode.default(ajv, Object.fromEntries(names.map((name) => [name, `events#/definitions/${name}`])));
  const envelope = fieldsOf(document.definitions.Envelope, document.definitions);
  const fields = Object.fromEntries(Object.keys(schemas)
    .map((name) => [name, { ...envelope, detail: fieldsOf(document.definitions[name], document.definitions) }]));
  if (code.includes('require(')) throw new Error('the validators need a part of Ajv where they run');
  return [
    code,
    `export const validators = { ${names.join(', ')} };`,
    `export const fields = ${JSON.stringify(fields)};`,
    `export const fromPipeline = ${JSON.stringify(Object.keys(schemas).filter((name) => !FROM_OTHERS.includes(name)))};`,
    `export const rules = ${JSON.stringify(rulesOf(schemas))};`,
    '',
  ].join('\n');
}
