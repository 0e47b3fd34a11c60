import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [react()],
  server: { fs: { allow: ['..'] } },
  test: {
    include: ['src/**/*.test.{ts,tsx}', 'fake/*.test.ts'],
    environment: 'jsdom',
    environmentOptions: { jsdom: { url: 'http://127.0.0.1/' } },
    setupFiles: ['test/support/setup.ts'],
    testTimeout: 20_000,
  },
});
