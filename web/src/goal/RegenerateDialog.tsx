import { useCallback } from 'react';

import type { Goal } from '../api/types';
import { Dialog } from '../parts/Dialog';
import { Loading } from '../parts/Loading';
import { ProblemNote } from '../parts/ProblemNote';
import { useCommand } from '../parts/useCommand';
import { useLoaded } from '../parts/useLoaded';
import { useServices } from '../Services';
import { useText } from '../text/TextContext';
import { replacementOf } from './replaced';

interface Props {
  goal: Goal;
  onRegenerate: () => Promise<unknown>;
  onClose: () => void;
}

/** Says what would be replaced, before it is. */
export function RegenerateDialog({ goal, onRegenerate, onClose }: Props) {
  const text = useText();
  const { api } = useServices();
  const command = useCommand();
  const { value: tasks, problem } = useLoaded(useCallback(() => api.tasks(goal.goalId), [api, goal.goalId]));
  const refused = command.problem ?? problem;
  const replaced = tasks && replacementOf(goal, tasks);
  const nothing = replaced?.actions === 0 && replaced.added === 0;
  return (
    <Dialog title={text.regenerateTitle} shape="question" onClose={onClose}>
      {!replaced && !problem && <Loading />}
      {replaced && replaced.actions > 0 && <p>{text.regenerateWhat(replaced.tasks, replaced.actions)}</p>}
      {replaced && replaced.added > 0 && <p>{text.regenerateNew(replaced.added)}</p>}
      {replaced && !nothing && replaced.kept > 0 && <p>{text.regenerateKept(replaced.kept)}</p>}
      {nothing && <p>{text.regenerateNothing}</p>}
      {refused && <ProblemNote problem={refused} />}
      <div className="buttons">
        <button type="button" onClick={onClose}>
          {text.keepTasks}
        </button>
        <button
          type="button"
          className="primary"
          disabled={command.busy || !replaced || nothing}
          onClick={() => void command.run(onRegenerate).then(done => done && onClose())}
        >
          {text.regenerateConfirm}
        </button>
      </div>
    </Dialog>
  );
}
