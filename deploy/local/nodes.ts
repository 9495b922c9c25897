import { pathOf } from '#core/resource.ts';
import type { ApiClient } from './client.ts';
import { until } from './until.ts';

const NODES = pathOf('core/nodes');
const CAPACITY = { cpu: '256', memory: '1Ti', pods: '10000', 'ephemeral-storage': '10Ti' };

const RBAC = 'rbac.authorization.k8s.io';
const KUBELETS = 'local:kubelets';

/** What kwok needs to play all kubelets. The stock role of nodes is for one node's own objects, and lists no leases. */
const RULES = [
  { apiGroups: [''], resources: ['nodes', 'pods'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: [''], resources: ['nodes/status', 'pods/status'], verbs: ['patch'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['delete'] },
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'list', 'watch', 'create', 'update'] },
  { apiGroups: ['', 'events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
];

export async function allowKwok(client: ApiClient): Promise<void> {
  const role = { metadata: { name: KUBELETS }, rules: RULES };
  const binding = {
    metadata: { name: KUBELETS },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: KUBELETS },
    subjects: [{ apiGroup: RBAC, kind: 'Group', name: KUBELETS }],
  };
  const answers = await Promise.all([
    client.call('POST', pathOf('rbac.authorization.k8s.io/clusterroles'), { body: role }),
    client.call('POST', pathOf('rbac.authorization.k8s.io/clusterrolebindings'), { body: binding }),
  ]);
  const refused = answers.find(({ status }) => status !== 201);
  if (refused !== undefined) throw new Error(`allowing kwok its work: the API server answered ${refused.status}`);
}

/**
 * Registers a node as its kubelet would. Without a node lifecycle controller nobody would ever take away the taint that
 * admission puts on new nodes, so that is done here too.
 */
async function register(client: ApiClient, name: string, untaint: boolean): Promise<void> {
  const node = {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': process.arch === 'arm64' ? 'arm64' : 'amd64',
      },
    },
    status: { capacity: CAPACITY, allocatable: CAPACITY },
  };
  const created = await client.call('POST', NODES, { body: node });
  if (created.status !== 201) throw new Error(`registering node ${name}: the API server answered ${created.status}`);
  if (!untaint) return;
  const patched = await client.call('PATCH', pathOf('core/nodes', { name }), {
    body: { spec: { taints: null } },
    contentType: 'application/merge-patch+json',
  });
  if (patched.status !== 200) throw new Error(`untainting node ${name}: the API server answered ${patched.status}`);
}

interface NodeList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly status: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
  }[];
}

async function readyNodes(client: ApiClient): Promise<ReadonlySet<string>> {
  const { body } = await client.call('GET', `${NODES}?resourceVersion=0`);
  const ready = (body as NodeList).items.filter((node) =>
    node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
  );
  return new Set(ready.map((node) => node.metadata.name));
}

export async function registerNodes(client: ApiClient, names: readonly string[], untaint: boolean): Promise<void> {
  await Promise.all(names.map((name) => register(client, name, untaint)));
}

export async function nodesReady(client: ApiClient, names: readonly string[]): Promise<void> {
  const why = `${names.length} simulated nodes to be Ready`;
  await until(async () => new Set(names).isSubsetOf(await readyNodes(client)), { timeout: 60_000, why });
}
