import type { Goal, WorkflowStatus } from '../api/types';
import { isFinal } from 'goal-activity-client';
import { useTexts } from '../text/TextContext';
import { progressWords } from './progress';

/** Where the run is: in words, and while it runs as a line. */
export function Progress({ goal, workflow }: { goal: Goal; workflow: WorkflowStatus | undefined }) {
  const { text, language } = useTexts();
  const { title, parts, notes, usage } = progressWords(text, goal, workflow, language);
  const running = workflow && !isFinal(workflow.status);
  return (
    <div className="progress" data-status={workflow?.status ?? 'NONE'}>
      <p className="progress-words">
        <strong>{title}</strong>
        {parts.map(part => (
          <span key={part}>{part}</span>
        ))}
      </p>
      {running && workflow.admittedAt !== undefined && (
        <progress
          max={workflow.totalActions}
          value={workflow.processedActions}
          aria-label={text.status[workflow.status]}
        />
      )}
      {notes.map(note => (
        <p key={note}>{note}</p>
      ))}
      {usage && <p className="muted">{usage}</p>}
    </div>
  );
}
