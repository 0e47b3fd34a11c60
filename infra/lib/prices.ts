/** The price of a model's tokens, in US dollars for a million. */
export interface Prices {
  readonly input: number;
  readonly output: number;
}

/**
 * Example prices, check yours: as published for us-east-1 and by OpenAI in 2026, on demand, without discounts for
 * caching or batches, and without the 10 % that Anthropic's models cost more through one region or geography than
 * globally. By Bedrock's id of the model, or OpenAI's. The cost of a model that is not listed is unknown, unless `-c
 * aiPrices` sets it.
 */
const examples: Record<string, Prices> = {
  'amazon.nova-micro-v1:0': { input: 0.035, output: 0.14 },
  'amazon.nova-lite-v1:0': { input: 0.06, output: 0.24 },
  'amazon.nova-pro-v1:0': { input: 0.8, output: 3.2 },
  'anthropic.claude-haiku-4-5-20251001-v1:0': { input: 1, output: 5 },
  'anthropic.claude-sonnet-4-5-20250929-v1:0': { input: 3, output: 15 },
  'gpt-4o-mini': { input: 0.15, output: 0.6 },
  'gpt-4.1-mini': { input: 0.4, output: 1.6 },
};

export const examplePrices = (model: string): Prices | undefined =>
  Object.hasOwn(examples, model) ? examples[model] : undefined;
