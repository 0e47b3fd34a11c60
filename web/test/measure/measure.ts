/** How fast a browser shows a chart with an empty cache, and how large the scripts are: `cargo xtask bench page`. */

import { writeFileSync } from 'node:fs';

import type { Browser, CDPSession } from 'playwright-core';
import { test } from 'vitest';

import { launch } from '../support/browser.ts';
import { MOST_BYTES, scriptSizes } from '../support/scripts.ts';

const { WEB_URL, GOAL_ID, RUNS, FIGURES } = process.env;
if (WEB_URL === undefined || GOAL_ID === undefined || RUNS === undefined || FIGURES === undefined) {
  throw new Error('set WEB_URL, GOAL_ID, RUNS and FIGURES: cargo xtask bench page does');
}
const address = `${WEB_URL}/#/goals/${GOAL_ID}`;

/** One opening of the page, in milliseconds since it began. */
interface Opening {
  firstPaint: number;
  firstContentfulPaint: number;
  /** All 64 actions are on the screen. */
  chart: number;
  /** What came over the network until then, with headers. */
  bytes: number;
  requests: number;
  scripts: string[];
}

const CELLS = 64;

declare global {
  interface Window {
    chartAt?: number;
  }
}

/** Notes when a frame with all cells has been painted. */
function noteChart(cells: number): void {
  const look = () => {
    const shown = [...document.querySelectorAll('.cell[data-state]')].filter(cell => cell.checkVisibility());
    // What a frame changes is on the screen when the next one begins.
    requestAnimationFrame(shown.length < cells ? look : now => (window.chartAt = now));
  };
  requestAnimationFrame(look);
}

function read(): Omit<Opening, 'chart'> {
  const paint = (name: string) => performance.getEntriesByName(name)[0]?.startTime ?? NaN;
  const resources = performance.getEntriesByType('resource') as PerformanceResourceTiming[];
  const all = [...resources, ...(performance.getEntriesByType('navigation') as PerformanceResourceTiming[])];
  return {
    firstPaint: paint('first-paint'),
    firstContentfulPaint: paint('first-contentful-paint'),
    bytes: all.reduce((sum, { transferSize }) => sum + transferSize, 0),
    requests: all.length,
    scripts: all.map(({ name }) => new URL(name).pathname).filter(name => name.endsWith('.js')),
  };
}

async function open(browser: Browser, slow: (cdp: CDPSession) => Promise<void>): Promise<Opening> {
  // Each has a cache of its own.
  const context = await browser.newContext({ locale: 'en', viewport: { width: 1440, height: 900 } });
  try {
    const page = await context.newPage();
    await slow(await context.newCDPSession(page));
    await page.addInitScript(noteChart, CELLS);
    await page.goto(address);
    const chart = await (await page.waitForFunction(() => window.chartAt)).jsonValue();
    return { ...(await page.evaluate(read)), chart: chart ?? NaN };
  } finally {
    await context.close();
  }
}

const asIs = () => Promise.resolve();

/**
 * A phone of the middle class on a slow mobile network, as Lighthouse has Chrome imitate it (`mobileSlow4G` and `cpuSlowdownMultiplier` in
 * its core/config/constants.js): 150 ms and 1.6 Mbit/s, of which requests get 562.5 ms and 1,474.56 kbit/s.
 */
async function slowPhone(cdp: CDPSession): Promise<void> {
  const bytesPerSecond = (kilobits: number) => (kilobits * 1024) / 8;
  await cdp.send('Network.enable');
  await cdp.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 562.5,
    downloadThroughput: bytesPerSecond(1_474.56),
    uploadThroughput: bytesPerSecond(675),
  });
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: 4 });
}

test('measures', async () => {
  const browser = await launch();
  const openings: Record<string, Opening[]> = {};
  try {
    for (const [name, slow] of Object.entries({ plain: asIs, slow: slowPhone })) {
      // The first one starts the browser's processes.
      await open(browser, slow);
      const measured: Opening[] = [];
      for (let run = 0; run < Number(RUNS); run += 1) measured.push(await open(browser, slow));
      openings[name] = measured;
    }
  } finally {
    await browser.close();
  }
  writeFileSync(FIGURES, JSON.stringify({ mostBytes: MOST_BYTES, scripts: scriptSizes(), openings }));
});
