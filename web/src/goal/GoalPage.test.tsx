import { screen, waitFor, within } from '@testing-library/react';
import { expect, test, vi } from 'vitest';

import { problem } from '../../fake/FakeApi';
import { fakeApi } from '../../fake/scenarios';
import { renderPage } from '../../test/support/renderPage';

/** A clock that a test sets. */
function clock() {
  const time = { now: Date.now() };
  return { now: () => time.now, advance: (seconds: number) => (time.now += seconds * 1000) };
}

const cells = (state: string) => document.querySelectorAll(`.cell[data-state="${state}"]`).length;
// By text: the names of 81 buttons take long to compute.
const button = (name: string) => screen.findByText(name, { selector: 'button' });
const cell = (title: RegExp) => screen.findByText(title, { selector: '.cell-title' });

test('a chart fills while its workflow runs', async () => {
  const { now, advance } = clock();
  const { user } = renderPage('#/goals/new', fakeApi(['new'], 'en', now));
  await user.click(await button('Make tasks for 64 actions'));
  await waitFor(() => expect(cells('waiting')).toBe(64));
  advance(4);
  await screen.findByText('Making tasks', { selector: 'strong' });
  await waitFor(() => expect(cells('succeeded')).toBeGreaterThan(10));
  expect(cells('generating')).toBeGreaterThan(0);
  expect(screen.getByText(/about \d+ seconds left/)).toBeTruthy();
  expect(screen.getByRole('progressbar')).toBeTruthy();
  advance(60);
  await waitFor(() => expect(cells('succeeded')).toBe(64));
  await screen.findByText('Every action has tasks');
  expect(document.querySelectorAll('.turned').length).toBeGreaterThan(50);
});

test('a cell opens its tasks in their order', async () => {
  const { user } = renderPage('#/goals/full', fakeApi(['full'], 'en'));
  await user.click(await cell(/^Choose the opening range/));
  const dialog = await screen.findByRole('dialog');
  const items = await within(dialog).findAllByRole('listitem');
  expect(items).toHaveLength(4);
  expect(items[0]?.textContent).toContain('Write down where you stand');
  expect(items[0]?.textContent).toContain('30 min');
  expect(items[0]?.textContent).toContain('High priority');
  expect(items[0]?.textContent).toContain('Step');
});

test('the goal opens what was written about it, by its names', async () => {
  const { user } = renderPage('#/goals/new', fakeApi(['new'], 'en'));
  await user.click(await cell(/^Open a small neighbourhood bakery/));
  const dialog = await screen.findByRole('dialog');
  const names = within(dialog).getAllByRole('term');
  expect(names.map(name => name.textContent)).toEqual(['Background', 'Constraints', 'Deadline']);
  expect(names[2]?.nextSibling?.textContent).toBe('2027-10-01');
});

