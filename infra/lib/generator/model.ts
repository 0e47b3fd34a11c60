import { examplePrices, type Prices } from '../prices';
import type { Key } from './keys';
import type { Reader } from './reader';
import type { Variables } from './variables';

/** Settings of any model. Without a value the model's, or the worker's, default applies. */
export interface Model {
  readonly temperature?: number;
  readonly maxTokens?: number;
  /** By how many percent a title or a description may exceed its limit and still be cut instead of refused. */
  readonly overlength?: number;
  /** Without them the cost is not known. */
  readonly prices?: Prices;
}

/** `priced` names the model in the table of example prices. */
export const readModel = (read: Reader, priced?: string): Model => ({
  temperature: read.number('aiTemperature', (t) => t >= 0 && t <= 2, 'a number from 0 to 2'),
  maxTokens: read.number('aiMaxTokens', (n) => Number.isInteger(n) && n >= 1 && n <= 1_000_000, 'a whole number of tokens'),
  overlength: readOverlength(read),
  prices: readPrices(read) ?? (priced === undefined ? undefined : examplePrices(priced)),
});

export const readOverlength = (read: Reader): number | undefined =>
  read.number('aiOverlength', (n) => Number.isInteger(n) && n >= 0 && n <= 100, 'a whole number of percent, 0 to 100');

/** US dollars, written so that the worker reads the same. */
function readPrices(read: Reader): Prices | undefined {
  const key: Key = 'aiPrices';
  const value = read.value(key);
  if (value === undefined) return undefined;
  if (!/^\d{1,6}(\.\d{1,6})?,\d{1,6}(\.\d{1,6})?$/.test(String(value))) {
    throw read.wrong(key, 'two prices in US dollars for a million tokens, input and output, such as 0.8,3.2');
  }
  const [input, output] = String(value).split(',').map(Number) as [number, number];
  return { input, output };
}

export const modelVariables = ({ temperature, maxTokens, overlength, prices }: Model): Variables => ({
  AI_TEMPERATURE: temperature?.toString(),
  AI_MAX_TOKENS: maxTokens?.toString(),
  AI_OVERLENGTH: overlength?.toString(),
  AI_INPUT_PRICE: dollars(prices?.input),
  AI_OUTPUT_PRICE: dollars(prices?.output),
});

/** Never in the form 1e-7. */
const dollars = (price?: number) => price?.toFixed(6).replace(/\.?0+$/, '');
