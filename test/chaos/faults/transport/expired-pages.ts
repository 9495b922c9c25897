/** Lists in pages, whose continue tokens expire while they are read. */
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '#kit/wait.ts';
import { replicaSet } from '../../../demo/objects.ts';
import type { Arena, Measured } from '../../fault.ts';
import { openWitness } from '../witness.ts';
import { EXPIRED_WATCH, refusal } from './answers.ts';
import { type Decide, firstOf } from './endure.ts';

/** More than a page holds. */
const OBJECTS = 520;
const AT_ONCE = 16;

/** ConfigMaps without meaning; the last one in a list's order has an owner. */
async function fill({ admin }: Arena, namespace: string): Promise<{ readonly owner: string; readonly owned: string }> {
  const owner = 'owner';
  const made = await admin.create('apps/replicasets', replicaSet(namespace, owner, 0));
  const { uid } = made.metadata ?? {};
  const ownerReferences = [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid }];
  const owned = 'z-owned';
  await admin.create('core/configmaps', { metadata: { namespace, name: owned, ownerReferences } });
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < OBJECTS; at = next++)
      await admin.create('core/configmaps', { metadata: { namespace, name: `filler-${at}` } });
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { owner, owned };
}

/**
 * The API server speaks no WatchList, and says twice of each list, in its middle, that it must begin anew. What stood on
 * the last page must be known all the same: its owner goes, and so does it.
 */
export async function expirePages(arena: Arena): Promise<Measured> {
  const { admin, between } = arena;
  const witness = await openWitness(arena);
  const { namespace } = witness;
  const { owner, owned } = await fill(arena, namespace);
  const [watches, pages] = [firstOf(1), firstOf(2)];
  let [begun, continued] = [0, 0];
  const decide: Decide = (request) => {
    const { url, watch } = request;
    if (url.includes('sendInitialEvents')) return refusal(400);
    if (watch) return url.includes('/leases') || !watches(request) ? undefined : EXPIRED_WATCH;
    if (!url.includes('continue=')) return undefined;
    continued++;
    if (!pages(request)) return undefined;
    begun++;
    return refusal(410);
  };
  between.meddle(decide);
  try {
    await until(() => begun >= 2 && continued > begun, { timeout: 60_000, why: 'lists to be begun anew and to end' });
    between.meddle(() => undefined);
    const since = performance.now();
    await admin.delete('apps/replicasets', { namespace, name: owner }, { propagationPolicy: 'Background' });
    await admin.waitFor('core/configmaps', { namespace, name: owned }, (found) => found === undefined, {
      timeout: 30_000,
      why: 'what its owner left behind to be collected',
    });
    const collected = Math.round(performance.now() - since);
    await pause(500);
    const left = (await admin.list('core/configmaps', { namespace })).length;
    if (left < OBJECTS) throw new Error(`of ${OBJECTS} ConfigMaps without an owner only ${left} are left`);
    await admin.deleteCollection('core/configmaps', { namespace });
    await witness.leave();
    return { 'lists begun anew': begun, 'collected after': `${collected} ms` };
  } finally {
    between.pass();
  }
}
