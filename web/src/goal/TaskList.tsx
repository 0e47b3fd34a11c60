import type { Task } from '../api/types';
import { useText } from '../text/TextContext';

/** An action's tasks in their order. */
export function TaskList({ tasks }: { tasks: readonly Task[] }) {
  const text = useText();
  return (
    <ol className="tasks">
      {tasks.map(task => (
        <li key={task.taskId}>
          <h4>{task.title}</h4>
          {task.description && <p>{task.description}</p>}
          <p className="muted task-facts">
            <span>{text.minutes(task.estimatedMinutes)}</span>
            <span>{text.taskKind[task.type]}</span>
            <span>{text.priority[task.priority]}</span>
            {task.status !== 'not_started' && <span>{text.taskStatus[task.status]}</span>}
          </p>
        </li>
      ))}
    </ol>
  );
}
