import { expect, test } from 'vitest';
import { settingsOf } from './conduct.ts';

test('what is published as root CA is read when a reign begins: its file may have been rotated since the start', () => {
  const config = {
    cluster: { name: 'here', terminatedPodGcThreshold: 1 },
    endpoints: { maxPerSlice: 1, sliceUpdatesBatchPeriod: 0, updatesBatchPeriod: 0 },
    namespaces: { syncPeriod: 0 },
  };
  const published = ['old', 'old and new'];
  const base = { rootCa: () => published.shift() ?? '' };
  expect([settingsOf(config, base).rootCa, settingsOf(config, base).rootCa]).toEqual(['old', 'old and new']);
});
