import { examplePrices, type Prices } from './prices';
import { SettingsError } from './settings-error';

/** The generator of the tasks, and how it is called; docs/GENERATORS.md explains each. */
export type Generator =
  | { readonly kind: 'offline' }
  | { readonly kind: 'lambda'; readonly function: string }
  | Bedrock
  | OpenAi;

/** Sampling settings of a model. Without a value the model's, or the worker's, default applies. */
interface Model {
  readonly model: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
  /** Without them the cost is not known. */
  readonly prices?: Prices;
}

export interface Bedrock extends Model {
  readonly kind: 'bedrock';
  /** The source of an application inference profile: a model, or one of Bedrock's own profiles. */
  readonly source?: string;
  /** Default: the stack's. */
  readonly region?: string;
  /** The regions to which a geographic inference profile may route a request. */
  readonly profileRegions?: string[];
}

export interface OpenAi extends Model {
  readonly kind: 'openai';
  readonly baseUrl: string;
  readonly key?: {
    /** The ARN of a secret. */
    readonly secret?: string;
    /** The name of a parameter. */
    readonly parameter?: string;
    /** The ARN of the customer managed key that it is encrypted with. */
    readonly kmsKey?: string;
  };
  readonly tokenLimit?: string;
}

export const generatorKeys = {
  generator: true, generatorFunction: true,
  bedrockModel: true, bedrockProfileSource: true, bedrockProfileRegions: true, bedrockRegion: true,
  openaiBaseUrl: true, openaiModel: true, openaiKeySecret: true, openaiKeyParameter: true, openaiKeyKmsKey: true,
  openaiTokenLimit: true, aiTemperature: true, aiMaxTokens: true, aiPrices: true,
} as const;

type Key = Exclude<keyof typeof generatorKeys, 'generator'>;
type Kind = Generator['kind'];

/** The settings of each generator. A setting of another one is an error, because it would have no effect. */
const known: Record<Kind, readonly Key[]> = {
  offline: [],
  bedrock: [
    'bedrockModel', 'bedrockProfileSource', 'bedrockProfileRegions', 'bedrockRegion',
    'aiTemperature', 'aiMaxTokens', 'aiPrices',
  ],
  lambda: ['generatorFunction'],
  openai: [
    'openaiBaseUrl', 'openaiModel', 'openaiKeySecret', 'openaiKeyParameter', 'openaiKeyKmsKey', 'openaiTokenLimit',
    'aiTemperature', 'aiMaxTokens', 'aiPrices',
  ],
};

/** The prefixes of Bedrock's inference profiles that stay within a geography. Models' own ids begin with their provider. */
const geographies = ['us', 'us-gov', 'eu', 'apac', 'jp', 'au', 'ca'];

/** The id of the model behind an inference profile, and the profile's kind; a model by itself has none. */
export function profileOf(model: string): { model: string; profile?: 'geographic' | 'global' } {
  const dot = model.indexOf('.');
  const prefix = model.slice(0, dot);
  if (prefix === 'global') return { model: model.slice(dot + 1), profile: 'global' };
  if (geographies.includes(prefix)) return { model: model.slice(dot + 1), profile: 'geographic' };
  return { model };
}

