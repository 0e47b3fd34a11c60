import './style/page.css';

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { httpApi } from './api/httpApi';
import { App } from './App';
import { readConfig } from './config';
import { Loading } from './parts/Loading';
import { NotSetUp } from './parts/NotSetUp';
import { openSession } from './session/openSession';
import { TextProvider } from './text/TextContext';

const page = document.getElementById('page');
if (page) {
  const root = createRoot(page);
  const show = (content: React.ReactNode) =>
    root.render(
      <StrictMode>
        <TextProvider>{content}</TextProvider>
      </StrictMode>,
    );
  show(<Loading />);
  readConfig()
    .then(async config => {
      const session = await openSession(config.signIn);
      show(<App api={httpApi(config.api, session)} session={session} />);
    })
    .catch((error: unknown) => show(<NotSetUp reason={String(error)} />));
}
