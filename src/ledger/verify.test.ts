import { cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Crafted, crafted, craftLog } from '#kit/crafted-log.ts';
import { openTestLedger, someIntent, temporaryDirectory, testKeeper } from '#kit/ledger.ts';
import { auditIdOf, originOf } from './checkpoint.ts';
import { findLogs } from './reader.ts';
import { type VerifyOptions, verifyLedger } from './verify.ts';

const { won, lost, intent, outcome, stop } = crafted;
const keeper = testKeeper();
const one = crafted.epoch(1);
const two = crafted.epoch(2);
const A = 'aaaaaaaaaa';
const B = 'bbbbbbbbbb';
let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let directory: string;

beforeEach(async () => {
  temporary = await temporaryDirectory();
  directory = temporary.path;
});
afterEach(() => temporary.remove());

const verify = (more: Partial<VerifyOptions> = {}) =>
  verifyLedger({ directory, verifierKey: keeper.verifierKey, ...more });
/** Verdict and what was found, by code and record. */
async function found(more: Partial<VerifyOptions> = {}): Promise<string[]> {
  const { verdict, findings } = await verify(more);
  return [verdict, ...findings.map(({ code, seq }) => `${code}${seq === undefined ? '' : ` ${seq}`}`)];
}
const craft = (records: readonly Crafted[], id = A) => craftLog(directory, id, keeper, records);
const wallAt = (minutes: number) => ({ wall: Date.UTC(2026, 0, 1, 12, minutes) });
const nothing = { note: 'era', why: 'x' };

describe('a whole log', () => {
  it('is ok, with what it holds', async () => {
    const anchor = await craft([won(one), intent(one), intent(one), outcome(2), lost(one), stop]);
    expect(await verify()).toEqual({
      verdict: 'ok',
      findings: [],
      logs: [
        {
          id: A,
          ...anchor,
          signed: true,
          signedSize: 7,
          trust: 'given-key',
          records: { start: 1, note: 2, intent: 2, outcome: 1, stop: 1 },
          open: 1,
          first: '2026-01-01T12:00:00.000Z',
          last: '2026-01-01T12:00:06.000Z',
          stopped: true,
        },
      ],
    });
  });

  it('is found alone as well as among others', async () => {
    await craft([stop]);
    expect(await found({ directory: join(directory, A) })).toEqual(['ok']);
  });

  it('can be read while it is written', async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    await ledger.note({ note: 'leadership', epoch: one, won: true });
    const sizes = new Set<number>();
    let failed = false;
    const reader = async () => {
      while (sizes.size < 3) {
        const { verdict, logs, findings } = await verify();
        expect([verdict, findings.filter(({ grade }) => grade !== 'note')]).toEqual(['ok', []]);
        sizes.add(logs[0]?.signedSize as number);
      }
    };
    const writer = async () => {
      for (let from = 0; sizes.size < 3 && !failed && from < 100_000; from += 10)
        await Promise.all(
          Array.from({ length: 10 }, (_, n) => ledger.intent(someIntent(from + n, { epoch: one }), 'write')),
        );
    };
    const read = reader().catch((error: unknown) => {
      failed = true;
      throw error;
    });
    await Promise.all([read, writer()]);
    await ledger.close('done');
    expect(await found()).toEqual(['ok']);
  }, 30_000);
});

describe('keys', () => {
  it('that the caller brings decide; those beside the logs are a convenience; without any it cannot be decided', async () => {
    await craft([stop]);
    const other = testKeeper().verifierKey;
    expect(await found({ verifierKey: other })).toEqual(['broken', 'checkpoint']);
    expect(await found({ verifierKey: `${other}\n${keeper.verifierKey}\n` })).toEqual(['ok']);
    const { verdict, logs } = await verifyLedger({ directory });
    expect([verdict, logs[0]?.trust]).toEqual(['ok', 'directory-key']);
    await rm(join(directory, 'checkpoint.pub'));
    expect((await verifyLedger({ directory })).findings[0]?.code).toBe('key');
    await expect(verify({ verifierKey: 'nonsense' })).rejects.toThrow(/reading the verifier key/);
  });

  it('do not help where there is nothing to check', async () => {
    await mkdir(directory);
    expect(await found()).toEqual(['undecided', 'no-log']);
  });
});

