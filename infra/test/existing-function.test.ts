import assert from 'node:assert/strict';
import * as path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { ExistingFunctionStack } from '../examples/existing-function/existing-function-stack';
import { infraDir } from '../lib/settings';

type Json = Record<string, any>;

const handler = async (form: 'flat' | 'nested'): Promise<(event: unknown) => Promise<Json>> => {
  const file = path.join(infraDir, 'examples', 'existing-function', 'handler', `${form}.mjs`);
  return (await import(pathToFileURL(file).href)).handler;
};

const actionId = '5d1f7c1e-3c0b-4d6e-9a51-0f6a0c2f7a11';
const action = {
  actionId, title: 'Polish', description: 'until it shines', type: 'execution', background: '', constraints: null as string | null,
  subGoalTitle: 'Shoes', subGoalDescription: '',
};
const goalContext = {
  goalId: '0b8f3c52-8c1e-4f0e-8a55-4e7a2a1d9c10', title: 'Look good', description: '', deadline: '', background: '', constraints: null,
};
/** What the worker sends: the union of both forms. */
const union = (changed = {}) => {
  const actionContext = { ...action, ...changed };
  return { ...actionContext, goalContext, actionContext, unknown: 1 };
};

/** The answer itself, also out of one for API Gateway. */
const answered = async (form: 'flat' | 'nested', event: unknown): Promise<Json> => {
  const answer = await (await handler(form))(event);
  if (form === 'flat') return answer;
  assert.equal(answer.statusCode, 200);
  return JSON.parse(answer.body);
};

for (const form of ['flat', 'nested'] as const) {
  test(`the ${form} form answers what the worker sends`, async () => {
    const { status, tasks, ...answer } = await answered(form, union());
    assert.deepEqual([answer.actionId, status], [actionId, 'success']);
    assert.deepEqual(tasks.map(({ title, estimatedMinutes }: Json) => [title, estimatedMinutes]), [['Plan: Polish', 30], ['Do: Polish', 60]]);
    assert.match(tasks[0].description, /Look good .* any day/);
  });

  test(`the ${form} form refuses what misses a field, and names it`, async () => {
    const path = form === 'flat' ? '' : 'actionContext.';
    const error = form === 'flat'
      ? (field: string) => `${field} is missing or invalid`
      : (field: string) => ({ code: 'VALIDATION_ERROR', field });
    for (const field of Object.keys(action)) {
      const { status, error: named } = await answered(form, union({ [field]: undefined }));
      assert.deepEqual([status, named], ['failed', error(`${path}${field}`)]);
    }
    for (const field of Object.keys(goalContext)) {
      const { status, error: named } = await answered(form, { ...union(), goalContext: { ...goalContext, [field]: undefined } });
      assert.deepEqual([status, named], ['failed', error(`goalContext.${field}`)]);
    }
    for (const [field, value] of Object.entries({ actionId: 'a-1-1', type: 'other', background: null, constraints: 1, title: ' ' })) {
      assert.deepEqual((await answered(form, union({ [field]: value }))).error, error(`${path}${field}`));
    }
    assert.equal((await answered(form, null)).status, 'failed');
  });

  test(`the ${form} form fails on demand`, async () => {
    const demanded = (line: string) => answered(form, union({ constraints: `No water.\ngenerate-tasks: ${line}` }));
    await assert.rejects(demanded('throw'), /no idea what to do about Polish/);
    assert.deepEqual((await demanded('invalid')).tasks.map(({ title }: Json) => title), ['']);
    assert.deepEqual(await demanded('refuse'), { actionId, status: 'failed', tasks: [], error: 'Polish is too vague' });
    assert.equal((await demanded('something else')).status, 'success');
  });
}

test('each form is valid without the fields of the other', async () => {
  assert.equal((await answered('flat', { ...action, goalContext })).status, 'success');
  assert.equal((await answered('nested', { goalContext, actionContext: action })).status, 'success');
  assert.equal((await answered('flat', { goalContext, actionContext: action })).status, 'failed');
  assert.equal((await answered('nested', { ...action, goalContext })).status, 'failed');
});

test('the stack deploys both and tells their names', () => {
  const template = Template.fromStack(new ExistingFunctionStack(new App(), 'Tasks'));
  assert.deepEqual(Object.keys(template.findOutputs('*')), ['GenerateTasksFunctionName', 'GenerateTasksNestedFunctionName']);
  const handlers = Object.values(template.findResources('AWS::Lambda::Function')).map(({ Properties }) => Properties.Handler);
  assert.deepEqual(handlers, ['flat.handler', 'nested.handler']);
});
