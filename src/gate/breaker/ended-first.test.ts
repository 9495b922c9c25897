import { expect, test } from 'vitest';
import { podGarbageCollector } from '#controllers/cluster/pod-garbage-collector.ts';
import type { Delete, Patch } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import type { ApiObject } from '#core/resource.ts';
import { gateBench, planOf, wired } from '#kit/gate.ts';

const status = (phase: string) => ({ status: { phase, conditions: [{ type: 'Ready', status: 'True' }] } });
const podOf = (at: number, phase = 'Running'): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'a', name: `p-${at}`, uid: `u-${at}`, resourceVersion: '1' },
  ...status(phase),
});
const mark = (at: number): Patch => ({
  verb: 'patch',
  reason: 'orphaned',
  ref: refOf('core/pods', podOf(at)),
  subresource: 'status',
  type: 'merge',
  patch: { status: { phase: 'Failed' } },
  after: podOf(at, 'Failed'),
  resourceVersion: '1',
});
const remove = (before: ApiObject): Delete => ({
  verb: 'delete',
  reason: 'orphaned',
  ref: refOf('core/pods', before),
  gracePeriodSeconds: 0,
  before,
});

test('pods that are ended first count, whatever becomes of their deletion, and only once', async () => {
  const NAMESPACE: ApiObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a', resourceVersion: '1' } };
  const bench = gateBench({ objects: [NAMESPACE, ...Array.from({ length: 60 }, (_, at) => podOf(at))] });
  bench.breaker.desk.lead({ epoch: bench.parts.fence.epoch, emit: () => {}, wake: () => {} });
  const { answer } = bench.world;
  const run = async (at: number, ...writes: readonly (Patch | Delete)[]): Promise<string[]> => {
    bench.world.answer = (request) =>
      request.method === 'DELETE'
        ? { kind: 'answered', status: 409, body: { kind: 'Status', reason: 'Conflict' } }
        : answer(request);
    const { outcomes } = await bench.run(podGarbageCollector, undefined, planOf([...writes]));
    bench.world.objects = bench.world.objects.map((one) =>
      one.metadata?.uid === `u-${at}` ? podOf(at, 'Failed') : one,
    );
    return outcomes.flat().map((outcome) => ('code' in outcome ? outcome.code : outcome.kind));
  };
  for (let at = 0; at < 40; at++) {
    expect(await run(at, mark(at), remove(podOf(at)))).toEqual(['applied', 'API_CONFLICT']);
    // Tried again it is only deleted, which costs nothing more.
    expect(await run(at, remove(podOf(at, 'Failed')))).toEqual(['API_CONFLICT']);
  }
  expect(await run(40, mark(40), remove(podOf(40)))).toEqual(['GATE_HELD', 'skipped']);
  expect(wired(bench.happened).filter(({ method }) => method === 'PATCH')).toHaveLength(40);
});
