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

test('of a namespace it names the keys, each once, and lets what stands there stand', () => {
  const { park } = benchOf();
  const of = (namespace: string) => ({ ...input, write: { namespace } }) as unknown as PolicyInput;
  const denied = { code: 'POLICY_DENIED', rules: [] } as unknown as Parameters<typeof park.put>[4];
  park.put('one', 'web', bundle, of('a'), denied);
  park.put('two', 'web', bundle, of('a'), denied);
  park.put('three', 'api', bundle, of('constructor'), denied);
  expect([park.of('a'), park.of('constructor'), park.of('b')]).toEqual([['web'], ['api'], []]);
  expect(park.standing('one', bundle, of('a'))).toBeDefined();
});

test('bundles are the same by version and digest', () => {
  expect(sameBundle(bundle, { ...bundle })).toBe(true);
  expect(sameBundle(bundle, { ...bundle, digest: 'e' })).toBe(false);
  expect(sameBundle(bundle, undefined)).toBe(false);
});
