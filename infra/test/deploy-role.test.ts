import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Template } from 'aws-cdk-lib/assertions';
import { AwsSolutionsChecks } from 'cdk-nag';
import { deployRoleApp, readDeployRoleSettings } from '../lib/deploy-role';
import { SettingsError } from '../lib/settings';
import { list, type Resource, target } from './synth';

const minimal = { repository: 'example/goals', environment: 'production' };
const provider = 'arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com';

function synth(context: Record<string, unknown> = {}) {
  const { app, stack } = deployRoleApp({ context: { ...minimal, ...context } });
  const template = Template.fromStack(stack);
  const resources = (type: string) => Object.values(template.findResources(type)) as Resource[];
  /** By the subject that is trusted. */
  const roles = Object.fromEntries(resources('AWS::IAM::Role').map((role) => {
    const [statement, ...others] = role.Properties.AssumeRolePolicyDocument.Statement;
    assert.equal(others.length, 0);
    return [statement.Condition.StringEquals['token.actions.githubusercontent.com:sub'] as string, { role, statement }];
  }));
  return { app, template, resources, roles };
}

/** What the policies of the role allow. */
function assumes(policies: Resource[], role: string): string[] {
  const statements = policies.filter(({ Properties }) => Properties.Roles.some((each: any) => target(each) === role))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
  for (const { Effect, Action } of statements) assert.deepEqual([Effect, Action], ['Allow', 'sts:AssumeRole']);
  return statements.flatMap(({ Resource }) => list<any>(Resource)).map(target);
}

const bootstrapRole = (name: string, qualifier = 'hnb659fds') =>
  `arn:AWS::Partition:iam::AWS::AccountId:role/cdk-${qualifier}-${name}-role-AWS::AccountId-AWS::Region`;

test('only jobs of that repository in that environment get a role', () => {
  const { roles } = synth();
  assert.deepEqual(Object.keys(roles).sort(),
    ['repo:example/goals:environment:production', 'repo:example/goals:environment:production-diff']);
  for (const { role, statement } of Object.values(roles)) {
    assert.equal(statement.Action, 'sts:AssumeRoleWithWebIdentity');
    assert.equal(target(statement.Principal.Federated), 'GitHub');
    assert.deepEqual(Object.keys(statement.Condition), ['StringEquals']);
    assert.equal(statement.Condition.StringEquals['token.actions.githubusercontent.com:aud'], 'sts.amazonaws.com');
    assert.deepEqual([role.Properties.MaxSessionDuration, role.Properties.ManagedPolicyArns], [3600, undefined]);
  }
});

test('subjects with immutable ids are trusted as they are', () => {
  const { roles } = synth({ repository: 'example@12/goals@34' });
  assert.ok('repo:example@12/goals@34:environment:production' in roles);
});

test('the roles may only assume roles of the bootstrap, and the one for a comparison only the one that reads', () => {
  const policies = synth().resources('AWS::IAM::Policy');
  assert.deepEqual(assumes(policies, 'Deploy'), ['deploy', 'file-publishing', 'lookup'].map((name) => bootstrapRole(name)));
  assert.deepEqual(assumes(policies, 'Diff'), [bootstrapRole('lookup')]);
  assert.equal(policies.length, 2);
  const other = synth({ qualifier: 'goals' }).resources('AWS::IAM::Policy');
  assert.deepEqual(assumes(other, 'Diff'), [bootstrapRole('lookup', 'goals')]);
});

test("the account's provider for GitHub is created, or the existing one used", () => {
  const [created, ...others] = synth().resources('AWS::IAM::OIDCProvider');
  assert.deepEqual([created?.Properties.Url, created?.Properties.ClientIdList, created?.DeletionPolicy, others.length],
    ['https://token.actions.githubusercontent.com', ['sts.amazonaws.com'], 'Retain', 0]);
  const existing = synth({ oidcProvider: provider });
  assert.deepEqual(existing.resources('AWS::IAM::OIDCProvider'), []);
  for (const { statement } of Object.values(existing.roles)) assert.equal(statement.Principal.Federated, provider);
});

test('cdk-nag finds nothing', () => {
  assert.deepEqual(new AwsSolutionsChecks().validateScope(synth().app).violations, []);
});

test('settings that cannot be are errors that say what is expected', () => {
  const rejected = (context: Record<string, unknown>, message: RegExp) =>
    assert.throws(() => readDeployRoleSettings(context), (error: Error) => error instanceof SettingsError && message.test(error.message));
  assert.equal(readDeployRoleSettings(minimal).stackName, 'goal-activity-deploy-production');
  rejected({ environment: 'production' }, /repository is missing: owner\/name/);
  rejected({ repository: 'example/goals' }, /environment is missing/);
  rejected({ ...minimal, region: 'eu-west-1' }, /unknown context region: known are stackName, repository/);
  for (const key of ['constructor', 'toString']) rejected({ ...minimal, [key]: 'x' }, new RegExp(`unknown context ${key}`));
  // A pattern would trust other repositories or environments.
  for (const repository of ['goals', 'example/*', 'example/goals:ref', 'a/b/c']) rejected({ ...minimal, repository }, /repository=/);
  for (const environment of ['*', 'a:b', '']) rejected({ ...minimal, environment }, /environment=/);
  rejected({ ...minimal, oidcProvider: 'arn:aws:iam::111122223333:oidc-provider/example.com' }, /oidcProvider=/);
  rejected({ ...minimal, qualifier: 'HNB' }, /qualifier="HNB"/);
});

test('each environment has a stack of its own, whose name CloudFormation accepts', () => {
  const nameOf = (environment: string) => readDeployRoleSettings({ ...minimal, environment }).stackName;
  assert.equal(nameOf('eu-prod'), 'goal-activity-deploy-eu-prod');
  const environments = ['eu-prod', 'eu.prod', 'eu_prod', 'eu--prod', 'eu-prod-', 'e', 'x'.repeat(107), 'x'.repeat(108), 'x'.repeat(120), 'x'.repeat(200), `${'.'.repeat(200)}`];
  const names = environments.map(nameOf);
  assert.equal(new Set(names).size, environments.length, names.join(' '));
  for (const name of names) assert.match(name, /^[A-Za-z][A-Za-z0-9-]{0,127}$/);
});

test('an environment that compares for another gets no role to deploy', () => {
  for (const environment of ['production-diff', 'production-DIFF']) {
    assert.throws(() => readDeployRoleSettings({ ...minimal, environment }), /ending in -diff/);
  }
});