test('a failed cell says why, and offers its retry', async () => {
  const { now, advance } = clock();
  const fake = fakeApi(['partial'], 'en', now);
  const { user } = renderPage('#/goals/partial', fake);
  const failed = await cell(/^Bake one test batch/);
  expect(failed.closest('button')?.textContent).toContain('Failed: No answer');
  await user.click(failed);
  const dialog = await screen.findByRole('dialog');
  expect(dialog.textContent).toContain('The AI did not answer in time.');
  await user.click(within(dialog).getByRole('button', { name: 'Retry this action' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  await screen.findByText('0 of 1');
  advance(60);
  await screen.findByText('60 of 64 actions have tasks');
  expect(fake.latest('partial')).toBe('SUCCEEDED');
});

test('all that failed is retried at once', async () => {
  const { now, advance } = clock();
  const { user } = renderPage('#/goals/partial', fakeApi(['partial'], 'en', now));
  await user.click(await button('Retry 5 failed actions'));
  await screen.findByText('0 of 5');
  advance(60);
  await screen.findByText('Every action has tasks');
});

test('a run is cancelled with a reason, and its tasks are gone', async () => {
  const fake = fakeApi(['half'], 'en');
  const { user } = renderPage('#/goals/half', fake);
  await waitFor(() => expect(cells('succeeded')).toBeGreaterThan(20));
  await user.click(await button('Cancel'));
  await user.type(await screen.findByLabelText('Reason (optional)'), 'Plans have changed');
  await user.click(await button('Cancel the run'));
  await screen.findByText('Reason given: Plans have changed');
  await waitFor(() => expect(cells('none')).toBe(64));
  expect(fake.latest('half')).toBe('ABORTED');
});

test('who uses the keyboard stays with the commands when a button is gone', async () => {
  const { now, advance } = clock();
  const { user } = renderPage('#/goals/new', fakeApi(['new'], 'en', now));
  (await button('Make tasks for 64 actions')).focus();
  await user.keyboard('{Enter}');
  await button('Cancel');
  await user.tab();
  expect(document.activeElement?.textContent).toBe('Cancel');
  await user.keyboard('{Enter}');
  await user.click(await button('Cancel the run'));
  await button('Make tasks for 64 actions');
  await user.tab();
  expect(document.activeElement?.textContent).toBe('Make tasks for 64 actions');
  await user.keyboard('{Enter}');
  await button('Cancel');
  // The end comes by itself, and takes nobody from where they are.
  const link = await screen.findByText('← Goals');
  link.focus();
  advance(60);
  await screen.findByText('Every action has tasks');
  expect(document.activeElement).toBe(link);
});

test('an opened run of the history goes on with its run', async () => {
  const { now, advance } = clock();
  const { user } = renderPage('#/goals/new', fakeApi(['new'], 'en', now));
  await user.click(await button('Make tasks for 64 actions'));
  advance(5);
  await user.click(await screen.findByText('Making tasks', { selector: '.workflow span' }));
  await screen.findByText(/ so far$/);
  expect((await screen.findAllByText('not finished')).length).toBeGreaterThan(1);
  advance(60);
  await screen.findByText(/ · took /);
  expect(screen.queryByText('not finished')).toBeNull();
  expect(screen.getAllByText(/^8 done after/)).toHaveLength(8);
});

test('making tasks anew says first what it replaces', async () => {
  const fake = fakeApi(['full'], 'en');
  const tasks = fake.world.goals.get('full')?.tasks['a-1-1'];
  if (tasks?.[0]) tasks[0].status = 'completed';
  const { user } = renderPage('#/goals/full', fake);
  await user.click(await button('Regenerate all tasks'));
  const dialog = await screen.findByRole('dialog');
  await within(dialog).findByText(/^Replaces \d+ tasks of 63 actions\. This cannot be undone\.$/);
  expect(dialog.textContent).toContain('1 action with completed tasks stays as it is.');
  await user.click(within(dialog).getByRole('button', { name: 'Replace' }));
  await screen.findByText('0 of 63');
});

test('a place in the waiting list and a pause are told', async () => {
  renderPage('#/goals/waiting', fakeApi(['waiting'], 'en'));
  await screen.findByText('Waiting for its turn', { selector: 'strong' });
  await screen.findByText('3 ahead in the waiting list');
});

test('a pause is told with its reason', async () => {
  renderPage('#/goals/paused', fakeApi(['paused'], 'en'));
  await screen.findByText('Paused: the AI is not available. It goes on by itself when it is.');
  await screen.findByText('Next in the waiting list');
});

test.each([
  ['ALREADY_RUNNING', 409, 'A run is in progress'],
  ['GOAL_CLOSED', 409, 'The goal is closed'],
  ['TOO_MANY_RUNNING', 429, 'Too many runs at once'],
  ['DAILY_LIMIT', 429, 'Today’s limit is reached'],
  ['UNAVAILABLE', 503, 'Not possible right now'],
  ['A_NEW_CODE', 409, 'The service says: details'],
])('a start that is refused with %s is told in words', async (code, status, words) => {
  const fake = fakeApi(['new'], 'en');
  fake.faults.push({ path: /start-activity$/, respond: () => problem(status, code, 'details') });
  const { user } = renderPage('#/goals/new', fake);
  await user.click(await button('Make tasks for 64 actions'));
  expect((await screen.findByRole('alert')).textContent).toContain(words);
});

test('an API that is down is told, and what was seen stays until it is back', async () => {
  const fake = fakeApi(['half'], 'en');
  renderPage('#/goals/half', fake);
  await waitFor(() => expect(cells('succeeded')).toBeGreaterThan(20));
  fake.faults.push({ path: /./, respond: 'no response' });
  await screen.findByText(/^No connection to the API/);
  expect(cells('succeeded')).toBeGreaterThan(20);
  fake.faults.pop();
  await waitFor(() => expect(screen.queryByText(/^No connection to the API/)).toBeNull());
});

test('an API that is down from the start has a view, which gives way to the chart', async () => {
  const fake = fakeApi(['half'], 'en');
  fake.faults.push({ path: /./, respond: 'no response' });
  renderPage('#/goals/half', fake);
  await screen.findByRole('heading', { name: 'The API does not answer' });
  fake.faults.pop();
  await waitFor(() => expect(cells('succeeded')).toBeGreaterThan(20));
});

test('a token that is refused is renewed without a word', async () => {
  const fake = fakeApi(['full'], 'en');
  const { user, session } = renderPage('#/goals/full', fake);
  await waitFor(() => expect(cells('succeeded')).toBe(64));
  fake.token = session.next = 'token-9';
  await user.click(await button('Regenerate all tasks'));
  await screen.findByText(/^Replaces/);
  expect(session.current).toBe('token-9');
});

test('a sign-in that has expired is asked for again', async () => {
  const fake = fakeApi(['full'], 'en');
  fake.token = 'token-2';
  const { user, session } = renderPage('#/goals/full', fake);
  await screen.findByRole('heading', { name: 'You are not signed in' });
  await user.click(await button('Sign in'));
  await waitFor(() => expect(cells('succeeded')).toBe(64));
  expect(session.signIns).toBe(1);
});

test('a goal that does not exist has its view', async () => {
  renderPage('#/goals/missing', fakeApi([], 'en'));
  await screen.findByRole('heading', { name: 'There is no such goal' });
});

test('a goal of another user has its view', async () => {
  const fake = fakeApi([], 'en');
  fake.faults.push({ path: /./, respond: () => problem(403, 'NOT_OWNER', 'it belongs to another user') });
  renderPage('#/goals/theirs', fake);
  await screen.findByRole('heading', { name: 'This belongs to someone else' });
});

test('a slow answer is told to be slow', async () => {
  const fake = fakeApi(['full'], 'en');
  let answer: (response: Response) => void = () => undefined;
  fake.faults.push({ path: /./, respond: () => new Promise(resolve => (answer = resolve)), times: 1 });
  renderPage('#/goals/full', fake);
  await screen.findByText('Loading …');
  await screen.findByText(/^This is taking longer than usual/);
  answer(problem(404, 'UNKNOWN_GOAL', ''));
  await screen.findByRole('heading', { name: 'There is no such goal' });
});

test('of two sub-goals with the same title, the one that is opened is shown', async () => {
  const fake = fakeApi([], 'en');
  const subGoals = ['the first', 'the second'].map(description => ({
    title: 'Same',
    description,
    actions: [{ title: 'A' }],
  }));
  fake.world.put('g', { title: 'G', description: 'twice', background: 'twice', subGoals });
  const { user } = renderPage('#/goals/g', fake);
  const [, second] = await screen.findAllByText('Same', { selector: '.block:nth-child(5) .cell-title' });
  if (second) await user.click(second);
  expect((await screen.findByRole('dialog')).textContent).toContain('the second');
});

test('a text that is selected beyond the edge of a dialog closes nothing', async () => {
  const { user } = renderPage('#/goals/half', fakeApi(['half'], 'en'));
  await user.click(await button('Cancel'));
  const field = await screen.findByLabelText('Reason (optional)');
  const dialog = screen.getByRole('dialog');
  await user.pointer([{ keys: '[MouseLeft>]', target: field }, { target: dialog }, { keys: '[/MouseLeft]' }]);
  await user.click(field);
  expect(screen.queryByRole('dialog')).toBe(dialog);
  await user.click(dialog);
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
});

test.each([{}, { items: [] }, 'text', [null]])('an answer that is none of the API leaves a page (%j)', async body => {
  const fake = fakeApi(['full'], 'en');
  fake.faults.push({ path: /goals\/full$/, respond: () => Response.json(body), times: 1 });
  const failed = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const { user } = renderPage('#/goals/full', fake);
  await user.click(await button('Try again'));
  await screen.findByText('Every action has tasks');
  failed.mockRestore();
});

test('older runs that cannot be had are told', async () => {
  const fake = fakeApi(['partial'], 'en');
  const answer = await fake.fetch('/api/goals/partial/workflows', { headers: { authorization: 'x' } });
  const first = (await answer.json()) as object;
  fake.faults.push({ path: /workflows$/, respond: () => Response.json({ ...first, nextCursor: 'next' }), times: 1 });
  const { user } = renderPage('#/goals/partial', fake);
  const more = await button('Show more');
  fake.faults.push({ path: /workflows$/, respond: 'no response', times: 1 });
  await user.click(more);
  await screen.findByText('The API does not answer');
});
