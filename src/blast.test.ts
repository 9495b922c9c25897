import { expect, test } from 'vitest';
import type { Config } from '#config/config.ts';
import { DEFAULT_LIMITS, gateBench } from '#kit/gate.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { createHealth } from '#telemetry/health.ts';
import { openBlast } from './blast.ts';

test('a state that cannot be read is no reason to restart: only readyz tells of it', async () => {
  const { parts } = gateBench();
  const blast = openBlast({
    ...recordingTelemetry(),
    ...parts,
    config: { breaker: DEFAULT_LIMITS } as Config,
    reader: { ...parts.reader, get: async () => ({ status: 500, body: {} }) },
    held: new Set(),
  });
  const health = createHealth();
  blast.watch(health);
  blast.lead({ emit: () => {}, wake: () => {} });
  await blast.desk.sweep();
  const failing = (probe: 'livez' | 'readyz' | 'healthz') =>
    health.report(probe).flatMap(({ name, failing }) => (failing === undefined ? [] : [name]));
  expect([failing('livez'), failing('readyz'), failing('healthz')]).toEqual([[], ['breaker'], []]);
});
