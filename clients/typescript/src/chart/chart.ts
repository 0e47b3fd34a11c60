/** A mandala chart. An empty cell is left out, and the others keep their places. */
export interface Chart {
  /** What is to be reached. */
  title: string;
  /** More about it. */
  description?: string;
  /** Where its owner stands. */
  background?: string;
  /** What limits its owner. */
  constraints?: string;
  /** By when, as its owner puts it. */
  deadline?: string;
  /** At most one for each place, in their order. */
  subGoals: ChartSubGoal[];
}

/** A sub-goal of a chart. */
export interface ChartSubGoal {
  /** Its place, from 1 to 8. */
  position: number;
  /** What it is about. May be empty: actions can be written down before it has a name. */
  title: string;
  /** More about it. */
  description?: string;
  /** At most one for each place, in their order. */
  actions: ChartAction[];
}

/** An action of a chart. */
export interface ChartAction {
  /** Its place within the sub-goal, from 1 to 8. */
  position: number;
  /** What to do. Never blank. */
  title: string;
  /** More about it. */
  description?: string;
  /** Where the owner stands. */
  background?: string;
  /** What limits the owner. */
  constraints?: string;
  /** Done once (the default), or again and again. */
  type?: 'execution' | 'habit';
}

/** The places of sub-goals in a chart, and of actions in a sub-goal. */
export const SIDES = [1, 2, 3, 4, 5, 6, 7, 8] as const;

/** A chart that was read. */
export interface Reading {
  /** The chart. It has a title and at least one action. */
  chart: Chart;
  /** What was there and is not in the chart, one sentence for each. */
  leftOut: string[];
}

/** An action of which only the title is known. */
export function titled(position: number, title: string): ChartAction {
  return { position, title, type: 'execution' };
}

/** The texts that are not empty: an absent field is left out. */
export function texts<Name extends string>(named: Record<Name, string | undefined>): { [Each in Name]?: string } {
  return Object.fromEntries(Object.entries(named).filter(([, text]) => text)) as { [Each in Name]?: string };
}

/** How many actions a chart has. */
export function actionCount(chart: Chart): number {
  return chart.subGoals.reduce((count, { actions }) => count + actions.length, 0);
}
