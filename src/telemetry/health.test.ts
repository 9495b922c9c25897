import { expect, test } from 'vitest';
import { createHealth } from './health.ts';

test('checks belong to probes, can be removed, and one that throws fails', () => {
  const health = createHealth();
  const remove = health.add('leaderElection', () => 'renewing the lease: it ran out', ['livez', 'healthz']);
  health.add('cache', () => {
    throw new Error('secret value');
  });
  expect(health.report('livez')).toEqual([
    { name: 'ping', failing: undefined },
    { name: 'leaderElection', failing: 'renewing the lease: it ran out' },
  ]);
  expect(health.report('readyz')).toEqual([
    { name: 'ping', failing: undefined },
    { name: 'cache', failing: 'checking: the check itself failed' },
  ]);
  remove();
  expect(health.report('healthz').map((check) => check.name)).toEqual(['ping', 'cache']);
});
