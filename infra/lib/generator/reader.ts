import { SettingsError } from '../settings-error';
import { type ContextKey, type Key, type Kind, type Prefix, prefixed } from './keys';

/** Reads the keys of one generator from the context, under its prefix. A preset's value applies where the context has none. */
export class Reader {
  constructor(
    private readonly context: Record<string, unknown>,
    readonly prefix: Prefix,
    readonly kind: Kind,
    private readonly preset: Partial<Record<Key, unknown>> = {},
  ) {}

  withPreset(preset: Partial<Record<Key, unknown>>): Reader {
    return new Reader(this.context, this.prefix, this.kind, preset);
  }

  name(key: Key): ContextKey {
    return prefixed(this.prefix, key);
  }

  /** `generator=openai` or `fallback=openai`, as in messages. */
  get selection(): string {
    return `${this.prefix || 'generator'}=${this.kind}`;
  }

  /** The value in the context itself. */
  explicit(key: Key): unknown {
    return this.context[this.name(key)];
  }

  value(key: Key): unknown {
    return this.explicit(key) ?? this.preset[key];
  }

  /** Returns `true` if the context has another value than the preset. */
  replacesPreset(key: Key): boolean {
    return this.explicit(key) !== undefined && this.preset[key] !== undefined;
  }

  wrong(key: Key, shape: string): SettingsError {
    return new SettingsError(`context ${this.name(key)}=${JSON.stringify(this.value(key))}: expected ${shape}`);
  }

  /** An error about these keys together. */
  conflict(keys: Key[], message: string): SettingsError {
    return new SettingsError(`context ${keys.map((key) => this.name(key)).join(' and ')}${message}`);
  }

  text(key: Key, pattern: RegExp, shape: string): string | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw this.wrong(key, shape);
  }

  /** Comma-separated, also with spaces. An entry that does not fit is an error. */
  list(key: Key, pattern: RegExp, shape: string): string[] | undefined {
    const entries = this.text(key, /./, shape)?.split(',').map((each) => each.trim());
    if (entries?.every((each) => pattern.test(each)) === false) throw this.wrong(key, shape);
    if (new Set(entries).size < (entries?.length ?? 0)) throw this.wrong(key, 'each entry once');
    return entries;
  }

  needed(key: Key, pattern: RegExp, shape: string): string {
    const value = this.text(key, pattern, shape);
    if (value !== undefined) return value;
    throw this.missing(key, this.selection, shape);
  }

  missing(key: Key, by: string, shape: string): SettingsError {
    return new SettingsError(`context ${this.name(key)} is missing: ${by} needs it, ${shape}`);
  }

  number(key: Key, fits: (value: number) => boolean, shape: string): number | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    const parsed = typeof value === 'number' || String(value).trim() ? Number(value) : NaN;
    if (fits(parsed)) return parsed;
    throw this.wrong(key, shape);
  }

  choice<T extends string>(key: Key, known: readonly T[]): T | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    const found = known.find((each) => each === value);
    if (found !== undefined) return found;
    throw this.wrong(key, `one of ${known.join(', ')}`);
  }

  /** `-c` gives strings, cdk.json and tests give booleans. */
  flag(key: Key): boolean | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    if (String(value) === 'true' || String(value) === 'false') return String(value) === 'true';
    throw this.wrong(key, 'true or false');
  }

  /** A JSON object: `-c` gives its text, cdk.json and presets give the object. */
  object(key: Key, shape: string): Record<string, unknown> | undefined {
    const value = this.value(key);
    if (value === undefined) return undefined;
    const parsed = typeof value === 'string' ? parse(value) : value;
    if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) throw this.wrong(key, shape);
    return parsed as Record<string, unknown>;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
