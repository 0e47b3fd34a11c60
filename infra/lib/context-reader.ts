import { SettingsError } from './settings-error';

/** Reads values of the context, and names the key of one that cannot be. */
export class Reader<Key extends string> {
  constructor(private readonly context: Readonly<Record<string, unknown>>) {}

  text(key: Key, pattern: RegExp, shape: string): string | undefined {
    return this.checked(key, (value) => pattern.test(value), shape);
  }

  checked(key: Key, fits: (value: string) => boolean, shape: string): string | undefined {
    const value = this.context[key];
    if (value === undefined) return undefined;
    if (typeof value === 'string' && fits(value)) return value;
    throw this.wrong(key, shape);
  }

  oneOf<T extends string>(key: Key, known: readonly T[]): T | undefined {
    const value = this.context[key];
    const found = known.find((each) => each === value);
    if (found === undefined && value !== undefined) throw this.wrong(key, `one of ${known.join(', ')}`);
    return found;
  }

  /** `-c` gives strings, cdk.json and tests give booleans. */
  flag(key: Key, usual = false): boolean {
    const value = String(this.context[key] ?? usual);
    if (value === 'true' || value === 'false') return value === 'true';
    throw this.wrong(key, 'true or false');
  }

  integer(key: Key, least: number, most: number): number | undefined {
    const value = this.context[key];
    if (value === undefined) return undefined;
    const number = value === '' ? NaN : Number(value);
    if (Number.isInteger(number) && number >= least && number <= most) return number;
    throw this.wrong(key, `${least} to ${most}`);
  }

  /** US dollars. */
  amount(key: Key, least = Number.MIN_VALUE, most = 1e9): number | undefined {
    const value = this.context[key];
    if (value === undefined) return undefined;
    const number = value === '' ? NaN : Number(value);
    if (Number.isFinite(number) && number >= least && number <= most) return number;
    throw this.wrong(key, `an amount in US dollars, ${least > Number.MIN_VALUE ? `${least} to ${most}` : 'greater than 0'}`);
  }

  /** Comma-separated, also with spaces. AWS refuses most lists that have an entry twice. */
  list(key: Key, fits: (value: string) => boolean, shape: string): string[] | undefined {
    const value = this.context[key];
    if (value === undefined) return undefined;
    const found = String(value).split(',').map((each) => each.trim());
    if (!found.every((each) => fits(each))) throw this.wrong(key, shape);
    if (new Set(found).size < found.length) throw this.wrong(key, 'each entry once');
    return found;
  }

  object(key: Key, shape: string): Record<string, unknown> | undefined {
    let value = this.context[key];
    if (value === undefined) return undefined;
    try {
      if (typeof value === 'string') value = JSON.parse(value);
    } catch {
      throw this.wrong(key, shape);
    }
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    throw this.wrong(key, shape);
  }

  wrong(key: Key, shape: string): SettingsError {
    return new SettingsError(`context ${key}=${JSON.stringify(this.context[key])}: expected ${shape}`);
  }
}
