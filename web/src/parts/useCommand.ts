import { useCallback, useState } from 'react';

import { Problem } from '../api/Problem';

export interface Command {
  /** Does it, unless something is being done. Resolves to `true` when it was done. */
  run: (what: () => Promise<unknown>) => Promise<boolean>;
  busy: boolean;
  problem: Problem | undefined;
  dismiss: () => void;
}

/** Something that the user asks for: at most one at a time, and why it was refused. */
export function useCommand(): Command {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const run = useCallback(async (what: () => Promise<unknown>) => {
    setBusy(true);
    setProblem(undefined);
    try {
      await what();
      return true;
    } catch (error) {
      setProblem(Problem.of(error));
      return false;
    } finally {
      setBusy(false);
    }
  }, []);
  const dismiss = useCallback(() => setProblem(undefined), []);
  return { run, busy, problem, dismiss };
}
