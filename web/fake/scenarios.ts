import en from '../../local/goals/sample.en.json' with { type: 'json' };
import ja from '../../local/goals/sample.ja.json' with { type: 'json' };
import type { Chart } from '../src/api/types.ts';
import { FakeApi } from './FakeApi.ts';
import type { FakeWorkflow } from './plan.ts';
import { World } from './World.ts';

export type Language = 'ja' | 'en';
export const SCENARIOS = ['new', 'waiting', 'paused', 'half', 'full', 'partial', 'cancelled'] as const;
export type Scenario = (typeof SCENARIOS)[number];

const MINUTE = 60_000;

export const sample = (language: Language): Chart => ({ ja, en })[language] as Chart;

/** Fails these of the actions, so that every kind of reason is seen. */
const FAILING: Record<string, string> = {
  'a-1-3': 'AI_TIMEOUT',
  'a-2-6': 'AI_REJECTED',
  'a-4-2': 'AI_TIMEOUT',
  'a-5-7': 'AI_INVALID_ANSWER',
  'a-7-1': 'AI_UNAVAILABLE',
};

/** Adds a goal in the state that the scenario names; the goal has the scenario's name. */
export function add(world: World, scenario: Scenario, chart: Chart = sample('ja')): void {
  world.put(scenario, chart);
  const started = (ago: number, waits = false) => world.start(scenario, { startedAt: world.now() - ago, waits });
  switch (scenario) {
    case 'new':
      return;
    case 'waiting':
      Object.assign(started(4_000, true), { waitingBefore: 3 });
      return;
    case 'paused':
      Object.assign(started(4_000, true), {
        waitingBefore: 0,
        paused: {
          since: new Date(world.now() - 5 * MINUTE).toISOString(),
          reason: 'the AI is not available; launching goes on by itself when it is',
        },
      });
      return;
    case 'half':
      Object.assign(started(20_000), { holdAfter: 4_150 });
      return;
    case 'full':
      started(3 * MINUTE);
      return;
    case 'partial': {
      stopped(started(40 * MINUTE), 2_200);
      const second = started(3 * MINUTE);
      for (const planned of second.plan) {
        const code = FAILING[planned.actionId];
        if (code) planned.code = code;
      }
      return;
    }
    case 'cancelled':
      stopped(started(2 * MINUTE), 3_200).reason = '先に計画を見直します';
      return;
  }
}

/** A workflow that was cancelled this long after its start. */
function stopped(workflow: FakeWorkflow, after: number): FakeWorkflow {
  const at = workflow.startedAt + after;
  return Object.assign(workflow, { cancelledAt: at, endedAt: at });
}

/** A fake API with a goal in each of the states. */
export function fakeApi(
  scenarios: readonly Scenario[] = SCENARIOS,
  language: Language = 'ja',
  now?: () => number,
): FakeApi {
  const world = new World(now);
  for (const scenario of scenarios) add(world, scenario, sample(language));
  world.settle();
  return new FakeApi(world);
}
