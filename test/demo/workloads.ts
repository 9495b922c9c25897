/** Steps 3 and 4: what works as with upstream's manager, and what policy refuses. */
import type { Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import type { Admin } from '#kit/admin.ts';
import { orphan, replicaSet } from './objects.ts';
import type { Progress } from './progress.ts';

const NAMESPACE = 'shop';

export async function ready(admin: Admin, name: string, count: number, progress: Progress): Promise<void> {
  const settled = (set: ReplicaSet | undefined): boolean => {
    const { replicas = 0, readyReplicas = 0, observedGeneration = 0 } = set?.status ?? {};
    progress.live(`${name}: ${readyReplicas} of ${count} pods ready`);
    return replicas === count && readyReplicas === count && observedGeneration === set?.metadata?.generation;
  };
  await admin.waitFor('apps/replicasets', { namespace: NAMESPACE, name }, settled, {
    timeout: 90_000,
    why: `${count} ready pods of ${name}`,
  });
}

export async function scale(admin: Admin, name: string, replicas: number): Promise<void> {
  await admin.patch('apps/replicasets', { namespace: NAMESPACE, name }, { spec: { replicas } });
}

const livePods = async (admin: Admin, app: string): Promise<readonly Pod[]> =>
  (await admin.list('core/pods', { namespace: NAMESPACE, selector: `app=${app}` })).filter(
    (pod) => pod.metadata?.deletionTimestamp === undefined,
  );

export async function namespaceAndReplicaSet(admin: Admin, progress: Progress): Promise<void> {
  await admin.create('core/namespaces', { metadata: { name: NAMESPACE } });
  const at = { namespace: NAMESPACE };
  await admin.waitFor('core/serviceaccounts', { ...at, name: 'default' }, (found) => found !== undefined, {
    why: 'the ServiceAccount default',
  });
  const ca = await admin.waitFor(
    'core/configmaps',
    { ...at, name: 'kube-root-ca.crt' },
    (found) => found !== undefined,
    { why: 'kube-root-ca.crt' },
  );
  progress.done('namespace shop has its ServiceAccount default and kube-root-ca.crt');
  progress.proven(
    'a new namespace gets ServiceAccount and CA',
    'both',
    ca?.data?.['ca.crt']?.includes('BEGIN CERTIFICATE') === true,
  );

  await admin.create('apps/replicasets', replicaSet(NAMESPACE, 'web', 50));
  const started = performance.now();
  await ready(admin, 'web', 50, progress);
  progress.done(`a ReplicaSet of 50 is ready after ${((performance.now() - started) / 1000).toFixed(1)} s`);
  await scale(admin, 'web', 80);
  await ready(admin, 'web', 80, progress);
  await scale(admin, 'web', 45);
  await ready(admin, 'web', 45, progress);
  const left = await livePods(admin, 'web');
  progress.done('scaled to 80 and down to 45');
  progress.proven('50, 80, then 45 pods: exactly the wished number', left.length, left.length === 45);
}

export async function adoptionAndRelease(admin: Admin, progress: Progress): Promise<void> {
  await admin.create('core/pods', orphan(NAMESPACE, 'stray', 'web'));
  // One too many now: whichever pod goes, twenty stay, and the stray one has an owner or is gone.
  await admin.waitFor(
    'core/pods',
    { namespace: NAMESPACE, name: 'stray' },
    (pod) =>
      pod === undefined ||
      pod.metadata?.ownerReferences?.[0]?.name === 'web' ||
      pod.metadata?.deletionTimestamp !== undefined,
    { why: 'the stray pod to be adopted' },
  );
  const owned = (pod: Pod): boolean =>
    pod.metadata?.ownerReferences?.[0]?.name === 'web' && pod.metadata.deletionTimestamp === undefined;
  const twenty = await admin.waitForAll(
    'core/pods',
    { namespace: NAMESPACE, selector: 'app=web' },
    (pods) => pods.length === 45 && pods.every(owned),
    { why: 'twenty pods, all of them owned' },
  );
  const [released] = twenty;
  const name = released?.metadata?.name ?? '';
  await admin.patch('core/pods', { namespace: NAMESPACE, name }, { metadata: { labels: { app: 'quarantine' } } });
  const free = await admin.waitFor(
    'core/pods',
    { namespace: NAMESPACE, name },
    (pod) => (pod?.metadata?.ownerReferences ?? []).length === 0,
    { why: `${name} to be released` },
  );
  await ready(admin, 'web', 45, progress);
  progress.done('a stray pod was adopted, a relabelled one released and replaced');
  progress.proven('adoption and release', 'both', free !== undefined);

  const killed = (await livePods(admin, 'web')).slice(0, 5);
  for (const pod of killed)
    await admin.delete(
      'core/pods',
      { namespace: NAMESPACE, name: pod.metadata?.name ?? '' },
      { gracePeriodSeconds: 0 },
    );
  const gone = new Set(killed.map((pod) => pod.metadata?.uid));
  await admin.waitForAll(
    'core/pods',
    { namespace: NAMESPACE, selector: 'app=web' },
    (pods) => pods.filter((pod) => !gone.has(pod.metadata?.uid)).length === 45,
    { why: 'killed pods to come back' },
  );
  await ready(admin, 'web', 45, progress);
  progress.done('five killed pods came back');
  progress.proven('killed pods come back', 5, true);
}

/** Returns the name of the refused ReplicaSet, for `ledger why`. */
export async function privilegedIsRefused(admin: Admin, progress: Progress): Promise<string> {
  const name = 'miner';
  await admin.create('apps/replicasets', replicaSet(NAMESPACE, name, 3, { securityContext: { privileged: true } }));
  const at = { namespace: NAMESPACE, name };
  const refused = (set: ReplicaSet | undefined) =>
    set?.status?.conditions?.find(({ type, status }) => type === 'ReplicaFailure' && status === 'True');
  const set = await admin.waitFor('apps/replicasets', at, (found) => refused(found) !== undefined, {
    why: 'the condition ReplicaFailure',
  });
  progress.done(`condition: ${refused(set)?.reason}: ${refused(set)?.message}`);
  const named = (message: string | undefined): boolean =>
    message?.includes('pod-security-baseline/privileged') === true;
  const events = await admin.waitForAll(
    'core/events',
    { namespace: NAMESPACE, fields: `involvedObject.name=${name}` },
    (found) => found.some(({ message }) => named(message)),
    { why: 'an Event that names the rule' },
  );
  progress.done(`event: ${events.find(({ message }) => named(message))?.message}`);
  const pods = await admin.list('core/pods', { namespace: NAMESPACE, selector: `app=${name}` });
  progress.proven('pods of a privileged ReplicaSet', pods.length, pods.length === 0);
  progress.proven('its condition and Event name the rule', 'both', named(refused(set)?.message));
  return `${NAMESPACE}/${name}`;
}

/** Kills the manager when about a quarter of a scale-up is done; the caller starts it again and calls `survived`. */
export async function midScaleUp(admin: Admin, kill: () => Promise<unknown>, progress: Progress): Promise<number> {
  await admin.create('apps/replicasets', replicaSet(NAMESPACE, 'api', 300));
  const started = await admin.waitForAll(
    'core/pods',
    { namespace: NAMESPACE, selector: 'app=api' },
    (pods) => pods.length >= 60,
    { why: 'a part of the scale-up', timeout: 60_000 },
  );
  await kill();
  progress.done(`killed with SIGKILL when ${started.length} of 300 pods existed`);
  return started.length;
}

export async function survived(admin: Admin, progress: Progress): Promise<void> {
  await ready(admin, 'api', 300, progress);
  const pods = await livePods(admin, 'api');
  progress.done(`${pods.length} pods after the restart`);
  progress.proven('pods after a SIGKILL in a scale-up to 300', pods.length, pods.length === 300);
}
