import { allowBedrock, bedrockVariables } from './generator/bedrock';
import { allowFunction, functionVariables } from './generator/lambda';
import { allowOpenAi, openAiVariables } from './generator/openai';
import type { Variables } from './generator/variables';
import type { Generator, Generators } from './generator-settings';
import type { RustFunction } from './rust-function';

/** Configures the worker's generators, and grants exactly the permissions that they need. */
export function useGenerators(worker: RustFunction, generators: Generators): void {
  for (const [name, value] of Object.entries(generatorVariables(generators))) worker.setting(name, value);
  allow(worker, generators.generator);
  if (generators.fallback) allow(worker, generators.fallback);
}

/** The worker's variables that name its generators and configure them. */
export function generatorVariables({ generator, fallback }: Generators): Variables {
  const first = { GENERATOR: generator.kind, ...variables(generator) };
  if (!fallback) return first;
  const second = Object.entries({ GENERATOR: fallback.kind, ...variables(fallback) });
  return { ...first, ...Object.fromEntries(second.map(([name, value]) => [`FALLBACK_${name}`, value])) };
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
