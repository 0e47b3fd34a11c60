import type { Goal } from '../api/types';
import { type PlainCell, subGoalOf } from '../chart/cells';
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
  const position = subGoalOf(cell);
  const subGoal = goal.subGoals.find(subGoal => subGoal.position === position);
  const texts =
    cell.kind === 'goal'
      ? [goal.description, goal.background, goal.constraints, goal.deadline]
      : [subGoal?.description];
  return (
    <Dialog title={cell.title} shape="sheet" onClose={onClose}>
      <p className="muted">{cell.kind === 'goal' ? text.goal : text.subGoal}</p>
      {texts.map((line, index) => line && <p key={index}>{line}</p>)}
      <p className="muted">{text.filled(cell.done, cell.total)}</p>
      <div className="buttons">
        <button type="button" onClick={onClose}>
          {text.close}
        </button>
      </div>
    </Dialog>
  );
}
