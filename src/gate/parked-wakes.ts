import type { Cache } from '#cache/port.ts';
import { jsonEqual } from '#core/json.ts';
import type { ApiObject } from '#core/resource.ts';
import { namespaceFact } from './input.ts';
import type { Park } from './park.ts';

/**
 * Where policy is told something else of a namespace, as of a Pod Security level that was lowered, what was refused in
 * it is asked for again: its keys have no reason of their own to run. Returns the end of that.
 */
export function wakeParked(
  cache: Pick<Cache, 'subscribe'>,
  park: Pick<Park, 'of'>,
  wake: (address: string) => void,
): () => void {
  return cache.subscribe('core/namespaces', (old, now) => {
    if (now === undefined || (old !== undefined && jsonEqual(told(old), told(now)))) return;
    for (const address of park.of(now.metadata?.name ?? '')) wake(address);
  });
}

const told = (namespace: ApiObject) => namespaceFact(namespace).value;
