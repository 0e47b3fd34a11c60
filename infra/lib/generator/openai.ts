import { Aws } from 'aws-cdk-lib';
import type { RustFunction } from '../rust-function';
import { SettingsError } from '../settings-error';
import { azureDeployment, azureV1, isAzure, isPrivate, readAddress } from './address';
import type { Key } from './keys';
import { type Model, modelVariables, readModel } from './model';
import { addressForms, type PresetName, presetNames, presets } from './presets';
import type { Reader } from './reader';
import type { Variables } from './variables';

export interface OpenAi extends Model {
  readonly kind: 'openai';
  readonly model: string;
  readonly baseUrl: string;
  readonly apiVersion?: string;
  readonly key?: {
    /** The ARN of a secret. */
    readonly secret: string;
    /** The ARN of the customer managed key that it is encrypted with. */
    readonly kmsKey?: string;
    /** The header that carries the bare key. Default: `authorization: Bearer <key>`. */
    readonly header?: string;
  };
  readonly tokenLimit?: (typeof tokenLimits)[number];
  readonly responseFormat?: (typeof responseFormats)[number];
  /** Whether the schema has limits of numbers and of the lengths of lists. */
  readonly schemaLimits?: boolean;
  readonly instructions?: (typeof roles)[number];
  /** JSON objects, as text. */
  readonly extraBody?: string;
  readonly extraHeaders?: string;
}

export const tokenLimits = ['max_completion_tokens', 'max_tokens', 'none'] as const;
export const responseFormats = ['json_schema', 'json_object', 'none'] as const;
export const roles = ['system', 'developer', 'user'] as const;

export function readOpenAi(from: Reader): OpenAi {
  const preset = from.choice('aiPreset', presetNames);
  const read = preset ? from.withPreset(presets[preset]) : from;

  const { baseUrl, apiVersion } = readEndpoint(read, preset);
  const model = read.needed('openaiModel', /^\S+$/, 'the name of a model');
  const key = readKey(read, baseUrl);
  if (preset && !key && hosted(preset, baseUrl)) {
    throw new SettingsError(`context ${read.name('aiPreset')}=${preset} needs a key: give ${read.name('openaiKeySecret')}, the ARN of `
      + 'a secret that contains it');
  }
  const tokenLimit = read.choice('openaiTokenLimit', tokenLimits);
  if (tokenLimit === 'none' && read.explicit('aiMaxTokens') !== undefined) {
    throw read.conflict(['aiMaxTokens'], ` has no meaning with ${read.name('openaiTokenLimit')}=none`);
  }
  const responseFormat = read.choice('openaiResponseFormat', responseFormats);
  const schema = (responseFormat ?? 'json_schema') === 'json_schema';
  if (!schema && read.explicit('openaiSchemaLimits') !== undefined) {
    throw read.conflict(['openaiSchemaLimits'], ` has no meaning with ${read.name('openaiResponseFormat')}=${responseFormat}`);
  }
  return {
    kind: 'openai',
    ...readModel(read, model),
    model,
    baseUrl,
    apiVersion,
    key,
    tokenLimit,
    responseFormat,
    schemaLimits: schema ? read.flag('openaiSchemaLimits') : undefined,
    instructions: read.choice('openaiInstructions', roles),
    extraBody: readBody(read),
    extraHeaders: readHeaders(read, key?.header),
  };
}

/** The address is the provider's own, and not that of a gateway that may need no key. */
function hosted(preset: PresetName, baseUrl: string): boolean {
  if (preset === 'azure') return isAzure(baseUrl);
  const own = presets[preset];
  return 'openaiBaseUrl' in own && new URL(own.openaiBaseUrl).host === new URL(baseUrl).host;
}

