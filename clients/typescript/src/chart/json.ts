import { SIDES, texts, titled, type Chart, type ChartAction, type ChartSubGoal, type Reading } from './chart.js';
import { cell } from './decode.js';
import { readGrid } from './grid.js';
import { firstError } from './json-error.js';
import { ChartError, WHOLE, atLine, missing } from './place.js';

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
  if (Array.isArray(value)) return readGrid(table(value));
  if (isObject(value)) return readGoal(value);
  throw wrong('', 'expected an object, or nine lists of nine texts');
}

function wrong(path: string, problem: string): ChartError {
  return new ChartError(path === '' ? WHOLE : { kind: 'field', field: path }, problem);
}

const isObject = (value: Json): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

function table(rows: Json[]): string[][] {
  return rows.map((cells, row) => {
    if (!Array.isArray(cells)) throw wrong(`[${row}]`, 'expected a list of nine texts');
    return cells.map((value, column) => {
      if (value === null) return '';
      if (typeof value === 'string' || typeof value === 'number') return String(value);
      throw wrong(`[${row}][${column}]`, 'expected a text');
    });
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

function textOf(object: JsonObject, names: string[], path: string): string {
  const [name, value] = first(object, names) ?? ['', ''];
  if (typeof value === 'string') return cell(value);
  if (typeof value === 'number') return String(value);
  throw wrong(below(path, name), 'expected a text');
}

interface Placed { position: number; path: string; entry: Json }

/** The entries of a list, each with its place and path. Places are their order, or what they say themselves. */
function entries(object: JsonObject, names: string[], path: string, tooMany: string): Placed[] {
  const [name, list] = first(object, names) ?? ['', []];
  const listPath = below(path, name);
  if (!Array.isArray(list)) throw wrong(listPath, 'expected a list');
  const placed: Placed[] = [];
  for (const [index, entry] of list.entries()) {
    if (isEmpty(entry)) continue;
    const entryPath = `${listPath}[${index}]`;
    const [field, own] = (isObject(entry) && first(entry, POSITION)) || [];
    const position = SIDES.find((side) => side === (field === undefined ? index + 1 : own));
    if (position === undefined) {
      throw field === undefined ? wrong(entryPath, tooMany) : wrong(below(entryPath, field), 'expected a place from 1 to 8');
    }
    if (placed.some((other) => other.position === position)) {
      throw wrong(entryPath, `place ${position} is taken by an entry before it`);
    }
    placed.push({ position, path: entryPath, entry });
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

function readGoal(goal: JsonObject): Reading {
  const leftOut = others(goal, [TITLE, DESCRIPTION, BACKGROUND, CONSTRAINTS, DEADLINE, SUB_GOALS], '');
  const title = textOf(goal, TITLE, '');
  if (title === '') throw missing({ kind: 'field', field: 'title' }, 'the goal has no title', leftOut);
  const deadline = textOf(goal, DEADLINE, '');
  const subGoals = entries(goal, SUB_GOALS, '', 'a goal has at most 8 sub-goals').map((each) => readSubGoal(each, leftOut));
  const description = textOf(goal, DESCRIPTION, '');
  const background = textOf(goal, BACKGROUND, '');
  const constraints = textOf(goal, CONSTRAINTS, '');
  return { chart: { title, ...texts({ description, background, constraints, deadline }), subGoals }, leftOut };
}

function readSubGoal({ position, path, entry }: Placed, leftOut: string[]): ChartSubGoal {
  if (typeof entry === 'string') return { position, title: cell(entry), actions: [] };
  if (!isObject(entry)) throw wrong(path, 'expected a sub-goal: a text, or an object with a title and actions');
  leftOut.push(...others(entry, [TITLE, DESCRIPTION, ACTIONS, POSITION], path));
  const placed = entries(entry, ACTIONS, path, 'a sub-goal has at most 8 actions');
  const actions = placed.map((each) => readAction(each, leftOut)).filter((action) => action !== undefined);
  return { position, title: textOf(entry, TITLE, path), ...texts({ description: textOf(entry, DESCRIPTION, path) }), actions };
}

function readAction({ position, path, entry }: Placed, leftOut: string[]): ChartAction | undefined {
  if (typeof entry === 'string') return titled(position, cell(entry));
  if (!isObject(entry)) throw wrong(path, 'expected an action: a text, or an object with a title');
  leftOut.push(...others(entry, [TITLE, DESCRIPTION, BACKGROUND, CONSTRAINTS, KIND, POSITION], path));
  const title = textOf(entry, TITLE, path);
  if (title === '') {
    // With a type or a text beside it: a cell of a form that was left empty.
    if ([DESCRIPTION, BACKGROUND, CONSTRAINTS].some((names) => textOf(entry, names, path) !== '')) {
      leftOut.push(`${path}: an action without a title`);
    }
    return undefined;
  }
  const type = textOf(entry, KIND, path).replace(/[A-Z]/g, (letter) => letter.toLowerCase()) || 'execution';
  if (type !== 'execution' && type !== 'habit') throw wrong(below(path, 'type'), 'expected execution or habit');
  const description = textOf(entry, DESCRIPTION, path);
  const background = textOf(entry, BACKGROUND, path);
  const constraints = textOf(entry, CONSTRAINTS, path);
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
