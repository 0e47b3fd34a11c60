import type { ListedGoal } from './listGoals';
import { filledWords } from '../goal/progress';
import { Strip } from '../history/Strip';
import { goalPath } from '../route/route';
import { useText } from '../text/TextContext';

/** A goal in the list, and how full its chart is. */
export function GoalRow({ goal }: { goal: ListedGoal }) {
  const text = useText();
  const { goalId, title, totalActions, actionsWithTasks, executionArn } = goal;
  return (
    <li className="goal-row">
      <a href={goalPath(goalId)}>{title}</a>
      <Strip succeeded={actionsWithTasks} failed={0} total={totalActions} />
      <p className="muted">
        <span>{filledWords(text, goal)}</span>
        {executionArn !== undefined && <span>{text.running}</span>}
      </p>
    </li>
  );
}
