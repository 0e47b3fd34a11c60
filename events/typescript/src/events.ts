import { ContractError } from './error.js';
import { parse } from './json.js';
import { reason } from './reason.js';
import { SOURCE } from './source.js';
import type { Details } from './types.js';
import { type Fields, fields, type Known, fromPipeline, validators } from './validators.js';

/** EventBridge's `detail-type` of an event. */
export type EventName = keyof Details;

/** An event as a queue behind a rule, or a function, receives it. */
export interface ReceivedEvent<Name extends EventName = EventName> {
  /** EventBridge's own id of this delivery, for logs. To recognise a repeated event, use `detail.eventId`. */
  readonly id: string;
  readonly source: string;
  readonly time: string;
  readonly 'detail-type': Name;
  readonly detail: Details[Name];
}

/** An entry of a `PutEvents` request. */
export interface Entry {
  readonly EventBusName: string;
  readonly Source: string;
  readonly DetailType: string;
  readonly Detail: string;
}

/** What the pipeline accepts as a source, in UTF-8 bytes. */
const MAX_SOURCE = 256;
/** What EventBridge accepts as one event, in UTF-8 bytes. */
const MAX_ENTRY = 256 * 1024;
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Returns `true` if a value is the detail of that event, exactly as its type describes it. Unknown fields are ignored. */
export function isDetail<Name extends EventName>(name: Name, value: unknown): value is Details[Name] {
  return check(name, value) === undefined && tolerated(name, value) === value;
}

/** The detail of that event, or a `ContractError`. What a reader tolerates is left out, so that the result has its type. */
export function asDetail<Name extends EventName>(name: Name, value: unknown): Details[Name] {
  const broken = check(name, value);
  if (broken !== undefined) throw new ContractError(`this ${name} event is malformed: ${broken}`);
  return tolerated(name, value) as Details[Name];
}

/** Reads a whole event: the body of a queue's message, or what a function was invoked with. */
export function readEvent<Name extends EventName>(name: Name, event: unknown): ReceivedEvent<Name> {
  const envelope = typeof event === 'string' ? parse(event, fields[name] as Fields) : event;
  const broken = check('Envelope', envelope, fields[name]);
  if (broken !== undefined) throw new ContractError(`not an EventBridge event: ${broken}`);
  const received = envelope as ReceivedEvent;
  if (received['detail-type'] !== name) throw new ContractError(`expected a ${name} event, got one of another type`);
  return { ...received, 'detail-type': name, detail: asDetail(name, received.detail) };
}

/** An entry of a `PutEvents` request, checked. `bus` is the name or the ARN of the pipeline's bus. */
export function toEntry<Name extends EventName>(bus: string, source: string, name: Name, detail: Details[Name]): Entry {
  if (typeof source !== 'string' || source === '' || bytes(source) > MAX_SOURCE || /\p{Cc}|\p{Cs}/u.test(source)) {
    throw new ContractError(`source: must have 1 to ${MAX_SOURCE} bytes without control characters`);
  }
  if (source.startsWith('aws.')) throw new ContractError('source: must not begin with aws., which is for AWS');
  if (source === SOURCE) throw new ContractError("source: must be one of your service, not the pipeline's");
  // What is checked is what is sent: `JSON.stringify` leaves some things out and calls `toJSON`.
  const text = JSON.stringify(detail) as string | undefined;
  asDetail(name, text === undefined ? undefined : JSON.parse(text));
  const size = bytes(source) + bytes(name) + bytes(text ?? '');
  if (size > MAX_ENTRY) throw new ContractError(`this ${name} event has ${size} bytes, more than ${MAX_ENTRY}`);
  return { EventBusName: bus, Source: source, DetailType: name, Detail: text ?? '' };
}

/** The first rule that the value breaks, in words. */
function check(name: string, value: unknown, known = fields[name]?.['detail']): string | undefined {
  const validate = Object.hasOwn(validators, name) ? validators[name] : undefined;
  if (!validate) throw new ContractError('there is no event of this name');
  return validate(value) ? undefined : reason(validate.errors ?? [], known);
}

/** Fields of requests that have a default, for which `null` is no value of the schema. */
const withDefault = new Set(['regenerate', 'priorityClass']);

/**
 * A valid detail without what a reader tolerates: `null` for a missing value where a field is left out or has a default, and a
 * malformed `traceparent`. The value itself if there is nothing of that.
 */
function tolerated(name: EventName, value: unknown): unknown {
  return cleaned(value, (fields[name] as Fields)['detail'] as Fields, fromPipeline.includes(name));
}

function cleaned(value: unknown, known: Known | undefined, withoutNull: boolean): unknown {
  if (typeof known !== 'object' || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map((item) => cleaned(item, known, withoutNull));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  let changed = false;
  const entries = Object.entries(value).flatMap(([key, found]) => {
    const below = Object.hasOwn(known, key) ? known[key] : undefined;
    const dropped = below !== undefined && (found === null ? withoutNull || withDefault.has(key) : key === 'traceparent' && !isTraceparent(found));
    const now = dropped ? undefined : cleaned(found, below, withoutNull);
    changed ||= dropped || now !== found;
    return dropped ? [] : [[key, now] as const];
  });
  return changed ? Object.fromEntries(entries) : value;
}

/** `undefined`, too: in an object that was not read from JSON, it is as good as missing. */
const isTraceparent = (value: unknown): boolean =>
  value === undefined || (typeof value === 'string' && TRACEPARENT.test(value));

/** How many bytes the text has as UTF-8. */
function bytes(text: string): number {
  let sum = 0;
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    sum += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return sum;
}
