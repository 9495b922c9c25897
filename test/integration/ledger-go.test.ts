import { execFile } from 'node:child_process';
import { copyFile, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { goProgram } from '#kit/go-program.ts';
import { openTestLedger, someIntent, temporaryDirectory, testKeeper } from '#kit/ledger.ts';
import { until } from '#kit/wait.ts';
import { parseLeaf } from '#ledger/leaf.ts';
import { leafHash } from '#ledger/merkle.ts';
import { claimedAnchor, entryAt, findLogs } from '#ledger/reader.ts';

/** Go's own transparency log code, which shares nothing with ours, must agree with what the ledger publishes. */
const SOURCE = join(import.meta.dirname, '../go/tlogverify');
const run = promisify(execFile);
const keeper = testKeeper();
let tool: string;
let temporary: Awaited<ReturnType<typeof temporaryDirectory>>;
let log: string;
let older: string;

async function ask(directory: string, index: number, more: readonly string[] = []) {
  const { stdout } = await run(tool, ['-log', directory, '-key', keeper.verifierKey, '-index', String(index), ...more]);
  return JSON.parse(stdout) as { size: number; root: string; leaf: string; record: unknown; continues?: number };
}

const refused = (asked: Promise<unknown>) => expect(asked.then(() => 'agreed')).rejects;

beforeAll(async () => {
  temporary = await temporaryDirectory();
  older = join(temporary.path, '..', 'older');
  const built = goProgram(SOURCE);
  const { ledger } = await openTestLedger(temporary.path, keeper);
  await ledger.note({ note: 'leadership', epoch: { lease: 'lease-uid', transitions: 1, holder: 'here' }, won: true });
  const write = async (from: number, to: number): Promise<void> => {
    const numbers = Array.from({ length: to - from }, (_, n) => from + n);
    for (const recorded of await Promise.all(numbers.map((n) => ledger.intent(someIntent(n), 'write'))))
      if (recorded.ok) ledger.outcome(recorded.value, { kind: 'applied', status: 201, took: 5 });
  };
  await write(0, 200);
  log = (await findLogs(temporary.path))[0]?.path as string;
  await until(async () => ((await claimedAnchor(log))?.size ?? 0) > 256, { timeout: 20_000, why: 'a checkpoint' });
  await copyFile(join(log, 'checkpoint'), older);
  await write(200, 450);
  await ledger.close('done');
  tool = await built;
}, 120_000);

afterAll(() => temporary.remove());

test('a record, whole tiles and partial ones: signature, inclusion and bytes', async () => {
  const anchor = await claimedAnchor(log);
  expect(anchor?.size).toBeGreaterThan(600);
  const size = anchor?.size as number;
  for (const index of [0, 1, 255, 256, 511, 512, size - 1]) {
    const entry = (await entryAt(log, size, index)) as Buffer;
    const found = await ask(log, index);
    expect(found).toMatchObject({ size, root: anchor?.root, leaf: leafHash(entry).toString('base64') });
    expect(found.record).toEqual(JSON.parse(entry.toString()));
    expect(parseLeaf(entry)?.seq).toBe(index);
  }
});

test('an older checkpoint is a prefix of the newer one', async () => {
  const { continues, size } = await ask(log, 0, ['-older', older]);
  expect(continues).toBeGreaterThan(256);
  expect(continues).toBeLessThan(size);
});

test.each([
  ['entry', 'tile/entries/000', /checking record 3/],
  ['tile', 'tile/0/000', /downloaded inconsistent tile/],
])('an altered %s is found', async (_, file, message) => {
  const copy = join(temporary.path, '..', `altered-${file.replaceAll('/', '-')}`);
  await cp(log, copy, { recursive: true });
  const bytes = await readFile(join(copy, file));
  bytes[bytes.length / 2] = (bytes[bytes.length / 2] as number) ^ 1;
  // Of the entries, a byte of record 3, which is asked for.
  const at = bytes.indexOf('"seq":3,');
  if (at > 0) bytes.write('"seq":4,', at);
  await writeFile(join(copy, file), bytes);
  await refused(ask(copy, 3)).toThrow(message);
});

test('another log, another key and an older checkpoint that says something else are refused', async () => {
  const stranger = testKeeper();
  await refused(run(tool, ['-log', log, '-key', stranger.verifierKey])).toThrow(/no verifiable signatures/);
  const [origin, size] = (await readFile(older, 'utf8')).split('\n');
  const body = `${origin}\n${size}\n${Buffer.alloc(32, 7).toString('base64')}\n`;
  const forged = `${older}.forged`;
  await writeFile(forged, `${body}\n${await keeper.sign(body)}`);
  await refused(ask(log, 0, ['-older', forged])).toThrow(/checking that/);
});
