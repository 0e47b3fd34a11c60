import { createInterface } from 'node:readline/promises';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { fromIni, fromNodeProviderChain } from '@aws-sdk/credential-providers';
import { loadSharedConfigFiles } from '@smithy/core/config';
import { SettingsError, words } from './settings-error';

interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Where a deployment goes, and with which credentials: found once, for the comparison and for the CDK CLI. */
export interface Target {
  readonly partition: string;
  readonly account: string;
  readonly region: string;
  readonly credentials: Credentials;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Names of the AWS CLI and of the former SDK, which the CDK CLI reads as well, in its order. The SDK for JavaScript reads the first only. */
const regionNames = ['AWS_REGION', 'AMAZON_REGION', 'AWS_DEFAULT_REGION', 'AMAZON_DEFAULT_REGION'];
const idNames = ['AWS_ACCESS_KEY_ID', 'AMAZON_ACCESS_KEY_ID'];
const secretNames = ['AWS_SECRET_ACCESS_KEY', 'AMAZON_SECRET_ACCESS_KEY'];
const tokenNames = ['AWS_SESSION_TOKEN', 'AMAZON_SESSION_TOKEN'];
const profileNames = ['AWS_PROFILE', 'AWS_DEFAULT_PROFILE'];

const first = (env: Env, names: readonly string[]): string | undefined => names.map((name) => env[name]).find(Boolean);

/** The region as the CDK CLI finds it, except that it does not take us-east-1 without being told. */
export async function regionOf(env: Env, profile?: string): Promise<string> {
  const named = first(env, regionNames);
  if (named) return named;
  const { configFile, credentialsFile } = await loadSharedConfigFiles({ ignoreCache: true });
  for (const name of [profile ?? first(env, profileNames) ?? 'default', 'default']) {
    const region = credentialsFile[name]?.region ?? configFile[name]?.region;
    if (region) return region;
  }
  throw new SettingsError('no region: set AWS_REGION, or give --region');
}

/** The credentials as the CDK CLI finds them: those of the environment have precedence over a profile of the environment. */
async function credentialsOf(env: Env, region: string, profile?: string): Promise<Credentials> {
  const mfaCodeProvider = async (device: string) => {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await terminal.question(`MFA token for ${device}: `);
    } finally {
      terminal.close();
    }
  };
  const options = { mfaCodeProvider, ignoreCache: true, parentClientConfig: { region } };
  if (profile !== undefined) return fromIni({ ...options, profile })();
  const [accessKeyId, secretAccessKey] = [first(env, idNames), first(env, secretNames)];
  const named = first(env, profileNames);
  const chain = fromNodeProviderChain({ ...options, ...(named && { profile: named }) });
  if (!accessKeyId || !secretAccessKey) return chain();
  const sessionToken = first(env, tokenNames);
  return { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
}

export async function findTarget({ profile, region: named }: { profile?: string; region?: string }, env: Env = process.env): Promise<Target> {
  const region = named ?? await regionOf(env, profile);
  try {
    const { accessKeyId, secretAccessKey, sessionToken } = await credentialsOf(env, region, profile);
    const credentials = { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) };
    const { Account: account, Arn: arn = '' } = await new STSClient({ region, credentials }).send(new GetCallerIdentityCommand({}));
    if (!account) throw new Error('AWS does not say to which account they belong');
    return { partition: arn.split(':')[1] || 'aws', account, region, credentials };
  } catch (error) {
    throw new SettingsError(`the credentials cannot be used: ${words(error)}`);
  }
}

/** The environment of a CDK CLI that can find nothing else than this target. */
export function envOf({ region, credentials: { accessKeyId, secretAccessKey, sessionToken } }: Target, env: Env = process.env): NodeJS.ProcessEnv {
  const others = [regionNames, idNames, secretNames, tokenNames, profileNames].flat();
  return {
    ...Object.fromEntries(Object.entries(env).filter(([name]) => !others.includes(name))),
    AWS_REGION: region, AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, ...(sessionToken && { AWS_SESSION_TOKEN: sessionToken }),
  };
}
