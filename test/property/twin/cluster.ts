import type { Deployment, Pod, ReplicaSet } from '#core/k8s/types.gen.ts';
import { controllerOf, ownerReference } from '#core/owner.ts';
import { isActive, isReady } from '#core/pod.ts';
import type { ApiObject, BuiltIn } from '#core/resource.ts';
import { formatTime } from '#core/time.ts';
import { type ApiServer, leavesOrphans } from './api-server.ts';
import { FOREGROUND, type Propagation, type Stored } from './objects.ts';
import { type Sim, START_WALL } from './sim.ts';

const NAMESPACE = 'default';

/** Tenants, scheduler and kubelets: everybody else who works on the cluster, straight at the server. */
export class Cluster {
  readonly #sim: Sim;
  readonly #server: ApiServer;
  #made = 0;

  constructor(sim: Sim, server: ApiServer) {
    this.#sim = sim;
    this.#server = server;
    for (const name of [NAMESPACE, 'kube-system', 'comptroller-system'])
      server.objects.create('core/namespaces', { metadata: { name }, status: { phase: 'Active' } } as ApiObject);
    server.objects.onEvent(({ resource, type, object }) => {
      if (resource === 'core/pods' && type !== 'DELETED') this.#attend(object);
    });
  }

  /** What a restore brought back is attended to again. */
  attendAll(): void {
    for (const pod of this.#server.objects.all('core/pods')) this.#attend(pod);
  }

  #attend({ metadata, spec }: Stored): void {
    const { uid, deletionTimestamp } = metadata;
    if (deletionTimestamp !== undefined) this.#sim.after(this.#sim.between(50, 3000), () => this.#bury(uid));
    else if ((spec as Pod['spec'])?.nodeName === undefined)
      this.#sim.after(this.#sim.between(50, 1500), () => this.#start(uid));
  }

