import { SIDES, texts, titled, type Chart, type ChartAction, type ChartSubGoal, type Reading } from './chart.js';
import { cell } from './decode.js';
import { ChartError, Problems, WHOLE, atLine } from './place.js';

/* A chart as an outline: the goal, below it its sub-goals, below these their actions. */

/** One entry of an outline, and how deep it is. */
export interface Entry {
  depth: number;
  title: string;
  description: string;
  /** From 1. */
  line: number;
}

/** An entry with those below it. */
interface Node extends Entry {
  children: Node[];
}

/** Puts the entries below each other by how deep they are. A level that is passed over is none. */
function nested(entries: Entry[]): Node[] {
  const roots: Node[] = [];
  const open: Node[] = [];
  for (const entry of entries) {
    while ((open.at(-1)?.depth ?? -1) >= entry.depth) open.pop();
    const node = { ...entry, children: [] };
    (open.at(-1)?.children ?? roots).push(node);
    open.push(node);
  }
  return roots;
}

/** Reads a chart from its outline. `title` is that of the document: the goal's, where no single entry is the goal. */
export function readOutline(entries: Entry[], documentTitle = ''): Reading {
  const goal = goalOf(nested(entries), cell(documentTitle));
  const title = cell(goal.title);
  const problems = new Problems();
  if (title === '') problems.note(atLine(goal.line), 'the goal has no title');
  const leftOut: string[] = [];
  const subGoals = placed(goal.children, 'a goal has at most 8 sub-goals', problems).map(([position, node]): ChartSubGoal => {
    const actions = placed(node.children, 'a sub-goal has at most 8 actions', problems)
      .map(([place, child]) => toAction(place, child, leftOut)).filter((action) => action !== undefined);
    return { position, title: cell(node.title), ...texts({ description: cell(node.description) }), actions };
  });
  problems.refuse();
  const used = subGoals.filter((subGoal) => subGoal.title !== '' || subGoal.actions.length > 0);
  return { chart: { title, ...texts({ description: cell(goal.description) }), subGoals: used }, leftOut };
}

function goalOf(roots: Node[], title: string): Node {
  const [only, second] = roots;
  if (!only) throw new ChartError(WHOLE, 'there is nothing in it');
  if (!second) return only;
  if (title !== '') return { depth: 0, title, description: '', line: 1, children: roots };
  const problem = 'a second goal: an outline has one goal at the top, its sub-goals below it, their actions below these';
  throw new ChartError(atLine(second.line), problem);
}

/** The places of entries: their order. An empty one keeps its place empty. */
function placed(nodes: Node[], problem: string, problems: Problems): [position: number, node: Node][] {
  const isEmpty = (node: Node) => cell(node.title) === '' && node.children.length === 0;
  const extra = nodes.slice(SIDES.length).find((node) => !isEmpty(node));
  if (extra) problems.note(atLine(extra.line), problem);
  return nodes.slice(0, SIDES.length).map((node, index) => [index + 1, node]);
}

/** What stands below an action is more about it. */
function toAction(position: number, node: Node, leftOut: string[]): ChartAction | undefined {
  const title = cell(node.title);
  if (title === '') {
    if (node.children.length > 0 || node.description !== '') {
      leftOut.push(`line ${node.line}: an action without a title, and what stands below it`);
    }
    return undefined;
  }
  const description = [cell(node.description), ...lines(node.children)].filter((line) => line !== '').join('\n');
  return { ...titled(position, title), ...texts({ description }) };
}

function lines(nodes: Node[]): string[] {
  return nodes.flatMap((node) => [cell(node.title), cell(node.description), ...lines(node.children)]);
}

/** The titles of a chart in their order, the empty cells before the last one of each list included. */
export function writeOutline(chart: Chart): { depth: number; title: string }[] {
  const list = <Placed extends { position: number }>(items: Placed[]) => {
    const last = items.reduce((most, { position }) => Math.max(most, position), 0);
    return SIDES.filter((side) => side <= last).map((side) => items.find(({ position }) => position === side));
  };
  const subGoals = list(chart.subGoals).flatMap((subGoal) => [
    { depth: 2, title: subGoal?.title ?? '' },
    ...list(subGoal?.actions ?? []).map((action) => ({ depth: 3, title: action?.title ?? '' })),
  ]);
  return [{ depth: 1, title: chart.title }, ...subGoals];
}
