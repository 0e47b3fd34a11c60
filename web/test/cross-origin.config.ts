import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { include: ['test/cross-origin/*.test.ts'], testTimeout: 120_000, hookTimeout: 180_000 },
});