export function readGenerator(context: Record<string, unknown>): Generator {
  const kinds = Object.keys(known) as Kind[];
  const named = context.generator ?? 'offline';
  const kind = kinds.find((each) => each === named);
  if (!kind) throw new SettingsError(`context generator=${JSON.stringify(named)}: expected one of ${kinds.join(', ')}`);

  for (const key of Object.keys(generatorKeys) as (Key | 'generator')[]) {
    if (key !== 'generator' && context[key] !== undefined && !known[kind].includes(key)) {
      throw new SettingsError(`context ${key} has no meaning with generator=${kind}`);
    }
  }

  const wrong = (key: Key, shape: string) =>
    new SettingsError(`context ${key}=${JSON.stringify(context[key])}: expected ${shape}`);

  function text(key: Key, pattern: RegExp, shape: string): string | undefined {
    const value = context[key];
    if (value === undefined) return undefined;
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw wrong(key, shape);
  }

  function needed(key: Key, pattern: RegExp, shape: string): string {
    const value = text(key, pattern, shape);
    if (value !== undefined) return value;
    throw new SettingsError(`context ${key} is missing: generator=${kind} needs it, ${shape}`);
  }

  function number(key: Key, fits: (value: number) => boolean, shape: string): number | undefined {
    const value = context[key];
    if (value === undefined) return undefined;
    const parsed = typeof value === 'number' || String(value).trim() ? Number(value) : NaN;
    if (fits(parsed)) return parsed;
    throw wrong(key, shape);
  }

  /** US dollars, written so that the worker reads the same. */
  function prices(model: string): Prices | undefined {
    const value = context.aiPrices;
    if (value === undefined) return examplePrices(model);
    const shape = 'two prices in US dollars for a million tokens, read and written, such as 0.8,3.2';
    if (!/^\d{1,6}(\.\d{1,6})?,\d{1,6}(\.\d{1,6})?$/.test(String(value))) throw wrong('aiPrices', shape);
    const [input, output] = String(value).split(',').map(Number) as [number, number];
    return { input, output };
  }

  const model = (id: string, priced: string): Model => ({
    model: id,
    temperature: number('aiTemperature', (t) => t >= 0 && t <= 2, 'a number from 0 to 2'),
    maxTokens: number('aiMaxTokens', (n) => Number.isInteger(n) && n >= 1 && n <= 1_000_000, 'a whole number of tokens'),
    prices: prices(priced),
  });

  switch (kind) {
    case 'offline':
      return { kind };
    case 'lambda': {
      const shape = 'the name or the ARN of a function, also with an alias';
      return { kind, function: needed('generatorFunction', functionName, shape) };
    }
    case 'bedrock': {
      const id = needed('bedrockModel', modelId, 'the id of a model or an inference profile, or the ARN of your own profile');
      const source = text('bedrockProfileSource', sourceId, "the id of a model or of one of Bedrock's inference profiles");
      const home = applicationProfile.exec(id)?.groups?.region;
      if ((home !== undefined) !== (source !== undefined)) {
        throw new SettingsError('context bedrockProfileSource belongs to an application inference profile: its ARN does '
          + 'not tell the model that it was made from, as `aws bedrock get-inference-profile` does');
      }
      const called = text('bedrockRegion', region, 'a region');
      if (home && called && called !== home) {
        throw new SettingsError(`context bedrockRegion=${called}: this application inference profile is in ${home}`);
      }
      const { model: behind, profile } = profileOf(source ?? id);
      const regions = text('bedrockProfileRegions', regionList, 'regions, comma-separated')?.split(',');
      if ((profile === 'geographic') !== (regions !== undefined)) {
        throw new SettingsError('context bedrockProfileRegions belongs to a geographic inference profile such as eu.…: '
          + 'the regions that `aws bedrock get-inference-profile` shows for it');
      }
      return { kind, ...model(id, behind), source, region: home ?? called, profileRegions: regions };
    }
    case 'openai': {
      const baseUrl = needed('openaiBaseUrl', address, 'an http or https address such as https://api.openai.com/v1');
      const secret = text('openaiKeySecret', secretArn, 'the whole ARN of a secret: with its name only, others would do as well');
      const parameter = text('openaiKeyParameter', parameterName, 'the name of a parameter');
      const kmsKey = text('openaiKeyKmsKey', keyArn, 'the ARN of a KMS key');
      if (secret && parameter) throw new SettingsError('context openaiKeySecret and openaiKeyParameter: give one of them');
      if (kmsKey && !secret && !parameter) throw new SettingsError('context openaiKeyKmsKey belongs to a key that it encrypts');
      const key = secret || parameter ? { secret, parameter, kmsKey } : undefined;
      if (key && !/^(https:|http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?(\/|$))/.test(baseUrl)) {
        throw new SettingsError('context openaiBaseUrl: a key may not travel over plain http to another machine; use https');
      }
      const id = needed('openaiModel', /^\S+$/, 'the name of a model');
      const tokenLimit = text('openaiTokenLimit', /^max_(completion_)?tokens$/, 'max_completion_tokens or max_tokens');
      return { kind, ...model(id, id), baseUrl, key, tokenLimit };
    }
  }
}

const functionName = /^(arn:aws[\w-]*:lambda:[\w-]+:\d{12}:function:)?[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9_$-]{1,128})?$/;
const sourceId = /^[a-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9a-z]+)*$/;
const applicationProfile =
  /^arn:aws[\w-]*:bedrock:(?<region>[\w-]+):\d{12}:application-inference-profile\/[A-Za-z0-9-]+$/;
const modelId = new RegExp(`${sourceId.source}|${applicationProfile.source}`);
const region = /^[a-z]{2}(-[a-z]+)+-\d$/;
const regionList = /^[a-z]{2}(-[a-z]+)+-\d(,[a-z]{2}(-[a-z]+)+-\d)*$/;
/** Plain: a user and a password in it would be a secret in the template. */
const address = /^https?:\/\/[^\s/?#@][^\s?#@]*$/;
const secretArn = /^arn:aws[\w-]*:secretsmanager:[\w-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6}$/;
const parameterName = /^[\w./-]{1,1011}$/;
const keyArn = /^arn:aws[\w-]*:kms:[\w-]+:\d{12}:key\/[\w-]+$/;
