/** How things end: a person deletes, and what belonged to it goes by itself. */
import type { Admin } from '#kit/admin.ts';
import { STORE } from './deployments.ts';
import { deployment } from './objects.ts';
import type { Progress } from './progress.ts';

const BULK = 'bulk';

export async function drainedNamespace(admin: Admin, progress: Progress): Promise<void> {
  await admin.create('core/namespaces', { metadata: { name: BULK } });
  await admin.create('apps/deployments', deployment(BULK, 'bulk', 200));
  await admin.waitFor(
    'apps/deployments',
    { namespace: BULK, name: 'bulk' },
    (found) => {
      progress.live(`bulk: ${found?.status?.availableReplicas ?? 0} of 200 available`);
      return found?.status?.availableReplicas === 200;
    },
    { why: 'the Deployment of 200 to be available', timeout: 120_000 },
  );
  const took = await goneAfter(admin, [BULK]);
  progress.done(`a namespace with 200 pods was deleted by a person, and is gone ${took} s later`);
  progress.proven('a namespace with 200 pods drains within its limits', `${took} s`, true);
}

/** Deployments first: the garbage collector takes ReplicaSets and pods. Then the namespaces, whatever is in them. */
export async function cleanUp(admin: Admin, namespaces: readonly string[], progress: Progress): Promise<void> {
  for (const { metadata } of await admin.list('apps/deployments', { namespace: STORE }))
    await admin.delete('apps/deployments', { namespace: STORE, name: metadata?.name ?? '' });
  await admin.waitForAll('apps/replicasets', { namespace: STORE }, (sets) => sets.length === 0, {
    why: 'the ReplicaSets of deleted Deployments to be collected',
    timeout: 60_000,
  });
  const left = await admin.waitForAll(
    'core/pods',
    { namespace: STORE, selector: 'app in (web,api)' },
    (pods) => pods.length === 0,
    { why: 'their pods to be collected', timeout: 60_000 },
  );
  progress.done('Deployments deleted: the garbage collector took what they owned');
  progress.proven('ReplicaSets and pods left of deleted Deployments', left.length, left.length === 0);
  const took = await goneAfter(admin, namespaces);
  progress.proven('namespaces deleted at the end', `${namespaces.length} in ${took} s`, true);
}

async function goneAfter(admin: Admin, names: readonly string[]): Promise<string> {
  const begun = performance.now();
  for (const name of names) await admin.delete('core/namespaces', { name });
  for (const name of names)
    await admin.waitFor('core/namespaces', { name }, (found) => found === undefined, {
      why: `the namespace ${name} to be gone`,
      timeout: 120_000,
    });
  return ((performance.now() - begun) / 1000).toFixed(1);
}
