import type { Cache } from '#cache/port.ts';
import type { Outcome } from '#core/plan.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';

/** A create that is about to be recorded. */
export interface Asked {
  readonly resource: Resource;
  readonly namespace: string;
  /** As it will be sent. */
  readonly object: ApiObject;
  /** On whose behalf: probes are counted by owner and resource. */
  readonly owner: string;
  /** `controller|queue|key`: whom to wake when there is room. */
  readonly address: string;
}

export type Admission =
  /** No ResourceQuota is concerned. */
  | { readonly kind: 'free' }
  /** It may go out, and what it takes is reserved until `settle`; a probe goes out to hear what the API server says. */
  | {
      readonly kind: 'admitted' | 'probe';
      /** To be called once, with what became of it; undefined where it was not even tried. */
      settle(outcome: Outcome | undefined): void;
    }
  /** There is no room. Its key is woken when there is; it may ask again after `retryAfter` in any case. */
  | { readonly kind: 'delayed'; readonly retryAfter: Ms };

/**
 * Forecasts whether the ResourceQuotas of a namespace admit a create, so that the API server is not asked in vain again
 * and again. It delays and never decides: defaults of the namespace and webhooks may change the numbers, so a probe of
 * each owner goes out from time to time whatever the forecast says.
 */
export interface Forecast {
  ask(asked: Asked): Admission;
  /** Follows the ResourceQuotas from now on; to be called before the cache starts. */
  follow(cache: Pick<Cache, 'subscribe'>): () => void;
  /** Calls back with the address of each key that waited and may go on. */
  onRoom(callback: (address: string) => void): () => void;
}
