import type { Goal } from '../api/types';
import { blocksOf } from '../chart/cells';
import { characters, drawChart } from '../chart/drawing';
import { toPng } from '../chart/png';
import { toSvg } from '../chart/svg';
import { type Form, writeChart } from '../bring/forms';

export const KINDS = ['csv', 'tsv', 'json', 'md', 'opml', 'svg', 'png'] as const;
export type Kind = (typeof KINDS)[number];

const TYPES: Record<Exclude<Kind, 'png'>, string> = {
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
  json: 'application/json',
  md: 'text/markdown',
  opml: 'text/x-opml',
  svg: 'image/svg+xml',
};

/** The goal's chart as a file of that kind. */
export async function exported(goal: Goal, kind: Kind, tasksCount: (count: number) => string): Promise<Blob> {
  const drawing = () => drawChart(blocksOf(goal), tasksCount);
  if (kind === 'png') return toPng(drawing());
  const content = kind === 'svg' ? toSvg(drawing()) : await writeChart(goal, kind satisfies Form);
  return new Blob([content], { type: `${TYPES[kind]};charset=utf-8` });
}

/** A name that every file system takes. */
export const fileName = (title: string, kind: Kind): string =>
  `${
    characters(title.replace(/[\\/:*?"<>|\p{Cc}]+/gu, ' ').trim())
      .slice(0, 60)
      .join('') || 'chart'
  }.${kind}`;
