import { describe, expect, test } from 'vitest';
import type { Write } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import type { ApiObject } from '#core/resource.ts';
import { resourceOf, viewOf } from '#kit/view.ts';
import type { Pending } from '../work.ts';
import { type Lookup, lookupIn } from './lookup.ts';
import { lossesOf } from './loss.ts';
import { rollingIn } from './rollout.ts';

type Loose = Record<string, unknown>;
const object = (apiVersion: string, kind: string, name: string, spec: Loose, metadata: Loose = {}): ApiObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'a', uid: `u-${name}`, resourceVersion: '1', ...metadata },
  ...{ spec },
});
const ownedBy = (kind: string, name: string): Loose => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind, name, uid: `u-${name}`, controller: true }],
});
const podsOf = (owner: string, count: number): ApiObject[] =>
  Array.from({ length: count }, (_, at) => ({
    ...object('v1', 'Pod', `${owner}-${at}`, {}, ownedBy('ReplicaSet', owner)),
    ...{ status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
  }));
const noted = (desired: number | undefined): Loose => ({
  ...ownedBy('Deployment', 'app'),
  ...(desired !== undefined && { annotations: { 'deployment.kubernetes.io/desired-replicas': String(desired) } }),
});
const set = (name: string, replicas: number, desired: number | undefined): ApiObject =>
  object('apps/v1', 'ReplicaSet', name, { replicas }, noted(desired));

/** A ReplicaSet: its size, what it was sized for, and its pods where they are others. */
interface Sized {
  readonly size: number;
  readonly desired?: number;
  readonly pods?: number;
}

function world(spec: Loose, old: Sized, fresh: Sized = { size: 0 }): Lookup {
  const of = (name: string, { size, desired, pods = size }: Sized): ApiObject[] => [
    set(name, size, desired),
    ...podsOf(name, pods),
  ];
  const objects = [object('apps/v1', 'Deployment', 'app', spec), ...of('old', old), ...of('new', fresh)];
  const held = new Set(['core/pods', 'apps/replicasets', 'apps/deployments'] as const);
  return lookupIn({ view: (listed) => viewOf(objects, listed) }, held);
}

function pending(write: Write, before: ApiObject, after?: ApiObject): Pending {
  const target = 'ref' in write ? write.ref : undefined;
  const cause = { reason: 'r', owners: [], evidence: 'absent' } as const;
  const request = { target } as unknown as Pending['request'];
  return { write, writeId: 'w', cause, request, before, ...(after && { after }) };
}
function lower(from: number, to: number, desired: number | undefined): Pending {
  const [before, after] = [set('old', from, desired), set('old', to, desired)];
  const ref = refOf(resourceOf(after), after);
  return pending({ verb: 'patch', reason: 'r', ref, type: 'merge', patch: {}, after }, before, after);
}
const deletions = (count: number): Pending[] =>
  podsOf('old', count).map((gone) =>
    pending({ verb: 'delete', reason: 'r', ref: refOf('core/pods', gone), before: gone }, gone),
  );
/** What they weigh, and whether all of that counts as an interruption that is wished. */
function cost(writes: readonly Pending[], lookup: Lookup): { weight: number; wished: boolean } {
  const weight = lossesOf(writes, lookup, 0).reduce((sum, loss) => sum + loss.weight, 0);
  return { weight, wished: rollingIn(writes, lookup, 0).interrupting.size === writes.length };
}
const free = { weight: 0, wished: false };
const costs = (weight: number) => ({ weight, wished: false });
const interrupts = (weight: number) => ({ weight, wished: true });
const RECREATE = { strategy: { type: 'Recreate' } };

describe('a rollout', () => {
  test('costs nothing while enough stay available', () => {
    const fifty = { size: 50, desired: 50 };
    expect(cost([lower(50, 38, 50)], world({ replicas: 50 }, fifty))).toEqual(free);
    expect(cost(deletions(12), world({ replicas: 50 }, { ...fifty, size: 38, pods: 50 }))).toEqual(free);
    const replaced = world({ replicas: 50 }, { ...fifty, size: 0, pods: 50 }, { size: 38, desired: 50 });
    expect(cost(deletions(50), replaced)).toEqual(free);
  });

  test('costs what is lost where too few stay', () => {
    const lookup = world({ replicas: 50 }, { size: 50, desired: 50 });
    expect(cost([lower(50, 30, 50)], lookup)).toEqual(costs(20));
    expect(cost(deletions(13), lookup)).toEqual(costs(13));
  });

  test('of a Deployment that is made smaller is none, until its ReplicaSets say so', () => {
    expect(cost([lower(50, 5, 50)], world({ replicas: 5 }, { size: 50, desired: 50 }))).toEqual(costs(45));
    expect(cost(deletions(45), world({ replicas: 5 }, { size: 5, desired: 5, pods: 50 }))).toEqual(free);
  });

  test('of a Deployment that is made smaller step by step costs each step', () => {
    for (const [from, to] of [
      [100, 85],
      [85, 72],
      [72, 62],
    ] as const)
      expect(cost([lower(from, to, from)], world({ replicas: to }, { size: from, desired: from }))).toEqual(
        costs(from - to),
      );
  });

  test('whose ReplicaSet does not say for how many it was sized is none', () => {
    expect(cost([lower(1000, 0, undefined)], world({ replicas: 0 }, { size: 1000 }))).toEqual(costs(1000));
    expect(cost([lower(50, 38, undefined)], world({ replicas: 50 }, { size: 50 }))).toEqual(costs(12));
  });

  test('is none where a tenant wrote less there than its ReplicaSets have', () => {
    expect(cost([lower(1000, 0, 0)], world({ replicas: 0 }, { size: 1000, desired: 0 }))).toEqual(costs(1000));
  });

  test.each([
    ['an absolute number', { rollingUpdate: { maxUnavailable: 20, maxSurge: 0 } }, 20],
    ['a percentage, rounded down', { rollingUpdate: { maxUnavailable: '31%', maxSurge: 1 } }, 15],
    ['both nothing', { rollingUpdate: { maxUnavailable: 0, maxSurge: 0 } }, 1],
    ['hostile', { rollingUpdate: { maxUnavailable: '9e9%', maxSurge: {} } }, 1],
  ])('may lose as many as its strategy says: %s', (_, strategy, may) => {
    const lookup = world({ replicas: 50, strategy }, { size: 50, desired: 50 });
    expect(cost([lower(50, 50 - may, 50)], lookup)).toEqual(free);
    expect(cost([lower(50, 49 - may, 50)], lookup)).toEqual(costs(may + 1));
  });

  test.each([
    ['Recreate', RECREATE],
    ['as much in other words', { strategy: { rollingUpdate: { maxUnavailable: '100%' } } }],
  ])('that may take all away at once is wished, and lost all the same: %s', (_, strategy) => {
    const spec = { replicas: 1000, ...strategy };
    expect(cost([lower(1000, 0, 1000)], world(spec, { size: 1000, desired: 1000 }))).toEqual(interrupts(1000));
    const lowered = world(spec, { size: 0, desired: 1000, pods: 1000 });
    expect(cost(deletions(1000), lowered)).toEqual(interrupts(1000));
  });

  test('Recreate made smaller costs what it loses', () => {
    const lookup = world({ replicas: 50, ...RECREATE }, { size: 100, desired: 100 });
    expect(cost([lower(100, 50, 100)], lookup)).toEqual(costs(50));
  });

  test('of a Deployment that cannot be looked up costs all of it', () => {
    const objects = [set('old', 50, 50), ...podsOf('old', 50)];
    const held = new Set(['core/pods', 'apps/replicasets', 'apps/deployments'] as const);
    expect(cost([lower(50, 38, 50)], lookupIn({ view: (listed) => viewOf(objects, listed) }, held))).toEqual(costs(12));
  });

  test('a pod that is not available for long enough does not count as left', () => {
    const lookup = world({ replicas: 10, minReadySeconds: 60 }, { size: 10, desired: 10 });
    expect(cost([lower(10, 9, 10)], lookup)).toEqual(costs(1));
  });
});
