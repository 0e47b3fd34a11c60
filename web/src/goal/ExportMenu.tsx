import type { Goal } from '../api/types';
import { download } from '../parts/download';
import { ProblemNote } from '../parts/ProblemNote';
import { useCommand } from '../parts/useCommand';
import { useText } from '../text/TextContext';
import { exported, fileName, KINDS } from './exported';

const NAMES = { csv: 'CSV', tsv: 'TSV', json: 'JSON', md: 'Markdown', opml: 'OPML', svg: 'SVG', png: 'PNG' };

/** The chart in the forms that people keep theirs in, as a picture, or on paper. */
export function ExportMenu({ goal }: { goal: Goal }) {
  const text = useText();
  const command = useCommand();
  return (
    <details className="export">
      <summary>{text.export}</summary>
      <div className="buttons" role="group" aria-label={text.exportAs}>
        {KINDS.map(kind => (
          <button
            key={kind}
            type="button"
            onClick={() =>
              void command.run(async () =>
                download(fileName(goal.title, kind), await exported(goal, kind, text.tasksCount)),
              )
            }
          >
            {NAMES[kind]}
          </button>
        ))}
        <button type="button" onClick={() => window.print()}>
          {text.print}
        </button>
      </div>
      {command.problem && <ProblemNote problem={command.problem} />}
    </details>
  );
}
