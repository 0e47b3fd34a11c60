import type { Timeline } from '../api/types';

/** A batch over time, in seconds after the request. */
export interface Bar {
  batchIndex: number;
  from: number;
  /** Missing while it has not finished. */
  to: number | undefined;
  succeeded: number;
  failed: number;
}

export interface Bars {
  bars: Bar[];
  /** How long it waited for its turn. */
  waited: number;
  /** The whole time, so far. */
  total: number;
}

/** The batches of a timeline as bars: from the workflow's start, which is all that is known of theirs, to their end. */
export function barsOf({ items }: Pick<Timeline, 'items'>, batches: number, now: number): Bars {
  const first = items[0];
  if (!first) return { bars: [], waited: 0, total: 0 };
  const accepted = Date.parse(first.at);
  const seconds = (at: string) => Math.max(0, (Date.parse(at) - accepted) / 1000);
  const started = items.find(({ what }) => what === 'STARTED');
  const end = items.find(({ what }) => what === 'ENDED');
  const total = end ? seconds(end.at) : Math.max(0, (now - accepted) / 1000);
  const waited = started ? seconds(started.at) : total;
  if (!started) return { bars: [], waited, total };
  const finished = items.filter(item => item.what === 'BATCH_FINISHED');
  const indexes = [...Array(batches).keys(), ...finished.map(({ batchIndex }) => batchIndex)];
  const bars = [...new Set(indexes)].map(batchIndex => {
    const outcome = finished.find(item => item.batchIndex === batchIndex);
    return {
      batchIndex,
      from: waited,
      to: outcome && seconds(outcome.at),
      succeeded: outcome?.succeeded ?? 0,
      failed: outcome?.failed ?? 0,
    };
  });
  return { bars, waited, total: Math.max(total, ...bars.map(({ to }) => to ?? 0)) };
}
