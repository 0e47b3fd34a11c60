import { fireEvent, screen, waitFor } from '@testing-library/react';
import { expect, test, vi } from 'vitest';

import { fakeApi, sample } from '../../fake/scenarios';
import { renderPage } from '../../test/support/renderPage';

const field = () => screen.findByLabelText('Chart as text');
const paste = async (text: string) => fireEvent.change(await field(), { target: { value: text } });

/** A table of nine by nine with these cells. */
function table(cells: Record<string, string>, separator = '\t'): string {
  const rows = Array.from({ length: 9 }, (_, row) =>
    Array.from({ length: 9 }, (_, column) => cells[`${'ABCDEFGHI'[column] ?? ''}${row + 1}`] ?? '').join(separator),
  );
  return rows.join('\n');
}

test('a pasted table is shown, its empty cells are no actions, and it becomes a goal', async () => {
  const fake = fakeApi([], 'en');
  const { user } = renderPage('#/new', fake);
  await paste(table({ E5: 'Run 10 km', B2: 'Stamina', A1: 'Run twice a week', C3: 'Buy shoes' }));
  await screen.findByText('2 actions. 62 cells are empty and no action.');
  await user.click(screen.getByText('Save the chart'));
  await screen.findByRole('heading', { level: 1, name: 'Run 10 km' });
  expect(location.hash).toMatch(/^#\/goals\/[0-9a-f-]{36}$/);
  await screen.findByText('Make tasks for 2 actions');
});

test.each([
  ['CSV', table({ E5: 'G', B2: 'S', A1: 'A' }, ',')],
  ['semicolons', table({ E5: 'G', B2: 'S', A1: 'A' }, ';')],
  ['JSON', JSON.stringify({ title: 'G', subGoals: [{ title: 'S', actions: ['A'] }] })],
  ['Markdown', '# G\n\n## S\n\n- A\n'],
  [
    'OPML',
    '<opml version="2.0"><body><outline text="G"><outline text="S"><outline text="A"/></outline></outline></body></opml>',
  ],
])('%s is read', async (_form, text) => {
  renderPage('#/new', fakeApi([], 'en'));
  await paste(text);
  await screen.findByText('1 action. 63 cells are empty and no action.');
  expect(screen.getAllByText('S')).toHaveLength(2);
});

test('what cannot be read is told by its cell', async () => {
  renderPage('#/new', fakeApi([], 'en'));
  await paste(table({ B2: 'S', A1: 'A' }));
  expect((await screen.findByText(/^Cell E5:/)).textContent).toContain('the goal belongs there');
});

test('a note without a form is told which form is enough', async () => {
  renderPage('#/new', fakeApi([], 'en'));
  await paste('just a note');
  await screen.findByText(/^An outline is enough/);
});

test('what cannot be read is told by its line', async () => {
  renderPage('#/new', fakeApi([], 'en'));
  await paste('{\n  "title": "G",\n  "subGoals": [,]\n}');
  await screen.findByText(/^Line 3/);
});

test('a file is read by its name', async () => {
  const { user } = renderPage('#/new', fakeApi([], 'en'));
  const file = new File([table({ E5: 'G', A1: 'A' })], 'chart.tsv');
  await user.upload(await screen.findByLabelText('Choose a file'), file);
  await screen.findByText(/^1 action\./);
});

test('a chart whose actions have tasks is replaced only where they stay', async () => {
  const fake = fakeApi(['partial'], 'en');
  const { user } = renderPage('#/goals/partial/chart', fake);
  await paste(table({ E5: 'Another goal', A1: 'Another action' }));
  await user.click(await screen.findByText('Replace the chart'));
  const alert = await screen.findByRole('alert');
  expect(alert.textContent).toContain('Actions with tasks must stay');
  expect(alert.textContent).toContain('1.1');
  await paste(JSON.stringify({ ...sample('en'), title: 'A better title' }));
  await user.click(await screen.findByText('Replace the chart'));
  await waitFor(() => expect(location.hash).toBe('#/goals/partial'));
  await screen.findByRole('heading', { level: 1, name: 'A better title' });
});

test('a chart that was changed elsewhere meanwhile is not replaced', async () => {
  const fake = fakeApi(['new'], 'en');
  const { user } = renderPage('#/goals/new/chart', fake);
  await screen.findByText('64 actions');
  fake.world.put('new', { ...sample('en'), title: 'Of the phone' });
  await paste(JSON.stringify({ ...sample('en'), title: 'Of the desktop' }));
  await user.click(await screen.findByText('Replace the chart'));
  expect((await screen.findByRole('alert')).textContent).toContain('changed elsewhere');
  expect(fake.world.goals.get('new')?.goal.title).toBe('Of the phone');
});

test('what is typed after a large file was chosen stays', async () => {
  renderPage('#/new', fakeApi([], 'en'));
  let give: (content: ArrayBuffer) => void = () => {};
  const file = new File([''], 'slow.tsv');
  const slow = new Blob();
  slow.arrayBuffer = () => new Promise(resolve => (give = resolve));
  file.slice = () => slow;
  fireEvent.change(await screen.findByLabelText('Choose a file'), { target: { files: [file] } });
  await paste(table({ E5: 'Typed', A1: 'A', A2: 'B' }));
  await screen.findByText(/^2 actions\./);
  give(new TextEncoder().encode(table({ E5: 'File', A1: 'A' })).buffer);
  await new Promise(resolve => setTimeout(resolve));
  expect(await field()).toHaveProperty('value', expect.stringContaining('Typed'));
  expect(screen.getByText(/^2 actions\./)).toBeTruthy();
});

test('the same file again is read again, and one that is gone is told', async () => {
  const { user } = renderPage('#/new', fakeApi([], 'en'));
  const input = await screen.findByLabelText<HTMLInputElement>('Choose a file');
  await user.upload(input, new File([table({ E5: 'G', A1: 'A' })], 'chart.tsv'));
  await screen.findByText(/^1 action\./);
  expect(input.value).toBe('');
  const gone = new File([''], 'gone.tsv');
  gone.slice = () => Object.assign(new Blob(), { arrayBuffer: () => Promise.reject(new Error('it is gone')) });
  fireEvent.change(await screen.findByLabelText('chart.tsv'), { target: { files: [gone] } });
  await screen.findByText(/it is gone/);
});

test('a chart that is saved does not bring back who has gone on, and other tabs see it', async () => {
  const fake = fakeApi(['new'], 'en');
  const { user } = renderPage('#/goals/new/chart', fake);
  await paste(JSON.stringify({ ...sample('en'), title: 'Another title' }));
  let answer = () => {};
  const held = new Promise<void>(resolve => (answer = resolve));
  const put = fake.handle.bind(fake);
  fake.handle = async request => {
    if (request.method === 'PUT') await held;
    return put(request);
  };
  const told = new Promise(resolve => {
    new BroadcastChannel('goal-changes').addEventListener('message', ({ data }) => resolve(data), { once: true });
  });
  await user.click(await screen.findByText('Replace the chart'));
  location.hash = '#/';
  await screen.findByRole('heading', { name: 'Goals' });
  answer();
  expect(await told).toBe('new');
  expect(location.hash).toBe('#/');
});

test('a chart is changed from what it is: as Markdown, or where that would lose something as JSON', async () => {
  const fake = fakeApi(['new'], 'en');
  const plain = { title: 'G', subGoals: [{ title: 'S', actions: [{ title: 'A' }, { title: 'B', position: 3 }] }] };
  fake.world.put('plain', plain);
  const { user } = renderPage('#/goals/plain/chart', fake);
  await screen.findByText('2 actions. 62 cells are empty and no action.');
  expect((await field()).textContent).toMatch(/^# G\n/);
  await paste((await field()).textContent.replace('A', 'A better one'));
  await user.click(screen.getByText('Replace the chart'));
  await screen.findByText('A better one');

  location.hash = '#/goals/new/chart';
  await screen.findByText('64 actions');
  expect(JSON.parse((await field()).textContent)).toMatchObject({ deadline: sample('en').deadline });
});

test('what stands in the way of reading is told', async () => {
  const { user } = renderPage('#/new', fakeApi([], 'en'));
  vi.spyOn(globalThis, 'fetch').mockRejectedValueOnce(new TypeError('Failed to fetch'));
  await user.click(await screen.findByText('Use a sample'));
  expect((await screen.findByRole('alert')).textContent).toContain('does not answer');
});
