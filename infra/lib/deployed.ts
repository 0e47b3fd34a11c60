import { CloudFormationClient, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import { AssumeRoleCommand, STSClient } from '@aws-sdk/client-sts';
import type { Assembly } from './assembly';
import type { Given } from './given';
import { type Former, METADATA, readNoted } from './in-force';
import { SettingsError, words } from './settings-error';
import type { Target } from './target';

/** The settings in force, `'new'` where no such stack is, and `'unknown'` where the stack does not say. */
export type Deployed = Given | Former | 'new' | 'unknown';

/** Reads the deployed template, with the role of the bootstrap for reading as `cdk diff` does, or without it. */
export async function readDeployed({ stackName, lookupRole }: Assembly, target: Target): Promise<Deployed> {
  const [credentials, refused] = await assume(lookupRole, target);
  try {
    const { TemplateBody = '{}' } = await new CloudFormationClient({ region: target.region, credentials })
      .send(new GetTemplateCommand({ StackName: stackName }));
    return settingsOf(TemplateBody);
  } catch (error) {
    if (error instanceof Error && /does not exist/.test(error.message)) return 'new';
    throw new SettingsError(`the settings in force cannot be read: ${words(error)}${refused}`);
  }
}

/** What a template says about its settings. */
export function settingsOf(templateBody: string): Deployed {
  const { Metadata, Resources = {} } = JSON.parse(templateBody) as { Metadata?: Record<string, unknown>; Resources?: object };
  // A stack that a change set has made, which was never executed.
  if (Object.keys(Resources).length === 0) return 'new';
  return readNoted(Metadata?.[METADATA]) ?? 'unknown';
}

/** The credentials of that role, or one's own and why. */
async function assume(role: string | undefined, target: Target): Promise<[Target['credentials'], string]> {
  const { region, credentials: own } = target;
  if (role === undefined) return [own, ''];
  const RoleArn = role.replaceAll('${AWS::Partition}', target.partition)
    .replaceAll('${AWS::AccountId}', target.account).replaceAll('${AWS::Region}', region);
  try {
    const { Credentials: { AccessKeyId, SecretAccessKey, SessionToken } = {} } = await new STSClient({ region, credentials: own })
      .send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 'goal-activity-settings' }));
    if (!AccessKeyId || !SecretAccessKey) return [own, ''];
    return [{ accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, ...(SessionToken && { sessionToken: SessionToken }) }, ''];
  } catch (error) {
    return [own, ` (and ${RoleArn} cannot be assumed: ${words(error)})`];
  }
}
