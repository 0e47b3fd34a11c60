import { createHash } from 'node:crypto';
import { App, type AppProps, Aws, CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { OidcProviderNative, PolicyStatement, Role, WebIdentityPrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { SettingsError } from './settings-error';

/** The settings of this app, see "Deploy from GitHub" in README.md. */
export interface DeployRoleSettings {
  readonly stackName: string;
  /** As the subjects of its tokens begin: `owner/name`, or with immutable ids `owner@1/name@2`. */
  readonly repository: string;
  /** The environment of GitHub whose jobs may deploy. */
  readonly environment: string;
  /** That `cdk bootstrap` was given. */
  readonly qualifier: string;
  /** The ARN of the account's provider for GitHub, if it has one: it can have only one. */
  readonly oidcProvider?: string;
}

const issuer = 'token.actions.githubusercontent.com';
const audience = 'sts.amazonaws.com';

const keys: Record<keyof DeployRoleSettings, readonly [RegExp, string]> = {
  stackName: [/^[A-Za-z][A-Za-z0-9-]{0,127}$/, 'a CloudFormation stack name: at most 128 letters, digits and hyphens, a letter first'],
  repository: [/^[\w.-]+(@\d+)?\/[\w.-]+(@\d+)?$/, 'owner/name, or owner@id/name@id'],
  environment: [/^[\w.-]{1,200}$/, 'the name of an environment: letters, digits, _ . -'],
  qualifier: [/^[a-z0-9]{1,10}$/, 'the qualifier of a CDK bootstrap'],
  oidcProvider: [new RegExp(`^arn:[\\w-]+:iam::\\d{12}:oidc-provider/${issuer}$`), `the ARN of an OIDC provider for ${issuer}`],
};

export function readDeployRoleSettings(context: Record<string, unknown>): DeployRoleSettings {
  const unknown = Object.keys(context).filter((key) => !key.includes(':') && !Object.hasOwn(keys, key));
  if (unknown.length > 0) {
    throw new SettingsError(`unknown context ${unknown.join(', ')}: known are ${Object.keys(keys).join(', ')}`);
  }
  function text(key: keyof DeployRoleSettings): string | undefined {
    const [pattern, shape] = keys[key];
    const value = context[key];
    if (value === undefined || (typeof value === 'string' && pattern.test(value))) return value;
    throw new SettingsError(`context ${key}=${JSON.stringify(value)}: expected ${shape}`);
  }
  function required(key: keyof DeployRoleSettings): string {
    const value = text(key);
    if (value !== undefined) return value;
    throw new SettingsError(`context ${key} is missing: ${keys[key][1]}`);
  }
  const environment = required('environment');
  // Its role would be trusted by the jobs that only compare, before anybody has approved them.
  if (/-diff$/i.test(environment)) {
    throw new SettingsError(`context environment=${environment}: an environment ending in -diff compares for the one before it; name that one`);
  }
  return {
    stackName: text('stackName') ?? nameOf(environment),
    repository: required('repository'),
    environment,
    qualifier: text('qualifier') ?? 'hnb659fds',
    oidcProvider: text('oidcProvider'),
  };
}

/** A stack's name has at most 128 letters, digits and hyphens. What an environment's name has besides is told apart by its hash. */
function nameOf(environment: string): string {
  const whole = `goal-activity-deploy-${environment}`;
  if (/^[A-Za-z0-9-]{1,128}$/.test(whole)) return whole;
  const hash = createHash('sha256').update(environment).digest('hex').slice(0, 8);
  return `${whole.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 119)}-${hash}`;
}

/**
 * The roles of the deploy workflow, for one environment, account and region. They hold no permissions of their own:
 * what a deployment may do is decided by `cdk bootstrap`, with `--cloudformation-execution-policies`.
 */
export class DeployRoleStack extends Stack {
  constructor(scope: Construct, private readonly settings: DeployRoleSettings) {
    super(scope, settings.stackName, { description: `Lets GitHub deploy to ${settings.environment}` });
    const provider = settings.oidcProvider ?? new OidcProviderNative(this, 'GitHub', {
      url: `https://${issuer}`,
      clientIds: [audience],
      // Roles of other stacks and repositories may use it, too.
      removalPolicy: RemovalPolicy.RETAIN,
    }).oidcProviderArn;
    // A job that only compares runs before anybody has approved it, so it gets a role that can only read.
    this.role('Diff', provider, `${settings.environment}-diff`, ['lookup']);
    this.role('Deploy', provider, settings.environment, ['deploy', 'file-publishing', 'lookup']);
  }

  /** A role for jobs in that environment, which may only assume those roles of the CDK bootstrap here. */
  private role(name: string, provider: string, environment: string, bootstrapRoles: string[]): void {
    const { repository, qualifier } = this.settings;
    const role = new Role(this, name, {
      description: `For jobs of ${repository} in the environment ${environment}`,
      maxSessionDuration: Duration.hours(1),
      assumedBy: new WebIdentityPrincipal(provider, {
        // Exact, without patterns: a fork, a pull request or a branch has another subject.
        StringEquals: { [`${issuer}:aud`]: audience, [`${issuer}:sub`]: `repo:${repository}:environment:${environment}` },
      }),
    });
    role.addToPolicy(new PolicyStatement({
      actions: ['sts:AssumeRole'],
      resources: bootstrapRoles.map((each) =>
        `arn:${Aws.PARTITION}:iam::${Aws.ACCOUNT_ID}:role/cdk-${qualifier}-${each}-role-${Aws.ACCOUNT_ID}-${Aws.REGION}`),
    }));
    new CfnOutput(this, `${name}RoleArn`, { value: role.roleArn });
  }
}

export function deployRoleApp(props: AppProps = {}): { app: App; stack: DeployRoleStack } {
  const app = new App(props);
  return { app, stack: new DeployRoleStack(app, readDeployRoleSettings(app.node.getAllContext())) };
}
