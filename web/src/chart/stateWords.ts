import type { Text } from '../text/en';
import type { ActionCell } from './cells';

/** What a cell says below its title, in few words. */
export function shortState(text: Text, cell: ActionCell): string {
  switch (cell.state) {
    case 'none':
      return '';
    case 'succeeded':
      return text.tasksShort(cell.tasks);
    case 'failed':
      return text.failureShort[cell.code ?? ''] ?? text.state.failed;
    default:
      return text.state[cell.state];
  }
}

/** The state as a part of a sentence, for those who do not see the cell. */
export function spokenState(text: Text, cell: ActionCell): string {
  const short = shortState(text, cell);
  switch (cell.state) {
    case 'succeeded':
      return text.tasksCount(cell.tasks);
    case 'failed':
      return short === text.state.failed ? short : `${text.state.failed}: ${short}`;
    default:
      return short || text.state.none;
  }
}
