import type { Goal } from '../api/types';
import { type PlainCell, subGoalAt } from '../chart/cells';
import { Dialog } from '../parts/Dialog';
import { useText } from '../text/TextContext';

interface Props {
  goal: Goal;
  cell: PlainCell;
  onClose: () => void;
}

/** The goal or a sub-goal, opened: what its owner has written about it. */
export function GoalSheet({ goal, cell, onClose }: Props) {
  const text = useText();
  const subGoal = cell.kind === 'subGoal' ? subGoalAt(goal, cell) : undefined;
  const facts =
    cell.kind === 'goal'
      ? [
          [text.background, goal.background],
          [text.constraints, goal.constraints],
          [text.deadline, goal.deadline],
        ]
      : [];
  const { description } = subGoal ?? goal;
  return (
    <Dialog title={cell.title} shape="sheet" onClose={onClose}>
      <p className="muted">{cell.kind === 'goal' ? text.goal : text.subGoal}</p>
      {description && <p>{description}</p>}
      {facts.some(([, value]) => value) && (
        <dl>
          {facts.map(
            ([name, value]) =>
              value && (
                <div key={name}>
                  <dt className="muted">{name}</dt>
                  <dd>{value}</dd>
                </div>
              ),
          )}
        </dl>
      )}
      <p className="muted">{text.filled(cell.done, cell.total)}</p>
      <div className="buttons">
        <button type="button" onClick={onClose}>
          {text.close}
        </button>
      </div>
    </Dialog>
  );
}
