import { allowBedrock, bedrockVariables } from './generator/bedrock';
import { allowFunction, functionVariables } from './generator/lambda';
import { allowOpenAi, openAiVariables } from './generator/openai';
import type { Variables } from './generator/variables';
import type { Generator, Generators } from './generator-settings';
import type { RustFunction } from './rust-function';

/** Configures the worker's generators, and grants exactly the permissions that they need. */
export function useGenerators(worker: RustFunction, { generator, fallback }: Generators): void {
  worker.setting('GENERATOR', generator.kind);
  useGenerator(worker, generator, '');
  if (!fallback) return;
  worker.setting('FALLBACK_GENERATOR', fallback.kind);
  useGenerator(worker, fallback, 'FALLBACK_');
}

function useGenerator(worker: RustFunction, generator: Generator, prefix: '' | 'FALLBACK_'): void {
  for (const [name, value] of Object.entries(variables(generator))) worker.setting(`${prefix}${name}`, value);
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
