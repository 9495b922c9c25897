/** What of the faults CI tries: each once, in its short form. */
import { afterAll, describe, expect, test } from 'vitest';
import { Arenas } from './arenas.ts';
import type { Fault } from './fault.ts';
import { FAULTS } from './faults/registry.ts';
import { inOrder, SHORT_RUN } from './plan.ts';
import { openShim } from './shim/open.ts';

/** Always the same, so that what fails here fails again. */
const SEED = 1;
/** A fifth of the load of a long run: three files share the machine with what they test. */
const EVERY = 1000;
/** A new arena, the fault, its recovery and the books; on a machine that is busy with something else. */
const TIMEOUT = 240_000;

/** A fault that did not hold is done once more in a fresh arena; what was there the first time is kept beside the report. */
const RETRY = 1;

/** Each fault of a part once, in its short form; `npm run chaos` does the long run. */
export function shortRun(part: keyof typeof SHORT_RUN): void {
  const groups: readonly Fault['group'][] = SHORT_RUN[part];
  const faults = FAULTS.filter(({ group }) => groups.includes(group));
  describe('faults under load', () => {
    const arenas = new Arenas({ seed: SEED, shim: openShim, every: EVERY, say: () => undefined });
    afterAll(() => arenas.close());

    test.each(inOrder(faults).map((fault) => ({ ...fault, fault })))(
      '$group: $name: $expects',
      { timeout: TIMEOUT, retry: RETRY },
      async ({ fault }) => {
        const { complaints } = await arenas.inflict(fault, 0, false);
        // Also of the first time, when the second one holds.
        if (complaints.length > 0) console.log(`${fault.name} did not hold: ${complaints.join('; ')}`);
        expect(complaints).toEqual([]);
      },
    );
  });
}
