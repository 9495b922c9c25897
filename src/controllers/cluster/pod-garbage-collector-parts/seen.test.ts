import { expect, test } from 'vitest';
import type { Pod } from '#core/k8s/types.gen.ts';
import type { ApiObject } from '#core/resource.ts';
import { pod } from '#kit/build.ts';
import { gateBench } from '#kit/gate.ts';
import { planOf } from '#kit/scenario.ts';
import { podGarbageCollector } from '../pod-garbage-collector.ts';

const NAMESPACE: ApiObject = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'default', resourceVersion: '1' },
};
const of = (node: string, count: number): Pod[] =>
  Array.from({ length: count }, (_, at) => pod({ name: `${node}-${at}`, node, readySince: '2026-01-01T00:00:00Z' }));

/** What became of the writes for each of those nodes, none of which is there, on one gate. */
async function collected(
  nodes: Readonly<Record<string, number>>,
  derived: ReadonlyMap<string, string> = new Map(),
): Promise<string[]> {
  const given = [NAMESPACE, ...Object.entries(nodes).flatMap(([node, count]) => of(node, count))];
  const bench = gateBench({ objects: given });
  bench.breaker.desk.lead({ epoch: bench.parts.fence.epoch, emit: () => {}, wake: () => {} });
  const found: string[] = [];
  for (const key of Object.keys(nodes)) {
    const plan = planOf(podGarbageCollector, { given, key, facts: 'nothing', derived }, 'orphaned_pods_nodes');
    const { outcomes } = await bench.run(podGarbageCollector, undefined, plan);
    const kinds = new Set(outcomes.map(([first]) => first?.kind));
    found.push(`${key} ${[...kinds].join(' ')}`);
  }
  return found;
}

test('each node is charged by itself: one that takes too much does not hold the others', async () => {
  expect(await collected({ a: 30, b: 30, c: 41, d: 30 })).toEqual(['a applied', 'b applied', 'c held', 'd applied']);
});

test('a full node whose end was watched is cleared', async () => {
  expect(await collected({ a: 110, b: 110 }, new Map([['a', 'uid-a']]))).toEqual(['a applied', 'b held']);
});
