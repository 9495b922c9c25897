/** A tenant that does nothing wrong, beside one that does: how long it waits, and what the process takes meanwhile. */
import { newNamespace } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import { deployment } from '../../demo/objects.ts';
import type { Arena, Measured } from '../fault.ts';
import { releaseOpen } from './holds.ts';
import { bytesBelow, memoryOf } from './measure.ts';

/** What SECURITY.md promises to every other tenant: so many times what it takes undisturbed, and so much more. */
export const PROMISED = { times: 5, more: 5_000 } as const;
/** Of resident memory, that one tenant may cost. */
const MEMORY = 512;

const NEIGHBOUR = 'neighbour';
/** Arenas in which the neighbour has its namespace, and came and went once. */
const prepared = new WeakSet<object>();
let serial = 0;

/** Milliseconds until a Deployment of two is ready, and until it and its ReplicaSet are gone after its deletion. */
async function oneOf({ admin }: Arena): Promise<number> {
  const at = { namespace: NEIGHBOUR, name: `small-${++serial}` };
  const patience = { timeout: 120_000 };
  const begun = performance.now();
  await admin.create('apps/deployments', deployment(at.namespace, at.name, 2));
  await admin.waitFor('apps/deployments', at, (found) => found?.status?.availableReplicas === 2, {
    ...patience,
    why: `the neighbour's Deployment ${at.name} to be ready`,
  });
  await admin.delete('apps/deployments', at, { propagationPolicy: 'Background' });
  await admin.waitForAll(
    'apps/replicasets',
    { namespace: NEIGHBOUR, selector: `app=${at.name}` },
    (sets) => sets.length === 0,
    { ...patience, why: `the neighbour's ReplicaSet of ${at.name} to be collected` },
  );
  return performance.now() - begun;
}

async function samples(arena: Arena, count: number): Promise<readonly number[]> {
  const taken: number[] = [];
  while (taken.length < count) taken.push(await oneOf(arena));
  return taken.sort((a, b) => a - b);
}

const middle = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length / 2)] ?? 0;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

async function prepare(arena: Arena): Promise<void> {
  if (prepared.has(arena.cluster)) return;
  prepared.add(arena.cluster);
  await newNamespace(arena.admin, NEIGHBOUR);
  await oneOf(arena);
}

export interface Nuisance {
  /** Of the tenant: made before the nuisance begins, emptied and deleted after it. */
  readonly namespace: string;
  /** Once, before the neighbour is looked at. */
  begin(arena: Arena): Promise<void>;
  /** Again and again, while the neighbour is looked at; `turn` counts from 0. */
  again(arena: Arena, turn: number): Promise<void>;
  /** Looks at what became of it, before its namespace goes. */
  look?(arena: Arena): Promise<Measured>;
}

/** Creates and deletes one small Deployment of the neighbour; milliseconds. */
export async function neighbourOnce(arena: Arena): Promise<number> {
  await prepare(arena);
  return oneOf(arena);
}

/** Lets a tenant do its worst, and throws where its neighbour waits longer than is promised. */
export async function beside(arena: Arena, nuisance: Nuisance, count: number): Promise<Measured> {
  const { admin, fleet } = arena;
  await prepare(arena);
  const first = middle(await samples(arena, 2));
  const replica = await fleet.leader();
  const before = { memory: memoryOf(replica), ledger: bytesBelow(replica.ledgerDir), at: performance.now() };
  await newNamespace(admin, nuisance.namespace);
  await nuisance.begin(arena);
  const { turns, taken } = await during(arena, nuisance, count);
  const told = (await nuisance.look?.(arena)) ?? {};
  const grown = { memory: memoryOf(replica) - before.memory, ledger: bytesBelow(replica.ledgerDir) - before.ledger };
  const took = (performance.now() - before.at) / 1000;
  await admin.delete('core/namespaces', { name: nuisance.namespace });
  const gone = async (): Promise<boolean> => {
    // A tenant that left more than one cause may take away: a person looks at that, and lets it go.
    await releaseOpen(arena, await fleet.leader()).catch(() => []);
    return (await admin.get('core/namespaces', { name: nuisance.namespace })) === undefined;
  };
  await until(gone, { timeout: 180_000, every: 500, why: `the namespace ${nuisance.namespace} to be gone` });
  // Measured again, for machines have moods.
  const alone = Math.max(first, middle(await samples(arena, 2)));
  const worst = taken.at(-1) ?? 0;
  const allowed = PROMISED.times * alone + PROMISED.more;
  if (worst > allowed)
    throw new Error(
      `a neighbour waited ${seconds(worst)}; undisturbed ${seconds(alone)}, promised ${seconds(allowed)}`,
    );
  if (grown.memory > MEMORY) throw new Error(`one tenant cost ${Math.round(grown.memory)} MB of memory`);
  return {
    turns,
    undisturbed: seconds(alone),
    'neighbour, middle': seconds(middle(taken)),
    'neighbour, worst': seconds(worst),
    'memory grew by': `${Math.round(grown.memory)} MB`,
    'ledger grew by': `${(grown.ledger / 1024 / took).toFixed(0)} KB a second`,
    ...told,
  };
}

async function during(
  arena: Arena,
  nuisance: Nuisance,
  count: number,
): Promise<{ readonly turns: number; readonly taken: readonly number[] }> {
  let [turns, over] = [0, false];
  const goOn = async (): Promise<void> => {
    while (!over) await nuisance.again(arena, turns++);
  };
  const going = goOn();
  // Told by the `await` below; a sample that fails first must not leave it unheard.
  going.catch(() => undefined);
  try {
    return { taken: await samples(arena, count), turns };
  } finally {
    over = true;
    await going;
  }
}
