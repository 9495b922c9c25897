import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Vitest leaves one processor to itself, which on two would halve the speed for nothing: most tests wait for processes. */
const maxWorkers = Math.max(2, availableParallelism() - 1);

/** What holds ours against Kubernetes' own code needs a program, and no control plane. */
const ORACLE = 'test/integration/oracle*.test.ts';

/** Runs all rules several times over: too long for `npm run check`. */
const LONG = 'test/policy/cli.test.ts';

/**
 * Integration files whose answer is a time, or that want the machine for themselves; one after another. All others start
 * control planes of their own and judge only what comes of it, so two of them run side by side.
 */
const ALONE = [
  'chaos-failover',
  'chaos-tenant',
  'failover',
  'hostile',
  'leader',
  'list-watch',
  'local-cluster',
  'quota-forecast',
  'rotation',
  'whole-way',
].map((name) => `test/integration/${name}.test.ts`);

/** Faults wait for leases and disks most of the time; at a fifth of the load of a long run three of them keep two processors busy. */
const CHAOS = 'test/integration/chaos-*.test.ts';
const CHAOS_AT_ONCE = 3;

/** What is asked for again and again comes in milliseconds, or on a busy machine in seconds; vitest would give it one. */
const expect = { poll: { timeout: 15_000 } };

const integration = {
  environment: 'node' as const,
  expect,
  testTimeout: 120_000,
  hookTimeout: 1_200_000,
  globalSetup: ['test/kit/build-first.ts'],
};

/** Files share their worker's modules: each has no state of its own in them, and loading them anew would double the time. */
const quick = {
  environment: 'node' as const,
  isolate: false,
  maxWorkers,
  expect,
  setupFiles: ['test/kit/same-draws.ts'],
};

export default defineConfig({
  test: {
    maxWorkers,
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'src/**/*.test.ts',
            'deploy/**/*.test.ts',
            'test/conformance/*.test.ts',
            'test/bench/*.test.ts',
            'test/chaos/**/*.test.ts',
            'test/*.test.ts',
          ],
          testTimeout: 30_000,
          ...quick,
        },
      },
      { test: { name: 'structure', include: ['test/structure/**/*.test.ts'], ...quick } },
      {
        test: {
          name: 'property',
          include: ['test/property/**/*.test.ts'],
          testTimeout: 60_000,
          ...quick,
        },
      },
      {
        test: {
          name: 'policy',
          include: ['test/policy/**/*.test.ts'],
          exclude: [LONG],
          ...quick,
          // `opa test` over all rules takes ten seconds of a machine that has nothing else to do.
          testTimeout: 240_000,
          globalSetup: ['test/kit/build-opa.ts'],
        },
      },
      {
        test: {
          name: 'policy-whole',
          include: [LONG],
          ...quick,
          testTimeout: 240_000,
          globalSetup: ['test/kit/build-opa.ts'],
        },
      },
      {
        test: {
          name: 'oracle',
          include: [ORACLE],
          environment: 'node',
          testTimeout: 300_000,
          hookTimeout: 600_000,
          maxWorkers,
          globalSetup: ['test/kit/build-oracle.ts'],
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          exclude: [ORACLE, CHAOS, ...ALONE],
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          ...integration,
        },
      },
      {
        test: {
          name: 'chaos',
          include: [CHAOS],
          exclude: ALONE,
          maxWorkers: CHAOS_AT_ONCE,
          sequence: { groupOrder: 2 },
          ...integration,
        },
      },
      {
        test: { name: 'alone', include: ALONE, fileParallelism: false, sequence: { groupOrder: 3 }, ...integration },
      },
    ],
  },
});