function readEndpoint(read: Reader, preset?: PresetName): { baseUrl: string; apiVersion?: string } {
  const url: Key = 'openaiBaseUrl';
  if (preset && read.value(url) === undefined) {
    throw read.missing(url, `${read.name('aiPreset')}=${preset}`, `such as ${addressForms[preset]}`);
  }
  const found = readAddress(read.needed(url, /./, 'an http or https address such as https://api.openai.com/v1'));
  if ('wrong' in found) throw read.wrong(url, found.wrong);
  const version = read.text('openaiApiVersion', /^[A-Za-z0-9.-]{1,64}$/, 'a version such as 2024-10-21');
  if (version && found.apiVersion && version !== found.apiVersion) {
    throw read.conflict(['openaiApiVersion', url], `: two versions, ${version} and ${found.apiVersion}; give one`);
  }
  const apiVersion = version ?? found.apiVersion;
  if (azureDeployment(found.baseUrl) && apiVersion === undefined) {
    throw read.conflict([url], `: a deployment of Azure OpenAI needs an ${read.name('openaiApiVersion')} such as 2024-10-21; `
      + `or use ${new URL(found.baseUrl).origin}/openai/v1, which needs none, with the deployment as ${read.name('openaiModel')}`);
  }
  // The v1 API refuses a date; "preview" selects its features that are not final.
  if (azureV1(found.baseUrl) && apiVersion && /^\d/.test(apiVersion)) {
    throw read.conflict(['openaiApiVersion'], ` has no meaning with ${found.baseUrl}: leave ${apiVersion} out`);
  }
  return { baseUrl: found.baseUrl, apiVersion };
}

function readKey(read: Reader, baseUrl: string): OpenAi['key'] {
  const secret = readSecret(read);
  const kmsKey = read.text('openaiKeyKmsKey', keyArn, 'the ARN of a KMS key');
  const header = readKeyHeader(read);
  const regionOf = (arn: string) => arn.split(':')[3];
  if (secret && kmsKey && regionOf(secret) !== regionOf(kmsKey)) {
    throw read.conflict(['openaiKeySecret', 'openaiKeyKmsKey'], ': a secret is encrypted with a key of its own region');
  }
  if (!secret) {
    if (kmsKey) throw read.conflict(['openaiKeyKmsKey'], ' belongs to a key that it encrypts');
    if (read.explicit('openaiKeyHeader') === undefined) return undefined;
    throw read.conflict(['openaiKeyHeader'], ' belongs to a key: give its secret as well');
  }
  if (!isPrivate(baseUrl)) {
    throw read.conflict(['openaiBaseUrl'], ': a key may not travel over plain http to another machine; use https');
  }
  return { secret, kmsKey, header };
}

/** A value that is not an ARN may be the key itself: the message does not repeat it. */
function readSecret(read: Reader): string | undefined {
  const key: Key = 'openaiKeySecret';
  const value = read.value(key);
  if (value === undefined || (typeof value === 'string' && secretArn.test(value))) return value;
  throw read.conflict([key], ': expected the whole ARN of a secret, with the six characters that Secrets Manager adds to its '
    + 'name. The key itself belongs into the secret, never into the context');
}

function readKeyHeader(read: Reader): string | undefined {
  const key: Key = 'openaiKeyHeader';
  if (looksLikeKey(String(read.value(key)))) throw read.conflict([key], ': the value looks like a key. Expected the name of a header');
  const header = read.text(key, headerName, 'the name of a header such as api-key')?.toLowerCase();
  // The default, a bearer token, instead of the preset's header.
  if (header === 'authorization' && read.replacesPreset(key)) return undefined;
  if (header === 'authorization') {
    throw read.wrong(key, 'another header: without it the key is in authorization, as Bearer');
  }
  if (header && reservedHeader(header)) throw read.wrong(key, `a header such as api-key: ${header} is set by the worker`);
  return header;
}

/** As providers' keys begin. */
const looksLikeKey = (text: string) => /^((Bearer|Basic) |sk[-_]|gsk_|xai-|hf_|AIza)/i.test(text);

/** What serde_json refuses or JSON.stringify changes, if there is anything. */
function unreadableJson(value: unknown, depth = 1): string | undefined {
  if (typeof value === 'string') return /\p{Surrogate}/u.test(value) ? 'half of a surrogate pair' : undefined;
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : 'a number that is too large';
  if (value === null || typeof value !== 'object') return undefined;
  if (depth > 127) return 'nested deeper than 127 levels';
  for (const [field, inner] of Object.entries(value)) {
    const found = unreadableJson(field) ?? unreadableJson(inner, depth + 1);
    if (found) return found;
  }
  return undefined;
}

/** All variables of a function have 4 KB together. */
const maxJsonBytes = 1000;

function written(read: Reader, key: Key, value: object): string {
  const text = JSON.stringify(value);
  if (Buffer.byteLength(text) <= maxJsonBytes) return text;
  throw read.conflict([key], `: it has more than ${maxJsonBytes} bytes, for which a function's variables have no room`);
}

