import { SIDES, texts, titled, type Chart, type ChartAction, type ChartSubGoal, type Reading } from './chart.js';
import { cell } from './decode.js';
import { readGrid } from './grid.js';
import { firstError } from './json-error.js';
import { ChartError, Problems, WHOLE, atLine, missing } from './place.js';

type Json = string | number | boolean | null | Json[] | JsonObject;
type JsonObject = { [name: string]: Json };

/** What the fields are called, the name that is written first. The others are those of other programs. */
const TITLE = ['title', 'center', 'goal', 'mainGoal', 'theme', 'name', 'text'];
const DESCRIPTION = ['description', 'note', 'notes'];
const BACKGROUND = ['background'];
const CONSTRAINTS = ['constraints'];
const DEADLINE = ['deadline'];
const SUB_GOALS = ['subGoals', 'themes', 'subgoals', 'sub_goals', 'pillars', 'children'];
const ACTIONS = ['actions', 'items', 'tasks', 'children'];
const KIND = ['type'];
const POSITION = ['position'];

/** Reads a chart with sub-goals and actions, as themes with items, or as nine lists of nine texts. */
export function readJson(text: string): Reading {
  const error = firstError(text);
  if (error) throw new ChartError(atLine(error.line), `not JSON, near column ${error.column}`);
  const value = JSON.parse(text) as Json;
  const problems = new Problems();
  if (Array.isArray(value)) {
    const rows = table(value, problems);
    problems.refuse();
    return readGrid(rows);
  }
  if (!isObject(value)) throw new ChartError(WHOLE, 'expected an object, or nine lists of nine texts');
  const reading = readGoal(value, problems);
  problems.refuse();
  return reading;
}

const isObject = (value: Json): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

function table(rows: Json[], problems: Problems): string[][] {
  return rows.map((cells, row) => {
    if (Array.isArray(cells)) {
      return cells.map((value, column) => {
        if (typeof value === 'string' || typeof value === 'number') return String(value);
        if (value !== null) problems.wrong(`[${row}][${column}]`, 'expected a text');
        return '';
      });
    }
    problems.wrong(`[${row}]`, 'expected a list of nine texts');
    return [];
  });
}

/** The path of a field below another. */
const below = (path: string, name: string) => (path === '' ? name : `${path}.${name}`);

/** The first of these fields that is there, unless it is `null`. */
function first(object: JsonObject, names: string[]): [name: string, value: Exclude<Json, null>] | undefined {
  const name = names.find((each) => Object.hasOwn(object, each));
  const value = name === undefined ? null : object[name] ?? null;
  return name === undefined || value === null ? undefined : [name, value];
}

/** The text of a field, empty where there is none; `undefined` if it is something else, which is noted. */
function textIn(object: JsonObject, names: string[], path: string, problems: Problems): string | undefined {
  const [name, value] = first(object, names) ?? ['', ''];
  if (typeof value === 'string') return cell(value);
  if (typeof value === 'number') return String(value);
  problems.wrong(below(path, name), 'expected a text');
  return undefined;
}

const textOf = (...field: Parameters<typeof textIn>): string => textIn(...field) ?? '';

interface Placed { position: number; path: string; entry: Json }

/** The entries of a list, each with its place and path. Places are their order, or what they say themselves. */
function entries(object: JsonObject, names: string[], path: string, tooMany: string, problems: Problems): Placed[] {
  const [name, list] = first(object, names) ?? ['', []];
  const listPath = below(path, name);
  if (!Array.isArray(list)) {
    problems.wrong(listPath, 'expected a list');
    return [];
  }
  const placed: Placed[] = [];
  for (const [index, entry] of list.entries()) {
    if (isEmpty(entry)) continue;
    const entryPath = `${listPath}[${index}]`;
    const [field, own] = (isObject(entry) && first(entry, POSITION)) || [];
    const position = SIDES.find((side) => side === (field === undefined ? index + 1 : own));
    if (position === undefined) {
      if (field === undefined) problems.wrong(entryPath, tooMany);
      else problems.wrong(below(entryPath, field), 'expected a place from 1 to 8');
    } else if (placed.some((other) => other.position === position)) {
      problems.wrong(entryPath, `place ${position} is taken by an entry before it`);
    } else {
      placed.push({ position, path: entryPath, entry });
    }
  }
  return placed.sort((one, other) => one.position - other.position);
}

