/** What `npm run build` makes is the same program: it leads, works, hands over, and its keeper and its workers run. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { VERSION } from '#core/release.ts';
import { newNamespace, ready, recordsIn, withManager } from '#kit/manager.ts';
import { buildRelease } from '../../deploy/release/build.ts';
import { processesOf, residentOf } from '../bench/usage.ts';
import { replicaSet } from '../demo/objects.ts';

const world = withManager({ nodes: 1, first: false });
// Beside the checkout's own packages, as `dist` is.
const out = mkdtempSync(join(import.meta.dirname, '../../dist-test-'));
let program = '';
beforeAll(async () => {
  program = await buildRelease(out);
});
afterAll(() => rmSync(out, { recursive: true, force: true }));

test('a built program works, and its records say that policy allowed what it did', async () => {
  const { admin } = world;
  const running = await world.start({ program });
  await newNamespace(admin, 'built');
  await admin.create('apps/replicasets', replicaSet('built', 'web', 3));
  await ready(admin, { namespace: 'built', name: 'web' }, 3);
  expect((await running.kill('SIGTERM')).code).toBe(0);
  const intents = (await recordsIn(running.ledgerDir)).filter(({ type }) => type === 'intent');
  expect(intents.length).toBeGreaterThan(3);
});

test('its keeper is small, and has no memory that can be written and executed', async () => {
  const running = await world.start({ program });
  const keeper = processesOf(running.pid).find((pid) => commandOf(pid).includes('/keeper/main.js')) as number;
  expect(readFileSync(`/proc/${keeper}/maps`, 'utf8').match(/ rwx. .*/)).toBeNull();
  // 60 MiB when this was written, 44 of them Node's own.
  expect(residentOf(keeper) / 2 ** 20).toBeLessThan(80);
  expect((await running.kill('SIGTERM')).code).toBe(0);
});

const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8');

test('no source is left in it that Node would have to strip', () => {
  const said = execFileSync(process.execPath, [program, 'run', '--version'], { encoding: 'utf8' });
  expect(said).toContain(VERSION);
  expect(execFileSync('find', [out, '-name', '*.ts'], { encoding: 'utf8' })).toBe('');
});
