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
export const catalogue: { readonly metrics: CatalogueEntry[] } = JSON.parse(
  fs.readFileSync(path.join(infraDir, '..', 'functions', 'metrics.json'), 'utf8'));

interface Wanted {
  readonly statistic: string;
  readonly period: Duration;
  readonly label?: string;
}

/** The functions' own metrics, in the stack's own namespace. */
export class OwnMetrics {
  constructor(private readonly namespace: string) {}

  /** One of them, without dimensions. */
  of(name: string, wanted: Wanted): Metric {
    entry(name, []);
    return new Metric({ namespace: this.namespace, metricName: name, ...wanted });
  }

  /** A search for one of them by all values of a dimension. */
  by(dimension: string, name: string, { statistic, period }: Wanted): string {
    entry(name, [dimension]);
    // In quotes: a hyphen has a meaning in a search.
    return `SEARCH('{"${this.namespace}",${dimension}} MetricName="${name}"', '${statistic}', ${period.toSeconds()})`;
  }
}

function entry(name: string, dimensions: string[]): CatalogueEntry {
  const found = catalogue.metrics.find((each) => each.name === name);
  if (found?.dimensions.some((set) => set.join() === dimensions.join())) return found;
  throw new Error(`functions/metrics.json has no metric ${name} with dimensions [${dimensions.join()}]`);
}
