import { Window } from 'happy-dom';

/** A page for React. Import it before React. Only what React needs: `fetch` and the signals stay those of Node.js. */
const page = new Window();
const names = ['window', 'document', 'navigator', 'Node', 'Element', 'HTMLElement', 'HTMLIFrameElement', 'MutationObserver'] as const;
for (const name of names) Object.defineProperty(globalThis, name, { value: name === 'window' ? page : page[name], configurable: true, writable: true });
Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
