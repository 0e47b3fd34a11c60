import { type Bedrock, readBedrock } from './generator/bedrock';
import { type Key, keys, keysOf, kinds, prefixed, type Prefix } from './generator/keys';
import { type ExistingFunction, readFunction } from './generator/lambda';
import { type OpenAi, readOpenAi } from './generator/openai';
import { presetNames } from './generator/presets';
import { Reader } from './generator/reader';
import { SettingsError } from './settings-error';

export { generatorKeys } from './generator/keys';

/** The generator of the tasks, and how it is called; docs/GENERATORS.md explains each. */
export type Generator = { readonly kind: 'offline' } | Bedrock | ExistingFunction | OpenAi;

export interface Generators {
  readonly generator: Generator;
  /** Takes over for an action for which the first is refused, throttled or out. */
  readonly fallback?: Generator;
}

export function readGenerators(context: Record<string, unknown>): Generators {
  const generator = read(context, '') ?? { kind: 'offline' };
  const fallback = read(context, 'fallback');
  if (fallback && JSON.stringify(fallback) === JSON.stringify(generator)) {
    throw new SettingsError(`context fallback=${fallback.kind}: it is the same as the generator, choose another`);
  }
  return { generator, fallback };
}

/** Nothing where none is selected. */
function read(context: Record<string, unknown>, prefix: Prefix): Generator | undefined {
  const selector = prefix || 'generator';
  // A preset is one of this generator.
  const preset = context[prefixed(prefix, 'aiPreset')] !== undefined;
  const named = context[selector] ?? (preset ? 'openai' : prefix === '' ? 'offline' : undefined);
  const given = (key: Key) => context[prefixed(prefix, key)] !== undefined;
  if (named === undefined) {
    const lost = keys.find(given);
    if (!lost) return undefined;
    throw new SettingsError(`context ${prefixed(prefix, lost)} has no meaning without ${selector}=…, one of ${kinds.join(', ')}`);
  }
  const kind = kinds.find((each) => each === named);
  if (!kind && presetNames.some((each) => each === named)) {
    const key = prefixed(prefix, 'aiPreset');
    throw new SettingsError(`context ${selector}=${JSON.stringify(named)}: it is a preset, use ${key}=${String(named)} instead`);
  }
  if (!kind) throw new SettingsError(`context ${selector}=${JSON.stringify(named)}: expected one of ${kinds.join(', ')}`);
  const known: readonly Key[] = keysOf[kind];
  const strange = keys.find((key) => given(key) && !known.includes(key));
  if (strange) {
    const of = kinds.filter((each) => (keysOf[each] as readonly Key[]).includes(strange)).map((each) => `${selector}=${each}`);
    throw new SettingsError(`context ${prefixed(prefix, strange)} has no meaning with ${selector}=${kind}: it belongs to ${of.join(' or ')}`);
  }
  return readKind(new Reader(context, prefix, kind));
}

function readKind(reader: Reader): Generator {
  switch (reader.kind) {
    case 'offline':
      return { kind: 'offline' };
    case 'lambda':
      return readFunction(reader);
    case 'bedrock':
      return readBedrock(reader);
    case 'openai':
      return readOpenAi(reader);
  }
}

/**
 * How many tokens of a provider's quota a token of an answer is. Bedrock counts five for Claude 3.7 and what came after it (Amazon
 * Bedrock user guide, "How tokens are counted"); all others are taken to count one.
 */
export function outputTokenWeight(generator: Generator): number {
  const isDear = ({ model }: { model: string }) => /^anthropic\.claude-(?!v\d|instant|2|3-(?!7))/.test(model);
  return generator.kind === 'bedrock' && generator.sources.some(isDear) ? 5 : 1;
}
