import { type DragEvent, useEffect, useMemo, useState } from 'react';

import { actionsOf, blocksOf } from '../chart/cells';
import { ChartView } from '../chart/ChartView';
import { ProblemNote } from '../parts/ProblemNote';
import { useCommand } from '../parts/useCommand';
import { goalPath } from '../route/route';
import { useServices } from '../Services';
import { chartWords } from '../text/chartProblems';
import { useTexts } from '../text/TextContext';
import { placeWords, readChart, type Reading } from './forms';
import { readSample } from './samples';

/** Brings a chart from where it is kept now: as a new goal, or in the place of a goal's chart. */
export function BringPage({ goalId }: { goalId: string | undefined }) {
  const { text, language } = useTexts();
  const { api } = useServices();
  const command = useCommand();
  const [typed, setTyped] = useState('');
  const [reading, setReading] = useState<Reading>();
  const [file, setFile] = useState('');
  const [dragging, setDragging] = useState(false);
  const [newId] = useState(() => crypto.randomUUID());
  const chart = reading && 'chart' in reading ? reading.chart : undefined;
  const blocks = useMemo(() => chart && blocksOf(chart), [chart]);
  const count = blocks && actionsOf(blocks).length;

  useEffect(() => {
    document.title = goalId === undefined ? text.bring : text.replaceChart;
  }, [goalId, text]);

  async function read(content: string | Uint8Array, file?: string) {
    setFile('');
    setReading(content.length === 0 ? undefined : await readChart(content, file));
  }

  async function take(file: File | undefined) {
    if (!file) return;
    await command.run(async () => {
      const content = new Uint8Array(await file.arrayBuffer());
      setTyped('');
      await read(content, file.name);
      setFile(file.name);
    });
  }

  async function sample() {
    await command.run(async () => {
      const content = await readSample(language);
      setTyped(content);
      await read(content);
    });
  }

  async function save() {
    if (!chart) return;
    const id = goalId ?? newId;
    if (await command.run(() => api.putGoal(id, chart))) location.hash = goalPath(id);
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
        <span>{dragging ? text.dropHere : text.bringHint}</span>
        <textarea
          aria-label={text.bringLabel}
          rows={7}
          spellCheck={false}
          value={typed}
          onChange={event => {
            setTyped(event.target.value);
            void read(event.target.value);
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
            onChange={event => void take(event.target.files?.[0])}
          />
        </label>
        {goalId === undefined && (
          <button type="button" onClick={() => void sample()}>
            {text.useSample}
          </button>
        )}
      </div>
      <div role="status">
        {reading && 'unreadable' in reading && (
          <div className="note">
            <p>
              <strong>{text.unreadable}</strong>
            </p>
            <p>
              {placeWords(text, reading.unreadable.place)}: {chartWords(language, reading.unreadable.problem)}
            </p>
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
      {blocks && (
        <>
          {command.problem && <ProblemNote problem={command.problem} onDismiss={command.dismiss} />}
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