/** Returns `true` for an empty cell. */
function isEmpty(entry: Json): boolean {
  const isBlank = (value: Json) => value === null || (typeof value === 'string' && cell(value) === '');
  if (!isObject(entry)) return isBlank(entry);
  return Object.values(entry).every((value) => (Array.isArray(value) ? value.every(isEmpty) : isBlank(value)));
}

/** What is left out of an object: the fields that no chart has, in their alphabetical order. */
function others(object: JsonObject, known: string[][], path: string): string[] {
  const names = Object.keys(object).filter((name) => !known.some((each) => each.includes(name))).sort();
  const shown = (name: string) => Array.from(name.replace(/\p{Cc}/gu, '')).slice(0, 60).join('');
  return names.map((name) => `${below(path, shown(name))}: a field that charts do not have`);
}

function readGoal(goal: JsonObject, problems: Problems): Reading {
  const leftOut = others(goal, [TITLE, DESCRIPTION, BACKGROUND, CONSTRAINTS, DEADLINE, SUB_GOALS], '');
  const title = textIn(goal, TITLE, '', problems);
  if (title === '') problems.wrong('title', missing('the goal has no title', leftOut));
  const deadline = textOf(goal, DEADLINE, '', problems);
  const subGoals = entries(goal, SUB_GOALS, '', 'a goal has at most 8 sub-goals', problems)
    .map((each) => readSubGoal(each, leftOut, problems)).filter((subGoal) => subGoal !== undefined);
  const [description, background, constraints] = [DESCRIPTION, BACKGROUND, CONSTRAINTS].map((names) => textOf(goal, names, '', problems));
  return { chart: { title: title ?? '', ...texts({ description, background, constraints, deadline }), subGoals }, leftOut };
}

function readSubGoal({ position, path, entry }: Placed, leftOut: string[], problems: Problems): ChartSubGoal | undefined {
  if (typeof entry === 'string') return { position, title: cell(entry), actions: [] };
  if (!isObject(entry)) {
    problems.wrong(path, 'expected a sub-goal: a text, or an object with a title and actions');
    return undefined;
  }
  leftOut.push(...others(entry, [TITLE, DESCRIPTION, ACTIONS, POSITION], path));
  const placed = entries(entry, ACTIONS, path, 'a sub-goal has at most 8 actions', problems);
  const actions = placed.map((each) => readAction(each, leftOut, problems)).filter((action) => action !== undefined);
  const [title, description] = [textOf(entry, TITLE, path, problems), textOf(entry, DESCRIPTION, path, problems)];
  return { position, title, ...texts({ description }), actions };
}

function readAction({ position, path, entry }: Placed, leftOut: string[], problems: Problems): ChartAction | undefined {
  if (typeof entry === 'string') return titled(position, cell(entry));
  if (!isObject(entry)) {
    problems.wrong(path, 'expected an action: a text, or an object with a title');
    return undefined;
  }
  leftOut.push(...others(entry, [TITLE, DESCRIPTION, BACKGROUND, CONSTRAINTS, KIND, POSITION], path));
  const title = textOf(entry, TITLE, path, problems);
  const [description, background, constraints] = [DESCRIPTION, BACKGROUND, CONSTRAINTS].map((names) => textOf(entry, names, path, problems));
  if (title === '') {
    // With a type or a text beside it: a cell of a form that was left empty.
    if (description || background || constraints) leftOut.push(`${path}: an action without a title`);
    return undefined;
  }
  const type = textOf(entry, KIND, path, problems).replace(/[A-Z]/g, (letter) => letter.toLowerCase()) || 'execution';
  if (type !== 'execution' && type !== 'habit') {
    problems.wrong(below(path, 'type'), 'expected execution or habit');
    return undefined;
  }
  return { position, title, ...texts({ description, background, constraints }), type };
}

/** Writes all of a chart, and nothing that is not part of one. */
export function writeJson({ title, description, background, constraints, deadline, subGoals }: Chart): string {
  const written = {
    title,
    ...texts({ description, background, constraints, deadline }),
    subGoals: subGoals.map((subGoal) => ({
      position: subGoal.position,
      title: subGoal.title,
      ...texts({ description: subGoal.description }),
      actions: subGoal.actions.map(({ position, title, description, background, constraints, type = 'execution' }) => (
        { position, title, ...texts({ description, background, constraints }), type })),
    })),
  };
  return `${JSON.stringify(written, null, 2)}\n`;
}