describe('records', () => {
  const cases: [string, string, Crafted[]][] = [
    ['a wrong number', 'sequence 1', [{ type: 'note', data: nothing, seq: 7 }, stop]],
    ['another record before it', 'chain 1', [{ type: 'note', data: nothing, prev: Buffer.alloc(32) }, stop]],
    ['a second start', 'start 1', [{ type: 'start', data: { origin: originOf('test', A) } }, stop]],
    [
      'monotonic time that goes back',
      'time 2',
      [
        { type: 'note', data: nothing, mono: 9e6 },
        { ...stop, mono: 9 },
      ],
    ],
    ['time of day that goes back', 'time 1', [{ ...stop, ...wallAt(-5) }]],
    ['an intent without an allow', 'verdict 2', [won(one), intent(one, { verdict: { allow: false } }), stop]],
    ['an outcome of nothing', 'outcome 1', [outcome(0), stop]],
    ['an outcome from before', 'outcome 2', [won(one), outcome(3), intent(one), stop]],
    ['two outcomes', 'outcome 4', [won(one), intent(one), outcome(2), outcome(2), stop]],
    ['a count of no denial', 'denial 1', [{ type: 'denials', data: { denial: 0, count: 3 } }, stop]],
    ['a write before leading', 'epoch 1', [intent(one), won(one), stop]],
    ["a write under another's epoch", 'epoch 2', [won(one), intent(two), stop]],
    ['a write after leading', 'epoch 3', [won(one), lost(one), intent(one), stop]],
    [
      'a note that closes no Audit-ID',
      'resolved 1',
      [{ type: 'note', data: { note: 'resolved', auditId: 'x' } }, stop],
    ],
    ['a record behind the stop', 'stop 2', [stop, { type: 'note', data: nothing }]],
  ];
  it.each(cases)('with %s are broken', async (_, finding, records) => {
    await craft(records);
    const [verdict, ...codes] = await found();
    expect([verdict, ...codes.filter((code) => code !== 'running')]).toEqual(['broken', finding]);
  });

  it('may go back in the time of day where a note says so, and may be written with the note that ends a reign', async () => {
    const jump: Crafted = { type: 'note', data: { note: 'clock-jump', by: -300_000 }, ...wallAt(-5) };
    const late = { mono: 3000 };
    await craft([
      won(one),
      jump,
      { ...lost(one), ...late, ...wallAt(-4) },
      { ...intent(one), ...late, ...wallAt(-4) },
      {
        ...stop,
        ...wallAt(-4),
      },
    ]);
    expect(await found()).toEqual(['ok']);
  });

  it('that are no records are broken', async () => {
    await craft([{ type: 'curse' as 'note', data: {} }, stop]);
    expect(await found()).toEqual(['broken', 'record-malformed 1']);
  });
});

describe('what logs say of each other', () => {
  const naming = (previous: object, id = B): Crafted => ({
    type: 'start',
    data: { origin: originOf('test', id), previous: { count: 1, items: [previous] } },
  });

  it('must be so: root, size, and that nothing was damaged', async () => {
    const anchor = await craft([won(one), stop]);
    for (const [previous, code] of [
      [anchor, undefined],
      [{ ...anchor, size: 9 }, 'anchor-ahead 0'],
      [{ ...anchor, root: Buffer.alloc(32).toString('base64') }, 'anchor-differs 0'],
      [{ ...anchor, size: 2 }, 'anchor-differs 0'],
      [{ ...anchor, damaged: 'x' }, 'anchor-damaged 0'],
    ] as const) {
      await craftLog(directory, B, keeper, [stop], naming(previous));
      expect(await found()).toEqual(code === undefined ? ['ok'] : ['broken', code]);
      await rm(join(directory, B), { recursive: true });
    }
  });

  it('holds for any earlier size', async () => {
    await craft([won(one)]);
    const [before] = (await verify()).logs;
    await rm(join(directory, A), { recursive: true });
    await craft([won(one), intent(one), stop]);
    const anchor = { origin: originOf('test', A), size: 2, root: before?.root as string };
    expect(await found({ anchors: [anchor] })).toEqual(['ok']);
    expect(await found({ anchors: [{ ...anchor, size: 3 }] })).toEqual(['broken', 'anchor-differs 0']);
  });

  it('that were put back to an older copy is found, also by an anchor from outside', async () => {
    const first = await openTestLedger(directory, keeper);
    const copy = join(directory, '..', 'copy');
    await first.ledger.close('first');
    await cp(directory, copy, { recursive: true });
    const again = await openTestLedger(copy, keeper);
    await again.ledger.note({ note: 'leadership', epoch: one, won: true });
    const anchor = again.ledger.anchor();
    await again.ledger.close('second');
    const others = { others: [copy] };
    expect((await found(others))[0]).toBe('undecided');
    expect(await found({ anchors: [anchor], strict: true })).toEqual(['undecided', 'log-absent 0']);
    expect(await found({ anchors: [anchor] })).toEqual(['ok', 'log-absent 0']);
    expect(await found({ directory: copy, anchors: [{ ...anchor, size: 90 }] })).toEqual(['broken', 'anchor-ahead 0']);
  });

  it('may name logs that are not here: said, and undecided only where that was asked for', async () => {
    const anchor = { origin: originOf('test', A), size: 3, root: Buffer.alloc(32).toString('base64') };
    await craftLog(directory, B, keeper, [won(one, { predecessor: anchor }), stop]);
    expect(await found()).toEqual(['ok', 'log-absent 1']);
    expect(await found({ strict: true })).toEqual(['undecided', 'log-absent 1']);
  });

  it('closes intents by their true Audit-IDs', async () => {
    await craft([won(one), intent(one), stop]);
    const { logs } = await verify();
    expect(logs[0]?.open).toBe(1);
    const hash = Buffer.alloc(32);
    const closing = (auditId: string): Crafted => ({ type: 'note', data: { note: 'resolved', auditId } });
    await craftLog(directory, B, keeper, [
      closing(auditIdOf(A, 2, hash)),
      closing(auditIdOf('cccccccccc', 2, hash)),
      stop,
    ]);
    expect(await found()).toEqual(['broken', 'resolved 1']);
  });
});

