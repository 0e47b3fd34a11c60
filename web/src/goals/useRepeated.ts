import { useEffect } from 'react';

import type { Problem } from '../api/Problem';

const PAUSE_MS = 5_000;
const LONGEST_MS = 300_000;

/** Repeats by itself what may succeed later. */
export function useRepeated(problem: Problem | undefined, repeat: () => void): void {
  useEffect(() => {
    if (!problem?.isOutage && problem?.status !== 429) return;
    const timer = setTimeout(repeat, Math.min(Math.max(PAUSE_MS, (problem.retryAfterSeconds ?? 0) * 1000), LONGEST_MS));
    return () => clearTimeout(timer);
  }, [problem, repeat]);
}
