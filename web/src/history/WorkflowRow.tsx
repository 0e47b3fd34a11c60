import { useId, useState } from 'react';

import type { WorkflowSummary } from '../api/types';
import { useTexts } from '../text/TextContext';
import { moment } from '../text/wording';
import { Strip } from './Strip';
import { TimelineView } from './TimelineView';

/** A workflow of the past or present; opened, what happened in it. */
export function WorkflowRow({ workflow }: { workflow: WorkflowSummary }) {
  const { text, language } = useTexts();
  const [open, setOpen] = useState(false);
  const details = useId();
  const { executionArn, status, startDate, totalActions, succeededActions = 0 } = workflow;
  // Nothing has failed in a workflow that was cancelled.
  const failed = status === 'ABORTED' ? 0 : (workflow.failedCount ?? 0);
  const hasOutcome = workflow.stopDate !== undefined && succeededActions + failed > 0;
  return (
    <li className="workflow" data-status={status}>
      <button type="button" aria-expanded={open} aria-controls={details} onClick={() => setOpen(!open)}>
        <time dateTime={startDate}>{moment(language, new Date(startDate))}</time>
        <span>{text.status[status]}</span>
        <Strip succeeded={succeededActions} failed={failed} total={totalActions} />
        <span className="muted">
          {hasOutcome ? text.outcome(succeededActions, failed) : text.historyOf(totalActions)}
        </span>
      </button>
      <div id={details}>
        {open && <TimelineView executionArn={executionArn} seen={`${status} ${succeededActions} ${failed}`} />}
      </div>
    </li>
  );
}