  #start(uid: string): void {
    const pod = this.#pod(uid);
    if (pod === undefined || !isActive(pod as Pod)) return;
    const time = formatTime(START_WALL + this.#sim.time);
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: time }];
    const spec = { ...pod.spec, nodeName: 'node' };
    this.#update('core/pods', pod, { ...pod, spec, status: { phase: 'Running', conditions } } as ApiObject);
  }

  #bury(uid: string): void {
    const pod = this.#pod(uid);
    if (pod?.metadata.deletionTimestamp === undefined) return;
    this.#update('core/pods', pod, { ...pod, metadata: { ...pod.metadata, deletionGracePeriodSeconds: 0 } });
  }

  #pod(uid: string): Stored | undefined {
    return this.#server.objects.all('core/pods').find(({ metadata }) => metadata.uid === uid);
  }

  #update(resource: BuiltIn, old: Stored, wanted: ApiObject): void {
    this.#server.objects.update(resource, old, wanted);
  }

  /** A ReplicaSet of its own. */
  makeReplicaSet(replicas: number): void {
    const name = this.#name('rs');
    const labels = { app: name };
    const spec = { replicas, selector: { matchLabels: labels }, template: templateOf(labels, 1) };
    this.#server.objects.create('apps/replicasets', at(name, { spec }));
  }

  makeDeployment(replicas: number): void {
    const name = this.#name('dep');
    const labels = { app: name };
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } };
    const rest = { strategy, progressDeadlineSeconds: 600, revisionHistoryLimit: 10 };
    const spec = { replicas, selector: { matchLabels: labels }, template: templateOf(labels, 1), ...rest };
    this.#server.objects.create('apps/deployments', at(name, { spec }));
  }

  /** Owned by any workload or pod there is. */
  makeDependent(): void {
    const owner = this.#pickLiving(['apps/replicasets', 'apps/deployments', 'core/pods']);
    if (owner === undefined) return;
    const { controller: _, ...reference } = ownerReference(owner.resource as 'core/pods', owner.object as Pod);
    const blocking = { ...reference, blockOwnerDeletion: this.#sim.random() < 0.5 };
    const object = at(this.#name('cm'), { data: {} });
    const metadata = { ...object.metadata, ownerReferences: [blocking] };
    this.#server.objects.create('core/configmaps', { ...object, metadata });
  }

  scale(replicas: number): void {
    const found = this.#pickLiving(['apps/deployments', 'apps/replicasets'], isOnItsOwn);
    if (found !== undefined) this.#respec(found, { replicas });
  }

  roll(): void {
    const found = this.#pickLiving(['apps/deployments']);
    if (found === undefined) return;
    this.#made += 1;
    this.#respec(found, { template: templateOf({ app: found.object.metadata.name }, this.#made) });
  }

  delete(propagation: Propagation): void {
    const found = this.#pickLiving(['apps/deployments', 'apps/replicasets'], isOnItsOwn);
    if (found !== undefined) this.#server.end(found.resource, found.object, propagation);
  }

  kill(how: 'graceful' | 'at-once' | 'fails'): void {
    const found = this.#pickLiving(['core/pods']);
    if (found === undefined) return;
    if (how === 'fails')
      this.#update('core/pods', found.object, { ...found.object, status: { phase: 'Failed' } } as ApiObject);
    else this.#server.end('core/pods', found.object, undefined, how === 'at-once' ? 0 : undefined);
  }

  /** A change that each workload has to follow: whoever sleeps through it never wakes again. */
  poke(): void {
    for (const resource of ['apps/deployments', 'apps/replicasets'] as const)
      for (const object of this.#server.objects.all(resource).filter(isOnItsOwn)) {
        const { replicas } = object.spec as { replicas: number };
        this.#respec({ resource, object }, { replicas: replicas + 1 });
      }
    this.makeReplicaSet(1);
    this.makeDeployment(1);
  }

  #respec({ resource, object }: { resource: BuiltIn; object: Stored }, change: object): void {
    this.#update(resource, object, { ...object, spec: { ...object.spec, ...change } } as ApiObject);
  }

  #name(prefix: string): string {
    this.#made += 1;
    return `${prefix}-${this.#made}`;
  }

  #pickLiving(
    resources: readonly BuiltIn[],
    which: (object: Stored) => boolean = () => true,
  ): { resource: BuiltIn; object: Stored } | undefined {
    const all = resources.flatMap((resource) =>
      this.#server.objects.all(resource).map((object) => ({ resource, object })),
    );
    return this.#sim.pick(all.filter(({ object }) => object.metadata.deletionTimestamp === undefined && which(object)));
  }

  /** What is not as it is wished; undefined when everything is. */
  unfinished(): string | undefined {
    const { objects } = this.#server;
    for (const one of objects.all('apps/deployments')) {
      const why = this.#undeployed(one as Stored & Deployment);
      if (why !== undefined) return `deployment ${one.metadata.name}: ${why}`;
    }
    for (const one of objects.all('apps/replicasets')) {
      const why = this.#unreplicated(one as Stored & ReplicaSet);
      if (why !== undefined) return `replicaset ${one.metadata.name}: ${why}`;
    }
    return this.#uncollected();
  }

  #undeployed({ metadata, spec, status = {} }: Stored & Deployment): string | undefined {
    if (metadata.deletionTimestamp !== undefined) return 'is not gone';
    const { replicas = 1 } = spec;
    const { updatedReplicas = 0, availableReplicas = 0, replicas: all = 0, observedGeneration } = status;
    if (observedGeneration !== metadata.generation) return 'its last change was not seen';
    if (updatedReplicas !== replicas || availableReplicas !== replicas || all !== replicas)
      return `wishes ${replicas}, has ${all}, ${updatedReplicas} updated, ${availableReplicas} available`;
    return undefined;
  }

  #unreplicated({ metadata, spec, status }: Stored & ReplicaSet): string | undefined {
    if (metadata.deletionTimestamp !== undefined) return 'is not gone';
    const pods = this.#server.objects
      .all('core/pods')
      .filter((pod) => controllerOf(pod)?.uid === metadata.uid)
      .map((pod) => pod as unknown as Pod);
    const active = pods.filter(isActive);
    const ready = active.filter(isReady);
    const { replicas = 1 } = spec;
    if (active.length !== replicas || ready.length !== replicas)
      return `wishes ${replicas}, has ${active.length}, ${ready.length} ready`;
    const said = `${status?.replicas ?? 0} ${status?.readyReplicas ?? 0} ${status?.observedGeneration}`;
    return said === `${replicas} ${replicas} ${metadata.generation}` ? undefined : `its status says ${said}`;
  }

  #uncollected(): string | undefined {
    const { objects } = this.#server;
    for (const resource of ['core/pods', 'core/configmaps', 'apps/replicasets', 'apps/deployments'] as const) {
      for (const object of objects.all(resource)) {
        const { name, ownerReferences = [], deletionTimestamp, finalizers = [] } = object.metadata;
        if (leavesOrphans(object) || finalizers.includes(FOREGROUND)) return `${name} waits for its dependents`;
        if (deletionTimestamp !== undefined) return `${name} is not gone`;
        const dangling = ownerReferences.filter(({ uid }) => objects.byUid(uid) === undefined);
        if (dangling.length > 0) return `${name} has an owner that is gone`;
      }
    }
    return undefined;
  }
}

const isOnItsOwn = (object: Stored): boolean => controllerOf(object) === undefined;

const at = (name: string, more: object): ApiObject =>
  ({ metadata: { namespace: NAMESPACE, name }, ...more }) as ApiObject;

function templateOf(labels: Readonly<Record<string, string>>, version: number): object {
  return { metadata: { labels }, spec: { containers: [{ name: 'app', image: `app:${version}` }] } };
}
