import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { expect, test } from 'vitest';

import { sample } from '../../fake/scenarios';
import { TextProvider } from '../text/TextContext';
import { blocksOf, type Cell } from './cells';
import { ChartView } from './ChartView';

function show() {
  const opened: Cell[] = [];
  render(
    <TextProvider>
      <ChartView blocks={blocksOf(sample('en'))} onOpen={cell => opened.push(cell)} />
    </TextProvider>,
  );
  return { user: userEvent.setup(), opened };
}

const focused = () => document.activeElement?.getAttribute('data-cell');

test('Tab reaches one cell, arrow keys the others, Enter opens', async () => {
  const { user, opened } = show();
  expect(document.querySelectorAll('.cell[tabindex="0"]')).toHaveLength(1);
  await user.tab();
  expect(focused()).toBe('4,4');
  await user.keyboard('{ArrowUp}');
  await expect.poll(focused).toBe('3,4');
  await user.keyboard('{ArrowUp}');
  await expect.poll(focused).toBe('2,4');
  await user.keyboard('{Home}');
  await expect.poll(focused).toBe('2,0');
  await user.keyboard('{Enter}');
  expect(opened).toMatchObject([{ kind: 'action', row: 2, column: 0 }]);
  await user.tab();
  expect(document.activeElement).toBe(document.body);
});

test('each block is a group with its sub-goal as its name', () => {
  show();
  expect(screen.getByRole('group', { name: 'Block: Product' }).querySelectorAll('button')).toHaveLength(9);
});

test('a chart that is only looked at has no buttons', () => {
  render(<ChartView blocks={blocksOf(sample('en'))} />);
  expect(screen.queryByRole('button')).toBeNull();
});
