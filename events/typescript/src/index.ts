import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import { schemas } from './schemas';
import type { Details } from './types';

export type * from './types';
export { schemas };

/** EventBridge's `detail-type` of an event. */
export type EventName = keyof Details;

/** The `source` of every event that the pipeline itself emits. */
export const SOURCE = 'goal-activity';

/** An event as a queue behind a rule, or a function, receives it. */
export interface ReceivedEvent<Name extends EventName = EventName> {
  /** EventBridge's own id of this delivery, for logs. To recognise a repeated event, use `detail.eventId`. */
  readonly id: string;
  readonly source: string;
  readonly time: string;
  readonly 'detail-type': Name;
  readonly detail: Details[Name];
}

/** A text or a value breaks the contract. Its message repeats nothing of that. */
export class ContractError extends Error {
  override readonly name = 'ContractError';
}

const ajv = new Ajv({ strictTypes: false, allowUnionTypes: true });
// The known names of an open vocabulary: they limit nothing.
ajv.addVocabulary(['x-extensible-enum']);
addFormats.default(ajv);
const validators = Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, ajv.compile(schema)])) as
  { readonly [Name in EventName]: ValidateFunction<Details[Name]> };

/** Returns `true` if a value is the detail of that event. Unknown fields are ignored. */
export function isDetail<Name extends EventName>(name: Name, value: unknown): value is Details[Name] {
  return validators[name](value);
}

/** The detail of that event, or a `ContractError`. */
export function asDetail<Name extends EventName>(name: Name, value: unknown): Details[Name] {
  if (isDetail(name, value)) return value;
  throw new ContractError(`this ${name} event is malformed: ${reason(validators[name].errors ?? [])}`);
}

/** Reads a whole event: the body of a queue's message, or what a function was invoked with. */
export function readEvent<Name extends EventName>(name: Name, event: unknown): ReceivedEvent<Name> {
  const envelope = typeof event === 'string' ? parse(event) : event;
  if (!isEnvelope(envelope)) throw new ContractError('not an EventBridge event');
  if (envelope['detail-type'] !== name) throw new ContractError(`expected a ${name} event, got one of another type`);
  return { ...envelope, 'detail-type': name, detail: asDetail(name, envelope.detail) };
}

/** An entry of a `PutEvents` request, checked. `bus` is the name or the ARN of the pipeline's bus. */
export function toEntry<Name extends EventName>(bus: string, source: string, name: Name, detail: Details[Name]) {
  const text = JSON.stringify(asDetail(name, detail));
  return { EventBusName: bus, Source: source, DetailType: name as string, Detail: text };
}

type Envelope = Omit<ReceivedEvent, 'detail' | 'detail-type'> & { readonly 'detail-type': string; readonly detail: unknown };

function isEnvelope(value: unknown): value is Envelope {
  if (typeof value !== 'object' || value === null || !('detail' in value)) return false;
  const fields = value as Record<string, unknown>;
  return ['id', 'source', 'time', 'detail-type'].every((name) => typeof fields[name] === 'string');
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message would repeat the text.
    throw new ContractError('not JSON');
  }
}

const reason = ([first]: ErrorObject[]): string => (first ? `${first.instancePath || '/'} ${first.message}` : 'unknown');
