import { describe, expect, test } from 'vitest';
import type { Anchor } from '#ledger/port.ts';
import type { AnchorCheck } from '#ledger/recover.ts';
import { noteRollback } from './rollback.ts';

const at = (origin: string, size = 5): Anchor => ({ origin, size, root: `${'A'.repeat(43)}=` });

/** A directory that holds the log `held` with three records; what its logs are is said by origin. */
function setUp(checks: Readonly<Record<string, AnchorCheck>>) {
  const notes: object[] = [];
  const said: string[] = [];
  const parts = {
    checkAnchor: async ({ origin }: Anchor) => checks[origin] ?? ('other-replica' as const),
    previous: [{ ...at('held', 3), id: 'h', started: '', stopped: true, tornBytes: 0, signed: true }],
    ledger: {
      note: async (note: object) => {
        notes.push(note);
        return { ok: true as const, value: 1 };
      },
    },
  };
  const nothing = (): void => {};
  const log = { debug: nothing, info: nothing, warn: nothing, error: (what: string) => void said.push(what) };
  return { parts: parts as never, notes, said, log };
}

describe('a ledger that was put back', () => {
  test.each([
    ['the Lease knows the log of the last holder longer', { last: at('held') }, { held: 'rolled-back' }, 3],
    ['the last holder had another log of that name', { last: at('held') }, { held: 'forked' }, 3],
    [
      'others led since, and the Lease knows the log of this directory longer',
      { last: at('theirs'), own: at('held') },
      { held: 'rolled-back' },
      3,
    ],
    ['this directory led with a log that is not here: it is older than the log', { own: at('later', 9) }, {}, 0],
  ] as const)('%s: recorded, and true', async (_, found, checks, held) => {
    const { parts, notes, said, log } = setUp(checks);
    expect(await noteRollback(parts, found, log)).toBe(true);
    const anchor = 'own' in found ? found.own : found.last;
    expect(notes).toEqual([{ note: 'rolled-back', anchor: { origin: anchor.origin, size: anchor.size }, found: held }]);
    expect(said).toHaveLength(1);
  });

  test.each([
    ['a new Lease', {}, {}],
    ["another replica's log", { last: at('theirs') }, {}],
    ['logs that are as the Lease says', { last: at('held', 3), own: at('held', 3) }, { held: 'consistent' }],
  ] as const)('is not found by %s', async (_, found, checks) => {
    const { parts, notes, log } = setUp(checks);
    expect(await noteRollback(parts, found, log)).toBe(false);
    expect(notes).toEqual([]);
  });
});
