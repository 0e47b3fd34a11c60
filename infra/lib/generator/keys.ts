/** The generators; docs/GENERATORS.md explains each. */
export const kinds = ['offline', 'bedrock', 'lambda', 'openai'] as const;
export type Kind = (typeof kinds)[number];

const sampling = ['aiTemperature', 'aiMaxTokens', 'aiPrices', 'aiOverlength'] as const;

/** The keys of each generator. A key of another one is an error, because it would have no effect. */
export const keysOf = {
  offline: [],
  bedrock: [
    'bedrockModel', 'bedrockProfileSource', 'bedrockProfileRegions', 'bedrockRegion', 'bedrockToolChoice', ...sampling,
  ],
  lambda: ['generatorFunction', 'aiOverlength'],
  openai: [
    'aiPreset', 'openaiBaseUrl', 'openaiModel', 'openaiKeySecret', 'openaiKeyKmsKey',
    'openaiKeyHeader', 'openaiTokenLimit', 'openaiResponseFormat', 'openaiSchemaLimits', 'openaiInstructions',
    'openaiApiVersion', 'openaiExtraBody', 'openaiExtraHeaders', ...sampling,
  ],
} as const satisfies Record<Kind, readonly string[]>;

export type Key = (typeof keysOf)[Kind][number];
export const keys: readonly Key[] = [...new Set(Object.values(keysOf).flat())];

/** Of the generator itself, or of the one that takes over for an action. */
export type Prefix = '' | 'fallback';
export type ContextKey = 'generator' | 'fallback' | Key | `fallback${Capitalize<Key>}`;

/** The key in the context: `bedrockModel` of the fallback is `fallbackBedrockModel`. */
export const prefixed = (prefix: Prefix, key: Key): ContextKey =>
  (prefix === '' ? key : `${prefix}${key[0]!.toUpperCase()}${key.slice(1)}`) as ContextKey;

export const generatorKeys = Object.fromEntries(
  ['generator', 'fallback', ...keys, ...keys.map((key) => prefixed('fallback', key))].map((key) => [key, true]),
) as Record<ContextKey, true>;
