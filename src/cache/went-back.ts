import { METADATA_LIST } from '#api/metadata.ts';
import type { Reader } from '#api/port.ts';
import { compareRV } from '#core/rv.ts';
import { listPage } from './list.ts';
import type { CachePlan } from './plan-caches.ts';
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
