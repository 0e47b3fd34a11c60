#!/usr/bin/env node
import { frontApp } from '../lib/cells/front-stack';
import { SettingsError } from '../lib/settings-error';

try {
  frontApp().app.synth();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
