import fc from 'fast-check';
import { expect, test } from 'vitest';
import { seconds } from '#core/time.ts';
import { leaseTimeout } from './leadership.ts';

const election = (renewDeadline: number, retryPeriod: number) =>
  ({ renewDeadline, retryPeriod }) as Parameters<typeof leaseTimeout>[0];

test.each([
  { name: 'of the defaults, as upstream', deadline: seconds(10), retry: seconds(2), timeout: seconds(5) },
  { name: 'of a short lease', deadline: seconds(3), retry: 500, timeout: 1500 },
  { name: 'where retries take most of the time', deadline: seconds(10), retry: seconds(4), timeout: 2500 },
])('the time for a lease $name', ({ deadline, retry, timeout }) => {
  expect(leaseTimeout(election(deadline, retry))).toBe(timeout);
});

test('one lost answer leaves time for another try, wherever the retry period allows', () => {
  const flags = fc
    .integer({ min: 1000, max: 600_000 })
    .chain((deadline) => fc.tuple(fc.constant(deadline), fc.integer({ min: 100, max: Math.floor(deadline * 0.325) })));
  fc.assert(
    fc.property(flags, ([deadline, retry]) => {
      const timeout = leaseTimeout(election(deadline, retry));
      // Renewed, a period later the try that is lost, another period later the next one.
      expect(retry + timeout + retry).toBeLessThanOrEqual(0.9 * deadline + 1);
      expect(timeout).toBeGreaterThan(0);
    }),
  );
});
