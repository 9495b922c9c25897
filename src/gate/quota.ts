import type { Ms, Now } from '#core/time.ts';

/** A token bucket: `rate` writes a second, `burst` at once. */
export interface Budget {
  readonly rate: number;
  readonly burst: number;
}

/**
 * Write budgets. Each write spends one token of each scope it falls in, all or none. The defaults are far above what
 * upstream's test-suite needs; they stop a loop that runs away.
 */
export interface Budgets {
  readonly controller: Budget;
  /** Of one controller and verb. */
  readonly verb: Budget;
  /** Of one controller in one namespace. */
  readonly namespace: Budget;
  /** Of one reconciled object. */
  readonly owner: Budget;
  /**
   * In bytes of the objects that are written in one namespace, whoever writes; `FREE_BYTES` of each cost nothing. Heavy
   * objects hold up the API server, its store and every watch, long before their number is noticed (I15).
   */
  readonly bytes: Budget;
}

export const DEFAULT_BUDGETS: Budgets = {
  controller: { rate: 5_000, burst: 20_000 },
  verb: { rate: 5_000, burst: 20_000 },
  namespace: { rate: 2_000, burst: 10_000 },
  owner: { rate: 500, burst: 5_000 },
  bytes: { rate: 512 * 1024, burst: 2 * 1024 * 1024 },
};

/** More than almost every object takes, EndpointSlices that are full among them. */
export const FREE_BYTES = 64 * 1024;

export interface Spending {
  readonly controller: string;
  readonly verb: string;
  /** Empty for cluster-scoped writes. */
  readonly namespace: string;
  /** The uid of the reconciled object; empty when the key is none. */
  readonly owner: string;
  /** Of the object, as it will be. */
  readonly bytes: number;
}

export interface QuotaGuard {
  /** Spends one write, or says how long until it can be spent. */
  spend(
    what: Spending,
    now: Now,
  ): { readonly ok: true } | { readonly ok: false; readonly scope: keyof Budgets; readonly retryAfter: Ms };
}

interface Bucket {
  tokens: number;
  at: Ms;
}

/** From this many on, full buckets are dropped whenever their number has doubled: they carry no information. */
const MANY = 20_000;

export function createQuotaGuard(budgets: Budgets): QuotaGuard {
  const buckets = new Map<string, Bucket>();
  let sweepAt = MANY;

  const level = (id: string, budget: Budget, now: Now): Bucket => {
    const bucket = buckets.get(id) ?? { tokens: budget.burst, at: now.mono };
    bucket.tokens = Math.min(budget.burst, bucket.tokens + (Math.max(0, now.mono - bucket.at) / 1000) * budget.rate);
    bucket.at = now.mono;
    return bucket;
  };
  const sweep = (now: Now): void => {
    for (const id of [...buckets.keys()]) {
      const budget = budgets[id.slice(0, id.indexOf(' ')) as keyof Budgets];
      if (level(id, budget, now).tokens >= budget.burst) buckets.delete(id);
    }
    sweepAt = Math.max(MANY, buckets.size * 2);
  };

  return {
    spend(what, now) {
      const scopes = scopesOf(what, budgets).map((one) => ({ ...one, bucket: level(one.id, budgets[one.scope], now) }));
      const empty = scopes.find(({ bucket, cost }) => bucket.tokens < cost);
      if (empty !== undefined) {
        const wait = ((empty.cost - empty.bucket.tokens) / budgets[empty.scope].rate) * 1000;
        return { ok: false, scope: empty.scope, retryAfter: Math.ceil(wait) };
      }
      for (const { id, bucket, cost } of scopes) {
        bucket.tokens -= cost;
        buckets.set(id, bucket);
      }
      if (buckets.size > sweepAt) sweep(now);
      return { ok: true };
    },
  };
}

interface Scope {
  readonly scope: keyof Budgets;
  readonly id: string;
  readonly cost: number;
}

function scopesOf({ controller, verb, namespace, owner, bytes }: Spending, budgets: Budgets): readonly Scope[] {
  // What is larger than the whole budget takes all of it, or it could never be written.
  const heavy = Math.min(bytes - FREE_BYTES, budgets.bytes.burst);
  return [
    { scope: 'controller', id: `controller ${controller}`, cost: 1 },
    { scope: 'verb', id: `verb ${controller} ${verb}`, cost: 1 },
    ...(namespace === '' ? [] : [{ scope: 'namespace' as const, id: `namespace ${controller} ${namespace}`, cost: 1 }]),
    ...(owner === '' ? [] : [{ scope: 'owner' as const, id: `owner ${controller} ${owner}`, cost: 1 }]),
    ...(heavy <= 0 || namespace === '' ? [] : [{ scope: 'bytes' as const, id: `bytes ${namespace}`, cost: heavy }]),
  ];
}
