import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Pod } from '#core/k8s/types.gen.ts';
import { isReady } from '#core/pod.ts';
import { deletionOrder } from '#core/ranking.ts';
import { drawPods, NOW } from '#kit/draw.ts';

const rankOf = (pod: Pod): number => (pod.metadata?.uid?.charCodeAt(0) ?? 0) % 3;
const order = (pods: readonly Pod[]): (string | undefined)[] =>
  deletionOrder(pods, rankOf, NOW).map((pod) => pod.metadata?.name);

test('the order is total: it does not hang on the order of the list', () => {
  fc.assert(
    fc.property(
      drawPods.chain((pods) => fc.tuple(fc.constant(pods), fc.shuffledSubarray(pods, { minLength: pods.length }))),
      ([pods, shuffled]) => {
        expect(order(shuffled)).toEqual(order(pods));
        expect(new Set(order(pods)).size).toBe(pods.length);
      },
    ),
    { numRuns: 3000 },
  );
});

test('it keeps the pods and does not touch the list', () => {
  fc.assert(
    fc.property(drawPods, (pods) => {
      const before = [...pods];
      const sorted = deletionOrder(pods, rankOf, NOW);
      expect(pods).toEqual(before);
      expect(new Set(sorted)).toEqual(new Set(pods));
    }),
  );
});

test('what serves on a node goes last: no ready running pod before one that is not', () => {
  fc.assert(
    fc.property(drawPods, (pods) => {
      const serves = (pod: Pod) => pod.spec?.nodeName !== undefined && pod.status?.phase === 'Running' && isReady(pod);
      const sorted = deletionOrder(pods, rankOf, NOW).map(serves);
      expect(sorted).toEqual(sorted.toSorted((a, b) => Number(a) - Number(b)));
    }),
    { numRuns: 2000 },
  );
});
