import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeClock } from '#kit/fake-clock.ts';
import { temporaryDirectory } from '#kit/ledger.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { BODY_CAPS, Bodies } from './bodies.ts';

let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
beforeEach(async () => {
  temporary = await temporaryDirectory();
});
afterEach(() => temporary.remove());

describe('I15: what a namespace may keep of bodies', () => {
  const spentBy = (namespace: string, bodies: Bodies): void => {
    const big = 'x'.repeat(BODY_CAPS.bytes - 8);
    for (let n = 0; !bodies.spent(namespace); n++) bodies.keep(namespace, `${n}${big}`.slice(0, BODY_CAPS.bytes));
  };

  it('comes back with time alone, for a namespace of which nothing is kept meanwhile', () => {
    const clock = fakeClock();
    const bodies = new Bodies(temporary.path, clock, recordingTelemetry().meter);
    spentBy('a', bodies);
    expect([bodies.spent('a'), bodies.spent('b')]).toEqual([true, false]);
    clock.advance(1000);
    expect(bodies.spent('a')).toBe(true);
    clock.advance(4000);
    expect(bodies.spent('a')).toBe(false);
  });
});
