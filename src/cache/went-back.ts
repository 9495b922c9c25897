import { METADATA_LIST } from '#api/metadata.ts';
import type { Reader } from '#api/port.ts';
import { compareRV } from '#core/rv.ts';
import { listPage } from './list.ts';
import type { CachePlan } from './plan-caches.ts';
import type { Shelf } from './shelf.ts';
import type { Store } from './store.ts';

interface Parts {
  readonly reader: Reader;
  readonly plan: CachePlan;
  readonly store: Store;
}

/** Whether the API server's history ends before what is known of it. Throws ListRefused or TransportError. */
export async function wentBack({ reader, plan, store }: Parts, signal: AbortSignal): Promise<boolean> {
  const before = store.syncedRV();
  const { rv } = await listPage(reader, plan, signal, { limit: 1, accept: METADATA_LIST });
  return compareRV(rv, before) < 0;
}

/**
 * The same of the cluster, as the shelf tells that knows most of its history. Where none knows any there is nobody to
 * say that it did not. Throws as above.
 */
export async function clusterWentBack(reader: Reader, shelves: Iterable<Shelf>, signal: AbortSignal): Promise<boolean> {
  const [witness] = [...shelves].sort((a, b) => compareRV(b.store.syncedRV(), a.store.syncedRV()));
  if (witness === undefined || witness.store.syncedRV() === '') return true;
  return wentBack({ reader, plan: witness.reflector.plan, store: witness.store }, signal);
}
