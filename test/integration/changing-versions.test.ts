/** The collector while the version that a custom resource is watched in changes: nobody is forgotten, and nobody ends early. */
import { beforeAll, expect, test } from 'vitest';
import { type ApiObject, apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';
import { newNamespace, withManager } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';

const world = withManager({ nodes: 1 });
const NAMESPACE = 'forge';
const HOLD = 'example.com/hold';
const CRDS: Resource = 'apiextensions.k8s.io/customresourcedefinitions';
const [V1, V2] = [
  'example.com/gears@v1,Gear,namespaced',
  'example.com/gears@v2,Gear,namespaced',
] as const satisfies readonly Resource[];
const CONFIG: Resource = 'core/configmaps';

const versions = (served: readonly string[]) =>
  ['v2', 'v1'].map((name) => ({
    name,
    served: served.includes(name),
    storage: name === 'v1',
    schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  }));

const serve = (...served: readonly string[]): Promise<unknown> =>
  world.admin.patch(CRDS, { name: 'gears.example.com' }, { spec: { versions: versions(served) } });

const make = (resource: Resource, name: string, owner?: ApiObject, finalizers: readonly string[] = []) =>
  world.admin.create(resource, {
    metadata: { namespace: NAMESPACE, name, finalizers, ownerReferences: owner === undefined ? [] : [ownedBy(owner)] },
  }) as Promise<ApiObject>;
const ownedBy = ({ metadata }: ApiObject) => ({
  apiVersion: apiVersionOf(CONFIG),
  kind: resourceInfo(CONFIG).kind,
  name: metadata?.name ?? '',
  uid: metadata?.uid ?? '',
  blockOwnerDeletion: true,
});
const at = (name: string) => ({ namespace: NAMESPACE, name });
const gone = (resource: Resource, name: string) =>
  world.admin.waitFor(resource, at(name), (found) => found === undefined, {
    timeout: 60_000,
    why: `${name} to be gone`,
  });

/** Resolves when the collector watches gears in that version, and knows all that there were: another's end has run its course. */
async function known(resource: Resource, name: string): Promise<void> {
  const mark = await make(CONFIG, `${name}-mark`);
  await make(resource, `${name}-marked`, mark);
  await world.admin.delete(CONFIG, at(`${name}-mark`));
  await gone(resource, `${name}-marked`);
}

beforeAll(async () => {
  const { admin } = world;
  await newNamespace(admin, NAMESPACE);
  await admin.create(CRDS, {
    metadata: { name: 'gears.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'gears', singular: 'gear', kind: 'Gear', listKind: 'GearList' },
      versions: versions(['v2', 'v1']),
    },
  });
  await until(async () => (await admin.call('GET', '/apis/example.com/v2/gears')).status === 200, {
    timeout: 20_000,
    why: 'gears to be served',
  });
});

test('an owner that ends in the foreground waits for what is watched in another version by then, and goes after it', async () => {
  const { admin } = world;
  const owner = await make(CONFIG, 'owner');
  await make(V2, 'blocks', owner, [HOLD]);
  await known(V2, 'first');
  await admin.delete(CONFIG, at('owner'), { propagationPolicy: 'Foreground' });
  const ending = (found?: ApiObject): boolean => found?.metadata?.deletionTimestamp !== undefined;
  await admin.waitFor(V2, at('blocks'), ending, { why: 'the dependent to be ending' });
  await serve('v1');
  await known(V1, 'second');
  expect((await admin.get(CONFIG, at('owner')))?.metadata?.finalizers).toEqual(['foregroundDeletion']);
  await admin.patch(V1, at('blocks'), { metadata: { finalizers: null } });
  await gone(V1, 'blocks');
  await gone(CONFIG, 'owner');
});

test('what was orphaned while the version changed back lives on, and names nobody', async () => {
  const { admin } = world;
  const owner = await make(CONFIG, 'leaving');
  await make(V1, 'stays', owner);
  await known(V1, 'third');
  await serve('v2');
  await admin.delete(CONFIG, at('leaving'), { propagationPolicy: 'Orphan' });
  await gone(CONFIG, 'leaving');
  await admin.waitFor(V2, at('stays'), (found) => (found?.metadata?.ownerReferences ?? []).length === 0, {
    why: 'the dependent to name nobody',
  });
  await known(V2, 'fourth');
  expect((await admin.get(V2, at('stays')))?.metadata?.deletionTimestamp).toBeUndefined();
});