describe('leaderships of several logs', () => {
  it('follow each other', async () => {
    await craft([won(one), intent(one), stop]);
    await craftLog(directory, B, keeper, [
      { ...won(two), ...wallAt(1) },
      { ...intent(two), ...wallAt(2) },
    ]);
    expect(await found()).toEqual(['ok', 'running']);
  });

  it('belong to one log each', async () => {
    await craft([won(one), stop]);
    await craftLog(directory, B, keeper, [won(crafted.epoch(1, 'lease-uid', 'somebody else')), stop]);
    expect(await found()).toEqual(['broken', 'epoch-twice 1']);
  });

  it('do not write when the next one has been won', async () => {
    await craft([won(one), { ...intent(one), ...wallAt(5) }, { ...stop, ...wallAt(6) }]);
    await craftLog(directory, B, keeper, [
      { ...won(two), ...wallAt(1) },
      { ...stop, ...wallAt(2) },
    ]);
    expect(await found()).toEqual(['broken', 'epoch-overlap 1']);
  });

  it('whose clocks were set cannot be compared closer than that', async () => {
    const back: Crafted = { type: 'note', data: { note: 'clock-jump', by: -240_000 }, ...wallAt(1) };
    await craft([won(one), { ...intent(one), ...wallAt(5) }, { ...stop, ...wallAt(6) }]);
    await craftLog(directory, B, keeper, [back, { ...won(two), ...wallAt(1) }, { ...stop, ...wallAt(2) }]);
    expect(await found()).toEqual(['undecided', 'epoch-clock 2']);
  });

  it('that overlap by more than any clock was set are broken all the same', async () => {
    const ahead: Crafted = { type: 'note', data: { note: 'clock-jump', by: 60_000 }, ...wallAt(4) };
    await craft([won(one), ahead, { ...intent(one), ...wallAt(5) }, { ...stop, ...wallAt(6) }]);
    await craftLog(directory, B, keeper, [
      { ...won(two), ...wallAt(1) },
      { ...stop, ...wallAt(2) },
    ]);
    expect(await found()).toEqual(['broken', 'epoch-overlap 1']);
  });

  it('may be missing: said, and undecided only where that was asked for', async () => {
    await craft([won(one), won(crafted.epoch(4)), stop]);
    expect(await found()).toEqual(['ok', 'epoch-absent 2']);
    expect(await found({ strict: true })).toEqual(['undecided', 'epoch-absent 2']);
  });

  it('without a lease repeat with each start', async () => {
    const sole = crafted.epoch(0, '');
    await craft([won(sole), stop]);
    await craftLog(directory, B, keeper, [won(sole), stop]);
    expect(await found()).toEqual(['ok']);
  });
});

describe('files', () => {
  beforeEach(async () => {
    const { ledger } = await openTestLedger(directory, keeper);
    await ledger.note({ note: 'leadership', epoch: one, won: true });
    await Promise.all(Array.from({ length: 300 }, (_, n) => ledger.intent(someIntent(n, { epoch: one }), 'write')));
    await ledger.close('done');
  });
  const log = async () => (await findLogs(directory))[0]?.path as string;

  it.each([
    ['checkpoint', 'checkpoint'],
    ['tile/0/000', 'tile-missing'],
    ['tile/1/000.p/1', 'tile-missing'],
    ['tile/entries/000', 'entries'],
  ])('that are gone are missed: %s', async (file, code) => {
    await rm(join(await log(), file));
    const { verdict, findings } = await verify();
    expect(verdict).toBe('broken');
    expect(findings.map((finding) => finding.code)).toContain(code);
  });

  it('of another log are not taken for this one', async () => {
    const path = await log();
    await cp(path, join(directory, B), { recursive: true });
    expect((await found())[0]).toBe('broken');
    expect(await found()).toEqual(expect.arrayContaining(['origin', 'origin 0']));
  });

  it('with bodies: changed ones are found, and missing ones said', async () => {
    const pack = join(await log(), 'bodies', '000000');
    const bytes = await readFile(pack, 'utf8');
    await writeFile(pack, bytes.replace('registry.example', 'registry-example'));
    expect(await found()).toEqual(['broken', 'body 2']);
    await rm(pack);
    expect(await found()).toEqual(['ok', 'bodies']);
  });

  it('are only read', async () => {
    const names = async () => (await readdir(directory, { recursive: true })).sort();
    const before = await names();
    await verify();
    expect(await names()).toEqual(before);
  });
});
