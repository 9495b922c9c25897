import { expect, test } from 'vitest';
import { createMetrics } from './metrics.ts';

const build = { version: '0.1.0', kubernetes: 'v1.37.1' };

test('what is reported comes out in the text format, beside process and build metrics', async () => {
  const { meter, render } = createMetrics(build);
  meter.count('workqueue_adds_total', { name: 'replicaset' });
  meter.count('workqueue_adds_total', { name: 'replicaset' }, 2);
  meter.set('leader_election_master_status', { name: 'kube-controller-manager' }, 1);
  meter.observe('policy_decision_duration_seconds', {}, 0.00002);
  const text = await render();
  expect(text).toContain('workqueue_adds_total{name="replicaset"} 3');
  expect(text).toContain('leader_election_master_status{name="kube-controller-manager"} 1');
  expect(text).toContain('policy_decision_duration_seconds_bucket{le="0.000025"} 1');
  expect(text).toContain('process_resident_memory_bytes');
  expect(text).toMatch(/kubernetes_build_info\{major="1",minor="37",git_version="v1.37.1\+comptroller-0.1.0"/);
});

test('a number that is none is dropped, and never throws', async () => {
  const { meter, render } = createMetrics(build);
  meter.count('workqueue_adds_total', { name: 'x' }, -1);
  meter.count('workqueue_adds_total', { name: 'x' }, Number.NaN);
  meter.set('workqueue_depth', { name: 'x' }, Number.POSITIVE_INFINITY);
  meter.observe('workqueue_queue_duration_seconds', { name: 'x' }, Number.NaN);
  expect(await render()).not.toContain('name="x"');
});

test('label sets beyond the bound are counted together', async () => {
  const { meter, render } = createMetrics(build, 2);
  for (const name of ['a', 'b', 'c', 'd', 'a']) meter.count('workqueue_adds_total', { name });
  const lines = (await render()).split('\n').filter((line) => line.startsWith('workqueue_adds_total{'));
  expect(lines).toEqual([
    'workqueue_adds_total{name="a"} 2',
    'workqueue_adds_total{name="b"} 1',
    'workqueue_adds_total{name="other"} 2',
  ]);
});
