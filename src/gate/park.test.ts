import { expect, test } from 'vitest';
import { fakeClock } from '#kit/fake-clock.ts';
import type { PolicyInput } from '#policy/port.ts';
import { createPark, sameBundle } from './park.ts';

const bundle = { version: 1, digest: 'd' };
const input = { write: {}, facts: {}, object: null, before: null, patch: null } as unknown as PolicyInput;
const timeout = { code: 'POLICY_TIMEOUT', rules: [] } as const;

function benchOf() {
  const clock = fakeClock();
  const park = createPark(clock);
  const woken: string[] = [];
  park.onExpiry((key) => woken.push(key));
  return { clock, park, woken };
}

test('a time-out stands twice as long each time, at most an hour', () => {
  const { clock, park, woken } = benchOf();
  const stood: number[] = [];
  for (let n = 0; n < 9; n += 1) {
    park.put('w', 'key', bundle, input, timeout);
    const since = clock.now().mono;
    while (park.size() > 0) clock.advance(1000);
    stood.push((clock.now().mono - since) / 60_000);
  }
  expect(stood).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  expect(woken).toHaveLength(9);
});

test('a judgement in time makes it forget how often there was none', () => {
  const { clock, park, woken } = benchOf();
  park.put('w', 'key', bundle, input, timeout);
  clock.advance(60_000);
  park.lift('w');
  park.put('w', 'key', bundle, input, timeout);
  clock.advance(60_000);
  expect(woken).toHaveLength(2);
});

test('what was lifted, cleared or replaced wakes nobody later', () => {
  const { clock, park, woken } = benchOf();
  park.put('lifted', 'a', bundle, input, timeout);
  park.lift('lifted');
  park.put('cleared', 'b', bundle, input, timeout);
  expect(park.clear()).toEqual(['b']);
  park.put('replaced', 'c', bundle, input, timeout);
  park.put('replaced', 'c', bundle, input, { code: 'GATE_POLICY_DENIED', rules: [] });
  clock.advance(10_000_000);
  expect(woken).toEqual([]);
  expect(park.standing('replaced', bundle, input)).toMatchObject({ code: 'GATE_POLICY_DENIED' });
});

test('bundles are the same by version and digest', () => {
  expect(sameBundle(bundle, { ...bundle })).toBe(true);
  expect(sameBundle(bundle, { ...bundle, digest: 'e' })).toBe(false);
  expect(sameBundle(bundle, undefined)).toBe(false);
});
