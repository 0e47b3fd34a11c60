import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { include: ['test/measure/*.ts'], testTimeout: 600_000 } });
