import { useText } from '../text/TextContext';
import type { Block } from './cells';

const MIDDLE = 4;

interface Props {
  blocks: readonly Block[];
  shown: number;
  onShow: (place: number) => void;
  /** Whether it says how full the blocks are: not of a chart that is not stored yet. */
  counts: boolean;
}

/** The whole chart in the size of a stamp: how full each block is, and which one is seen. For phones. */
export function BlockMap({ blocks, shown, onShow, counts }: Props) {
  const text = useText();
  const current = blocks[shown];
  const nameOf = ({ place, title }: Block) => (place === MIDDLE ? text.wholeChart : title || text.emptyBlock);
  const step = (by: number) => onShow((shown + by + blocks.length) % blocks.length);
  return (
    <div className="block-map">
      <button type="button" className="quiet step" aria-label={text.previousBlock} onClick={() => step(-1)}>
        ‹
      </button>
      <div className="block-map-blocks">
        {blocks.map(block => (
          <button
            key={block.place}
            type="button"
            className={block.failed > 0 && block.place !== MIDDLE ? 'with-failed' : ''}
            aria-label={`${nameOf(block)}, ${text.filled(block.done, block.total)}${block.failed > 0 ? `, ${text.failedCount(block.failed)}` : ''}`}
            aria-pressed={block.place === shown}
            onClick={() => onShow(block.place)}
          >
            <span className="fill" style={{ height: `${block.total === 0 ? 0 : (100 * block.done) / block.total}%` }} />
          </button>
        ))}
      </div>
      <button type="button" className="quiet step" aria-label={text.nextBlock} onClick={() => step(1)}>
        ›
      </button>
      <p className="block-map-title" aria-live="polite">
        {current && nameOf(current)}
        {counts && current && (
          <span className="muted">
            {current.done}/{current.total}
          </span>
        )}
      </p>
    </div>
  );
}
