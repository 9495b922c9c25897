/** Step 6: a controller's certificate in other hands, beside Comptroller. */
import { type Admin, AdminError } from '#kit/admin.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import { orphan } from './objects.ts';
import type { Progress } from './progress.ts';

/**
 * A certificate as the keeper issues them for `replicaset`, used for three things: what is not its job (the admission
 * policy stops it), what RBAC does not allow, and one deletion that looks like its job, which only the join can name.
 */
export async function theft(cluster: LocalCluster, admin: Admin, progress: Progress): Promise<void> {
  const stolen = await cluster.issue(
    { commonName: 'comptroller:replicaset', organizations: ['comptroller:replicaset:g1', 'comptroller:controllers'] },
    cluster.comptrollerCa,
  );
  const thief = admin.as(stolen.certFile, stolen.keyFile);
  try {
    const message = await refusalOf(() => thief.create('core/pods', orphan('shop', 'backdoor', 'backdoor')));
    progress.done(`a pod without owner: ${message.slice(0, 150)}`);
    progress.proven(
      'a stolen certificate makes a pod of its own: admission',
      'denied',
      message.includes('ValidatingAdmissionPolicy'),
    );
    const [victim] = await admin.list('core/pods', { namespace: 'shop', selector: 'app=web' });
    await thief.delete('core/pods', { namespace: 'shop', name: victim?.metadata?.name ?? '' });
    progress.done(
      `deleted ${victim?.metadata?.name}, as the ReplicaSet controller may: no rule stops that, but it has no ledger record`,
    );
  } finally {
    await thief.close();
  }
}

async function refusalOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
    return 'it was not refused';
  } catch (error) {
    if (error instanceof AdminError) return error.message;
    throw error;
  }
}
