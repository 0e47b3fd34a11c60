import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

/** What answers beside the page: nothing, the fake API, or the stack that a file describes. */
async function backend(mode: string): Promise<Plugin[]> {
  if (mode === 'fake') return [(await import('./fake/fakeServer.ts')).fakeServer()];
  const { GOAL_ACTIVITY_STACK: file, PAGE_SIGN_IN: signIn } = process.env;
  return file ? [(await import('./local/localStack.ts')).localStack(file, signIn)] : [];
}

export default defineConfig(async ({ mode }) => ({
  plugins: [react(), ...(await backend(mode))],
  build: {
    target: 'es2022',
    // A strict policy allows nothing inline, and the page needs no polyfill.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { host: '127.0.0.1', fs: { allow: ['..'] } },
  preview: { host: '127.0.0.1' },
}));
