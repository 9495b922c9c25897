import { jsonEqual } from '#core/json.ts';
import type { ResourceQuota } from '#core/k8s/types.gen.ts';
import { hasRoom, type Quota, quotaOf } from '#core/quota/admits.ts';
import { type Amounts, addTo, takeFrom } from '#core/quota/amounts.ts';

/** What one write takes of one quota, as long as the quota's own count does not show it. */
export interface Claim {
  readonly of: Held;
  readonly amounts: Amounts;
}

/** A quota as it was seen last, and what is reserved of it. */
export interface Held {
  quota: Quota;
  /** Counts its changes. */
  version: number;
  gone: boolean;
  readonly reserved: Map<string, bigint>;
  /** Oldest first. */
  readonly claims: Set<Claim>;
}

export interface Shelf {
  readonly quotas: Map<string, Held>;
  /** Another number whenever room may have come. */
  epoch: number;
  /** Another number with each change. */
  version: number;
}

/** The ResourceQuotas of all namespaces; a namespace without any costs one look-up. */
export interface Book {
  in(namespace: string): Shelf | undefined;
  /** Takes a transition of the cache; true where room may have come by it. */
  change(old: ResourceQuota | undefined, now: ResourceQuota | undefined): boolean;
}

export function createBook(): Book {
  const shelves = new Map<string, Shelf>();
  let serial = 0;

  const open = (namespace: string): Shelf => {
    const shelf = shelves.get(namespace) ?? { quotas: new Map(), epoch: ++serial, version: 0 };
    shelves.set(namespace, shelf);
    return shelf;
  };
  const put = (shelf: Shelf, name: string, quota: Quota): boolean => {
    const held = shelf.quotas.get(name);
    if (held === undefined) {
      shelf.quotas.set(name, { quota, version: 0, gone: false, reserved: new Map(), claims: new Set() });
      return false;
    }
    const before = held.quota;
    held.quota = quota;
    held.version += 1;
    settleClaims(held, before);
    return gaveWay(before, quota);
  };
  const drop = (namespace: string, shelf: Shelf, name: string): boolean => {
    const held = shelf.quotas.get(name);
    if (held !== undefined) held.gone = true;
    shelf.quotas.delete(name);
    if (shelf.quotas.size === 0) shelves.delete(namespace);
    return held !== undefined;
  };

  return {
    in: (namespace) => shelves.get(namespace),
    change(old, now) {
      const { namespace = '', name = '' } = (now ?? old)?.metadata ?? {};
      const shelf = open(namespace);
      const room = now === undefined ? drop(namespace, shelf, name) : put(shelf, name, quotaOf(now));
      shelf.version = ++serial;
      if (room) shelf.epoch = shelf.version;
      return room;
    },
  };
}

/** Reserves; `release` gives it back, and does nothing where the quota's own count took over. */
export function claim(of: Held, amounts: Amounts): Claim {
  const made = { of, amounts };
  of.claims.add(made);
  addTo(of.reserved, amounts);
  return made;
}

/** Whether there was something to give back. */
export function release(made: Claim): boolean {
  if (!made.of.claims.delete(made)) return false;
  takeFrom(made.of.reserved, made.amounts);
  return true;
}

/** Whether it is still reserved. */
export const stands = (made: Claim): boolean => made.of.claims.has(made);

export function fits({ quota, reserved, gone }: Held, amounts: Amounts): boolean {
  return gone || hasRoom(quota, reserved, amounts);
}

/**
 * Where the count of what is used rose, the oldest reservations are in it: admission counts before it answers. Writes of
 * others may have made it rise; then the API server refuses one of ours, which is what it is for.
 */
function settleClaims(held: Held, before: Quota): void {
  const risen = new Map<string, bigint>();
  for (const [name, used] of held.quota.used) risen.set(name, used - (before.used.get(name) ?? 0n));
  for (const made of held.claims) {
    if ([...made.amounts].some(([name, quantity]) => (risen.get(name) ?? 0n) < quantity)) continue;
    takeFrom(risen, made.amounts);
    release(made);
  }
}

function gaveWay(before: Quota, now: Quota): boolean {
  for (const [name, limit] of before.hard) {
    const limitNow = now.hard.get(name);
    if (limitNow === undefined || limitNow > limit) return true;
  }
  for (const [name, used] of before.used) if ((now.used.get(name) ?? 0n) < used) return true;
  for (const name of now.used.keys()) if (!before.used.has(name)) return true;
  return !jsonEqual(before.scopes, now.scopes);
}
