import { useCallback, useState } from 'react';

import type { WorkflowSummary } from '../api/types';
import { ProblemNote } from '../parts/ProblemNote';
import { Loading } from '../parts/Loading';
import { useLoaded } from '../parts/useLoaded';
import { useServices } from '../Services';
import { useTexts } from '../text/TextContext';
import { usageWords } from '../goal/progress';
import { barsOf } from './bars';

/** What happened in a workflow: its batches as bars over time, and what it took. */
export function TimelineView({ executionArn, status: known }: Pick<WorkflowSummary, 'executionArn' | 'status'>) {
  const { text, language } = useTexts();
  const { api } = useServices();
  const [now] = useState(() => Date.now());
  const load = useCallback(
    () => Promise.all([api.timeline(executionArn), api.status(executionArn)]),
    [api, executionArn],
  );
  const { value, problem } = useLoaded(load, known);
  if (problem) return <ProblemNote problem={problem} />;
  if (!value) return <Loading />;
  const [timeline, status] = value;
  const { bars, waited, total } = barsOf(timeline, status.batches.length, now);
  const share = (seconds: number) => `${total === 0 ? 0 : (100 * seconds) / total}%`;
  const usage = usageWords(text, status.usage, language);
  return (
    <div className="timeline">
      <h3>{text.timeline}</h3>
      <p className="muted">
        {text.waited(text.duration(waited))} · {text.took(text.duration(total))}
      </p>
      <ul>
        {bars.map(({ batchIndex, from, to, succeeded, failed }) => (
          <li key={batchIndex}>
            <span>{text.batch(batchIndex + 1)}</span>
            <span className="track" aria-hidden="true">
              <span
                className={`bar ${to === undefined ? 'open' : ''}`}
                style={{ marginLeft: share(from), width: share((to ?? total) - from) }}
              />
            </span>
            <span className="muted">
              {to === undefined ? text.batchOpen : text.batchOutcome(succeeded, failed, text.duration(to))}
            </span>
          </li>
        ))}
      </ul>
      {timeline.items.map(({ id, reason }) => reason && <p key={id}>{text.cancelledBecause(reason)}</p>)}
      {usage && <p className="muted">{usage}</p>}
    </div>
  );
}
