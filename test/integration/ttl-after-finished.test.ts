/** Finished Jobs on a real control plane: there is no garbage collector here, so a Job ends as far as its finalizer. */
import { expect, test } from 'vitest';
import type { Job } from '#core/k8s/types.gen.ts';
import { brief, isOurs, ourWrites, readAudit, refusedByAuthority } from '#kit/audit.ts';
import { finishedJob, newJob } from '#kit/jobs.ts';
import { heard, newNamespace, withManager } from '#kit/manager.ts';

const world = withManager({
  nodes: 0,
  first: { flags: ['--concurrent-ttl-after-finished-syncs=2', '--enable-garbage-collector=false', '--v=4'] },
});
const at = (name: string) => ({ namespace: 'batch', name });

const finished = (name: string, ttl: number | undefined, failed = false): Promise<void> =>
  finishedJob(world.admin, at(name), ttl, failed);

const ends = (job: Job | undefined): boolean => job?.metadata?.deletionTimestamp !== undefined;

test('Jobs are deleted in the foreground when their TTL has passed, and no others', async () => {
  const { admin } = world;
  await newNamespace(admin, 'batch');
  await newJob(admin, at('runs'), 0);
  await finished('kept', undefined);
  await finished('later', 3600);
  await finished('at-once', 0);
  await finished('failed', 1, true);
  await finished('soon', 3);
  const started = Date.now();
  for (const name of ['at-once', 'failed', 'soon']) {
    const job = await admin.waitFor('batch/jobs', at(name), ends, { why: `${name} to be deleted` });
    expect(job?.metadata?.finalizers).toEqual(['foregroundDeletion']);
  }
  expect(Date.now() - started).toBeGreaterThan(1500);
  for (const name of ['runs', 'kept', 'later']) expect(ends(await admin.get('batch/jobs', at(name)))).toBe(false);

  await admin.patch('batch/jobs', at('later'), { spec: { ttlSecondsAfterFinished: 1 } });
  await admin.waitFor('batch/jobs', at('later'), ends, { why: 'a Job whose TTL was lowered' });
});

test('each deletion rests on a live read, carries the uid, and comes from its own identity', async () => {
  const { cluster, manager } = world;
  await heard(manager, '"reason":"ttl-expired"');
  const ours = readAudit(cluster).filter(isOurs);
  const read = ours.filter(({ verb, objectRef }) => verb === 'get' && objectRef?.resource === 'jobs');
  expect(new Set(read.map(({ objectRef }) => objectRef?.name))).toEqual(
    new Set(['at-once', 'failed', 'soon', 'later']),
  );
  expect(new Set(read.map(({ user }) => user.username))).toEqual(new Set(['comptroller:ttl-after-finished']));
  const deleted = ourWrites(cluster).filter(({ objectRef }) => objectRef?.resource === 'jobs');
  expect(deleted.map(({ verb, user }) => [verb, user.username])).toEqual(
    Array.from({ length: 4 }, () => ['delete', 'comptroller:ttl-after-finished']),
  );
  expect(brief(refusedByAuthority(ours))).toEqual([]);
});
