import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { mergePatch } from '#core/diff.ts';
import { canonical, type JsonObject } from '#core/json.ts';
import type { LabelSelector, OwnerReference, Pod } from '#core/k8s/types.gen.ts';
import { ownerReference } from '#core/owner.ts';
import { adopt, release } from '#core/patch.ts';
import { isActive, isAvailable, isReady, isTerminating, nextAvailabilityChange, readySince } from '#core/pod.ts';
import { deletionOrder } from '#core/ranking.ts';
import { selectorOf } from '#core/selector.ts';
import { pod, replicaSet } from '#kit/build.ts';
import { drawLabels, drawPods, drawSelector, drawTree, NOW } from '#kit/draw.ts';
import { buildOracle, compareWith, type Oracle } from '#kit/oracle.ts';

let oracle: Oracle;
beforeAll(async () => {
  oracle = await buildOracle();
});

test('selectors are valid, empty and match as upstream says', async () => {
  await compareWith<[LabelSelector, Record<string, string>], object>(
    oracle,
    fc.tuple(drawSelector, drawLabels),
    2500,
    ([selector, labels]) => ({ op: 'match', selector, labels }),
    ([selector, labels], answer) => {
      const matcher = selectorOf(selector);
      const ours =
        matcher === undefined
          ? { valid: false }
          : { valid: true, matches: matcher.matches(labels), empty: matcher.empty };
      expect({ ...ours, selector, labels }).toEqual({ ...answer, selector, labels });
    },
  );
});

const rankOf = (one: Pod): number => (one.metadata?.uid?.charCodeAt(0) ?? 0) % 3;
const firstOf = (pods: readonly Pod[]): Pod | undefined => deletionOrder(pods, rankOf, NOW)[0];

test('of any two pods the same one is given up first', async () => {
  let compared = 0;
  await compareWith<Pod[], boolean[][]>(
    oracle,
    drawPods,
    1000,
    (pods) => ({ op: 'less', pods, ranks: pods.map(rankOf), now: NOW }),
    (pods, less) => {
      for (const [i, one] of pods.entries()) {
        for (const [j, other] of pods.entries()) {
          if (i !== j && less[i]?.[j] === true && less[j]?.[i] === false) {
            expect({ first: firstOf([other, one]), other }).toEqual({ first: one, other });
            compared += 1;
          }
        }
      }
    },
  );
  expect(compared).toBeGreaterThan(1000);
});

test('of many pods none is given up before one that upstream prefers, but around a shared instant', async () => {
  let compared = 0;
  await compareWith<Pod[], boolean[][]>(
    oracle,
    drawPods,
    1000,
    (pods) => ({ op: 'less', pods, ranks: pods.map(rankOf), now: NOW }),
    (pods, less) => {
      const sorted = deletionOrder(pods, rankOf, NOW);
      for (const [at, later] of sorted.entries()) {
        for (const earlier of sorted.slice(0, at)) {
          const [i, j] = [pods.indexOf(later), pods.indexOf(earlier)];
          if (less[i]?.[j] !== undefined && less[j]?.[i] !== undefined) compared += 1;
          if (less[i]?.[j] !== true || less[j]?.[i] === true) continue;
          // Upstream's own order is a circle there: the uid decides between instants, restarts within one.
          const shared = pods.filter(
            (one) => isReady(one) && [readySince(later), readySince(earlier)].includes(readySince(one)),
          );
          expect(readySince(later)).not.toBe(readySince(earlier));
          expect(shared.length).toBeGreaterThan(2);
        }
      }
    },
  );
  expect(compared).toBeGreaterThan(1000);
});

test('pods count as active, terminating, ready and available as upstream counts them', async () => {
  await compareWith<[Pod[], number], { pods: object[]; next?: number }>(
    oracle,
    fc.tuple(drawPods, fc.constantFrom(0, 1, 10, 600)),
    1000,
    ([pods, minReadySeconds]) => ({ op: 'pods', pods, minReadySeconds, now: NOW }),
    ([pods, least], answer) => {
      const ours = pods.map((one) => ({
        active: isActive(one),
        terminating: isTerminating(one),
        ready: isReady(one),
        available: isAvailable(one, least, NOW),
      }));
      expect({ pods: ours, next: nextAvailabilityChange(pods, least, NOW) }).toEqual({ next: undefined, ...answer });
    },
  );
});

test('merge patches make what the API server makes of them', async () => {
  await compareWith<[JsonObject, JsonObject], JsonObject>(
    oracle,
    fc.tuple(drawTree, drawTree),
    1000,
    ([before, patch]) => ({ op: 'merge', before, patch }),
    ([before, patch], after) => expect(canonical(mergePatch(before, patch))).toBe(canonical(after)),
  );
});

const web = ownerReference('apps/replicasets', replicaSet());
const drawOwners: fc.Arbitrary<OwnerReference[]> = fc.uniqueArray(
  fc.constantFrom<OwnerReference>(
    { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: 'a' },
    { apiVersion: 'v1', kind: 'Secret', name: 'b', uid: 'b', blockOwnerDeletion: false },
    { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: web.uid },
  ),
  { selector: ({ uid }) => uid },
);

test('adopting and releasing make what the API server makes of their patches', async () => {
  const claims = fc.tuple(drawOwners, fc.boolean()).map(([owners, adopts]) => {
    const before = pod({ owners });
    return { before, write: adopts ? adopt('core/pods', before, web) : release('core/pods', before, web.uid) };
  });
  await compareWith<{ before: Pod; write: ReturnType<typeof adopt> }, Pod>(
    oracle,
    claims,
    500,
    ({ before, write }) => ({ op: 'strategic', before, patch: write.patch }),
    ({ write }, after) => {
      // An emptied list stays as an empty one until the object is decoded, which drops it.
      const references = after.metadata?.ownerReferences ?? [];
      expect(references).toEqual(write.after.metadata?.ownerReferences ?? []);
      const bare = (one: Pod) => canonical({ ...one, metadata: { ...one.metadata, ownerReferences: undefined } });
      expect(bare(after)).toBe(bare(write.after as Pod));
    },
  );
});

test('a question that the oracle cannot answer compares nothing, and says so', async () => {
  const asked = compareWith<number, unknown>(
    oracle,
    fc.constant(1),
    1,
    () => ({ op: 'no-operation' }),
    () => {},
  );
  await expect(asked).rejects.toThrow('it is no operation');
});
