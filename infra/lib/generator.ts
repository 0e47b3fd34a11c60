import { allowBedrock, bedrockVariables } from './generator/bedrock';
import { allowFunction, functionVariables } from './generator/lambda';
import { allowOpenAi, openAiVariables } from './generator/openai';
import { annotate, type Place } from './generator/notes';
import type { Variables } from './generator/variables';
import type { Generator, Generators } from './generator-settings';
import type { RustFunction } from './rust-function';
import { SettingsError } from './settings-error';

/** Configures the worker's generators, and grants exactly the permissions that they need. */
export function useGenerators(worker: RustFunction, settings: Generators & Place): void {
  const all = generatorVariables(settings);
  refuseTooMany(all);
  annotate(worker, settings);
  for (const [name, value] of Object.entries(all)) worker.setting(name, value);
  allow(worker, settings.generator);
  if (settings.fallback) allow(worker, settings.fallback);
}

/** The worker's variables that name its generators and configure them. */
export function generatorVariables({ generator, fallback }: Generators): Variables {
  const first = { GENERATOR: generator.kind, ...variables(generator) };
  if (!fallback) return first;
  const second = Object.entries({ GENERATOR: fallback.kind, ...variables(fallback) });
  return { ...first, ...Object.fromEntries(second.map(([name, value]) => [`FALLBACK_${name}`, value])) };
}

/** A function has 4 KB for the names and values of its variables; the worker's others take less than 1 KB. */
const maxBytes = 3000;

/** Lambda would refuse the deployment, without the names. */
function refuseTooMany(variables: Variables): void {
  const sizes = Object.entries(variables).filter(([, value]) => value !== undefined)
    .map(([name, value]) => [name, Buffer.byteLength(name + value)] as const);
  const sum = sizes.reduce((bytes, [, size]) => bytes + size, 0);
  if (sum <= maxBytes) return;
  const largest = [...sizes].sort(([, a], [, b]) => b - a).slice(0, 3).map(([name, size]) => `${name} ${size}`).join(', ');
  throw new SettingsError(`the worker's variables for its generators have ${sum} bytes, more than the ${maxBytes} that a function has `
    + `room for: shorten the largest, ${largest}`);
}

function allow(worker: RustFunction, generator: Generator): void {
  switch (generator.kind) {
    case 'offline':
      return;
    case 'lambda':
      return allowFunction(worker, generator);
    case 'bedrock':
      return allowBedrock(worker, generator);
    case 'openai':
      return allowOpenAi(worker, generator);
  }
}

function variables(generator: Generator): Variables {
  switch (generator.kind) {
    case 'offline':
      return {};
    case 'lambda':
      return functionVariables(generator);
    case 'bedrock':
      return bedrockVariables(generator);
    case 'openai':
      return openAiVariables(generator);
  }
}
