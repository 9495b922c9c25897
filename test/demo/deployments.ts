/** Deployments as an application team has them: available, scaled, rolled, rolled back, paused, resumed. */
import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import type { Admin } from '#kit/admin.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import { availabilityOf } from './availability.ts';
import { deployment } from './objects.ts';
import type { Progress } from './progress.ts';

export const STORE = 'store';
const WEB = { namespace: STORE, name: 'web' };
/** 25 % of 50, rounded down for what may be missing and up for what may be too many. */
const [WISHED, UNAVAILABLE, SURGE] = [50, 12, 13];

export async function rollouts(cluster: LocalCluster, admin: Admin, progress: Progress): Promise<void> {
  await admin.create('core/namespaces', { metadata: { name: STORE } });
  await admin.create('apps/deployments', deployment(STORE, 'web', 20));
  await complete(admin, 'web', 20, progress);
  await scaleTo(admin, 'web', WISHED);
  await complete(admin, 'web', WISHED, progress);
  progress.done('a Deployment of 20 is available, and scaled to 50');

  await rolling(cluster, admin, 'rolled to another image', () => setImage(admin, 'web:2'), progress);
  await rolling(cluster, admin, 'rolled back', () => undo(admin), progress);
  const sets = await revisions(admin);
  progress.proven(
    'rolled back: the first ReplicaSet again, as revision 3',
    sets.length,
    sets.length === 2 && imageOf(sets.at(-1)) === 'web:1',
  );
  await pauseAndResume(admin, progress);
}

/** Runs one rollout, then asks the API server's log how many pods were there meanwhile. */
async function rolling(
  cluster: LocalCluster,
  admin: Admin,
  what: string,
  change: () => Promise<unknown>,
  progress: Progress,
): Promise<void> {
  const from = now();
  await change();
  await complete(admin, 'web', WISHED, progress);
  const { least, most } = availabilityOf(cluster, STORE, 'web-', from, now());
  progress.done(`${what}: never fewer than ${least} of ${WISHED} ready, never more than ${most}`);
  progress.proven(
    `${what}: fewest ready, most pods (the API server's log)`,
    `${least}, ${most}`,
    least >= WISHED - UNAVAILABLE && most <= WISHED + SURGE,
  );
}

async function pauseAndResume(admin: Admin, progress: Progress): Promise<void> {
  await admin.patch('apps/deployments', WEB, { spec: { paused: true } });
  await admin.waitFor('apps/deployments', WEB, (found) => reasonOf(found, 'Progressing') === 'DeploymentPaused', {
    why: 'the condition that says it is paused',
  });
  await setImage(admin, 'web:3');
  await admin.waitFor('apps/deployments', WEB, isSeen, { why: 'the paused Deployment to be looked at' });
  const paused = await revisions(admin);
  await admin.patch('apps/deployments', WEB, { spec: { paused: null } });
  await complete(admin, 'web', WISHED, progress);
  const resumed = await revisions(admin);
  progress.done('paused: a new image waited; resumed: it was rolled out');
  progress.proven(
    'ReplicaSets while paused, after it was resumed',
    `${paused.length}, ${resumed.length}`,
    paused.length === 2 && resumed.length === 3 && imageOf(resumed.at(-1)) === 'web:3',
  );
}

/** What `kubectl rollout undo` does: the template of the revision before. */
async function undo(admin: Admin): Promise<void> {
  const { metadata, spec } = (await revisions(admin)).at(-2)?.spec?.template ?? {};
  const { 'pod-template-hash': _, ...labels } = metadata?.labels ?? {};
  const template = { metadata: { labels }, spec };
  await admin.patch('apps/deployments', WEB, [{ op: 'replace', path: '/spec/template', value: template }], 'json');
}

export async function complete(admin: Admin, name: string, count: number, progress: Progress): Promise<void> {
  await admin.waitFor(
    'apps/deployments',
    { namespace: STORE, name },
    (found) => {
      const { updatedReplicas = 0, availableReplicas = 0, replicas = 0 } = found?.status ?? {};
      progress.live(`${name}: ${updatedReplicas} of ${count} updated, ${availableReplicas} available`);
      return isSeen(found) && updatedReplicas === count && replicas === count && availableReplicas === count;
    },
    { timeout: 120_000, why: `the Deployment ${name} to be complete` },
  );
}

export async function scaleTo(admin: Admin, name: string, replicas: number): Promise<void> {
  await admin.patch('apps/deployments', { namespace: STORE, name }, { spec: { replicas } });
}

const setImage = (admin: Admin, image: string): Promise<unknown> =>
  admin.patch(
    'apps/deployments',
    WEB,
    { spec: { template: { spec: { containers: [{ name: 'main', image }] } } } },
    'strategic',
  );

const REVISION = 'deployment.kubernetes.io/revision';

/** The ReplicaSets of `web`, the newest revision last. */
async function revisions(admin: Admin): Promise<readonly ReplicaSet[]> {
  const sets = await admin.list('apps/replicasets', { namespace: STORE, selector: 'app=web' });
  const revisionOf = (set: ReplicaSet): number => Number(set.metadata?.annotations?.[REVISION] ?? 0);
  return [...sets].sort((a, b) => revisionOf(a) - revisionOf(b));
}

const imageOf = (set: ReplicaSet | undefined): string | undefined => set?.spec?.template?.spec?.containers?.[0]?.image;

const isSeen = (found: Deployment | undefined): boolean =>
  found?.status?.observedGeneration !== undefined && found.status.observedGeneration === found.metadata?.generation;

const reasonOf = (found: Deployment | undefined, type: string): string | undefined =>
  found?.status?.conditions?.find((one) => one.type === type)?.reason;

const now = (): string => new Date().toISOString();
