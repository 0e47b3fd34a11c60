import { useState } from 'react';

import { useText } from '../text/TextContext';
import { type ActionCell } from './cells';
import { StateMark } from './StateMark';
import { shortState, spokenState } from './stateWords';

/** An action: its title, and where it is. Turns when its outcome has just come. */
export function ActionCellView({ cell }: { cell: ActionCell }) {
  const text = useText();
  const [seen, setSeen] = useState({ state: cell.state, turned: false });
  if (seen.state !== cell.state) {
    setSeen({ state: cell.state, turned: cell.state === 'succeeded' || cell.state === 'failed' });
  }
  const words = shortState(text, cell);
  return (
    <span className={`cell-face ${seen.turned ? 'turned' : ''}`}>
      <span className="cell-title">{cell.title}</span>
      <span className="cell-state" aria-hidden="true">
        <StateMark state={cell.state} />
        {words}
      </span>
      <span className="hidden">, {spokenState(text, cell)}</span>
    </span>
  );
}
