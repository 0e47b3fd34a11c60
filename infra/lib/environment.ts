import * as fs from 'node:fs';
import * as path from 'node:path';
import Ajv, { type ErrorObject } from 'ajv';
import { infraDir } from './paths';
import { SettingsError } from './settings-error';

/** Every key that a deployment can set, with its type, its meaning and its default in words. */
export const schema: {
  readonly properties: Record<string, { readonly description: string; readonly $comment: string; readonly enum?: string[]; readonly type?: string | string[] }>;
} = JSON.parse(fs.readFileSync(path.join(infraDir, 'settings.schema.json'), 'utf8'));

/** What says where a deployment goes and what it does this once: a file would do so at every one, unseen. */
export const commandLineOnly = ['environment', 'local', 'repair'];

/** What a file may have: all others, and the address of the schema, for editors. */
const inFile = Object.fromEntries(Object.entries(schema.properties).filter(([key]) => !commandLineOnly.includes(key)));
const fits = new Ajv({ allErrors: true, allowUnionTypes: true, verbose: true }).compile({ ...schema, properties: { ...inFile, $schema: { type: 'string' } } });

/** The settings of one environment, and the file that they are from. */
export interface Environment {
  readonly name: string;
  readonly file: string;
  /** As `-c` gives them. */
  readonly settings: Record<string, string>;
}

/** The environment that the context names, if it names one. */
export function readEnvironment({ environment }: Record<string, unknown>, folder = path.join(infraDir, 'environments')): Environment | undefined {
  if (environment === undefined) return undefined;
  if (typeof environment !== 'string' || !/^[A-Za-z0-9_-]+$/.test(environment)) {
    throw new SettingsError(`context environment=${JSON.stringify(environment)}: expected the name of a file in environments/, without .json`);
  }
  const file = path.join(folder, `${environment}.json`);
  const { $schema, ...settings } = read(file, folder);
  const texts = Object.entries(settings).map(([key, value]) => [key, text(value)] as const);
  return { name: environment, file: path.join('environments', path.basename(file)), settings: Object.fromEntries(texts) };
}

function read(file: string, folder: string): Record<string, unknown> {
  const name = path.join('environments', path.basename(file));
  if (!fs.existsSync(file)) {
    const known = fs.existsSync(folder) ? fs.readdirSync(folder).filter((each) => each.endsWith('.json')) : [];
    throw new SettingsError(`there is no ${name}: there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ') || 'none'}`);
  }
  let settings: unknown;
  try {
    // Editors write a byte order mark.
    settings = JSON.parse(fs.readFileSync(file, 'utf8').replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new SettingsError(`${name}: not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!fits(settings)) throw new SettingsError(`${name}: ${(fits.errors ?? []).filter(isWhole).map(words).join('; ')}`);
  return settings as Record<string, unknown>;
}

/** As `-c` gives it. */
export const text = (value: unknown): string =>
  Array.isArray(value) ? value.join(',') : typeof value === 'object' ? JSON.stringify(value) : String(value);

/** Not a part of an `anyOf`, which is an error of its own. */
const isWhole = ({ schemaPath }: ErrorObject): boolean => !schemaPath.includes('/anyOf/');

function words({ instancePath, keyword, message, params, parentSchema }: ErrorObject): string {
  const { additionalProperty: unknown } = params as { additionalProperty?: string };
  if (keyword === 'additionalProperties') {
    return commandLineOnly.includes(unknown!) ? `${unknown} is for the command line only` : `unknown key ${unknown}`;
  }
  if (keyword === 'anyOf') return `${instancePath.slice(1)} does not fit: ${String(parentSchema?.['description'])}`;
  const allowed = keyword === 'enum' ? `: ${(params['allowedValues'] as unknown[]).join(', ')}` : '';
  return `${instancePath.slice(1) || 'the file'} ${message ?? 'is wrong'}${allowed}`;
}
