import { useEffect, useState } from 'react';

import { useText } from '../text/TextContext';

const SLOW_MS = 5_000;

/** Says that something is awaited, and after a while that it takes long. */
export function Loading() {
  const text = useText();
  const [slow, setSlow] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), SLOW_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p className="loading" role="status">
      {slow ? text.slow : text.loading}
    </p>
  );
}
