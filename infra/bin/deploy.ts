#!/usr/bin/env node
// `cdk deploy`, which first compares the settings with those in force: `npm run deploy -- -c environment=production`. A setting that
// would change has to be named with --change. What is compared is what is deployed: the app is synthesized once, before.
import { spawnSync } from 'node:child_process';
import * as path from 'node:path';
import { readAssembly } from '../lib/assembly';
import { readArguments, rejectVariables } from '../lib/deploy-arguments';
import { readDeployed } from '../lib/deployed';
import { judge } from '../lib/guard';
import { infraDir } from '../lib/paths';
import { SettingsError } from '../lib/settings-error';
import { envOf, findTarget } from '../lib/target';

async function main(given: string[]): Promise<number> {
  const { change, output = 'cdk.out', synth, deploy, ...named } = readArguments(given);
  rejectVariables(process.env);
  const target = await findTarget(named);
  const folder = path.resolve(infraDir, output);
  const cdk = (...args: string[]): number => spawnSync(
    process.execPath, [path.join(infraDir, 'node_modules', 'aws-cdk', 'bin', 'cdk'), ...args],
    { cwd: infraDir, stdio: 'inherit', env: envOf(target) },
  ).status ?? 1;

  // Compiled is what this program is a part of.
  const synthesized = cdk('synth', '--quiet', '--app', `node ${path.join(path.relative(infraDir, __dirname), 'goal-activity.js')}`, '--output', folder, ...synth);
  if (synthesized !== 0) return synthesized;
  const assembly = readAssembly(folder);
  const { allowed, lines } = judge(assembly, target, await readDeployed(assembly, target), change);
  console.error(lines.join('\n'));
  return allowed ? cdk('deploy', '--app', folder, ...deploy) : 2;
}

main(process.argv.slice(2)).then((status) => { process.exitCode = status; }, (error: unknown) => {
  console.error(error instanceof SettingsError ? error.message : error);
  process.exitCode = 2;
});
