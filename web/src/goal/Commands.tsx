import { useEffect, useRef, useState } from 'react';

import { isFinal } from 'goal-activity-client';
import type { Goal, WorkflowStatus } from '../api/types';
import { ProblemNote } from '../parts/ProblemNote';
import { useCommand } from '../parts/useCommand';
import { useServices } from '../Services';
import { useText } from '../text/TextContext';
import { asked } from './asked';
import { CancelDialog } from './CancelDialog';
import { RegenerateDialog } from './RegenerateDialog';

interface Props {
  goal: Goal;
  workflow: WorkflowStatus | undefined;
  onDone: () => void;
}

/** What can be asked of the goal now. */
export function Commands({ goal, workflow, onDone }: Props) {
  const text = useText();
  const { api } = useServices();
  const command = useCommand();
  const [asking, setAsking] = useState<'cancel' | 'regenerate'>();
  const running = workflow !== undefined && !isFinal(workflow.status);
  const withoutTasks = goal.totalActions - goal.actionsWithTasks;
  const failed = workflow && !running && workflow.status !== 'ABORTED' ? workflow.failedActions.length : 0;
  const box = useRef<HTMLDivElement>(null);
  const asks = useRef(false);
  const done = () => {
    asks.current = true;
    onDone();
  };
  // The button that was pressed goes when the run begins or ends; with it would go the place of who uses the keyboard.
  useEffect(() => {
    if (asks.current && document.activeElement === document.body) box.current?.focus({ preventScroll: true });
    asks.current = false;
  }, [running]);
  const run = (what: () => Promise<unknown>) => void command.run(() => asked(what(), done));
  return (
    <div ref={box} tabIndex={-1} className="commands">
      <div className="buttons">
        {running && (
          <button type="button" onClick={() => setAsking('cancel')}>
            {text.cancel}
          </button>
        )}
        {!running && failed > 0 && (
          <button
            type="button"
            className="primary"
            disabled={command.busy}
            onClick={() => run(() => api.retry(workflow?.executionArn ?? ''))}
          >
            {text.retryFailed(failed)}
          </button>
        )}
        {!running && failed === 0 && withoutTasks > 0 && (
          <button
            type="button"
            className="primary"
            disabled={command.busy}
            onClick={() => run(() => api.start(goal.goalId, {}))}
          >
            {text.start(withoutTasks)}
          </button>
        )}
        {!running && goal.actionsWithTasks > 0 && (
          <button type="button" onClick={() => setAsking('regenerate')}>
            {text.regenerate}
          </button>
        )}
      </div>
      {command.problem && <ProblemNote problem={command.problem} onDismiss={command.dismiss} />}
      {asking === 'cancel' && workflow && (
        <CancelDialog
          onCancel={reason => asked(api.cancel(workflow.executionArn, reason), done)}
          onClose={() => setAsking(undefined)}
        />
      )}
      {asking === 'regenerate' && (
        <RegenerateDialog
          goal={goal}
          onRegenerate={() => asked(api.start(goal.goalId, { regenerate: true }), done)}
          onClose={() => setAsking(undefined)}
        />
      )}
    </div>
  );
}