function readBody(read: Reader): string | undefined {
  const key: Key = 'openaiExtraBody';
  const body = read.object(key, 'a JSON object such as {"top_p":0.9}');
  if (body === undefined) return undefined;
  for (const [field, setting] of Object.entries(ownFields)) {
    if (!Object.hasOwn(body, field)) continue;
    const instead = setting ? `use ${read.name(setting)}` : 'leave it out';
    throw read.conflict([key], `: ${field} is set by the worker; ${instead}`);
  }
  const unreadable = unreadableJson(body);
  if (unreadable) throw read.conflict([key], `: ${unreadable}, which the worker does not read`);
  return written(read, key, body);
}

function readHeaders(read: Reader, keyHeader = 'authorization'): string | undefined {
  const key: Key = 'openaiExtraHeaders';
  const shape = 'a JSON object of strings such as {"x-title":"Goals"}';
  const headers = read.object(key, shape);
  if (headers === undefined) return undefined;
  for (const [name, value] of Object.entries(headers)) {
    if (!headerName.test(name) || typeof value !== 'string' || !/^[ -~]*$/.test(value)) throw read.wrong(key, shape);
    const lower = name.toLowerCase();
    if (lower === keyHeader || namesKey(lower) || looksLikeKey(value)) {
      throw read.conflict([key], `: ${name} would put a key into the template; keep it in ${read.name('openaiKeySecret')}, `
        + `with ${read.name('openaiKeyHeader')} for the header's name`);
    }
    if (ownHeaders.test(lower)) throw read.conflict([key], `: ${name} is set by the worker; leave it out`);
  }
  return written(read, key, headers);
}

/** As the worker reads it. */
const headerName = /^[A-Za-z0-9_-]{1,64}$/;
/** As the worker's `is_of_a_key`, in functions/src/runtime/config/generator/openai.rs. */
const secretWords = ['auth', 'authorization', 'token', 'key', 'apikey', 'secret', 'cookie', 'password'];
const namesKey = (header: string) => header.split(/[-_]/).some((word) => secretWords.includes(word));
const ownHeaders = /^(host|content-(type|length|encoding)|transfer-encoding|connection)$/;
/** As the worker's `RESERVED`, and what `openaiExtraHeaders` may not set either. */
const reservedHeader = (name: string) => name === 'authorization' || name === 'user-agent' || ownHeaders.test(name);
/** As the worker's `OURS`, each with the setting to use instead. */
const ownFields: Record<string, Key | undefined> = {
  messages: undefined, stream: undefined, model: 'openaiModel', max_tokens: 'aiMaxTokens', max_completion_tokens: 'aiMaxTokens',
};
const secretArn = /^arn:aws[\w-]*:secretsmanager:[\w-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6}$/;
const keyArn = /^arn:aws[\w-]*:kms:[\w-]+:\d{12}:key\/[\w-]+$/;

export const openAiVariables = ({ key, ...settings }: OpenAi): Variables => ({
  OPENAI_BASE_URL: settings.baseUrl,
  OPENAI_MODEL: settings.model,
  OPENAI_KEY_SECRET: key?.secret,
  OPENAI_KEY_HEADER: key?.header,
  OPENAI_TOKEN_LIMIT: settings.tokenLimit,
  OPENAI_RESPONSE_FORMAT: settings.responseFormat,
  OPENAI_SCHEMA_LIMITS: settings.schemaLimits?.toString(),
  OPENAI_INSTRUCTIONS: settings.instructions,
  OPENAI_API_VERSION: settings.apiVersion,
  OPENAI_EXTRA_BODY: settings.extraBody,
  OPENAI_EXTRA_HEADERS: settings.extraHeaders,
  ...modelVariables(settings),
});

/** Grants reading the key. */
export function allowOpenAi(worker: RustFunction, { key }: OpenAi): void {
  if (!key) return;
  const { secret, kmsKey } = key;
  worker.allow(['secretsmanager:GetSecretValue'], secret);
  // AWS's own key for this service needs no permission of the function.
  if (kmsKey) {
    // A secret is read in the region of its ARN.
    const region = secret.split(':')[3] || Aws.REGION;
    worker.allow(['kms:Decrypt'], kmsKey, {
      StringEquals: { 'kms:ViaService': `secretsmanager.${region}.${Aws.URL_SUFFIX}` },
    });
  }
}
