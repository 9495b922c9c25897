/** The shim of the chaos harness does to a Node process what it says, to its next self and to its children. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ShimFaults } from '../chaos/fault.ts';
import { shimFor } from '../chaos/shim/open.ts';
import type { OpenedShim } from '../chaos/shim/port.ts';

interface Seen {
  readonly clocks: readonly number[];
  readonly write: string;
  readonly writev: string;
  readonly at: string;
  readonly sync: string;
  readonly fsync: string;
  readonly elsewhere: string;
  readonly took: number;
  readonly variables: readonly string[];
}

/** Answers each line with what the disk and the clocks say. Replaces itself first, as Comptroller does. */
const PROBE = `
const fs = require('node:fs');
const { spawn } = require('node:child_process');
const [, folder, ways, source] = process.argv;
const [way, ...rest] = ways.split(',');
const again = [folder, rest.join(','), source];
if (way === 'exec') process.execve(process.execPath, [process.execPath, '-e', source, ...again], {});
if (way === 'spawn') {
  spawn(process.execPath, ['-e', source, ...again], { env: {}, stdio: 'inherit' });
} else {
  const inside = fs.openSync(folder + '/ledgers/one/file', 'a');
  const outside = fs.openSync(folder + '/ledgers/one-more', 'a');
  const coded = (work) => { try { work(); return 'done'; } catch (error) { return error.code; } };
  const bytes = Buffer.from('x');
  process.stdin.on('data', () => {
    const begun = performance.now();
    const seen = {
      clocks: [Date.now(), new Date().getTime(), performance.timeOrigin + performance.now()],
      write: coded(() => fs.writeSync(inside, bytes)),
      writev: coded(() => fs.writevSync(inside, [bytes, bytes])),
      at: coded(() => fs.writeSync(inside, bytes, 0, 1, 0)),
      sync: coded(() => fs.fdatasyncSync(inside)),
      fsync: coded(() => fs.fsyncSync(inside)),
      elsewhere: coded(() => { fs.writeSync(outside, bytes); fs.fdatasyncSync(outside); }),
      took: performance.now() - begun,
      variables: Object.keys(process.env),
    };
    process.stdout.write(JSON.stringify(seen) + '\\n');
  });
}`;

let folder: string;
let opened: OpenedShim;
const children: ChildProcessWithoutNullStreams[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'shim-'));
  opened = shimFor(join(folder, 'control'), join(folder, 'ledgers'));
});
afterAll(async () => {
  for (const child of children) {
    child.stdin.end();
    child.kill('SIGKILL');
  }
  await opened.close();
  rmSync(folder, { recursive: true });
});

function probe(ways: string): () => Promise<Seen> {
  const env = { ...opened.environment('one') };
  const child = spawn(process.execPath, ['-e', PROBE, folder, ways, PROBE], { env });
  children.push(child);
  const lines = createInterface(child.stdout);
  return async () => {
    const line = once(lines, 'line', { signal: AbortSignal.timeout(10_000) });
    child.stdin.write('\n');
    return JSON.parse(String(await line)) as Seen;
  };
}

const whole = { write: 'done', writev: 'done', at: 'done', sync: 'done', fsync: 'done', elsewhere: 'done' };

test.each(['', 'exec', 'exec,spawn'])('a process (%s) sees what is set, at once, and nothing more', async (ways) => {
  const ask = probe(ways);
  const after = async (faults: ShimFaults): Promise<Seen> => {
    opened.shim.set(faults);
    return ask();
  };
  expect(await after({})).toMatchObject(whole);
  expect((await ask()).variables).toEqual([]);
  expect(await after({ syncError: 'EIO' })).toMatchObject({ ...whole, sync: 'EIO', fsync: 'EIO' });
  const full = { write: 'ENOSPC', writev: 'ENOSPC', at: 'ENOSPC' };
  expect(await after({ writeError: 'ENOSPC' })).toMatchObject({ ...whole, ...full });
  const readOnly = { write: 'EROFS', writev: 'EROFS', at: 'EROFS' };
  expect(await after({ writeError: 'EROFS' })).toMatchObject({ ...whole, ...readOnly });
  // Both calls wait, those of another directory with nearly the same name do not.
  expect((await after({ syncDelay: 300 })).took).toBeGreaterThanOrEqual(600);
  expect(await after({})).toMatchObject(whole);
});

test.each([3_600_000, -3_600_500])('the wall clock goes by %d ms, the monotonic one on', async (by) => {
  const ask = probe('exec');
  await ask();
  opened.shim.set({ clock: by });
  const { clocks, took } = await ask();
  const [now, other, monotonic] = clocks.map((at) => at - Date.now()) as [number, number, number];
  expect(Math.abs(now - by)).toBeLessThan(5_000);
  expect(Math.abs(other - by)).toBeLessThan(5_000);
  expect(Math.abs(monotonic)).toBeLessThan(5_000);
  expect(took).toBeLessThan(5_000);
  opened.shim.set({});
  expect(Math.abs(((await ask()).clocks[0] ?? 0) - Date.now())).toBeLessThan(5_000);
});

test('a replica that runs without it cannot be hurt by it', () => {
  expect(() => opened.shim.set({}, { name: 'two', ledgerDir: '', stateDir: '', process: undefined })).toThrow(
    'two runs without the shim',
  );
});
