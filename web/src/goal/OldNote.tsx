import { useState } from 'react';

import type { Problem } from '../api/Problem';
import { ProblemNote } from '../parts/ProblemNote';
import { useTexts } from '../text/TextContext';
import { moment } from '../text/wording';

/** Says that what is shown may be old, and since when. */
export function OldNote({ problem }: { problem: Problem }) {
  const { text, language } = useTexts();
  const [since] = useState(() => new Date());
  if (!problem.isOutage) return <ProblemNote problem={problem} />;
  return (
    <p className="note" role="alert">
      {text.offlineSince(moment(language, since))}
    </p>
  );
}
