/** What the breaker is there for: a wrong number, and owner references that point at something about to be deleted. */
import type { Admin } from '#kit/admin.ts';
import { readAudit } from '#kit/audit.ts';
import { comptroller } from '#kit/command.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import type { RunningManager } from '#local/manager.ts';
import { until } from '#local/until.ts';
import { complete, STORE, scaleTo } from './deployments.ts';
import { deployment } from './objects.ts';
import type { Progress } from './progress.ts';

/** Of `breaker list -o json`, what the story looks at. */
interface Hold {
  readonly id: string;
  readonly state: string;
  readonly subject: string;
}

/** A person on call, with a certificate of the cluster's and the role for it. */
export interface OnCall {
  readonly breaker: (...args: readonly string[]) => Promise<string>;
  /** The open hold on what has that name, as soon as there is one. */
  readonly held: (name: string) => Promise<Hold>;
  /** Resolves when no open hold is left. */
  readonly free: () => Promise<void>;
}

export async function onCall(cluster: LocalCluster, manager: RunningManager, admin: Admin): Promise<OnCall> {
  const keys = await cluster.issue({ commonName: 'olga', organizations: ['on-call'] });
  await admin.create('rbac.authorization.k8s.io/clusterrolebindings', {
    metadata: { name: 'on-call-breaker' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'comptroller:breaker-operator' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'on-call' }],
  });
  const door = ['--server', `https://127.0.0.1:${manager.port}`, '--insecure-skip-tls-verify'];
  const who = ['--client-cert', keys.certFile, '--client-key', keys.keyFile];
  const breaker = (...args: readonly string[]): Promise<string> => comptroller('breaker', ...args, ...door, ...who);
  const open = async (): Promise<readonly Hold[]> => {
    const { holds } = JSON.parse(await breaker('list', '-o', 'json')) as { holds: readonly Hold[] };
    return holds.filter(({ state }) => state === 'open');
  };
  const held = async (name: string): Promise<Hold> => {
    let found: Hold | undefined;
    const look = async () => {
      found = (await open()).find(({ subject }) => subject.endsWith(`/${name}`));
      return found !== undefined;
    };
    await until(look, { timeout: 30_000, why: `a hold on ${name}` });
    return found as unknown as Hold;
  };
  const free = async () => {
    await until(async () => (await open()).length === 0, { timeout: 30_000, why: 'no hold to be open' });
  };
  return { breaker, held, free };
}

/** A bad pipeline scales a Deployment of 50 to 5: nothing goes. Put right, the hold is void; meant, a person releases it. */
export async function badPipeline(
  cluster: LocalCluster,
  admin: Admin,
  person: OnCall,
  progress: Progress,
): Promise<void> {
  await admin.create('apps/deployments', deployment(STORE, 'api', 50));
  await complete(admin, 'api', 50, progress);
  await scaleTo(admin, 'api', 5);
  const first = await person.held('api');
  progress.done('a pipeline scales a Deployment of 50 to 5: held');
  const story = await person.breaker('show', first.id);
  for (const line of story.split('\n').slice(0, 12)) progress.done(`  ${line}`);
  const told = [`apps/deployments ${STORE}/api`, 'would take away 45', 'may take 40', 'put the owner right', 'release'];
  progress.proven(
    'what `breaker show` tells: whose, how much, why, what to do',
    'all of it',
    told.every((part) => story.includes(part)),
  );
  const gone = deletions(cluster, 'api-');
  progress.proven('pods gone of the 45 that a mistake would have cost', gone, gone === 0);

  await scaleTo(admin, 'api', 50);
  await person.free();
  await complete(admin, 'api', 50, progress);
  progress.done('put right: the hold is void by itself');
  progress.proven('the hold, once the Deployment was put right', 'void', deletions(cluster, 'api-') === 0);

  await scaleTo(admin, 'api', 5);
  const second = await person.held('api');
  await person.breaker('release', second.id, '--reason', 'the sale is over');
  await complete(admin, 'api', 5, progress);
  const left = deletions(cluster, 'api-');
  progress.done(`meant this time: released by a person, ${left} pods gone`);
  progress.proven('pods gone after a named person released it', left, left === 45);
}

/** Someone who may edit pods, not delete them, hands sixty of them to an owner of theirs, and deletes that. */
export async function ownerTrick(
  cluster: LocalCluster,
  admin: Admin,
  person: OnCall,
  progress: Progress,
): Promise<void> {
  const names = Array.from({ length: 60 }, (_, at) => `solo-${at}`);
  for (const name of names)
    await admin.create('core/pods', {
      metadata: { namespace: STORE, name, labels: { app: 'solo' } },
      spec: { containers: [{ name: 'main', image: 'solo:1' }], terminationGracePeriodSeconds: 0 },
    });
  const owner = await admin.create('core/configmaps', { metadata: { namespace: STORE, name: 'throwaway' } });
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'throwaway', uid: owner.metadata?.uid };
  for (const name of names)
    await admin.patch('core/pods', { namespace: STORE, name }, { metadata: { ownerReferences: [reference] } });
  await admin.delete('core/configmaps', { namespace: STORE, name: 'throwaway' });
  const hold = await person.held('throwaway');
  const gone = deletions(cluster, 'solo-');
  progress.done(`60 pods were handed to a throwaway owner, and that was deleted: held, ${gone} gone`);
  progress.proven('pods gone by an ownerReference trick', gone, gone === 0);
  await person.breaker('reject', hold.id, '--reason', 'nobody asked for that');
  await person.free();
  const after = deletions(cluster, 'solo-');
  progress.done('rejected by a named person: it stays refused');
  progress.proven('pods gone of those after it was rejected', after, after === 0);
}

/** The pods that somebody deleted, as the API server wrote it down. */
function deletions(cluster: LocalCluster, prefix: string): number {
  const names = readAudit(cluster).flatMap(({ objectRef, verb, responseStatus }) => {
    const gone = verb === 'delete' && objectRef?.resource === 'pods' && (responseStatus?.code ?? 500) < 300;
    return gone && objectRef.namespace === STORE && objectRef.name?.startsWith(prefix) === true ? [objectRef.name] : [];
  });
  return new Set(names).size;
}
