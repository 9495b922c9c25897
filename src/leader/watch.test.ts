import { expect, test } from 'vitest';
import type { Streams, WatchLine } from '#api/port.ts';
import { fakeClock } from '#kit/fake-clock.ts';
import { watchLease } from './watch.ts';

const at = { namespace: 'kube-system', name: 'kube-controller-manager' };
const line = (type: WatchLine['type'], holder?: string): WatchLine => ({
  type,
  object: { spec: { holderIdentity: holder } },
  size: 1,
});
const settle = () => new Promise((resolve) => setImmediate(resolve));

function setUp(answers: (number | readonly WatchLine[])[]) {
  const asked: string[] = [];
  const clock = fakeClock();
  const streams: Streams = {
    watch: async (identity, path) => {
      asked.push(`${identity} ${path}`);
      const answer = answers.shift();
      if (answer === undefined) throw new Error('connecting');
      async function* lines(): AsyncGenerator<WatchLine> {
        if (typeof answer === 'object') yield* answer;
      }
      return { status: typeof answer === 'number' ? answer : 200, lines: lines() };
    },
  };
  const stop = new AbortController();
  let looks = 0;
  watchLease({ streams, clock, at })(stop.signal, () => {
    looks++;
  });
  return { asked, clock, stop, looks: () => looks };
}

test('hints when nobody holds the lease, and not at every renewal', async () => {
  const { looks, asked } = setUp([[line('ADDED', 'a'), line('MODIFIED', 'a'), line('BOOKMARK'), line('MODIFIED', '')]]);
  await settle();
  expect(looks()).toBe(1);
  expect(asked).toEqual([
    'leader /apis/coordination.k8s.io/v1/namespaces/kube-system/leases?watch=true&fieldSelector=metadata.name%3Dkube-controller-manager&timeoutSeconds=300&allowWatchBookmarks=true',
  ]);
});

test('goes on after an end, an error and a deletion; waits long after a refusal', async () => {
  const { looks, asked, clock, stop } = setUp([[line('DELETED', 'a')], [line('ERROR')], 403]);
  await settle();
  expect(looks()).toBe(1);
  for (const [wait, count] of [
    [1000, 2],
    [1000, 3],
    [59_000, 3],
    [1000, 4],
    [1000, 5],
  ] as const) {
    clock.advance(wait);
    await settle();
    expect(asked).toHaveLength(count);
  }
  stop.abort();
  clock.advance(60_000);
  await settle();
  expect(asked).toHaveLength(5);
});
