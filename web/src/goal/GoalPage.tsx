import { useEffect, useMemo, useState } from 'react';

import { isFinal } from 'goal-activity-client';
import { blocksOf, type Cell } from '../chart/cells';
import { ChartView } from '../chart/ChartView';
import { History } from '../history/History';
import { Loading } from '../parts/Loading';
import { ProblemView } from '../parts/ProblemView';
import { chartPath } from '../route/route';
import { useServices } from '../Services';
import { useText } from '../text/TextContext';
import { ActionSheet } from './ActionSheet';
import { Announcer } from './Announcer';
import { Commands } from './Commands';
import { ExportMenu } from './ExportMenu';
import { GoalSheet } from './GoalSheet';
import { OldNote } from './OldNote';
import { Progress } from './Progress';
import { useGoal } from './useGoal';

/** A goal: its chart, what its run does, and what has been. */
export function GoalPage({ goalId }: { goalId: string }) {
  const text = useText();
  const { api } = useServices();
  const { goal, workflow, problem, refresh } = useGoal(api, goalId);
  const [opened, setOpened] = useState<Pick<Cell, 'row' | 'column'>>();
  const blocks = useMemo(() => (goal ? blocksOf(goal) : []), [goal]);
  const title = goal?.title;
  useEffect(() => {
    if (title) document.title = title;
  }, [title]);

  if (!goal) return problem ? <ProblemView problem={problem} onRetry={refresh} repeats /> : <Loading />;
  // What can be asked of the goal depends on its workflow.
  const hasWorkflow = (goal.executionArn ?? goal.latestExecutionArn) !== undefined;
  if (hasWorkflow && !workflow && !problem) return <Loading />;
  const running = workflow !== undefined && !isFinal(workflow.status);
  const cell =
    opened &&
    blocks.flatMap(({ cells }) => cells).find(({ row, column }) => row === opened.row && column === opened.column);
  const close = () => setOpened(undefined);
  return (
    <article className="goal-page">
      <header className="goal-head">
        <h1>{goal.title}</h1>
        <Progress goal={goal} workflow={workflow} />
        <Commands goal={goal} workflow={workflow} onDone={refresh} />
        {problem && <OldNote problem={problem} />}
      </header>
      <Announcer workflow={workflow} />
      <ChartView blocks={blocks} onOpen={setOpened} />
      <div className="chart-foot">
        <ExportMenu goal={goal} />
        {!running && <a href={chartPath(goalId)}>{text.replaceChart}</a>}
      </div>
      <History goalId={goalId} latest={workflow} />
      {cell?.kind === 'action' && (
        <ActionSheet goal={goal} cell={cell} running={running} onDone={refresh} onClose={close} />
      )}
      {(cell?.kind === 'goal' || cell?.kind === 'subGoal') && <GoalSheet goal={goal} cell={cell} onClose={close} />}
    </article>
  );
}
