import { CliCredentialsStackSynthesizer, Fn, type IStackSynthesizer, RemovalPolicy } from 'aws-cdk-lib';
import type { IHttpApi } from 'aws-cdk-lib/aws-apigatewayv2';
import { Architecture } from 'aws-cdk-lib/aws-lambda';

/**
 * Everything in which a deployment to the emulator differs from one to AWS.
 * A construct asks for the property it needs, never "is this local?".
 */
export interface Variant {
  /** What CDK needs to exist in the account before it can deploy. */
  readonly synthesizer?: IStackSynthesizer;
  readonly architecture: Architecture;
  /** For what holds users' data: tables and the user pool. */
  readonly removalPolicy: RemovalPolicy;
  readonly deletionProtection: boolean;
  /** Sign in by a plain request with name and password, as scripts and tests do. */
  readonly userPasswordAuth: boolean;
  readonly apiUrl: (api: IHttpApi) => string;
  /** The emulator knows no schema registry. */
  readonly schemaRegistry: boolean;
  /** The emulator's CloudFormation knows no policy of an event bus, and its bus would not look at one. */
  readonly busPolicy: boolean;
}

const aws = (): Variant => ({
  architecture: Architecture.ARM_64,
  removalPolicy: RemovalPolicy.RETAIN,
  deletionProtection: true,
  userPasswordAuth: false,
  apiUrl: (api) => api.apiEndpoint,
  schemaRegistry: true,
  busPolicy: true,
});

const local = (): Variant => ({
  // The one bucket replaces `cdk bootstrap`, which takes longer than the deployment itself.
  synthesizer: new CliCredentialsStackSynthesizer({ fileAssetsBucketName: 'goal-activity-assets' }),
  // The emulator runs the functions as plain processes of this machine.
  architecture: process.arch === 'arm64' ? Architecture.ARM_64 : Architecture.X86_64,
  removalPolicy: RemovalPolicy.DESTROY,
  deletionProtection: false,
  userPasswordAuth: true,
  // The emulator says http://<id>.execute-api.<address>, a host that no resolver knows; it also answers under a path.
  apiUrl: (api) => `http://${Fn.select(1, Fn.split('.execute-api.', api.apiEndpoint))}/_aws/execute-api/${api.apiId}`,
  schemaRegistry: false,
  busPolicy: false,
});

export const variant = (settings: { readonly local: boolean }): Variant => (settings.local ? local() : aws());
