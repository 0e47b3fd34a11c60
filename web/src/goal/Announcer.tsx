import { isFinal } from 'goal-activity-client';
import type { WorkflowStatus } from '../api/types';
import { useText } from '../text/TextContext';

/** Tells screen readers of the run in quarters, and of its end: not of every cell. */
export function Announcer({ workflow }: { workflow: WorkflowStatus | undefined }) {
  const text = useText();
  return (
    <p className="hidden" role="status">
      {workflow && words()}
    </p>
  );

  function words(): string {
    if (!workflow) return '';
    const { status, processedActions, totalActions } = workflow;
    if (isFinal(status) || processedActions === 0) return text.status[status];
    const quarter = Math.floor((4 * processedActions) / totalActions);
    return text.announceProgress(Math.ceil((quarter * totalActions) / 4), totalActions);
  }
}
