/** Each fault of the harness once, in its short form; `npm run chaos` does the long run. */
import { afterAll, describe, expect, test } from 'vitest';
import { Arenas } from '../chaos/arenas.ts';
import { FAULTS } from '../chaos/faults/registry.ts';
import { inOrder } from '../chaos/plan.ts';
import { openShim } from '../chaos/shim/open.ts';

/** Always the same, so that what fails here fails again. */
const SEED = 1;
/** A new arena, the fault, its recovery and the books; on a machine that is busy with something else. */
const TIMEOUT = 240_000;

describe('faults under load', () => {
  const arenas = new Arenas({ seed: SEED, shim: openShim, say: () => undefined });
  afterAll(() => arenas.close());

  test.each(inOrder(FAULTS).map((fault) => ({ ...fault, fault })))(
    '$group: $name: $expects',
    async ({ fault }) => {
      const { complaints } = await arenas.inflict(fault, 0, false);
      expect(complaints).toEqual([]);
    },
    TIMEOUT,
  );
});
