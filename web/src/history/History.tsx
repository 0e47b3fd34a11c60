import { useCallback, useState } from 'react';

import type { WorkflowStatus, WorkflowSummary } from '../api/types';
import { ProblemNote } from '../parts/ProblemNote';
import { useCommand } from '../parts/useCommand';
import { useLoaded } from '../parts/useLoaded';
import { useServices } from '../Services';
import { useText } from '../text/TextContext';
import { withLatest } from './withLatest';
import { WorkflowRow } from './WorkflowRow';

interface Props {
  goalId: string;
  /** What the page knows of the newest workflow: the history may be a second behind. */
  latest: WorkflowStatus | undefined;
}

/** The goal's workflows, the newest first. */
export function History({ goalId, latest }: Props) {
  const text = useText();
  const { api } = useServices();
  const command = useCommand();
  const load = useCallback(() => api.workflows(goalId), [api, goalId]);
  // Loaded anew when a workflow begins or ends.
  const { value: page, problem } = useLoaded(load, `${latest?.executionArn ?? ''} ${latest?.status ?? ''}`);
  const [older, setOlder] = useState<{ items: WorkflowSummary[]; next: string | undefined }>();
  const items = withLatest([...(page?.items ?? []), ...(older?.items ?? [])], latest);
  const next = older ? older.next : page?.nextCursor;

  const more = () =>
    command.run(async () => {
      const page = await api.workflows(goalId, next);
      setOlder({ items: [...(older?.items ?? []), ...page.items], next: page.nextCursor });
    });

  if (items.length === 0 && !problem) return null;
  return (
    <section className="history">
      <h2>{text.history}</h2>
      {problem && !problem.isOutage && <ProblemNote problem={problem} />}
      <ul>
        {items.map(workflow => (
          <WorkflowRow key={workflow.executionArn} workflow={workflow} />
        ))}
      </ul>
      {command.problem && <ProblemNote problem={command.problem} />}
      {next !== undefined && (
        <button type="button" disabled={command.busy} onClick={() => void more()}>
          {text.more}
        </button>
      )}
    </section>
  );
}
