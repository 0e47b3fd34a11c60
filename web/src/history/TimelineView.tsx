import { useCallback } from 'react';

import { isFinal } from 'goal-activity-client';
import { ProblemNote } from '../parts/ProblemNote';
import { Loading } from '../parts/Loading';
import { useLoaded } from '../parts/useLoaded';
import { useServices } from '../Services';
import { useTexts } from '../text/TextContext';
import { usageWords } from '../goal/progress';
import { barsOf } from './bars';

interface Props {
  executionArn: string;
  /** Loaded anew when this changes: what is known of how far it is. */
  seen: string;
}

/** What happened in a workflow: its batches as bars over time, and what it took. */
export function TimelineView({ executionArn, seen }: Props) {
  const { text, language } = useTexts();
  const { api } = useServices();
  const load = useCallback(async () => {
    const [timeline, status] = await Promise.all([api.timeline(executionArn), api.status(executionArn)]);
    return { timeline, status, now: Date.now() };
  }, [api, executionArn]);
  const { value, problem } = useLoaded(load, seen);
  if (!value) return problem ? <ProblemNote problem={problem} /> : <Loading />;
  const { timeline, status, now } = value;
  const { bars, waited, total } = barsOf(timeline, status.batches.length, now);
  const share = (seconds: number) => `${total === 0 ? 0 : (100 * seconds) / total}%`;
  const usage = usageWords(text, status.usage, language);
  return (
    <div className="timeline">
      <h3>{text.timeline}</h3>
      <p className="muted">
        {text.waited(text.duration(waited))} · {(isFinal(status.status) ? text.took : text.soFar)(text.duration(total))}
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
