import { type KeyboardEvent, useId, useRef, useState } from 'react';

import { useText } from '../text/TextContext';
import { BlockMap } from './BlockMap';
import { BlockView } from './BlockView';
import { type Block, type Cell, neighbour } from './cells';
import { useNarrow } from './useNarrow';

interface Props {
  blocks: readonly Block[];
  /** Missing where the chart is only looked at. */
  onOpen?: (cell: Cell) => void;
}

const MIDDLE = 4;
const STEPS: Record<string, [rows: number, columns: number]> = {
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  Home: [0, -8],
  End: [0, 8],
};

/** The chart as it hangs on a wall; on a phone, one of its blocks. */
export function ChartView({ blocks, onOpen }: Props) {
  const text = useText();
  const narrow = useNarrow();
  const hint = useId();
  const element = useRef<HTMLDivElement>(null);
  const [shown, setShown] = useState(MIDDLE);
  const [reached, setReached] = useState({ row: 4, column: 4 });

  // Only a cell that is seen can be reached; in another block, its middle.
  const inShown = Math.floor(reached.row / 3) * 3 + Math.floor(reached.column / 3) === shown;
  const middle = { row: Math.floor(shown / 3) * 3 + 1, column: (shown % 3) * 3 + 1 };
  const target = narrow && !inShown ? middle : reached;
  const exists = blocks.some(({ cells }) => cells.some(cell => cell.kind !== 'empty' && at(cell, target)));
  const first = blocks[narrow ? shown : MIDDLE]?.cells.find(({ kind }) => kind !== 'empty');
  const reachable = exists ? target : first;

  function open(cell: Cell) {
    if (narrow && cell.kind === 'subGoal') setShown(cell.block ?? MIDDLE);
    else onOpen?.(cell);
  }

  function move(event: KeyboardEvent) {
    const step = STEPS[event.key];
    if (!step || !reachable) return;
    event.preventDefault();
    let next: Cell | undefined;
    let from: Pick<Cell, 'row' | 'column'> = reachable;
    // Empty cells are passed over.
    for (let count = 0; count < 8 && (next === undefined || next.kind === 'empty'); count += 1) {
      next = neighbour(blocks, from, ...step);
      if (next) from = next;
    }
    if (!next || next.kind === 'empty') return;
    if (narrow) setShown(Math.floor(next.row / 3) * 3 + Math.floor(next.column / 3));
    setReached(next);
    const selector = `[data-cell="${next.row},${next.column}"]`;
    requestAnimationFrame(() => element.current?.querySelector<HTMLElement>(selector)?.focus());
  }

  return (
    <div className="chart-frame">
      {narrow && <BlockMap blocks={blocks} shown={shown} onShow={setShown} counts={onOpen !== undefined} />}
      {onOpen && (
        <p id={hint} className="chart-hint">
          {text.chartHint}
        </p>
      )}
      <div
        ref={element}
        className="chart"
        role="group"
        aria-label={text.chart}
        aria-describedby={onOpen ? hint : undefined}
        onKeyDown={onOpen && move}
      >
        {blocks.map(block => (
          <BlockView
            key={block.place}
            block={block}
            shown={block.place === shown}
            onOpen={onOpen && open}
            isReachable={cell => reachable !== undefined && at(cell, reachable)}
            onFocus={setReached}
          />
        ))}
      </div>
    </div>
  );
}

const at = (cell: Cell, { row, column }: { row: number; column: number }) => cell.row === row && cell.column === column;
