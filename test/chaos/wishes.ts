/** What the load wishes to be there, and whether it is: pure, over lists that were just read. */
import type { Deployment, Namespace, Pod, ReplicaSet } from '#core/k8s/types.gen.ts';

/** One Deployment as the load wants it. Its template is told from the one before by the tag of its image. */
export interface Wish {
  readonly namespace: string;
  readonly name: string;
  replicas: number;
  tag: number;
  paused: boolean;
}

/** Everything of the load's namespaces. */
export interface Found {
  readonly namespaces: readonly Namespace[];
  readonly deployments: readonly Deployment[];
  readonly replicaSets: readonly ReplicaSet[];
  readonly pods: readonly Pod[];
  /** `namespace/name` of what each namespace must hold: ServiceAccounts and ConfigMaps. */
  readonly equipment: ReadonlySet<string>;
}

export const imageOf = ({ name, tag }: Pick<Wish, 'name' | 'tag'>): string => `${name}:${tag}`;

type Meta = NonNullable<Pod['metadata']>;
const keyOf = ({ namespace = '', name = '' }: Meta): string => `${namespace}/${name}`;
const controllerOf = ({ ownerReferences = [] }: Meta): string | undefined =>
  ownerReferences.find(({ controller }) => controller === true)?.uid;

/** One line for each thing that is not as wished; none when all is. */
export function complaints(wished: readonly Wish[], namespaces: ReadonlySet<string>, found: Found): readonly string[] {
  return [
    ...namespaceComplaints(namespaces, found),
    ...wished.flatMap((wish) => deploymentComplaints(wish, found)),
    ...strangers(wished, found),
    ...orphans(found),
  ];
}

function namespaceComplaints(wished: ReadonlySet<string>, { namespaces, equipment }: Found): readonly string[] {
  const there = new Set(namespaces.map(({ metadata }) => metadata?.name ?? ''));
  return [
    ...[...wished].filter((name) => !there.has(name)).map((name) => `namespace ${name} is not there`),
    ...[...there].filter((name) => !wished.has(name)).map((name) => `namespace ${name} is not gone`),
    ...[...wished].flatMap((name) =>
      ['default', 'kube-root-ca.crt']
        .filter((part) => !equipment.has(`${name}/${part}`))
        .map((part) => `namespace ${name} has no ${part}`),
    ),
  ];
}

function deploymentComplaints(wish: Wish, { deployments, replicaSets, pods }: Found): readonly string[] {
  const at = `${wish.namespace}/${wish.name}`;
  const deployment = deployments.find(({ metadata }) => keyOf(metadata ?? {}) === at);
  if (deployment === undefined) return [`Deployment ${at} is not there`];
  const owned = replicaSets.filter(({ metadata }) => controllerOf(metadata ?? {}) === deployment.metadata?.uid);
  const newest = owned.filter(({ spec }) => spec?.template?.spec?.containers?.[0]?.image === imageOf(wish));
  const older = owned.filter((set) => !newest.includes(set));
  const podsOf = (sets: readonly ReplicaSet[]): readonly Pod[] => {
    const uids = new Set(sets.map(({ metadata }) => metadata?.uid));
    return pods.filter(({ metadata }) => uids.has(controllerOf(metadata ?? {})));
  };
  const [fresh, old] = [podsOf(newest), podsOf(older)];
  const ready = fresh.filter(isReady).length;
  return [
    ...specComplaints(wish, deployment),
    ...(newest.length === 1 ? [] : [`Deployment ${at} has ${newest.length} ReplicaSets of its template`]),
    ...(ready === wish.replicas && fresh.length === ready
      ? []
      : [`Deployment ${at} has ${ready} ready of ${fresh.length} pods instead of ${wish.replicas}`]),
    ...(old.length === 0 ? [] : [`Deployment ${at} has ${old.length} pods of an older template`]),
    ...statusComplaints(wish, deployment),
  ];
}

function specComplaints(wish: Wish, { metadata, spec }: Deployment): readonly string[] {
  const same =
    spec?.replicas === wish.replicas &&
    (spec.paused ?? false) === wish.paused &&
    spec.template?.spec?.containers?.[0]?.image === imageOf(wish) &&
    metadata?.deletionTimestamp === undefined;
  return same ? [] : [`Deployment ${wish.namespace}/${wish.name} is not what was last asked for`];
}

function statusComplaints({ namespace, name, replicas }: Wish, { metadata, status }: Deployment): readonly string[] {
  const counts = [status?.replicas, status?.updatedReplicas, status?.readyReplicas, status?.availableReplicas];
  const told =
    status?.observedGeneration === metadata?.generation && counts.every((count) => (count ?? 0) === replicas);
  return told ? [] : [`the status of Deployment ${namespace}/${name} tells ${counts.map((count) => count ?? 0)}`];
}

/** Neither deleted nor waiting: it runs, and says so. */
function isReady({ metadata, status }: Pod): boolean {
  if (metadata?.deletionTimestamp !== undefined || status?.phase !== 'Running') return false;
  return status.conditions?.some((one) => one.type === 'Ready' && one.status === 'True') === true;
}

function strangers(wished: readonly Wish[], { deployments }: Found): readonly string[] {
  const known = new Set(wished.map(({ namespace, name }) => `${namespace}/${name}`));
  return deployments
    .map(({ metadata }) => keyOf(metadata ?? {}))
    .filter((at) => !known.has(at))
    .map((at) => `Deployment ${at} is not gone`);
}

function orphans({ deployments, replicaSets, pods }: Found): readonly string[] {
  const uids = (list: readonly (Deployment | ReplicaSet)[]) => new Set(list.map(({ metadata }) => metadata?.uid));
  const owners = { ReplicaSet: uids(deployments), Pod: uids(replicaSets) };
  const without = (kind: keyof typeof owners, list: readonly (ReplicaSet | Pod)[]): readonly string[] =>
    list
      .filter(({ metadata }) => !owners[kind].has(controllerOf(metadata ?? {})))
      .map(({ metadata }) => `${kind} ${keyOf(metadata ?? {})} is left without its owner`);
  return [...without('ReplicaSet', replicaSets), ...without('Pod', pods)];
}
