import { useCallback, useEffect, useRef, useState } from 'react';

import type { GoalApi } from '../api/GoalApi';
import { sleep } from '../api/sleep';
import { changesOf } from './changes';
import { followGoal, type GoalView, NOTHING_KNOWN } from './followGoal';

/** A goal and its workflow, as they are now. `refresh` reads both again, here and in the other tabs. */
export function useGoal(api: GoalApi, goalId: string): GoalView & { refresh: () => void } {
  const [view, setView] = useState(NOTHING_KNOWN);
  const [round, setRound] = useState(0);
  const known = useRef(view);

  useEffect(() => {
    const abort = new AbortController();
    const show = (view: GoalView) => {
      known.current = view;
      setView(view);
    };
    void followGoal(api, goalId, known.current, abort.signal, show, sleep);
    return () => abort.abort();
  }, [api, goalId, round]);

  useEffect(() => {
    const again = () => setRound(round => round + 1);
    const seen = () => {
      if (document.visibilityState === 'visible') again();
    };
    const changes = changesOf(goalId, again);
    document.addEventListener('visibilitychange', seen);
    window.addEventListener('online', again);
    return () => {
      changes.close();
      document.removeEventListener('visibilitychange', seen);
      window.removeEventListener('online', again);
    };
  }, [goalId]);

  const refresh = useCallback(() => {
    setRound(round => round + 1);
    changesOf(goalId).announce();
  }, [goalId]);

  return { ...view, refresh };
}
