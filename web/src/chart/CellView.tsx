import { ActionCellView } from './ActionCellView';
import type { Cell } from './cells';
import { PlainCellView } from './PlainCellView';

interface Props {
  cell: Cell;
  /** Missing where the chart is only looked at. */
  onOpen: ((cell: Cell) => void) | undefined;
  /** The one cell that Tab reaches; arrow keys go on from there. */
  reachable: boolean;
  onFocus: (cell: Cell) => void;
}

/** One of the 81 cells: a button that opens it, or only its face. */
export function CellView({ cell, onOpen, reachable, onFocus }: Props) {
  const state = cell.kind === 'action' ? cell.state : cell.kind;
  const has = cell.kind === 'action' && cell.tasks > 0 ? 'has-tasks' : '';
  const name = `cell ${cell.kind} ${state} ${has}`;
  const face =
    cell.kind === 'action' ? (
      <ActionCellView cell={cell} />
    ) : (
      <PlainCellView cell={cell} counts={onOpen !== undefined} />
    );
  if (!onOpen || cell.kind === 'empty') return <div className={name}>{face}</div>;
  return (
    <button
      type="button"
      className={name}
      data-cell={`${cell.row},${cell.column}`}
      data-action={cell.kind === 'action' ? cell.actionId : undefined}
      data-state={cell.kind === 'action' ? cell.state : undefined}
      tabIndex={reachable ? 0 : -1}
      onClick={() => onOpen(cell)}
      onFocus={() => onFocus(cell)}
    >
      {face}
    </button>
  );
}
