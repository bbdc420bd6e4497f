import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { type Suite, suites } from './test/suites.ts';

export default defineConfig({
  test: {
    coverage: { provider: 'v8', include: ['src/**/*.ts'] },
    projects: suites.map(project),
  },
});

function project({ name, timeoutMs, pool, alone }: Suite): TestProjectInlineConfiguration {
  return {
    test: {
      name,
      include: [`test/${name}/**/*.test.ts`],
      environment: 'node',
      globals: false,
      pool,
      maxWorkers: alone ? 1 : 2,
      fileParallelism: !alone,
      sequence: { groupOrder: alone ? 1 : 0 },
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
    },
  };
}
