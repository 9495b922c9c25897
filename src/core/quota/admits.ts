import type { ResourceQuota, ScopedResourceSelectorRequirement } from '../k8s/types.gen.ts';
import type { ApiObject } from '../resource.ts';
import type { Ms } from '../time.ts';
import { type Amounts, amountsOf } from './amounts.ts';
import type { Evaluator } from './evaluator.ts';

/** A ResourceQuota as admission reads it: by its status alone, but for the scopes. */
export interface Quota {
  readonly hard: Amounts;
  readonly used: Amounts;
  readonly scopes: readonly ScopedResourceSelectorRequirement[];
}

export function quotaOf({ spec, status }: ResourceQuota): Quota {
  return {
    hard: amountsOf(status?.hard),
    used: amountsOf(status?.used),
    scopes: [
      ...(spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' })),
      ...(spec?.scopeSelector?.matchExpressions ?? []),
    ],
  };
}

/** What a new object asks of one quota. */
export interface Demand {
  /** No amount of room helps: something must be said first, or nobody has counted yet. */
  readonly blocked: boolean;
  readonly amounts: Amounts;
}

/** What creating the object asks of a quota; undefined where the quota is not concerned, or nothing is asked of it. */
export function demandOn(quota: Quota, object: ApiObject, evaluator: Evaluator, wall: Ms): Demand | undefined {
  const names = [...quota.hard.keys()].filter((name) => evaluator.tracks(name));
  if (names.length === 0 || !quota.scopes.every((scope) => evaluator.inScope(object, scope))) return undefined;
  const usage = evaluator.usage(object, wall);
  const amounts = new Map([...usage].filter(([name, quantity]) => quantity !== 0n && quota.hard.has(name)));
  const blocked =
    (evaluator.unsaid?.(object, names) ?? false) ||
    names.some((name) => !quota.used.has(name)) ||
    [...usage.values()].some((quantity) => quantity < 0n);
  return blocked || amounts.size > 0 ? { blocked, amounts } : undefined;
}

/** Whether there is room for these amounts beside what is used and `reserved`. */
export function hasRoom({ hard, used }: Quota, reserved: Amounts, amounts: Amounts): boolean {
  for (const [name, quantity] of amounts) {
    const limit = hard.get(name);
    if (limit !== undefined && (used.get(name) ?? 0n) + (reserved.get(name) ?? 0n) + quantity > limit) return false;
  }
  return true;
}
