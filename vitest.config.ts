import { defineConfig } from 'vitest/config';

/** Integration files each start a control plane of their own, so they run one after another. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'deploy/**/*.test.ts', 'test/conformance/*.test.ts', 'test/chaos/**/*.test.ts'],
          environment: 'node',
        },
      },
      { test: { name: 'structure', include: ['test/structure/**/*.test.ts'], environment: 'node' } },
      { test: { name: 'property', include: ['test/property/**/*.test.ts'], environment: 'node', testTimeout: 60_000 } },
      {
        test: {
          name: 'policy',
          include: ['test/policy/**/*.test.ts'],
          environment: 'node',
          testTimeout: 60_000,
          globalSetup: ['test/kit/build-opa.ts'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          environment: 'node',
          testTimeout: 120_000,
          hookTimeout: 1_200_000,
          fileParallelism: false,
          globalSetup: ['test/kit/build-first.ts'],
        },
      },
    ],
  },
});
