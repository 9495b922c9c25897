/** Objects as large, and named and labelled as oddly, as an API server takes them. */
import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import { newNamespace } from '#kit/manager.ts';
import { deployment, replicaSet } from '../../demo/objects.ts';
import type { Arena, Measured } from '../fault.ts';

const fill = (text: string, length: number): string =>
  text
    .repeat(Math.ceil(length / text.length))
    .slice(0, length)
    .replace(/[^a-z0-9]$/i, 'z');
/** As long as asked for, with everything that a name may hold. */
const long = (length: number): string => fill('a1-b.', length);
const NAMESPACE = fill('a1-b', 63);
/** A key with the longest prefix and the longest name, the longest value, and whatever else may stand in them. */
const LABELS = { [`${long(253)}/${fill('K_e.y-', 63)}`]: fill('V_a.l-', 63), 'a.b_c-D': 'X_y.z-0', '0': '' };
const ANNOTATIONS = {
  'x/y':
    'ünïcödé ☃ 𝔘𝔫𝔦 \u202Eright to left\u202C \u0301combining 👩\u200D👩\u200D👧 \uFFFD "quotes" \\back\\ </script> %s $& \n\t\r',
  constructor: '\u2028\u2029\uFEFF',
  empty: '',
};

export async function odd(arena: Arena): Promise<Measured> {
  const { admin } = arena;
  await newNamespace(admin, NAMESPACE);
  const begun = performance.now();
  await admin.create('apps/replicasets', oddly(replicaSet(NAMESPACE, 'x', 2), long(253)));
  // What is put behind it must fit as well.
  await admin.create('apps/deployments', oddly(deployment(NAMESPACE, 'x', 2), long(242)));
  await admin.create('apps/deployments', oddly(deployment(NAMESPACE, 'x', 2), long(253)));
  await admin.create('apps/deployments', giant());
  const owner = await admin.create('core/configmaps', { metadata: { namespace: NAMESPACE, name: long(253) } });
  const { name = '', uid = '' } = owner.metadata ?? {};
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid }];
  await admin.create('core/configmaps', { metadata: { namespace: NAMESPACE, name: '0.1.2', ownerReferences } });

  await settled(arena, 'apps/replicasets', long(253), isReady);
  await settled(arena, 'apps/deployments', long(242), isReady);
  await settled(arena, 'apps/deployments', long(253), isReady);
  await settled(arena, 'apps/deployments', 'giant', isReady);
  await admin.delete('core/configmaps', { namespace: NAMESPACE, name });
  await admin.waitFor('core/configmaps', { namespace: NAMESPACE, name: '0.1.2' }, (found) => found === undefined, {
    why: 'what the longest name owned to be collected',
  });
  const came = performance.now();
  await admin.delete('core/namespaces', { name: NAMESPACE });
  await admin.waitFor('core/namespaces', { name: NAMESPACE }, (found) => found === undefined, {
    timeout: 120_000,
    why: 'the namespace with all of it to be gone',
  });
  return {
    'as wished after': `${((came - begun) / 1000).toFixed(1)} s`,
    'gone after': `${((performance.now() - came) / 1000).toFixed(1)} s`,
  };
}

function oddly<T extends Deployment | ReplicaSet>(wish: T, name: string): T {
  // The name is too long for a label's value.
  const labels = { ...LABELS, app: `n${name.length}` };
  Object.assign(wish.metadata ?? {}, { name, labels, annotations: ANNOTATIONS });
  Object.assign(wish.spec?.selector ?? {}, { matchLabels: labels });
  Object.assign(wish.spec?.template?.metadata ?? {}, { labels, annotations: ANNOTATIONS });
  return wish;
}

function giant(): object {
  const wish = deployment(NAMESPACE, 'giant', 1);
  Object.assign(wish.spec?.template?.spec?.containers?.[0] ?? {}, { args: Array(14).fill('x'.repeat(100_000)) });
  return wish;
}

const isReady = ({ status, spec }: Deployment | ReplicaSet): boolean => status?.availableReplicas === spec?.replicas;

async function settled(
  { admin }: Arena,
  resource: 'apps/deployments' | 'apps/replicasets',
  name: string,
  isSo: (found: Deployment | ReplicaSet) => boolean,
): Promise<void> {
  const why = `${name.slice(0, 20)} (${name.length} characters) to be as wished`;
  await admin.waitFor<typeof resource>(
    resource,
    { namespace: NAMESPACE, name },
    (found) => found !== undefined && isSo(found),
    {
      timeout: 60_000,
      why,
    },
  );
}
