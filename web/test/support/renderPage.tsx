import { render } from '@testing-library/react';
import userEvent from '@testing-library/user-event';

import { FakeApi } from '../../fake/FakeApi';
import { httpApi } from '../../src/api/httpApi';
import { App } from '../../src/App';
import { Problem } from '../../src/api/Problem';
import type { Session } from '../../src/session/Session';
import { TextProvider } from '../../src/text/TextContext';

/** A session of which a test says whether there is one. */
export class TestSession implements Session {
  current: string | undefined = 'token-1';
  next: string | undefined;
  signIns = 0;

  token = (): Promise<string> =>
    this.current === undefined ? Promise.reject(new Problem('UNAUTHENTICATED')) : Promise.resolve(this.current);

  renew = (): Promise<boolean> => {
    const renewed = this.next !== undefined && this.next !== this.current;
    if (renewed) this.current = this.next;
    return Promise.resolve(renewed);
  };

  signIn = (): Promise<void> => {
    this.signIns += 1;
    this.current = this.next ?? 'token-2';
    return Promise.resolve();
  };
}

/** Shows the page at an address, with a fake of the API. */
export function renderPage(hash: string, fake: FakeApi, session = new TestSession()) {
  location.hash = hash;
  const user = userEvent.setup();
  render(
    <TextProvider>
      <App api={httpApi('/api', session, fake.fetch)} session={session} />
    </TextProvider>,
  );
  return { user, session };
}
