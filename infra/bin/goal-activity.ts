#!/usr/bin/env node
import { goalActivityApp } from '../lib/app';
import { SettingsError } from '../lib/settings';

try {
  goalActivityApp().app.synth();
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
