import { useCallback } from 'react';

import type { Goal } from '../api/types';
import { type ActionCell } from '../chart/cells';
import { StateMark } from '../chart/StateMark';
import { Dialog } from '../parts/Dialog';
import { Loading } from '../parts/Loading';
import { ProblemNote } from '../parts/ProblemNote';
import { useCommand } from '../parts/useCommand';
import { useLoaded } from '../parts/useLoaded';
import { useServices } from '../Services';
import { useText } from '../text/TextContext';
import { failureWords } from '../text/wording';
import { asked } from './asked';
import { TaskList } from './TaskList';

interface Props {
  goal: Goal;
  cell: ActionCell;
  running: boolean;
  onDone: () => void;
  onClose: () => void;
}

/** An opened action: its tasks, or why it has none and what can be done about it. */
export function ActionSheet({ goal, cell, running, onDone, onClose }: Props) {
  const text = useText();
  const { api } = useServices();
  const command = useCommand();
  const { goalId } = goal;
  const { actionId, tasks: count } = cell;
  const load = useCallback(async () => {
    if (count === 0) return [];
    return (await api.tasks(goalId)).filter(task => task.actionId === actionId);
  }, [api, goalId, actionId, count]);
  const { value: tasks, problem } = useLoaded(load);

  const isUnknown = text.failure[cell.code ?? ''] === undefined;
  const canAsk = !running && (count === 0 || cell.state === 'failed');
  const request = { actionIds: actionId === undefined ? [] : [actionId], regenerate: count > 0 };
  const ask = () =>
    void command
      .run(() => asked(api.start(goalId, request), onDone))
      .then(done => {
        if (done) onClose();
      });

  return (
    <Dialog title={cell.title} shape="sheet" onClose={onClose}>
      <p className="muted sheet-facts">
        <span>{cell.subGoal}</span>
        <span>{text.kind[cell.type]}</span>
      </p>
      {cell.description && <p>{cell.description}</p>}
      {cell.state !== 'none' && cell.state !== 'succeeded' && (
        <p className="sheet-state">
          <StateMark state={cell.state} />
          {text.state[cell.state]}
        </p>
      )}
      {cell.state === 'failed' && (
        <div className="failure">
          <p>{failureWords(text, cell.code)}</p>
          {isUnknown && cell.message && <p className="muted">{text.detail(cell.message)}</p>}
          {cell.attempts !== undefined && cell.attempts > 0 && <p className="muted">{text.attempts(cell.attempts)}</p>}
        </div>
      )}
      {cell.state === 'none' && count === 0 && <p>{text.noTasks}</p>}
      {count > 0 && (
        <section>
          <h3>{text.tasksCount(count)}</h3>
          {problem && <ProblemNote problem={problem} />}
          {tasks ? <TaskList tasks={tasks} /> : !problem && <Loading />}
        </section>
      )}
      {command.problem && <ProblemNote problem={command.problem} />}
      <div className="buttons">
        <button type="button" onClick={onClose}>
          {text.close}
        </button>
        {canAsk && (
          <button type="button" className="primary" disabled={command.busy} onClick={ask}>
            {cell.state === 'failed' ? text.retryOne : text.startOne}
          </button>
        )}
      </div>
    </Dialog>
  );
}
