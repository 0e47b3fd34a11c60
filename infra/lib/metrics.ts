import * as fs from 'node:fs';
import * as path from 'node:path';
import type { Duration } from 'aws-cdk-lib';
import { Metric } from 'aws-cdk-lib/aws-cloudwatch';
import { infraDir } from './settings';

/** A metric as the functions emit it. */
export interface CatalogueEntry {
  readonly name: string;
  readonly unit: string;
  readonly meaning: string;
  /** The sets of dimensions of its values; the empty one is the sum of all. */
  readonly dimensions: string[][];
}

/** The functions' own metrics, from the list generated from their code: a name that they do not emit is an error. */
export const catalogue: { readonly namespace: string; readonly metrics: CatalogueEntry[] } = JSON.parse(
  fs.readFileSync(path.join(infraDir, '..', 'functions', 'metrics.json'), 'utf8'));

interface Wanted {
  readonly statistic: string;
  readonly period: Duration;
  readonly label?: string;
}

/** One of the functions' own metrics, without dimensions. */
export function ownMetric(name: string, wanted: Wanted): Metric {
  entry(name, []);
  return new Metric({ namespace: catalogue.namespace, metricName: name, ...wanted });
}

/** A search for one of the functions' own metrics by all values of a dimension. */
export function ownMetricBy(dimension: string, name: string, { statistic, period }: Wanted): string {
  entry(name, [dimension]);
  return `SEARCH('{${catalogue.namespace},${dimension}} MetricName="${name}"', '${statistic}', ${period.toSeconds()})`;
}

function entry(name: string, dimensions: string[]): CatalogueEntry {
  const found = catalogue.metrics.find((each) => each.name === name);
  if (found?.dimensions.some((set) => set.join() === dimensions.join())) return found;
  throw new Error(`functions/metrics.json has no metric ${name} with dimensions [${dimensions.join()}]`);
}
