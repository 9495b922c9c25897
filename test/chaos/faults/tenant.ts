/** One tenant's malice or mistakes: nobody else waits for it longer than is promised. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Pod } from '#core/k8s/types.gen.ts';
import type { ApiObject } from '#core/resource.ts';
import { AdminError } from '#kit/admin.ts';
import { recordsIn } from '#kit/manager.ts';
import { deployment, replicaSet } from '../../demo/objects.ts';
import type { Arena, Fault, Measured } from '../fault.ts';
import { beside, type Nuisance } from './neighbour.ts';

const SAMPLES = { short: 2, full: 20 } as const;

/** A hostile tenant takes what it gets: an API server that is busy, and objects that changed or went meanwhile. */
async function anyway<T>(act: Promise<T>): Promise<T | undefined> {
  try {
    return await act;
  } catch (error) {
    if (error instanceof AdminError && [404, 409, 429, 500, 504].includes(error.status)) return undefined;
    throw error;
  }
}

const image = (turn: number) => ({
  spec: { template: { spec: { containers: [{ name: 'main', image: `x:${turn}` }] } } },
});

/** Three Deployments of 50 whose pods are nearly a megabyte each, rolled all the time. */
const HEAVY: Nuisance = {
  namespace: 'hostile-heavy',
  async begin({ admin }) {
    const args = Array.from({ length: 9 }, () => 'x'.repeat(100_000));
    for (const name of ['one', 'two', 'three']) {
      const heavy = deployment('hostile-heavy', name, 50);
      Object.assign(heavy.spec?.template?.spec?.containers?.[0] ?? {}, { args });
      await admin.create('apps/deployments', heavy);
    }
  },
  async again({ admin, draw }, turn) {
    const at = { namespace: 'hostile-heavy', name: draw.of(['one', 'two', 'three']) };
    await anyway(admin.patch('apps/deployments', at, image(turn), 'strategic'));
    await pause(1000);
  },
};

/** ReplicaSets that policy refuses, changed again and again, and new ones all the time. */
const DENIED: Nuisance = {
  namespace: 'hostile-denied',
  async begin({ admin }) {
    for (let nth = 0; nth < 10; nth++) await admin.create('apps/replicasets', refused(`miner-${nth}`));
  },
  async again({ admin }, turn) {
    const at = { namespace: 'hostile-denied', name: `miner-${turn % 10}` };
    await anyway(admin.patch('apps/replicasets', at, image(turn), 'strategic'));
    if (turn % 5 === 0) await admin.create('apps/replicasets', refused(`new-${turn}`));
    await pause(20);
  },
  async look({ admin, fleet }) {
    const { ledgerDir } = await fleet.leader();
    const objects = (await admin.list('apps/replicasets', { namespace: 'hostile-denied' })).length;
    const records = (await recordsIn(ledgerDir)).filter(
      ({ type, data }) => type === 'denial' && (data as { namespace?: string }).namespace === 'hostile-denied',
    ).length;
    // Each wishes one write that is refused; a change of mind about something else makes it no new one.
    if (records === 0 || records > objects) throw new Error(`${objects} objects have ${records} denials on record`);
    return { denials: records, objects };
  },
};
const refused = (name: string): object =>
  replicaSet('hostile-denied', name, 100, { securityContext: { privileged: true } });

/** Objects with 5,000 owners, none of whom is there but one; the others change all the time. */
const OWNED: Nuisance = {
  namespace: 'hostile-owned',
  async begin({ admin }) {
    const owner = await admin.create('core/configmaps', { metadata: { namespace: 'hostile-owned', name: 'owner' } });
    for (let nth = 0; nth < 4; nth++)
      await admin.create('core/configmaps', {
        metadata: { namespace: 'hostile-owned', name: `owned-${nth}`, ownerReferences: ownersOf(owner) },
      });
  },
  async again({ admin }, turn) {
    const at = { namespace: 'hostile-owned', name: `owned-${turn % 4}` };
    const owner = (await admin.get('core/configmaps', { namespace: 'hostile-owned', name: 'owner' })) ?? {};
    await anyway(admin.patch('core/configmaps', at, { metadata: { ownerReferences: ownersOf(owner) } }));
    await pause(1000);
  },
  async look({ admin }) {
    const left = await admin.list('core/configmaps', { namespace: 'hostile-owned' });
    const names = left.map(({ metadata }) => metadata?.name ?? '').filter((name) => name.startsWith('owned-'));
    if (names.length !== 4) throw new Error(`of four objects with a living owner ${names.length} are left`);
    return {};
  },
};
const reference = (name: string, uid: string) => ({ apiVersion: 'v1', kind: 'ConfigMap', name, uid });
const ownersOf = ({ metadata }: ApiObject) => [
  ...Array.from({ length: 4999 }, (_, nth) => reference(`gone-${nth}`, randomUUID())),
  reference(metadata?.name ?? '', metadata?.uid ?? ''),
];

const MEMBERS = ['constructor', 'valueof', 'tostring', 'hasownproperty', 'isprototypeof'] as const;
const LABELS = {
  constructor: 'toString',
  hasOwnProperty: 'constructor',
  toString: 'valueOf',
  'valueof.example/constructor': 'x',
};

