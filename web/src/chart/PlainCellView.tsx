import { useText } from '../text/TextContext';
import type { PlainCell } from './cells';

/** The goal, a sub-goal, or nothing. */
export function PlainCellView({ cell, counts }: { cell: PlainCell; counts: boolean }) {
  const text = useText();
  if (cell.kind === 'empty') return null;
  return (
    <span className="cell-face">
      <span className="hidden">{cell.kind === 'goal' ? text.goal : text.subGoal}: </span>
      <span className="cell-title">{cell.title}</span>
      {counts && cell.block !== undefined && (
        <>
          <span className="cell-state" aria-hidden="true">
            {cell.done}/{cell.total}
          </span>
          <span className="hidden">, {text.filled(cell.done, cell.total)}</span>
        </>
      )}
    </span>
  );
}
