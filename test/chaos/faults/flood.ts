/** Much of something at once: all of it comes, all of it goes, and what others delete meanwhile goes as well. */
import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import { newNamespace } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import { deployment } from '../../demo/objects.ts';
import type { Arena, Fault, Measured } from '../fault.ts';
import { releaseOpen } from './holds.ts';
import { memoryOf, spentBy } from './measure.ts';
import { neighbourOnce } from './neighbour.ts';
import { odd } from './odd.ts';

const AT_ONCE = 32;
/** A flood may take its time; it must come to its end. */
const PATIENCE = 1_800_000;
/** Of resident memory that it may cost in MB, beside what each object takes. */
const MEMORY = { base: 512, each: 0.02 } as const;

async function each(count: number, act: (nth: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

interface Flood {
  readonly objects: number;
  /** Makes it, and waits until everything is as wished. */
  come(): Promise<void>;
  /** Begins its end. */
  end(): Promise<unknown>;
  isGone(): Promise<boolean>;
}

async function flood(arena: Arena, { objects, come, end, isGone }: Flood): Promise<Measured> {
  const replica = await arena.fleet.leader();
  const before = { memory: memoryOf(replica), cpu: spentBy(replica) };
  const begun = performance.now();
  await come();
  const came = performance.now();
  await end();
  // Somebody else's, in the middle of it.
  const other = neighbourOnce(arena);
  other.catch(() => undefined);
  const released = await goneAfterRelease(arena, isGone);
  const gone = performance.now();
  const waited = await other;
  const grown = memoryOf(replica) - before.memory;
  if (grown > MEMORY.base + MEMORY.each * objects) throw new Error(`${objects} objects cost ${grown.toFixed(0)} MB`);
  return {
    objects,
    'as wished after': seconds(came - begun),
    'gone after': seconds(gone - came),
    'neighbour meanwhile': seconds(waited),
    'holds released': released,
    'CPU of the process': seconds((spentBy(replica) - before.cpu) * 1000),
    'memory grew by': `${grown.toFixed(0)} MB`,
  };
}

/** So much at once may be held: then a person looks, and lets it go. Returns how often. */
async function goneAfterRelease(arena: Arena, isGone: () => Promise<boolean>): Promise<number> {
  let released = 0;
  const looked = async (): Promise<boolean> => {
    if (await isGone()) return true;
    // Who led may not lead any more, and its successor has not read the books yet: the next look asks again.
    released += (await releaseOpen(arena, await arena.fleet.leader()).catch(() => [])).length;
    return false;
  };
  await until(looked, { timeout: PATIENCE, every: 500, why: 'all of it to be gone' });
  return released;
}

async function endNamespaces({ admin }: Arena, names: readonly string[]): Promise<void> {
  for (const name of names) await admin.delete('core/namespaces', { name });
}

async function namespacesGone({ admin }: Arena, names: readonly string[]): Promise<boolean> {
  const left = new Set((await admin.list('core/namespaces')).map(({ metadata }) => metadata?.name ?? ''));
  return names.every((name) => !left.has(name));
}

const isReady = ({ status, spec }: Deployment | ReplicaSet): boolean => status?.availableReplicas === spec?.replicas;

async function manyDeployments(arena: Arena, full: boolean): Promise<Measured> {
  const { admin } = arena;
  const count = full ? 5000 : 100;
  const names = Array.from({ length: 10 }, (_, nth) => `flood-${nth}`);
  const come = async (): Promise<void> => {
    for (const name of names) await newNamespace(admin, name);
    await each(count, (nth) => admin.create('apps/deployments', deployment(`flood-${nth % 10}`, `one-${nth}`, 1)));
    for (const namespace of names)
      await admin.waitForAll(
        'apps/deployments',
        { namespace },
        (found) => found.length === count / 10 && found.every(isReady),
        { timeout: PATIENCE, why: `the Deployments of ${namespace} to be ready` },
      );
  };
  const end = () => endNamespaces(arena, names);
  return flood(arena, { objects: 3 * count, come, end, isGone: () => namespacesGone(arena, names) });
}

async function oneDeployment(arena: Arena, full: boolean): Promise<Measured> {
  const { admin } = arena;
  const count = full ? 3000 : 60;
  const at = { namespace: 'flood-one', name: 'large' };
  const come = async (): Promise<void> => {
    await newNamespace(admin, at.namespace);
    await admin.create('apps/deployments', deployment(at.namespace, at.name, count));
    await admin.waitFor('apps/deployments', at, (found) => found !== undefined && isReady(found), {
      timeout: PATIENCE,
      why: `${count} pods to be ready`,
    });
  };
  const end = () => endNamespaces(arena, [at.namespace]);
  return flood(arena, { objects: count, come, end, isGone: () => namespacesGone(arena, [at.namespace]) });
}

const GOES = { flood: 'owned' };

/** All of one owner; a last one has another owner, who lives, and stays. */
async function ownedConfigMaps(arena: Arena, full: boolean): Promise<Measured> {
  const { admin } = arena;
  const count = full ? 50_000 : 1000;
  const namespace = 'flood-owned';
  const make = async (name: string, ownerReferences: readonly object[] = [], labels: object = {}) => {
    const { metadata } = await admin.create('core/configmaps', {
      metadata: { namespace, name, ownerReferences, labels },
    });
    return { apiVersion: 'v1', kind: 'ConfigMap', name, uid: metadata?.uid };
  };
  const come = async (): Promise<void> => {
    await newNamespace(admin, namespace);
    const [owner, stays] = [await make('owner'), await make('stays')];
    await each(count, (nth) => make(`owned-${nth}`, [owner], GOES));
    await make('kept', [owner, stays]);
  };
  // One of them says enough: a list of all, twice a second, would be a flood of its own.
  const isGone = async (): Promise<boolean> =>
    (await admin.list('core/configmaps', { namespace, selector: 'flood=owned', limit: 1 })).length === 0;
  const end = () => admin.delete('core/configmaps', { namespace, name: 'owner' });
  const told = await flood(arena, { objects: count, come, end, isGone });
  const left = (await admin.list('core/configmaps', { namespace, limit: 20 })).map(({ metadata }) => metadata?.name);
  const names = left.filter((name) => name !== 'kube-root-ca.crt').toSorted();
  if (names.join() !== 'kept,stays')
    throw new Error(`what has an owner that lives stays; left are ${names.join(', ')}`);
  await endNamespaces(arena, [namespace]);
  return told;
}

const floods = (name: string, expects: string, inflict: Fault['inflict']): Fault => ({
  name: `flood-${name}`,
  group: 'flood',
  expects: `${expects}: all of it comes and goes, and others' deletions with it`,
  // An etcd that takes thousands of objects at once answers a renewal late: what is asked here is not who leads.
  needs: { usualLease: true },
  recovery: 300_000,
  inflict,
});

export const FLOOD_FAULTS: readonly Fault[] = [
  floods('deployments', '5,000 Deployments of 1', manyDeployments),
  floods('one', 'one Deployment of 3,000', oneDeployment),
  floods('owned', '50,000 ConfigMaps of one owner that ends', ownedConfigMaps),
  floods('odd', 'an object of 1.4 MB, and names and labels with every character that is legal', odd),
];
