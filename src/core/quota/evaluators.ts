import type { PersistentVolumeClaim, Service } from '../k8s/types.gen.ts';
import { type Nanos, nanos, ofWhole, wholeOf } from '../quantity.ts';
import { pluralOf, type Resource, resourceInfo, shortName } from '../resource.ts';
import type { Amounts } from './amounts.ts';
import type { Evaluator } from './evaluator.ts';
import { pods, selects } from './pods.ts';

/** Never counted: nothing of them is stored, or they always went free. */
const IGNORED: ReadonlySet<string> = new Set([
  'core/bindings',
  'core/componentstatuses',
  'core/events',
  'events.k8s.io/events',
  'authentication.k8s.io/tokenreviews',
  'authentication.k8s.io/selfsubjectreviews',
  'authorization.k8s.io/subjectaccessreviews',
  'authorization.k8s.io/selfsubjectaccessreviews',
  'authorization.k8s.io/localsubjectaccessreviews',
  'authorization.k8s.io/selfsubjectrulesreviews',
]);
/** Counted under their plain name as well, as before there was `count/`. */
const ALIASED: ReadonlySet<string> = new Set([
  'core/configmaps',
  'core/resourcequotas',
  'core/replicationcontrollers',
  'core/secrets',
]);
const ONE = ofWhole(1);
const NO_SCOPE = (): boolean => false;

/** How quotas see a resource; undefined where they do not. */
export function evaluatorOf(resource: Resource): Evaluator | undefined {
  const name = shortName(resource);
  if (IGNORED.has(name)) return undefined;
  if (name === 'core/pods') return pods as Evaluator;
  if (name === 'core/services') return services as Evaluator;
  if (name === 'core/persistentvolumeclaims') return claims as Evaluator;
  return counting([countOf(resource), ...(ALIASED.has(name) ? [pluralOf(resource)] : [])]);
}

/** `count/pods`, `count/deployments.apps`. */
function countOf(resource: Resource): string {
  const { group } = resourceInfo(resource);
  return `count/${pluralOf(resource)}${group === '' ? '' : `.${group}`}`;
}

function counting(names: readonly string[]): Evaluator {
  const one: Amounts = new Map(names.map((name) => [name, ONE]));
  return { usage: () => one, tracks: (name) => names.includes(name), inScope: NO_SCOPE };
}

const SERVICE_NAMES: ReadonlySet<string> = new Set([
  'count/services',
  'services',
  'services.nodeports',
  'services.loadbalancers',
]);

const services: Evaluator<Service> = {
  tracks: (name) => SERVICE_NAMES.has(name),
  inScope: NO_SCOPE,
  usage: ({ spec }) =>
    new Map([
      ['count/services', ONE],
      ['services', ONE],
      ['services.loadbalancers', ofWhole(spec?.type === 'LoadBalancer' ? 1 : 0)],
      ['services.nodeports', ofWhole(nodePorts(spec))],
    ]),
};

/** Ports that will be opened on nodes: they are not allocated yet, but for a load balancer that wants none but its own. */
function nodePorts(spec: Service['spec']): number {
  const { type, ports = [], allocateLoadBalancerNodePorts } = spec ?? {};
  if (type !== 'NodePort' && type !== 'LoadBalancer') return 0;
  if (type === 'NodePort' || allocateLoadBalancerNodePorts !== false) return ports.length;
  return ports.filter(({ nodePort = 0 }) => nodePort !== 0).length;
}

const BY_CLASS = '.storageclass.storage.k8s.io/';
const CLAIM_NAMES = ['persistentvolumeclaims', 'requests.storage'] as const;
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

const claims: Evaluator<PersistentVolumeClaim> = {
  tracks: (name) =>
    name === 'count/persistentvolumeclaims' ||
    CLAIM_NAMES.some((own) => name === own || name.endsWith(`${BY_CLASS}${own}`)),
  inScope(claim, requirement) {
    if (requirement.scopeName !== 'VolumeAttributesClass') return false;
    const classes = attributesClasses(claim);
    if (requirement.operator === 'Exists') return classes.length > 0;
    return (classes.length === 0 ? [''] : classes).some((name) => selects(requirement, name));
  },
  usage(claim) {
    const [count, storage] = CLAIM_NAMES;
    const bytes = storageOf(claim);
    const taken: [string, Nanos][] = [
      [count, ONE],
      ...(bytes === undefined ? [] : [[storage, bytes] as [string, Nanos]]),
    ];
    const storageClass = classOf(claim);
    const byClass = taken.map(([name, much]): [string, Nanos] => [`${storageClass}${BY_CLASS}${name}`, much]);
    return new Map([['count/persistentvolumeclaims', ONE], ...taken, ...(storageClass === '' ? [] : byClass)]);
  },
};

function classOf({ metadata, spec }: PersistentVolumeClaim): string {
  const annotations = metadata?.annotations ?? {};
  if (Object.hasOwn(annotations, CLASS_ANNOTATION)) return annotations[CLASS_ANNOTATION] ?? '';
  return spec?.storageClassName ?? '';
}

/** Whole bytes; what is allocated already counts where it is more than what is wished. */
function storageOf({ spec, status }: PersistentVolumeClaim): Nanos | undefined {
  const wished = storageIn(spec?.resources?.requests);
  if (wished === undefined) return undefined;
  const allocated = storageIn(status?.allocatedResources);
  return allocated !== undefined && allocated > wished ? allocated : wished;
}

function storageIn(list: { readonly [name: string]: string | number } | undefined): Nanos | undefined {
  if (list === undefined || !Object.hasOwn(list, 'storage')) return undefined;
  const found = nanos(list.storage as string | number);
  return found === undefined ? undefined : ofWhole(wholeOf(found));
}

function attributesClasses({ spec, status }: PersistentVolumeClaim): readonly string[] {
  const names = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return [...new Set(names.filter((name) => name !== undefined && name !== ''))] as string[];
}
