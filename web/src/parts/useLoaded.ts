import { useCallback, useEffect, useState } from 'react';

import { Problem } from '../api/Problem';

interface Loaded<T> {
  value: T | undefined;
  problem: Problem | undefined;
  reload: () => void;
}

/** Loads once, and again when `load` or `key` changes or on `reload`. What was there stays until something newer is. */
export function useLoaded<T>(load: () => Promise<T>, key = ''): Loaded<T> {
  const [value, setValue] = useState<T>();
  const [problem, setProblem] = useState<Problem>();
  const [round, setRound] = useState(0);
  useEffect(() => {
    let current = true;
    load().then(
      value => {
        if (!current) return;
        setValue(value);
        setProblem(undefined);
      },
      (error: unknown) => {
        if (current) setProblem(Problem.of(error));
      },
    );
    return () => {
      current = false;
    };
  }, [load, key, round]);
  const reload = useCallback(() => setRound(round => round + 1), []);
  return { value, problem, reload };
}
