import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { include: ['test/size/*.test.ts'], testTimeout: 60_000 } });
