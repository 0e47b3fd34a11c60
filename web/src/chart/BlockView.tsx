import { useText } from '../text/TextContext';
import type { Block, Cell } from './cells';
import { CellView } from './CellView';

interface Props {
  block: Block;
  /** On a phone, only one block is seen. */
  shown: boolean;
  onOpen: ((cell: Cell) => void) | undefined;
  isReachable: (cell: Cell) => boolean;
  onFocus: (cell: Cell) => void;
}

/** Nine cells around a sub-goal, or the sub-goals around the goal. */
export function BlockView({ block, shown, onOpen, isReachable, onFocus }: Props) {
  const text = useText();
  return (
    <div role="group" aria-label={text.block(block.title)} className={`block ${shown ? 'shown' : ''}`}>
      {block.cells.map(cell => (
        <CellView
          key={`${cell.row},${cell.column}`}
          cell={cell}
          onOpen={onOpen}
          reachable={isReachable(cell)}
          onFocus={onFocus}
        />
      ))}
    </div>
  );
}
