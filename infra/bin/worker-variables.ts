#!/usr/bin/env node
// Prints the worker's variables that the context gives its generators, as JSON: `cargo xtask ai` runs the worker's adapters with
// them. The context is in CDK_CONTEXT_JSON, where the CDK CLI puts what `-c` says.
import { generatorVariables } from '../lib/generator';
import { readSettings, SettingsError } from '../lib/settings';

try {
  const context = JSON.parse(process.env.CDK_CONTEXT_JSON ?? '{}');
  console.log(JSON.stringify(generatorVariables(readSettings(context))));
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
