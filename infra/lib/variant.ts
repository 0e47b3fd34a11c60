import { CliCredentialsStackSynthesizer, Fn, type IStackSynthesizer, RemovalPolicy } from 'aws-cdk-lib';
import type { IHttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { Architecture } from 'aws-cdk-lib/aws-lambda';
import type { Settings } from './settings';

/**
 * All differences between a deployment to the emulator and one to AWS. A construct reads the property that it needs,
 * never "is this local?".
 */
export interface Variant {
  /** The resources that CDK needs in the account before it can deploy. */
  readonly synthesizer?: IStackSynthesizer;
  readonly architecture: Architecture;
  /**
   * For tables and the user pool. They are deletion-protected when they are retained, so CloudFormation could not delete
   * them either when a first creation fails: they stay behind then, empty, and block nothing, as their names are generated.
   */
  readonly removalPolicy: RemovalPolicy;
  readonly deletionProtection: boolean;
  /** For data without that protection: a first creation that fails deletes it, as nothing is in it yet. */
  readonly unprotectedRemovalPolicy: RemovalPolicy;
  /** Sign in with a plain request with name and password, as scripts and tests do. */
  readonly userPasswordAuth: boolean;
  /** The emulator's CloudFormation does not support a style of the sign-in pages, which managed login needs on AWS. */
  readonly loginBranding: boolean;
  readonly apiUrl: (api: IHttpApi) => string;
  /** How many actions a user may ask for in a day, without a setting. On the emulator one user does all the work of a test. */
  readonly actionsPerUserAndDay: number;
  /** The emulator has no schema registry. */
  readonly schemaRegistry: boolean;
  /** The emulator's CloudFormation does not support policies of an event bus, and its bus would ignore one. */
  readonly busPolicy: boolean;
  /** The emulator's CloudFormation does not support versions and aliases of a state machine. */
  readonly stateMachineAlias: boolean;
  /** The emulator has alarms on one metric only. */
  readonly compositeAlarms: boolean;
}

const aws = (architecture: Settings['architecture']): Variant => ({
  architecture: architecture === 'x86_64' ? Architecture.X86_64 : Architecture.ARM_64,
  removalPolicy: RemovalPolicy.RETAIN,
  deletionProtection: true,
  unprotectedRemovalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
  userPasswordAuth: false,
  loginBranding: true,
  apiUrl: (api) => api.apiEndpoint,
  actionsPerUserAndDay: 1_000,
  schemaRegistry: true,
  busPolicy: true,
  stateMachineAlias: true,
  compositeAlarms: true,
});

const disposable = {
  removalPolicy: RemovalPolicy.DESTROY,
  deletionProtection: false,
  unprotectedRemovalPolicy: RemovalPolicy.DESTROY,
};

const local = (): Variant => ({
  // The one bucket replaces `cdk bootstrap`, which takes longer than the deployment itself.
  synthesizer: new CliCredentialsStackSynthesizer({ fileAssetsBucketName: 'goal-activity-assets' }),
  // The emulator runs the functions as plain processes of this machine.
  architecture: process.arch === 'arm64' ? Architecture.ARM_64 : Architecture.X86_64,
  ...disposable,
  userPasswordAuth: true,
  loginBranding: false,
  // The emulator returns http://<id>.execute-api.<address>, which cannot be resolved; it also serves the API under a
  // path.
  apiUrl: (api) => `http://${Fn.select(1, Fn.split('.execute-api.', api.apiEndpoint))}/_aws/execute-api/${api.apiId}`,
  actionsPerUserAndDay: 0,
  schemaRegistry: false,
  busPolicy: false,
  stateMachineAlias: false,
  compositeAlarms: false,
});

export function variant(settings: Pick<Settings, 'local'> & Partial<Pick<Settings, 'architecture' | 'removalPolicy'>>): Variant {
  const onAws = aws(settings.architecture ?? 'arm64');
  const chosen = settings.local ? local() : onAws;
  switch (settings.removalPolicy) {
    case undefined:
      return chosen;
    case 'destroy':
      return { ...chosen, ...disposable };
    case 'retain': {
      const { removalPolicy, deletionProtection, unprotectedRemovalPolicy } = onAws;
      return { ...chosen, removalPolicy, deletionProtection, unprotectedRemovalPolicy };
    }
  }
}
