import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/pictures/*.ts'],
    globalSetup: ['test/support/site.ts'],
    testTimeout: 600_000,
    hookTimeout: 120_000,
  },
});
