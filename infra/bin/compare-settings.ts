#!/usr/bin/env node
// Compares the settings of a cloud assembly with those in force, as `npm run deploy` does, and deploys nothing: for the deployment
// from GitHub, which shows a difference before somebody approves it.
import { readAssembly } from '../lib/assembly';
import { readCompareArguments } from '../lib/deploy-arguments';
import { readDeployed } from '../lib/deployed';
import { judge } from '../lib/guard';
import { SettingsError } from '../lib/settings-error';
import { findTarget } from '../lib/target';

async function main(given: string[]): Promise<number> {
  const { assembly: folder, change, ...named } = readCompareArguments(given);
  const assembly = readAssembly(folder);
  const target = await findTarget(named);
  const { allowed, lines } = judge(assembly, target, await readDeployed(assembly, target), change);
  console.log(lines.join('\n'));
  return allowed ? 0 : 2;
}

main(process.argv.slice(2)).then((status) => { process.exitCode = status; }, (error: unknown) => {
  console.log(error instanceof SettingsError ? error.message : error);
  process.exitCode = 2;
});
