import { RESOURCES } from '#core/k8s/resources.gen.ts';
import type { Resource } from '#core/resource.ts';
import { pluralOf, resourceInfo, resourceOfKind } from '#core/resource.ts';

/** `pods/default/web-1`, `Pod/default/web-1`, `apps/replicasets/default/web`, `namespace/default`. */
export interface ObjectPattern {
  /** Any of these: a plural may live in several groups (events). */
  readonly resources: readonly string[];
  readonly namespace: string;
  readonly name: string;
}

const SHORT: ReadonlyMap<string, string> = new Map([
  ['po', 'pods'],
  ['rs', 'replicasets'],
  ['sa', 'serviceaccounts'],
  ['ns', 'namespaces'],
  ['cm', 'configmaps'],
  ['deploy', 'deployments'],
  ['sts', 'statefulsets'],
  ['ds', 'daemonsets'],
  ['svc', 'services'],
  ['no', 'nodes'],
]);

function resourcesNamed(word: string): Resource[] {
  const wanted = SHORT.get(word.toLowerCase()) ?? word.toLowerCase();
  return (Object.keys(RESOURCES) as Resource[]).filter(
    (resource) => pluralOf(resource) === wanted || resourceInfo(resource).kind.toLowerCase() === wanted,
  );
}

/** Throws an Error fit for a person. */
export function parseObject(text: string): ObjectPattern {
  const parts = text.split('/');
  const grouped = Object.hasOwn(RESOURCES, `${parts[0]}/${parts[1]}`);
  const resources = grouped ? [`${parts[0]}/${parts[1]}`] : resourcesNamed(parts[0] ?? '');
  const rest = parts.slice(grouped ? 2 : 1);
  if (resources.length === 0) {
    throw new Error(
      `reading the object "${text.slice(0, 100)}": no built-in kind has that name; write kind/namespace/name`,
    );
  }
  const [first = '', second] = rest;
  if (rest.length === 0 || rest.length > 2 || rest.some((part) => part === '')) {
    throw new Error(
      `reading the object "${text.slice(0, 100)}": write kind/namespace/name, or kind/name for cluster-scoped kinds`,
    );
  }
  return second === undefined
    ? { resources, namespace: '', name: first }
    : { resources, namespace: first, name: second };
}

export function matchesObject(
  pattern: ObjectPattern,
  object: { readonly resource: string; readonly namespace: string; readonly name: string },
): boolean {
  return (
    pattern.resources.includes(object.resource) &&
    pattern.name === object.name &&
    // A namespace's own writes carry its name as their namespace as well.
    (pattern.namespace === object.namespace || (object.resource === 'core/namespaces' && pattern.namespace === ''))
  );
}

/** The same for how a cause names objects: by apiVersion and kind. */
export function matchesNamed(
  pattern: ObjectPattern,
  named: { apiVersion: string; kind: string; namespace: string; name: string },
): boolean {
  const resource = resourceOfKind(named.apiVersion, named.kind);
  return resource !== undefined && matchesObject(pattern, { ...named, resource });
}
