import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

import { type Browser, chromium } from 'playwright-core';

/** Where Chrome is installed on the usual systems. `CHROME` names another. */
const INSTALLED = [
  process.env['CHROME'],
  '/usr/bin/google-chrome',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none', '--force-color-profile=srgb'];

/** An installed Chrome, or else the one of an npm package. Both find the fonts of Japanese in an npm package. */
export async function launch(): Promise<Browser> {
  const installed = INSTALLED.find(path => path !== undefined && existsSync(path));
  return chromium.launch({
    executablePath: installed ?? (await packaged()),
    args: ARGUMENTS,
    env: { ...process.env, FONTCONFIG_FILE: fontConfig() },
  });
}

/**
 * The Chromium of an npm package, with the libraries that a machine may lack (libnss3): it unpacks them, and says where they
 * are, only where it believes to be on AWS Lambda.
 */
async function packaged(): Promise<string> {
  process.env['AWS_EXECUTION_ENV'] ??= 'AWS_Lambda_nodejs22.x';
  const { default: chromium } = await import('@sparticuz/chromium');
  return chromium.executablePath();
}

/** A configuration of fontconfig with Noto Sans JP beside what the system has. */
function fontConfig(): string {
  const fonts = dirname(createRequire(import.meta.url).resolve('@expo-google-fonts/noto-sans-jp/package.json'));
  const folder = mkdtempSync(join(tmpdir(), 'fonts-'));
  mkdirSync(join(folder, 'cache'));
  const file = join(folder, 'fonts.conf');
  const only = ['400Regular', '600SemiBold'].map(weight => `<dir>${join(fonts, weight)}</dir>`).join('');
  const families = ['sans-serif', 'system-ui'].map(
    name => `<alias binding="strong"><family>${name}</family><prefer><family>Noto Sans JP</family></prefer></alias>`,
  );
  const body = `${only}<cachedir>${join(folder, 'cache')}</cachedir>${families.join('')}`;
  writeFileSync(file, `<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>${body}</fontconfig>`);
  return file;
}
