import { type DragEvent, useCallback, useEffect, useMemo, useRef, useState } from 'react';

import { actionsOf, blocksOf } from '../chart/cells';
import { ChartView } from '../chart/ChartView';
import { changesOf } from '../goal/changes';
import { ProblemNote } from '../parts/ProblemNote';
import { useCommand } from '../parts/useCommand';
import { goalPath } from '../route/route';
import { useServices } from '../Services';
import { chartWords } from '../text/chartProblems';
import { useTexts } from '../text/TextContext';
import { editable, placeWords, readChart, type Reading } from './forms';
import { readSample } from './samples';

/** What `load` gives, and what it is as a chart. A file that cannot be read is unreadable as well: a folder, or one that is gone. */
async function brought(load: () => string | Promise<string | Uint8Array>, file: string) {
  let content: string | Uint8Array = '';
  try {
    content = await load();
  } catch (error) {
    if (file === '') throw error;
    const unreadable = [{ place: { kind: 'whole' as const }, problem: String(error) }];
    return { content, reading: { unreadable, more: 0 } satisfies Reading };
  }
  return { content, reading: content.length === 0 ? undefined : await readChart(content, file || undefined) };
}

/** Brings a chart from where it is kept now: as a new goal, or in the place of a goal's chart. */
export function BringPage({ goalId }: { goalId: string | undefined }) {
  const { text, language } = useTexts();
  const { api } = useServices();
  const command = useCommand();
  const reader = useCommand();
  const [typed, setTyped] = useState('');
  const [reading, setReading] = useState<Reading>();
  const [file, setFile] = useState('');
  const [dragging, setDragging] = useState(false);
  // Only the newest one counts: a file may take longer to read than what was typed after it.
  const reads = useRef(0);
  // What is replaced is the chart that was seen here, and not one that was written meanwhile.
  const revision = useRef<number>(undefined);
  const [newId] = useState(() => crypto.randomUUID());
  const chart = reading && 'chart' in reading ? reading.chart : undefined;
  const blocks = useMemo(() => chart && blocksOf(chart), [chart]);
  const count = blocks && actionsOf(blocks).length;

  useEffect(() => {
    document.title = goalId === undefined ? text.bring : text.replaceChart;
  }, [goalId, text]);

  const { run } = reader;
  /** Reads what `load` gives: typed, or from a file of that name. What stands in the way is told, unless something newer is read. */
  const read = useCallback(
    (load: () => string | Promise<string | Uint8Array>, file = '') => {
      const number = (reads.current += 1);
      const isNewest = () => number === reads.current;
      return run(async () => {
        try {
          const { content, reading } = await brought(load, file);
          if (!isNewest()) return;
          setTyped(typeof content === 'string' ? content : '');
          setReading(reading);
          setFile(file);
        } catch (error) {
          if (isNewest()) throw error;
        }
      });
    },
    [run],
  );

  // The chart that is there, to be edited: unless something else was brought before it has come.
  useEffect(() => {
    if (goalId === undefined) return;
    void read(async () => {
      const goal = await api.goal(goalId);
      ({ revision: revision.current } = goal);
      return editable(goal);
    });
  }, [api, goalId, read]);

  async function take(file: File | undefined) {
    if (!file) return;
    // No more of it than shows that it is too large.
    await read(async () => new Uint8Array(await file.slice(0, 1_000_000).arrayBuffer()), file.name);
  }

  async function save() {
    if (!chart) return;
    const id = goalId ?? newId;
    const here = location.hash;
    if (
      !(await command.run(() =>
        api.putGoal(id, { ...chart, ...(revision.current !== undefined && { revision: revision.current }) }),
      ))
    )
      return;
    changesOf(id).announce();
    // Unless the user has gone somewhere else meanwhile.
    if (location.hash === here) location.hash = goalPath(id);
  }

  const drag = (over: boolean) => (event: DragEvent) => {
    event.preventDefault();
    setDragging(over);
  };
  return (
    <section
      className={`bring ${dragging ? 'dragging' : ''}`}
      onDragOver={drag(true)}
      onDragLeave={drag(false)}
      onDrop={event => {
        drag(false)(event);
        void take(event.dataTransfer.files[0]);
      }}
    >
      <h1>{goalId === undefined ? text.bring : text.replaceChart}</h1>
      <label>
        <span>{dragging ? text.dropHere : goalId === undefined ? text.bringHint : text.replaceHint}</span>
        <textarea
          aria-label={text.bringLabel}
          placeholder={goalId === undefined ? text.bringExample : undefined}
          rows={goalId === undefined ? 7 : 16}
          spellCheck={false}
          value={typed}
          onChange={event => {
            const { value } = event.target;
            setTyped(value);
            void read(() => value);
          }}
        />
      </label>
      <div className="buttons">
        <label className="button">
          {file || text.chooseFile}
          <input
            type="file"
            className="hidden"
            accept=".csv,.tsv,.txt,.json,.md,.markdown,.opml,.xml"
            onChange={event => {
              void take(event.target.files?.[0]);
              // The same file again, after it was mended, is a change as well.
              event.target.value = '';
            }}
          />
        </label>
        {goalId === undefined && (
          <button type="button" onClick={() => void read(() => readSample(language))}>
            {text.useSample}
          </button>
        )}
      </div>
      {reader.problem && <ProblemNote problem={reader.problem} />}
      <div role="status">
        {reading && 'unreadable' in reading && (
          <div className="note">
            <p>
              <strong>{text.unreadable}</strong>
            </p>
            <ul>
              {reading.unreadable.map(({ place, problem }, index) => (
                <li key={index}>
                  {placeWords(text, place)}: {chartWords(language, problem)}
                </li>
              ))}
              {reading.more > 0 && <li>{text.moreProblems(reading.more)}</li>}
            </ul>
            {reading.unreadable.some(({ place }) => place.kind === 'whole') && <p>{text.bringSimple}</p>}
          </div>
        )}
        {count !== undefined && <p className="preview-words">{text.previewOf(count, 64 - count)}</p>}
      </div>
      {reading && 'leftOut' in reading && reading.leftOut.length > 0 && (
        <div className="note">
          <p>
            <strong>{text.leftOut}</strong>
          </p>
          <ul>
            {reading.leftOut.map(line => (
              <li key={line}>{chartWords(language, line)}</li>
            ))}
          </ul>
        </div>
      )}
      {command.problem && <ProblemNote problem={command.problem} onDismiss={command.dismiss} />}
      {blocks && (
        <>
          <div className="buttons">
            <button type="button" className="primary" disabled={command.busy} onClick={() => void save()}>
              {command.busy ? text.saving : goalId === undefined ? text.save : text.saveReplace}
            </button>
          </div>
          <h2 className="hidden">{text.preview}</h2>
          <ChartView blocks={blocks} />
        </>
      )}
    </section>
  );
}
