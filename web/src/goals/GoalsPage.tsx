import { useCallback, useEffect, useState } from 'react';

import { Loading } from '../parts/Loading';
import { ProblemNote } from '../parts/ProblemNote';
import { ProblemView } from '../parts/ProblemView';
import { useCommand } from '../parts/useCommand';
import { useLoaded } from '../parts/useLoaded';
import { BRING } from '../route/route';
import { useServices } from '../Services';
import { useText } from '../text/TextContext';
import { GoalRow } from './GoalRow';
import { type GoalList, listGoals } from './listGoals';
import { useRepeated } from './useRepeated';

/** The user's goals. */
export function GoalsPage() {
  const text = useText();
  const { api } = useServices();
  const command = useCommand();
  const { value: first, problem, reload } = useLoaded(useCallback(() => listGoals(api), [api]));
  const [more, setMore] = useState<GoalList>();
  useRepeated(problem, reload);
  useEffect(() => {
    document.title = text.page;
  }, [text]);

  if (!first) return problem ? <ProblemView problem={problem} onRetry={reload} repeats /> : <Loading />;
  const goals = [...new Map([...first.goals, ...(more?.goals ?? [])].map(goal => [goal.goalId, goal])).values()];
  const next = more ? more.nextCursor : first.nextCursor;
  if (goals.length === 0 && next === undefined) {
    return (
      <section className="no-goals">
        <h1>{text.noGoals}</h1>
        <p>{text.noGoalsHint}</p>
        {!first.elsewhere && (
          <a className="button primary" href={BRING}>
            {text.bring}
          </a>
        )}
      </section>
    );
  }
  const load = () =>
    command.run(async () => {
      const page = await listGoals(api, next, first.elsewhere);
      setMore({ ...page, goals: [...(more?.goals ?? []), ...page.goals] });
    });
  return (
    <section className="goals">
      <header className="goals-head">
        <h1>{text.goals}</h1>
        {!first.elsewhere && (
          <a className="button" href={BRING}>
            {text.bring}
          </a>
        )}
      </header>
      {first.elsewhere && <p>{text.elsewhere}</p>}
      <ul>
        {goals.map(goal => (
          <GoalRow key={goal.goalId} goal={goal} />
        ))}
      </ul>
      {command.problem && <ProblemNote problem={command.problem} />}
      {next !== undefined && (
        <div className="buttons">
          <button type="button" disabled={command.busy} onClick={() => void load()}>
            {text.more}
          </button>
        </div>
      )}
    </section>
  );
}
