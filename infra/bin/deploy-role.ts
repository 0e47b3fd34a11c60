#!/usr/bin/env node
import { deployRoleApp } from '../lib/deploy-role';
import { SettingsError } from '../lib/settings-error';

try {
  deployRoleApp().app.synth();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
