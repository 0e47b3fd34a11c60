import * as fs from 'node:fs';
import * as path from 'node:path';
import Ajv, { type ErrorObject } from 'ajv';
import { infraDir } from './paths';
import { SettingsError } from './settings-error';

/** Every key that a deployment can set, with its type, its meaning and its default in words. */
export const schema: {
  readonly properties: Record<string, { readonly description: string; readonly $comment: string; readonly enum?: string[]; readonly type?: string | string[] }>;
} = JSON.parse(fs.readFileSync(path.join(infraDir, 'settings.schema.json'), 'utf8'));

/** What a file may have: all but the name of another, and the address of the schema, for editors. */
const { environment: _, ...inFile } = schema.properties;
const fits = new Ajv({ allErrors: true, allowUnionTypes: true }).compile({ ...schema, properties: { ...inFile, $schema: { type: 'string' } } });

/** The context, with what the file of its environment says where the context says nothing. */
export function withEnvironment(context: Record<string, unknown>, folder = path.join(infraDir, 'environments')): Record<string, unknown> {
  const { environment, ...rest } = context;
  if (environment === undefined) return rest;
  if (typeof environment !== 'string' || !/^[A-Za-z0-9_-]+$/.test(environment)) {
    throw new SettingsError(`context environment=${JSON.stringify(environment)}: expected the name of a file in environments/, without .json`);
  }
  const file = path.join(folder, `${environment}.json`);
  const { $schema, ...settings } = read(file, folder);
  return { ...asContext(settings), ...rest };
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
  if (!fits(settings)) throw new SettingsError(`${name}: ${(fits.errors ?? []).map(words).join('; ')}`);
  return settings as Record<string, unknown>;
}

/** As `-c` gives them. */
const asContext = (settings: Record<string, unknown>): Record<string, unknown> => Object.fromEntries(
  Object.entries(settings).map(([key, value]) => [key, text(value)]));

const text = (value: unknown): string =>
  Array.isArray(value) ? value.join(',') : typeof value === 'object' ? JSON.stringify(value) : String(value);

function words({ instancePath, keyword, message, params }: ErrorObject): string {
  if (keyword === 'additionalProperties') return `unknown key ${String(params['additionalProperty'])}`;
  const allowed = keyword === 'enum' ? `: ${(params['allowedValues'] as unknown[]).join(', ')}` : '';
  return `${instancePath.slice(1) || 'the file'} ${message ?? 'is wrong'}${allowed}`;
}
