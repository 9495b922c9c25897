import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { withLock } from './lock.ts';
import { startedAt } from './processes.ts';

describe('withLock', () => {
  const directory = mkdtempSync(join(tmpdir(), 'lock-'));
  afterAll(() => rmSync(directory, { recursive: true }));

  it('lets one in at a time, and tells the other whom it waits for', async () => {
    const file = join(directory, 'one');
    const order: string[] = [];
    const leave = Promise.withResolvers<void>();
    const first = withLock(file, async () => {
      order.push('first in');
      await leave.promise;
      order.push('first out');
    });
    const second = withLock(
      file,
      async () => void order.push('second in'),
      (pid) => {
        order.push(`waiting for ${pid === process.pid ? 'me' : pid}`);
        leave.resolve();
      },
    );
    await Promise.all([first, second]);
    expect(order).toEqual(['first in', 'waiting for me', 'first out', 'second in']);
    expect(existsSync(file)).toBe(false);
  });

  it.each([
    ['a process that is gone', { pid: 2 ** 22 + 1, started: '1' }],
    ['another process that had the same pid', { pid: process.pid, started: 'long ago' }],
    ['nobody', 'not json'],
  ])('takes over the lock of %s', async (_, holder) => {
    const file = join(directory, 'stale');
    writeFileSync(file, typeof holder === 'string' ? holder : JSON.stringify(holder));
    expect(await withLock(file, async () => 'worked')).toBe('worked');
  });

  it('goes when the work fails, and leaves no draft', async () => {
    const file = join(directory, 'failing');
    await expect(withLock(file, () => Promise.reject(new Error('no luck')))).rejects.toThrow('no luck');
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('startedAt', () => {
  it('names a process for good, and nothing for one that is not there', () => {
    expect(startedAt(process.pid)).toBe(startedAt(process.pid));
    expect(startedAt(process.pid)).not.toBe(startedAt(process.ppid));
    expect(startedAt(2 ** 22 + 1)).toBeUndefined();
  });
});
