import { cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTestLedger, recordsIn, someDenial, someIntent, temporaryDirectory, testKeeper } from '#kit/ledger.ts';
import { findLogs, segmentsOf } from '#ledger/reader.ts';
import { verifyLedger } from '#ledger/verify.ts';
import { decodeSegment } from '#ledger/wal.ts';

const keeper = testKeeper();
const check = (directory: string) => verifyLedger({ directory, verifierKey: keeper.verifierKey, strict: true });
let base: Awaited<ReturnType<typeof temporaryDirectory>>;
let work: Awaited<ReturnType<typeof temporaryDirectory>>;

/** A directory as a crash leaves it: copied while the process runs, without a stop record, its segments in place. */
beforeAll(async () => {
  base = await temporaryDirectory();
  work = await temporaryDirectory();
  const live = join(base.path, 'live');
  const { ledger } = await openTestLedger(live, keeper);
  await ledger.note({ note: 'leadership', epoch: { lease: 'lease-uid', transitions: 1, holder: 'here' }, won: true });
  for (let n = 0; n < 40; n += 1) {
    const recorded = await Promise.all([
      ledger.intent(someIntent(n), 'write'),
      ledger.intent(someIntent(1000 + n), 'write'),
    ]);
    for (const each of recorded)
      if (each.ok && n % 3 !== 0) ledger.outcome(each.value, { kind: 'applied', status: 201, took: 3 });
    if (n % 7 === 0) ledger.denial(someDenial(n));
  }
  await ledger.note({ note: 'era', why: 'settled' });
  await cp(live, join(base.path, 'crashed'), { recursive: true });
  await rm(join(base.path, 'crashed', 'lock'));
  await ledger.close('test');
  await cp(live, join(base.path, 'closed'), { recursive: true });
});

afterAll(async () => {
  await base.remove();
  await work.remove();
});

async function copyOf(name: string): Promise<string> {
  const path = join(work.path, Math.random().toString(36).slice(2));
  await mkdir(work.path, { recursive: true });
  await cp(join(base.path, name), path, { recursive: true });
  return path;
}

describe('a crash', () => {
  it('at any byte of the last write loses no group that was whole, and invents nothing', async () => {
    const crashed = join(base.path, 'crashed');
    const [log] = await findLogs(crashed);
    const [segment] = await segmentsOf(log?.path as string);
    const bytes = await readFile(segment?.path as string);
    const name = relative(crashed, segment?.path as string);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: bytes.length }), fc.boolean(), async (length, zeros) => {
        const path = await copyOf('crashed');
        await rm(join(path, log?.id as string, 'checkpoint'));
        await truncate(join(path, name), length);
        if (zeros) await writeFile(join(path, name), Buffer.alloc(97), { flag: 'a' });
        const whole = decodeSegment(bytes.subarray(0, length));
        const acknowledged = whole.groups.reduce((sum, group) => sum + group.entries.length, 0);
        const { ledger, previous } = await openTestLedger(path, keeper);
        const found = previous[0];
        expect(found?.size ?? 0).toBe(acknowledged);
        expect(found?.damaged).toBeUndefined();
        if (acknowledged > 0) expect(found?.tornBytes).toBe(whole.torn + (zeros ? 97 : 0));
        await ledger.close('done');
        if (acknowledged > 0) expect((await check(path)).verdict).toBe('ok');
        await rm(path, { recursive: true });
      }),
      { numRuns: 25 },
    );
  });

  it('leaves intents open for the next process until it resolves them', async () => {
    const path = await copyOf('crashed');
    const first = await openTestLedger(path, keeper);
    expect(first.openIntents).toHaveLength(28);
    expect(first.lastEpoch).toEqual({ lease: 'lease-uid', transitions: 1, holder: 'here' });
    expect(first.bundleVersion).toBe(3);
    expect(first.lastDenials.length).toBe(6);
    for (const { auditId } of first.openIntents.slice(0, 20)) {
      await first.ledger.note({ note: 'resolved', auditId, as: 'applied', how: 'found by its derived name' });
    }
    const again = await first.ledger.intent(someIntent(7), 'write');
    if (again.ok) first.ledger.outcome(again.value, { kind: 'applied', took: 1 });
    await first.ledger.close('done');
    const second = await openTestLedger(path, keeper);
    expect(second.openIntents.map(({ auditId }) => auditId)).toEqual(
      first.openIntents.slice(20).map(({ auditId }) => auditId),
    );
    expect(second.lastDenials.map(({ writeId }) => writeId)).not.toContain(someIntent(7).writeId);
    expect(second.lastDenials).toHaveLength(5);
    await second.ledger.close('done');
  });

  it('of the keeper leaves a tail that the successor commits to', async () => {
    const path = await copyOf('crashed');
    const [log] = await findLogs(path);
    const refusing = {
      ...keeper,
      sign: async (body: string) => {
        if (body.includes(log?.id as string)) throw new Error('start a new log');
        return keeper.sign(body);
      },
    };
    const { ledger, previous } = await openTestLedger(path, refusing);
    expect(previous[0]?.signed).toBe(false);
    await ledger.close('done');
    expect((await check(path)).verdict).toBe('ok');
  });
});

describe('verify', () => {
  it('finds any single flipped bit of entries, tiles and checkpoints', async () => {
    const closed = join(base.path, 'closed');
    const [log] = await findLogs(closed);
    const root = log?.path as string;
    const files = (await readdir(root, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .filter((path) => path.includes('/tile/') || path.endsWith('/checkpoint'));
    const live = await liveFiles(files, root);
    expect((await check(closed)).verdict).toBe('ok');
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...live), fc.nat(), async (file, at) => {
        const bytes = await readFile(file);
        const bit = at % (bytes.length * 8);
        const changed = Buffer.from(bytes);
        changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
        await writeFile(file, changed);
        try {
          expect((await check(closed)).verdict).toBe('broken');
        } finally {
          await writeFile(file, bytes);
        }
      }),
      { numRuns: 120 },
    );
  });

  it('misses no record that is taken away, and no log', async () => {
    const path = await copyOf('closed');
    const second = await openTestLedger(path, keeper);
    await second.ledger.close('done');
    expect((await check(path)).verdict).toBe('ok');
    const [first] = await findLogs(join(base.path, 'closed'));
    await rm(join(path, first?.id as string), { recursive: true });
    expect((await check(path)).verdict).toBe('undecided');
  });

  it('does not believe another key', async () => {
    const directory = join(base.path, 'closed');
    const { verdict } = await verifyLedger({ directory, verifierKey: testKeeper().verifierKey });
    expect(verdict).toBe('broken');
  });
});

/** The files that the last checkpoint rests on; those of the one before it may still lie there. */
async function liveFiles(files: readonly string[], root: string): Promise<string[]> {
  const size = Number((await readFile(join(root, 'checkpoint'), 'utf8')).split('\n')[1]);
  const width = String(size % 256);
  return files.filter((path) => !path.includes('.p/') || path.endsWith(`/${width}`));
}

describe('every record', () => {
  it('holds no value that is not on the allow-list', async () => {
    const closed = join(base.path, 'closed');
    const [log] = await findLogs(closed);
    const texts = (await recordsIn(closed)).map((leaf) => JSON.stringify(leaf));
    texts.push(await readFile(join(log?.path as string, 'bodies', '000000'), 'utf8'));
    for (const text of texts) expect(text).not.toMatch(/hunter2/);
    expect(texts.at(-1)).toMatch(/"image":"registry.example\/web:1"/);
  });
});
