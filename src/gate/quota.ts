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
}

export const DEFAULT_BUDGETS: Budgets = {
  controller: { rate: 5_000, burst: 20_000 },
  verb: { rate: 5_000, burst: 20_000 },
  namespace: { rate: 2_000, burst: 10_000 },
  owner: { rate: 500, burst: 5_000 },
};

export interface Spending {
  readonly controller: string;
  readonly verb: string;
  /** Empty for cluster-scoped writes. */
  readonly namespace: string;
  /** The uid of the reconciled object; empty when the key is none. */
  readonly owner: string;
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
      const scopes = scopesOf(what).map(({ scope, id }) => ({ scope, id, bucket: level(id, budgets[scope], now) }));
      const empty = scopes.find(({ bucket }) => bucket.tokens < 1);
      if (empty !== undefined) {
        const wait = ((1 - empty.bucket.tokens) / budgets[empty.scope].rate) * 1000;
        return { ok: false, scope: empty.scope, retryAfter: Math.ceil(wait) };
      }
      for (const { id, bucket } of scopes) {
        bucket.tokens -= 1;
        buckets.set(id, bucket);
      }
      if (buckets.size > sweepAt) sweep(now);
      return { ok: true };
    },
  };
}

function scopesOf({ controller, verb, namespace, owner }: Spending): readonly { scope: keyof Budgets; id: string }[] {
  return [
    { scope: 'controller', id: `controller ${controller}` },
    { scope: 'verb', id: `verb ${controller} ${verb}` },
    ...(namespace === '' ? [] : [{ scope: 'namespace' as const, id: `namespace ${controller} ${namespace}` }]),
    ...(owner === '' ? [] : [{ scope: 'owner' as const, id: `owner ${controller} ${owner}` }]),
  ];
}
