#!/usr/bin/env node
// `cdk deploy`, which first compares the settings with those in force: `npm run deploy -- -c environment=production`. A setting that
// would change has to be named with --change. What is not for it goes to the CDK CLI.
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';
import { CloudFormationClient, GetTemplateCommand } from '@aws-sdk/client-cloudformation';
import { type Arguments, readArguments } from '../lib/deploy-arguments';
import { changes, inForce, METADATA } from '../lib/in-force';
import { infraDir, readSettings, SettingsError } from '../lib/settings';

/** The settings in force; nothing where there is no such stack, or one of a version that did not note them. */
async function deployed(stackName: string): Promise<Record<string, unknown> | undefined> {
  try {
    const { TemplateBody = '{}' } = await new CloudFormationClient().send(new GetTemplateCommand({ StackName: stackName }));
    return (JSON.parse(TemplateBody) as { Metadata?: Record<string, Record<string, unknown>> }).Metadata?.[METADATA];
  } catch (error) {
    if (error instanceof Error && /does not exist/.test(error.message)) return undefined;
    throw new SettingsError(`the settings in force cannot be read: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`);
  }
}

async function main({ context, change, cdk, profile }: Arguments): Promise<number> {
  if (profile) process.env.AWS_PROFILE = profile;
  const settings = readSettings(context);
  const before = await deployed(settings.stackName);
  const unnamed = changes(before ?? {}, before ? inForce(settings) : {}).filter(({ key }) => !change.includes(key));
  if (unnamed.length > 0) {
    const lines = unnamed.map(({ key, from, to }) => `  ${key}: ${JSON.stringify(from) ?? 'none'} -> ${JSON.stringify(to) ?? 'none'}`);
    console.error(`This deployment of ${settings.stackName} would change settings that are in force:\n${lines.join('\n')}`);
    console.error(`Nothing was deployed. To change them: ${unnamed.map(({ key }) => `--change ${key}`).join(' ')}. To keep them, give them as before.`);
    return 2;
  }
  const program = path.join(infraDir, 'node_modules', 'aws-cdk', 'bin', 'cdk');
  const { status } = spawnSync(process.execPath, [program, 'deploy', ...cdk], { cwd: infraDir, stdio: 'inherit' });
  return status ?? 1;
}

main(readArguments(process.argv.slice(2))).then((status) => { process.exitCode = status; }, (error: unknown) => {
  console.error(error instanceof SettingsError ? error.message : error);
  process.exitCode = 2;
});
