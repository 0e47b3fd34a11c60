import assert from 'node:assert/strict';
import { readSettings, SettingsError } from '../lib/settings';
import { list, synth, target } from './synth';

export const generator = (context: Record<string, unknown>) => readSettings(context).generator;

export const rejected = (context: Record<string, unknown>, message: RegExp) =>
  assert.throws(() => readSettings(context), (error: Error) => {
    assert.ok(error instanceof SettingsError);
    assert.match(error.message, message);
    return true;
  });

export const account = 'AWS::AccountId';
export const key = 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
export const secret = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:ai/key-AbC123';

interface Worker {
  readonly variables: Record<string, string>;
  readonly granted: { readonly actions: string; readonly resource: string; readonly when?: Record<string, string> }[];
}

function read(context: Record<string, unknown>): Worker {
  const { resources } = synth(context);
  const { Properties } = resources('AWS::Lambda::Function').FunctionsWorkerFunction!;
  const policies = Object.values(resources('AWS::IAM::Policy'))
    .filter(({ Properties }) => Properties.Roles.some((role: any) => target(role) === 'FunctionsWorkerRole'));
  const granted = policies.flatMap(({ Properties }) => Properties.PolicyDocument.Statement as any[])
    .flatMap(({ Effect, Action, Resource, Condition }) => list(Resource).map((resource) => {
      assert.equal(Effect, 'Allow');
      const conditions = Object.entries(Condition?.StringEquals ?? {}).map(([name, value]) => [name, target(value)]);
      assert.deepEqual(Object.keys(Condition ?? {}).filter((operator) => operator !== 'StringEquals'), []);
      return { actions: list(Action).join(), resource: target(resource), ...(Condition && { when: Object.fromEntries(conditions) }) };
    }));
  const distinct = new Set(granted.map((each) => JSON.stringify(each)));
  assert.equal(distinct.size, granted.length, 'nothing is granted twice');
  return { variables: Properties.Environment.Variables, granted };
}

let baseline: Worker | undefined;

/** The worker's variables and permissions with a generator, in addition to those with the offline one. */
export function worker(context: Record<string, unknown>): Worker {
  const offline = (baseline ??= read({}));
  const chosen = read(context);
  const before = offline.granted.map((statement) => JSON.stringify(statement));
  return {
    variables: Object.fromEntries(Object.entries(chosen.variables)
      .filter(([name]) => !(name in offline.variables) || name === 'GENERATOR')),
    granted: chosen.granted.filter((statement) => !before.includes(JSON.stringify(statement))),
  };
}
