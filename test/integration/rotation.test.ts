/** Every certificate is replaced again and again under load: no request fails, no event of a watch is missed. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { JsonObject } from '#core/json.ts';
import { brief, isOurs, isWork, ourWrites, readAudit, refusedByAuthority } from '#kit/audit.ts';
import { isActive, newNamespace, ROOT, recordsIn, withManager } from '#kit/manager.ts';
import { objectOf, textOf } from '#ledger/leaf.ts';
import { replicaSet } from '../demo/objects.ts';

/** A life cannot be configured below ten minutes, so renewals are asked for, as an operator would. */
const ROUNDS = 4;
const world = withManager({ nodes: 4, first: { flags: ['--certificate-lifetime=10m'] } });
const run = promisify(execFile);

async function certs(...args: string[]): Promise<string> {
  const command = [join(ROOT, 'src/cli/main.ts'), 'certs', ...args, '--state-dir', world.manager.stateDir];
  return (await run(process.execPath, command)).stdout;
}

interface Listed {
  readonly identity: string;
  readonly serial: string;
  readonly turn: number;
}
const listed = async (): Promise<readonly Listed[]> => JSON.parse(await certs('list', '-o', 'json')) as Listed[];

/** Makes ReplicaSets of one pod, two at a time, until it is stopped; resolves with how many. */
function churn(namespace: string): () => Promise<number> {
  let over = false;
  let made = 0;
  const worker = async (): Promise<void> => {
    while (!over) {
      made += 1;
      await world.admin.create('apps/replicasets', replicaSet(namespace, `one-${made}`, 1));
    }
  };
  const workers = Promise.all(Array.from({ length: 2 }, worker));
  return async () => {
    over = true;
    await workers;
    return made;
  };
}

test('I4: renewals under load fail no request and miss no event', async () => {
  const { admin, cluster, manager } = world;
  await newNamespace(admin, 'churn');
  const before = await listed();
  expect(before.length).toBeGreaterThanOrEqual(6);
  const stop = churn('churn');
  for (let round = 1; round <= ROUNDS; round++) await certs('renew');
  const made = await stop();
  const pods = await admin.waitForAll(
    'core/pods',
    { namespace: 'churn' },
    (all) => new Set(all.filter(isActive).map(ownerOf)).size === made,
    { why: `each of ${made} ReplicaSets to have its pod` },
  );
  expect(pods.filter(isActive)).toHaveLength(made);
  console.log(`${ROUNDS} renewals of ${before.length} identities while ${made} ReplicaSets were made`);
  expect(made).toBeGreaterThan(100);

  const after = await listed();
  expect(after.map(({ identity }) => identity)).toEqual(before.map(({ identity }) => identity));
  for (const { identity, turn } of after)
    expect(turn - (before.find((one) => one.identity === identity)?.turn ?? 0)).toBeGreaterThanOrEqual(ROUNDS);

  const events = readAudit(cluster);
  expect(brief(refusedByAuthority(events).filter((event) => isOurs(event) || event.user.username === ''))).toEqual([]);
  const failed = ourWrites(cluster).filter(
    (event) => isWork(event) && event.verb === 'create' && (event.responseStatus?.code ?? 0) >= 300,
  );
  expect(brief(failed)).toEqual([]);

  const records = await recordsIn(manager.ledgerDir);
  const notes = records.filter(({ type, data }) => type === 'note' && data.note === 'certificate');
  for (const { identity } of after) {
    const serials = notes.filter(({ data }) => data.identity === identity).map(({ data }) => textOf(data, 'serial'));
    expect(new Set(serials).size).toBeGreaterThanOrEqual(ROUNDS + 1);
  }
  // Each certificate was really used: pods were made under several of them, each one announced before.
  const known = new Set(notes.map(({ data }) => textOf(data, 'serial')));
  const used = new Set(records.filter(isPodIntent).map(({ data }) => textOf(objectOf(data, 'certificate'), 'serial')));
  expect(used.size).toBeGreaterThanOrEqual(3);
  expect([...used].filter((serial) => !known.has(serial))).toEqual([]);
});

const ownerOf = ({ metadata }: { metadata?: { ownerReferences?: readonly { uid: string }[] } }): string =>
  metadata?.ownerReferences?.[0]?.uid ?? '';
const isPodIntent = ({ type, data }: { type: string; data: JsonObject }): boolean =>
  type === 'intent' && data.resource === 'pods' && data.verb === 'create';
