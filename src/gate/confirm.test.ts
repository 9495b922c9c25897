import { expect, test } from 'vitest';
import { ttlAfterFinished } from '#controllers/workloads/ttl-after-finished.ts';
import type { Input } from '#core/controller.ts';
import type { Job } from '#core/k8s/types.gen.ts';
import { refOf } from '#core/ref.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import { job } from '#kit/build.ts';
import { gateBench } from '#kit/gate.ts';
import { confirm } from './confirm.ts';

const NOW = Date.parse('2026-01-01T01:00:00Z');
const cached = job({ ttl: 60, finishedAt: '2026-01-01T00:58:00Z' });
const input = (object: ApiObject | undefined): Input<Resource, ApiObject> =>
  ({ key: 'default/pi', object, now: { wall: NOW, mono: 0 } }) as Input<Resource, ApiObject>;

/** Whether the plan for the cached Job holds in the face of the live one. */
async function holds(status: number, live: Job | undefined): Promise<boolean> {
  const [loop] = ttlAfterFinished.loops;
  if (loop === undefined) throw new TypeError('no loop');
  const plan = loop.reconcile(input(cached));
  expect(plan.confirm).toEqual({ read: [refOf('batch/jobs', cached)], expect: 'replan' });
  const { parts } = gateBench({ get: () => ({ status, body: live ?? {} }) });
  const work = {
    controller: ttlAfterFinished,
    loop: loop.queue,
    key: 'default/pi',
    view: parts.cache.view(['batch/jobs']),
    now: { wall: NOW, mono: 0 },
    replan: (fresh: ApiObject | undefined) => loop.reconcile(input(fresh)),
  };
  return confirm(plan, work, parts);
}

test.each<[string, number, Job | undefined, boolean]>([
  ['the same', 200, cached, true],
  [
    'of a later version, with what the cache drops',
    200,
    { ...cached, metadata: { ...cached.metadata, resourceVersion: '9', managedFields: [{ manager: 'x' }] } },
    true,
  ],
  ['with a TTL that was raised', 200, job({ ttl: 600, finishedAt: '2026-01-01T00:58:00Z' }), false],
  ['without its TTL', 200, job({ finishedAt: '2026-01-01T00:58:00Z' }), false],
  ['another of that name', 200, { ...cached, metadata: { ...cached.metadata, uid: 'other' } }, false],
  ['gone', 404, undefined, false],
  ['not to be read', 500, undefined, false],
])('replan: a live object that is %s', async (_, status, live, wanted) => {
  expect(await holds(status, live)).toBe(wanted);
});