/** Names, labels and keys that are members of Object.prototype. */
const NAMED: Nuisance = {
  namespace: 'constructor',
  async begin({ admin }) {
    for (const name of MEMBERS) await admin.create('apps/deployments', named(name));
    await admin.create('core/services', {
      metadata: { namespace: 'constructor', name: 'constructor', labels: LABELS },
      spec: { selector: { constructor: 'toString' }, ports: [{ name: 'valueof', port: 80 }] },
    });
    // Parsed, because a literal would set the prototype.
    const data = JSON.parse('{"__proto__":"x","constructor":"y","hasOwnProperty":"z"}') as object;
    const ownerReferences = [reference('__proto__', 'constructor'), reference('toString', '__proto__')];
    await admin.create('core/configmaps', {
      metadata: { namespace: 'constructor', name: 'owned', ownerReferences },
      data,
    });
  },
  async again({ admin }, turn) {
    const at = { namespace: 'constructor', name: MEMBERS[turn % MEMBERS.length] ?? '' };
    await anyway(admin.patch('apps/deployments', at, { metadata: { annotations: { hasOwnProperty: `${turn}` } } }));
    await anyway(admin.patch('apps/deployments', at, image(turn), 'strategic'));
    await pause(300);
  },
  async look({ admin }) {
    for (const name of MEMBERS)
      await admin.waitFor(
        'apps/deployments',
        { namespace: 'constructor', name },
        (found) =>
          found?.status?.availableReplicas === 2 && found.status.observedGeneration === found.metadata?.generation,
        { timeout: 60_000, why: `the Deployment ${name} to be as wished` },
      );
    await admin.waitFor(
      'core/configmaps',
      { namespace: 'constructor', name: 'owned' },
      (found) => found === undefined,
      {
        why: 'what only __proto__ owns to be collected',
      },
    );
    return {};
  },
};

function named(name: string): object {
  const wish = deployment('constructor', name, 2);
  const labels = { app: name, ...LABELS };
  Object.assign(wish.metadata ?? {}, { labels, annotations: { constructor: '{}', toString: 'x' } });
  Object.assign(wish.spec?.selector ?? {}, { matchLabels: labels });
  Object.assign(wish.spec?.template?.metadata ?? {}, { labels });
  return wish;
}

/** A node that fails every pod as soon as it has it: each is replaced at once, and fails. */
const LYING: Nuisance = {
  namespace: 'hostile-lying',
  async begin({ admin }) {
    for (const name of ['one', 'two', 'three']) {
      const wish = replicaSet('hostile-lying', name, 10);
      Object.assign(wish.spec?.template?.metadata ?? {}, { annotations: { 'comptroller.dev/simulate': 'fail' } });
      await admin.create('apps/replicasets', wish);
    }
  },
  async again({ admin }) {
    const pods = await admin.list('core/pods', { namespace: 'hostile-lying', fields: 'status.phase!=Failed' });
    await Promise.all(pods.filter(isBound).map((pod) => fail(admin, pod)));
    await pause(100);
  },
  async look({ admin }) {
    const failed = await admin.list('core/pods', { namespace: 'hostile-lying', fields: 'status.phase=Failed' });
    if (failed.length < 30) throw new Error(`only ${failed.length} pods failed`);
    return { 'pods failed': failed.length };
  },
};
const isBound = ({ spec }: Pod): boolean => spec?.nodeName !== undefined;

async function fail(admin: Arena['admin'], { metadata }: Pod): Promise<void> {
  const at = { namespace: metadata?.namespace ?? '', name: metadata?.name ?? '', subresource: 'status' };
  await anyway(admin.patch('core/pods', at, { status: { phase: 'Failed', reason: 'Lying' } }));
}

/** Two ReplicaSets that wish the same pods, whose labels somebody changes all the time. */
const FIGHTING: Nuisance = {
  namespace: 'hostile-fight',
  async begin({ admin }) {
    for (const name of ['one', 'two']) await admin.create('apps/replicasets', fighter(name));
  },
  async again({ admin, draw }) {
    const pods = await admin.list('core/pods', { namespace: 'hostile-fight' });
    if (pods.length === 0) return pause(50);
    for (let nth = 0; nth < 5; nth++) {
      const at = { namespace: 'hostile-fight', name: draw.of(pods).metadata?.name ?? '' };
      await anyway(admin.patch('core/pods', at, { metadata: { labels: { side: draw.of(['one', 'two', 'none']) } } }));
    }
    await pause(50);
  },
};

/** Its selector takes pods of the other one as well. */
function fighter(name: string): object {
  const wish = replicaSet('hostile-fight', name, 10);
  const selector = { matchExpressions: [{ key: 'side', operator: 'In', values: ['one', 'two'] }] };
  Object.assign(wish.spec ?? {}, { selector });
  Object.assign(wish.spec?.template?.metadata ?? {}, { labels: { side: name } });
  return wish;
}

const tenant = (name: string, expects: string, nuisance: Nuisance): Fault => ({
  name: `tenant-${name}`,
  group: 'tenant',
  expects: `${expects}: a neighbour's Deployment comes and goes within the promised time`,
  recovery: 120_000,
  inflict: (arena: Arena, full: boolean): Promise<Measured> =>
    beside(arena, nuisance, full ? SAMPLES.full : SAMPLES.short),
});

export const TENANT_FAULTS: readonly Fault[] = [
  tenant('names', "names and keys like Object.prototype's members", NAMED),
  tenant('denied', 'wishes that policy refuses, changed again and again, are a few records', DENIED),
  tenant('owners', 'objects with 5,000 owners', OWNED),
  tenant('fight', 'ReplicaSets that fight for the same pods', FIGHTING),
  tenant('lying', 'pods that fail as soon as they are bound', LYING),
  tenant('heavy', 'templates of nearly a megabyte in a rollout loop', HEAVY),
];
