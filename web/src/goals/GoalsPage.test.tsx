import { screen } from '@testing-library/react';
import { expect, test } from 'vitest';

import { problem } from '../../fake/FakeApi';
import { fakeApi, sample } from '../../fake/scenarios';
import { renderPage } from '../../test/support/renderPage';

test('goals are listed with how full they are', async () => {
  renderPage('', fakeApi(['full', 'half'], 'en'));
  const rows = await screen.findAllByRole('listitem');
  expect(rows).toHaveLength(2);
  expect(rows[0]?.textContent).toContain('Every action has tasks');
  expect(rows[1]?.textContent).toMatch(/33 of 64 actions have tasksIn progress/);
});

test('more goals are asked for page by page', async () => {
  const fake = fakeApi([], 'en');
  for (let number = 10; number < 35; number += 1) fake.world.put(`goal-${number}`, sample('en'));
  const { user } = renderPage('', fake);
  expect(await screen.findAllByRole('listitem')).toHaveLength(20);
  await user.click(screen.getByText('Show more'));
  await screen.findAllByRole('listitem');
  await expect.poll(() => screen.getAllByRole('listitem').length).toBe(25);
});

test('without goals the page says what to do', async () => {
  renderPage('', fakeApi([], 'en'));
  await screen.findByRole('heading', { name: 'No chart here yet' });
  expect(screen.getByText('Import a chart').getAttribute('href')).toBe('#/new');
});

test('goals of another program are those that tasks were requested for', async () => {
  const fake = fakeApi(['full', 'partial', 'new'], 'en');
  fake.faults.push({ path: /goals$/, respond: () => problem(409, 'GOALS_ELSEWHERE', 'setting goalsUserIndex') });
  renderPage('', fake);
  await screen.findByText(/^The goals belong to another program/);
  expect(screen.getAllByRole('listitem')).toHaveLength(2);
  expect(screen.queryByText('Import a chart')).toBeNull();
});

test('a goal of another program that cannot be read has its id as its name', async () => {
  const fake = fakeApi(['full'], 'en');
  fake.faults.push({ path: /goals$/, respond: () => problem(409, 'GOALS_ELSEWHERE', '') });
  fake.faults.push({ path: /goals\/full$/, respond: () => problem(422, 'UNREADABLE_GOAL', '') });
  renderPage('', fake);
  expect(await screen.findByRole('link', { name: 'full' })).toBeTruthy();
});

test('the language can be changed', async () => {
  const { user } = renderPage('', fakeApi([], 'en'));
  await user.click(await screen.findByText('日本語'));
  await screen.findByRole('heading', { name: 'まだチャートがありません' });
  expect(document.documentElement.lang).toBe('ja');
});
